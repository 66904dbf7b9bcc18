"""The site in a real browser: quiet, self-contained, searchable, accessible."""

import re
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from playwright.sync_api import expect

from conftest import SITE, violations
from tools.sync import site

REPOSITORY, ADDRESS, BRANCH = site()
PAGES = sorted(str(path.relative_to(SITE)) for path in SITE.glob("book/*.html"))
PROSE = """() => {
    const article = document.querySelector("article").cloneNode(true);
    const code = article.querySelectorAll("pre, code, .math, mjx-container, script");
    code.forEach(element => element.remove());
    return article.textContent;
}"""

pytestmark = pytest.mark.browser


def test_site_is_built():
    assert "book/index.html" in PAGES, "make book"


def test_the_site_carries_no_formula_code_that_nobody_loads(page, address):
    files = [path for path in SITE.rglob("*") if path.is_file()]
    files = [path for path in files if "playground" not in path.parts]
    assert sum(path.stat().st_size for path in files) < 31e6
    page.goto(f"{address}/book/02_gpt.html", wait_until="networkidle")
    assert page.locator("mjx-container").count() > 20 and not page.errors


def outside(page, address):
    """What a page asked of other hosts."""
    ours = (address, "data:", "blob:")
    return [url for url in page.requested if not url.startswith(ours)]


@pytest.mark.parametrize("name", PAGES)
def test_page(page, address, name):
    """One visit: quiet, from one host, no markup left over, accessible, no wider than a screen.

    In the dark only colours change.
    """
    page.goto(f"{address}/{name}", wait_until="networkidle")
    assert not page.errors and not page.complaints
    assert not outside(page, address)

    # Bold that ends in punctuation, a formula not closed, a role that was not read
    text = page.evaluate(PROSE)
    leftover = ("**", "$", "](", "{cite}", "```", "|---")
    assert not [mark for mark in leftover if mark in text]

    alts = "images => images.map(image => image.alt)"
    assert all(len(alt) > 5 for alt in page.eval_on_selector_all("article img", alts))
    assert not violations(page)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert not violations(page, ["color-contrast"])
    for width in (1280, 768, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["search.html", "genindex.html"])
def test_page_without_text_is_quiet(page, address, name):
    page.goto(f"{address}/{name}", wait_until="networkidle")
    assert not page.errors and not page.complaints
    assert not outside(page, address)


@pytest.mark.parametrize(
    "query", ["随机种子", "因果掩码", "键值缓存", "HuggingFace", "GPT模型", "muon"]
)
def test_search_finds(page, address, query):
    page.goto(f"{address}/search.html?q={quote(query)}")
    expect(page.locator("#search-results a[href*='02_gpt']").first).to_be_visible()


def test_search_finds_nothing_where_there_is_nothing(page, address):
    page.goto(f"{address}/search.html?q={quote('量子色动力学')}")
    expect(page.locator(".search-summary")).to_contain_text("没有")
    expect(page.locator("#search-results li")).to_have_count(0)


def test_a_chapter_is_whole(page, address):
    """Diagrams and formulas are drawn; it offers Colab and itself; it says it is Chinese."""
    page.goto(f"{address}/book/02_gpt.html", wait_until="networkidle")
    drawn = page.locator(".mermaid svg .node, .mermaid svg .nodeLabel")
    expect(drawn.first).to_be_attached()
    expect(page.locator("mjx-container").first).to_be_attached()
    colab = "a[href^='https://colab.research.google.com/github/']"
    expect(page.locator(colab).first).to_be_attached()
    expect(page.locator("a[href$='02_gpt.ipynb']").first).to_be_attached()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_ledger_is_searched_and_filtered(page, address, root):
    page.goto(f"{address}/book/08_verdicts.html", wait_until="networkidle")
    rows = page.locator("table.ledger tbody tr:visible")
    claims = yaml.safe_load((root / "book/claims.yml").read_text(encoding="utf-8"))
    expect(rows).to_have_count(len(claims))
    button = page.get_by_role("button", name="无法核实")
    button.click()
    unknown = [claim for claim in claims if claim["verdict"] == "无法核实"]
    expect(rows).to_have_count(len(unknown))
    expect(rows.locator("td:nth-child(3)")).to_have_text(["无法核实"] * len(unknown))
    button.click()
    expect(rows).to_have_count(len(claims))
    search = page.get_by_role("searchbox", name=f"{len(claims)}条")
    search.fill("缩放 编码器")
    both = page.locator("table.ledger tbody tr", has_text="缩放")
    expect(rows).to_have_count(both.filter(has_text="编码器").count())
    search.fill("量子色动力学")
    expect(rows).to_have_count(0)


def test_a_headings_address_stays():
    """What a link copied from a heading ends in says the heading, not its number on the page."""
    numbered = []
    for path in SITE.glob("book/*.html"):
        page = path.read_text(encoding="utf-8")
        numbered += re.findall(r'class="headerlink" href="#(id\d+)"', page)
    assert not numbered
    chapter = (SITE / "book/02_gpt.html").read_text(encoding="utf-8")
    assert 'href="#shui-neng-kan-jian-shui"' in chapter and 'id="id1"' in chapter


def test_ledger_links_lead_to_a_cell():
    ledger = (SITE / "book/08_verdicts.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"#]*)#(claim-[^"]+)"', ledger)
    assert len(links) > 60
    for name in {name for name, _ in links}:
        there = (SITE / "book" / name).read_text(encoding="utf-8")
        wanted = {mark for page, mark in links if page == name}
        assert wanted <= set(re.findall(r'id="(claim-[^"]+)"', there))


def tags_of(name):
    """The head of a page: {property, name or rel: content or address}."""
    text = (SITE / name).read_text(encoding="utf-8")
    found = re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', text)
    canonical = re.findall(r'<link rel="(canonical)" href="([^"]*)"', text)
    return dict(found + canonical)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_found_and_shared(name):
    base = f"{ADDRESS}/"
    tags = tags_of(name)
    assert tags["canonical"] == tags["og:url"] == base + name
    assert len(tags["description"]) > 10
    card = SITE / tags["og:image"].removeprefix(base)
    assert 10_000 < card.stat().st_size < 200_000


def test_maps_of_the_site_name_every_page():
    for file in ("sitemap.xml", "llms.txt"):
        text = (SITE / file).read_text(encoding="utf-8")
        assert sorted(re.findall(rf"{ADDRESS}/(book/\w+\.html)", text)) == PAGES


def test_the_feed_holds_every_change(root):
    space = "{http://www.w3.org/2005/Atom}"
    feed = ElementTree.parse(SITE / "changes.xml")
    days = [e.text[:10] for e in feed.findall(f"{space}entry/{space}updated")]
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert days == re.findall(r"^## (\S+)", changes, re.M)
    released = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(released["date-released"]) == days[0]
    assert released["version"] == days[0].replace("-", ".")


def test_a_lost_reader_is_told_where_to_go():
    text = (SITE / "404.html").read_text(encoding="utf-8")
    assert "没有这一页" in text
    under = f"{urlsplit(ADDRESS).path}/"
    ours = re.findall(rf'(?:href|src)="{under}([^"#?]*)', text)
    assert "book/index.html" in ours
    for address in ours:
        assert (SITE / address).exists(), address


def test_a_notebook_opens_in_three_places():
    text = (SITE / "book/02_gpt.html").read_text(encoding="utf-8")
    repository, branch = REPOSITORY.removeprefix("https://github.com/"), BRANCH
    notebook = f"{repository}/blob/{branch}/book/02_gpt.ipynb"
    for before in (
        "https://colab.research.google.com/github/",
        "https://kaggle.com/kernels/welcome?src=https://github.com/",
        "https://gallery.pai-ml.com/#/import/https://github.com/",
    ):
        assert f'href="{before}{notebook}"' in text


@pytest.mark.parametrize("name", PAGES)
def test_buttons_speak_chinese(page, address, name):
    """What a button or a part of the page is called; names of places may stay as they are."""
    page.goto(f"{address}/{name}")
    names = page.eval_on_selector_all(
        "[title], [aria-label], [data-bs-title]",
        """all => all.filter(one => !one.closest("article svg, article table, mjx-container"))
            .flatMap(one => ["title", "aria-label", "data-bs-title"].map(a => one.getAttribute(a)))
            .filter(Boolean)""",
    )
    latin = re.compile(r"[A-Za-z ]*[a-z]{4}[A-Za-z .]*")
    assert not [name for name in names if latin.fullmatch(name)]


CHAPTERS = [name for name in PAGES if re.match(r"book/0[1-79]", name)]


@pytest.mark.parametrize("name", CHAPTERS)
def test_terms_lead_to_the_glossary(name):
    """At its first use in a chapter each is a link, once, to an entry that is there."""
    text = (SITE / name).read_text(encoding="utf-8")
    term = r'<a class="term[^"]*" href="glossary.html#([^"]*)" data-tip=".{4,}"'
    entries = (SITE / "book/glossary.html").read_text(encoding="utf-8")
    ids = set(re.findall(r'id="(term-[^"]*)"', entries))
    places = re.findall(term, text)
    assert len(places) >= 10 and len(set(places)) == len(places)
    assert set(places) <= ids
    assert not [place for place in places if re.fullmatch(r"term-\d*", place)]


def test_a_term_tells_what_it_means(page, address):
    page.goto(f"{address}/book/02_gpt.html")
    term = page.locator("a.term", has_text="键值缓存").first
    shown = "one => getComputedStyle(one, '::after').content"
    assert term.evaluate(shown) == "none"
    term.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(term).to_be_focused()
    assert "存起来" in term.evaluate(shown)
    term.click()
    expect(page.locator("dt:target")).to_contain_text("键值缓存")


@pytest.mark.parametrize("width", [1100, 500])
def test_no_tip_is_wider_than_the_window(page, address, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{address}/book/02_gpt.html", wait_until="networkidle")
    for term in page.locator("a.term").all():
        term.hover(force=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
