"""The ledger holds together: claims, cells, literature, sections."""

import re

import nbformat
import pytest
import yaml
from pybtex.database import parse_file

VERDICTS = {"成立", "有条件成立", "过时", "不成立", "无法核实"}
GROUNDS = {"实验", "勘误", "文献", "定义"}
SECTIONS = "P 1.1 1.2 1.3 2.1 2.2 2.3 2.4 2.5 3.1 3.2 3.3 3.4 3.5 3.6 4.1 4.2 4.3 4.4"
SECTIONS += " 5.1 5.2 5.3 5.4 5.5 5.6 6.1 6.2 7.1 7.2 8"


@pytest.fixture(scope="module")
def claims(root):
    return yaml.safe_load((root / "book/claims.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tagged(root):
    """{(role, notebook, claim): [source of a cell]}; role: claim, it decides, or shows."""
    found = {}
    for path in root.glob("book/*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            for tag in cell.metadata.get("tags", []):
                role, _, claim = tag.partition(":")
                if role in ("claim", "shows"):
                    found.setdefault((role, path.stem, claim), []).append(cell.source)
    return found


def test_each_is_there_once(claims):
    ids = [claim["id"] for claim in claims]
    assert len(ids) == len(set(ids))


def test_pages_count_them_right(claims, root):
    """Whoever says how many verdicts there are says the ledger's number."""
    pages = [
        *root.glob("book/*.md"),
        *root.glob("README*.md"),
        *root.glob("book/*.ipynb"),
    ]
    pages.append(root / "book/_static/ledger.mjs")
    told = {path: path.read_text(encoding="utf-8") for path in pages}
    pattern = r"(\d+)(?:条说法|条见|件可以判断对错| claims of the)"
    found = [
        (p.name, int(n)) for p, text in told.items() for n in re.findall(pattern, text)
    ]
    assert len(found) > 5
    assert not [(name, n) for name, n in found if n != len(claims)]


def test_every_section_is_covered(claims):
    assert list(dict.fromkeys(claim["section"] for claim in claims)) == SECTIONS.split()
    for claim in claims:
        chapter = claim["section"].split(".")[0]
        assert claim["id"].startswith(chapter)


def test_entries_are_whole(claims):
    fields = {"id", "section", "claim", "verdict", "ground", "reason"}
    for claim in claims:
        assert fields <= set(claim) <= fields | {"sources", "errata"}, claim["id"]
        assert claim["verdict"] in VERDICTS
        assert claim["ground"] in GROUNDS
        assert claim["reason"].endswith("。")


def test_a_tag_names_a_claim(claims, tagged):
    assert {claim for *_, claim in tagged} <= {claim["id"] for claim in claims}


def test_each_has_the_ground_it_names(claims, tagged, root):
    """By experiment: a cell decides it, and only then. By errata, by literature: there they are."""
    decided = {claim for role, _, claim in tagged if role == "claim"}
    errata = (root / "book/errata.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\(a(\d+)\)=$", errata, re.M))
    for claim in claims:
        ground = claim["ground"]
        assert (ground == "实验") == (claim["id"] in decided), claim["id"]
        assert (ground == "勘误") == ("errata" in claim), claim["id"]
        assert {code.removeprefix("A") for code in claim.get("errata", [])} <= told
        if ground == "文献":  # nothing to cite only where nothing was found
            assert claim.get("sources") or claim["verdict"] == "无法核实", claim["id"]


def test_a_cause_that_was_only_supposed_is_not_condemned(claims):
    """One standard: 5-5 to 5-7 and 6-2 are reasons; without evidence either way, not false."""
    verdicts = {claim["id"]: claim["verdict"] for claim in claims}
    assert "不成立" not in {verdicts[i] for i in ("5-5", "5-6", "5-7", "6-2")}
    # The same content, the same verdict
    assert len({verdicts[i] for i in ("4-9", "5-3", "8-3")}) == 1


def test_tables_of_chapters_say_what_the_ledger_says(claims, root):
    verdicts = {claim["id"]: claim["verdict"] for claim in claims}
    found = 0
    for path in root.glob("book/*.ipynb"):
        text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
        for claim, told in re.findall(r"^\| (\S+)　[^|]*\| ([^|]*) \|", text, re.M):
            found += 1
            verdict = re.match("|".join(sorted(VERDICTS, key=len, reverse=True)), told)
            assert verdict and verdict[0] == verdicts[claim], f"{path.name}: {claim}"
    assert found > 80


def test_evidence_asserts(tagged):
    for key, sources in tagged.items():
        assert all(re.search(r"\bassert\b", source) for source in sources), key


def test_sources_are_in_the_bibliography(claims, root):
    known = parse_file(root / "book/references.bib").entries
    for claim in claims:
        for key in claim.get("sources", []):
            assert key in known, f"{claim['id']}: {key}"
            assert known[key].fields["url"].startswith("https://")


def test_bibliography_has_only_what_a_page_cites(claims, root):
    pages = [p.read_text(encoding="utf-8") for p in root.glob("book/*.md")]
    for path in root.glob("book/*.ipynb"):
        pages += [cell.source for cell in nbformat.read(path, 4).cells]
    everything = "\n".join(pages)
    used = {key for claim in claims for key in claim.get("sources", [])}
    for key, entry in parse_file(root / "book/references.bib").entries.items():
        assert key in used or entry.fields["url"] in everything, key


def test_what_we_got_wrong_names_numbers_of_its_chapter(root):
    """A row of the page names the chapters that show it; its decimals stand in one of them."""
    text = (root / "book/surprises.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .*\]\(\d.*$", text, re.M)
    assert len(rows) > 12
    for row in rows:
        chapters = re.findall(r"\((\w+\.ipynb)\)", row)
        told = "".join((root / "book" / name).read_text("utf-8") for name in chapters)
        for number in re.findall(r"\d+\.\d+", row):
            assert number in told, (number, row)
