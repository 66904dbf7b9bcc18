"""The site in a real browser: quiet, self-contained, searchable, accessible."""

import http.server
import shutil
import sys
import threading
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import sync_playwright

SITE = Path(__file__).parents[1] / "_build/html"
AXE = Path(sys.prefix) / "axe.min.js"
CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])),
    None,
)
PAGES = sorted(str(path.relative_to(SITE)) for path in SITE.glob("book/*.html"))

# What others draw, not we: the theme's brand stands outside every landmark, and the
# bibliography's entries have roles that ARIA has retired since.
NOT_OURS = [[".sidebar-primary-item"], [".citation-list"]]

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium on this machine: .ci/run gets one"
)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    handler = partial(QuietHandler, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    quiet = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *quiet]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """A page that remembers what it asked for and what it complained about."""
    page = browser.new_page(locale="zh-CN")
    page.requested, page.complaints = [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on(
        "console",
        lambda m: m.type in ("error", "warning") and page.complaints.append(m.text),
    )
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    page.close()


def test_site_is_built():
    assert "book/index.html" in PAGES, "make book"


@pytest.mark.parametrize("name", [*PAGES, "search.html", "genindex.html"])
def test_page_is_quiet_and_asks_no_other_host(page, address, name):
    page.goto(f"{address}/{name}", wait_until="networkidle")
    assert not page.complaints
    assert all(url.startswith((address, "data:", "blob:")) for url in page.requested), (
        page.requested
    )


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_scrolls_sideways(page, address, name, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{address}/{name}", wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    "query", ["随机种子", "因果掩码", "键值缓存", "HuggingFace", "GPT模型", "muon"]
)
def test_search_finds(page, address, query):
    page.goto(f"{address}/search.html?q={quote(query)}")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert any(
        "02_gpt" in a.get_attribute("href")
        for a in page.query_selector_all("#search-results a")
    )


def test_search_finds_nothing_where_there_is_nothing(page, address):
    page.goto(f"{address}/search.html?q={quote('量子色动力学')}")
    page.wait_for_function(
        "document.querySelector('.search-summary')?.textContent.trim()"
    )
    assert not page.query_selector_all("#search-results li")


def test_diagrams_and_formulas_are_drawn(page, address):
    page.goto(f"{address}/book/02_gpt.html", wait_until="networkidle")
    page.wait_for_selector(".mermaid svg .node, .mermaid svg .nodeLabel")
    assert page.query_selector_all("mjx-container")


def test_dark_mode_follows_the_system(browser, address):
    page = browser.new_page(color_scheme="dark")
    page.goto(f"{address}/book/02_gpt.html")
    assert page.get_attribute("html", "data-theme") == "dark"
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_every_image_says_what_it_shows(page, address, name):
    page.goto(f"{address}/{name}")
    assert all(
        page.eval_on_selector_all(
            "article img", "images => images.map(i => i.alt.length > 5)"
        )
    )


@pytest.mark.parametrize("name", PAGES)
def test_no_markup_is_left_over(page, address, name):
    """Bold that ends in punctuation, a formula that was not closed, a role that was not read."""
    page.goto(f"{address}/{name}")
    text = page.evaluate("""() => {
        const article = document.querySelector("article").cloneNode(true);
        const code = article.querySelectorAll("pre, code, .math, mjx-container, script");
        code.forEach(element => element.remove());
        return article.textContent;
    }""")
    assert not any(left in text for left in ("**", "$", "](", "{cite}", "```", "|---"))


def test_notebook_pages_offer_colab_and_download(page, address):
    page.goto(f"{address}/book/02_gpt.html")
    links = page.eval_on_selector_all(
        "a", "links => links.map(a => a.getAttribute('href') ?? '')"
    )
    assert any(
        href.startswith("https://colab.research.google.com/github/") for href in links
    )
    assert any(href.endswith("02_gpt.ipynb") for href in links)


def test_the_interface_speaks_chinese(page, address):
    page.goto(f"{address}/book/02_gpt.html")
    assert page.get_attribute("html", "lang") == "zh-CN"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_accessible(browser, address, name, scheme):
    page = browser.new_page(color_scheme=scheme)
    page.goto(f"{address}/{name}", wait_until="networkidle")
    drawn = "[...document.querySelectorAll('pre.mermaid')].every(d => d.querySelector('svg'))"
    page.wait_for_function(drawn)
    page.add_script_tag(path=AXE)
    run = "exclude => axe.run({exclude}).then(result => result.violations)"
    violations = page.evaluate(run, NOT_OURS)
    new = {v["id"]: [n["html"][:200] for n in v["nodes"][:3]] for v in violations}
    page.close()
    assert not new


def shown(page):
    return page.eval_on_selector_all(
        "table.ledger tbody tr", "rows => rows.filter(row => !row.hidden).length"
    )


def test_ledger_is_searched_and_filtered(page, address):
    page.goto(f"{address}/book/08_verdicts.html", wait_until="networkidle")
    assert shown(page) == 88
    page.get_by_role("button", name="无法核实").click()
    rows = page.locator("table.ledger tbody tr:visible")
    assert 0 < rows.count() < 10
    assert all("无法核实" in row for row in rows.all_inner_texts())
    page.get_by_role("button", name="无法核实").click()
    page.get_by_role("searchbox", name="88条").fill("缩放 编码器")
    assert 0 < rows.count() < 10
    page.get_by_role("searchbox", name="88条").fill("量子色动力学")
    assert shown(page) == 0


def test_ledger_links_lead_to_a_cell(page, address):
    page.goto(f"{address}/book/08_verdicts.html")
    links = page.eval_on_selector_all(
        "table.ledger a[href*='#claim-']", "links => links.map(a => a.href)"
    )
    assert len(links) > 60
    for name in {link.split("#")[0] for link in links}:
        page.goto(name)
        there = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        wanted = {link.split("#")[1] for link in links if link.startswith(name)}
        assert wanted <= set(there), wanted - set(there)
