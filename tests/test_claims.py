"""The ledger holds together: claims, cells, literature, sections."""

import re

import nbformat
import pytest
import yaml
from pybtex.database import parse_file

VERDICTS = {"成立", "有条件成立", "过时", "不成立", "无法核实"}
SECTIONS = "P 1.1 1.2 1.3 2.1 2.2 2.3 2.4 2.5 3.1 3.2 3.3 3.4 3.5 3.6 4.1 4.2 4.3 4.4"
SECTIONS += " 5.1 5.2 5.3 5.4 5.5 5.6 6.1 6.2 7.1 7.2 8"


@pytest.fixture(scope="module")
def claims(root):
    return yaml.safe_load((root / "book/claims.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tagged(root):
    """{(notebook, claim): [source of a cell]}."""
    found = {}
    for path in root.glob("book/*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            for tag in cell.metadata.get("tags", []):
                if tag.startswith("claim:"):
                    key = path.stem, tag.removeprefix("claim:")
                    found.setdefault(key, []).append(cell.source)
    return found


def test_all_88_are_there_once(claims):
    ids = [claim["id"] for claim in claims]
    assert len(ids) == len(set(ids)) == 88


def test_every_section_is_covered(claims):
    assert list(dict.fromkeys(claim["section"] for claim in claims)) == SECTIONS.split()
    for claim in claims:
        chapter = claim["section"].split(".")[0]
        assert claim["id"].startswith(chapter)


def test_entries_are_whole(claims):
    fields = {"id", "section", "claim", "verdict", "reason"}
    for claim in claims:
        assert fields <= set(claim) <= fields | {"tested", "sources"}, claim["id"]
        assert claim["verdict"] in VERDICTS
        assert claim["reason"].endswith("。")


def test_ledger_and_cells_name_each_other(claims, tagged):
    told = {(name, c["id"]) for c in claims for name in c.get("tested", [])}
    assert told == set(tagged)


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
