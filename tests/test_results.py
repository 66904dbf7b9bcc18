"""The headline numbers: one source, on each page, and in the output of the cell that found them."""

import re
from operator import itemgetter

import pytest
import yaml

from conftest import ROOT
from tools.sync import BETWEEN, WRITERS, read_yaml, source_of, tags

RESULTS = yaml.safe_load((ROOT / "book/results.yml").read_text(encoding="utf-8"))
LINES = [row for row in RESULTS if "line" in row]
NAMED = re.compile(r"GPT-2|T5|`[^`]*`")  # digits that count nothing
NUMBER = re.compile(r"(?<![A-Za-z\d.,])\d[\d,]*(?:\.\d+)?(?:e-\d+)?")


def numbers(text):
    found = NUMBER.findall(NAMED.sub("", text))
    return {float(number.replace(",", "")) for number in found}


def shown(cell):
    """All text of a cell's outputs."""
    found = []
    for output in cell["outputs"]:
        data = output.get("data", {})
        found += [output.get("text", ""), data.get("text/markdown", "")]
    return "".join("".join(piece) for piece in found)


@pytest.fixture(scope="module")
def evidence(notebooks):
    """{name: output of the cells tagged result:name}."""
    found = {}
    for cell in (cell for notebook in notebooks for cell in notebook["cells"]):
        for tag in tags(cell):
            if tag.startswith("result:"):
                name = tag.partition(":")[2]
                found[name] = found.get(name, "") + shown(cell)
    return found


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result["name"])
def test_each_number_stands_in_the_output_of_its_cell(result, evidence):
    given = set(map(float, result["given"]))
    there = numbers(evidence.get(result["name"], "")) | given
    chinese, english = (numbers(result[language][1]) for language in ("zh", "en"))
    assert chinese | english <= there, (chinese | english) - there
    assert chinese - given == english - given


def test_a_changed_number_is_noticed():
    assert not numbers("4.02 nats") <= numbers("4.019（4.014–4.025）")
    assert numbers("124,439,808, 7e-06, 3,100万") == {124439808, 7e-06, 3100}


def test_a_tag_names_a_result(notebooks, evidence):
    assert set(evidence) <= {result["name"] for result in RESULTS}
    for cell in (cell for notebook in notebooks for cell in notebook["cells"]):
        if any(tag.startswith("result:") for tag in tags(cell)):
            assert "assert" in source_of(cell) or shown(cell), source_of(cell)


@pytest.mark.parametrize("page", ["README.md", "README.zh.md", "book/results.md"])
def test_pages_carry_what_sync_writes(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    found = BETWEEN.findall(text)
    assert found
    for _, what, language, _ in found:
        assert f"-->\n{WRITERS[what](language)}\n<!-- end" in text, "make sync"


@pytest.mark.parametrize("result", LINES, ids=itemgetter("name"))
def test_a_line_says_no_more_than_its_row(result):
    for language, line in result["line"].items():
        assert numbers(line) <= numbers(result[language][1]) | set(result["given"])


def test_readmes_list_every_chapter():
    listed = read_yaml("book/chapters.yml")
    there = [p.stem for p in sorted((ROOT / "book").glob("[0-9][0-9]_*"))]
    assert list(listed) == there
