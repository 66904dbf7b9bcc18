"""The rules each notebook keeps: whole, with the shared parts, with clean outputs."""

import json
import re
from collections import Counter

import pytest

from tools.names import names
from tools.student import without_solutions
from tools.sync import (
    GAP,
    carried_cells,
    install_text,
    is_own,
    load_parts,
    missing_parts,
    names_table,
    results_text,
    source_of,
    spread,
    tags,
    taught_in,
)

PAPER = re.compile(
    r"https://(?:arxiv\.org/abs/[\d.]+|cdn\.openai\.com/\S+?\.pdf|kellerjordan\S+?)(?=[)\s>])"
)


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def prose(notebook):
    cells = notebook["cells"]
    return [source_of(cell) for cell in cells if cell["cell_type"] == "markdown"]


def test_parts_are_carried_verbatim(notebook):
    parts = load_parts()
    for name, cells in carried_cells(notebook).items():
        text, _ = parts[name]
        assert GAP.join(map(source_of, cells)) == text, f"{name} differs: make sync"
    assert not missing_parts(notebook, parts)


def test_a_part_stands_behind_those_it_imports():
    parts = {"a": ("x = 1", []), "b": ("y = x", ["a"])}
    carried = [{"metadata": {"tags": [f"part:{name}"]}} for name in "ab"]
    assert not missing_parts({"cells": carried}, parts)
    assert missing_parts({"cells": carried[::-1]}, parts) == ["b needs a before it"]


def test_results_and_the_installing_cell_are_those_of_their_source(notebook):
    for name, (cell,) in carried_cells(notebook, "results").items():
        assert source_of(cell) == results_text(name), f"{name} differs: make sync"
    install = source_of(code_cells(notebook)[0])
    assert install == install_text(install), "make sync"


def test_names_come_from_where_the_table_says(notebook):
    (table,) = (cell for cell in notebook["cells"] if "names" in tags(cell))
    assert source_of(table) == names_table(notebook, taught_in()), "make sync"


def test_sync_keeps_definitions_in_their_cells():
    sources = [GAP.join(["import a", "def f():\n    1"]), "def g():\n    2"]
    f, new, g = "def f():\n    1", "def new():\n    3", "def g(x):\n    4"
    text = GAP.join(["import a", f, new, g])
    assert spread(sources, text) == [
        GAP.join(["import a", "def f():\n    1"]),
        GAP.join(["def new():\n    3", "def g(x):\n    4"]),
    ]
    assert spread([""], "a\n") == ["a\n"]


def test_begins_with_install_and_seed(notebook):
    first, second = code_cells(notebook)[:2]
    assert "%pip install" in source_of(first)
    assert "parameters" in tags(second) and source_of(second).startswith("SEED = 0")


def test_installs_what_requirements_pin(notebook, root):
    pins = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = re.findall(r"[\w-]+==[\w.]+", source_of(code_cells(notebook)[0]))
    assert wanted and set(wanted) <= set(pins)
    # Colab has its own
    assert not any(pin.startswith(("torch", "numpy")) for pin in wanted)


def test_needs_no_file_of_ours(notebook):
    for cell in code_cells(notebook):
        ours = r"^(?:from|import) (?:parts|book|tools)\b"
        assert not re.search(ours, source_of(cell), re.MULTILINE)


def test_prose_is_plain_markdown(notebook):
    """Roles and directives read as raw text in Colab."""
    for text in prose(notebook):
        assert not re.search(r"\{\w+\}`|^:::|^```\{", text, re.MULTILINE), text


def test_no_space_between_han_and_latin(notebook):
    for text in prose(notebook):
        text = re.sub(
            r"```.*?```|`[^`]*`|\$[^$]*\$|\]\([^)]*\)|^\|.*$|^- ",
            "",
            text,
            flags=re.S | re.M,
        )
        apart = r"[\u4e00-\u9fff] +[A-Za-z0-9]|[A-Za-z0-9] +[\u4e00-\u9fff]"
        assert not re.search(apart, text), text


def test_a_paragraph_is_one_line(notebook, root):
    """A line break inside a paragraph is drawn as a space, and Chinese has none."""
    pages = [path.read_text(encoding="utf-8") for path in root.glob("book/*.md")]
    for text in [*prose(notebook), *pages]:
        text = re.sub(r"```.*?```", "", text, flags=re.S)
        broken = r"^(?:> )?[^\s|#>$<-].*\n(?:> )?[^\s|#>$<-]"
        assert not re.search(broken, text, re.M), text


def test_papers_are_in_the_bibliography(notebook, root):
    bibliography = (root / "book/references.bib").read_text(encoding="utf-8")
    for url in PAPER.findall("\n".join(prose(notebook))):
        assert url in bibliography, f"{url} has no entry in references.bib"


def test_claims_assert(notebook):
    for cell in code_cells(notebook):
        if any(tag.startswith("claim:") for tag in tags(cell)):
            assert "assert" in source_of(cell)


def test_every_figure_has_alt_text(notebook):
    for cell in code_cells(notebook):
        if any("image/png" in output.get("data", {}) for output in cell["outputs"]):
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 10, source_of(cell)


def test_was_run_whole_and_stored_clean(notebook):
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert "widgets" not in notebook["metadata"]
    for output in (output for cell in cells for output in cell["outputs"]):
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr", output["text"]
        plain = output.get("data", {}).get("text/plain", "")
        text = str(output.get("text", "")) + str(plain)
        assert not re.search(r"(?<![\w.])/(?:root|home|tmp|work|Users)/", text), text


@pytest.mark.parametrize("limit", [1.5e6])
def test_size(root, limit):
    for path in root.glob("book/*.ipynb"):
        assert path.stat().st_size < limit, path.name


def own_names(notebook):
    """[(is it a part's, Names)] of the cells after the installing one."""
    cells = code_cells(notebook)[1:]
    return [(not is_own(cell), names(source_of(cell))) for cell in cells]


def test_a_name_means_one_thing(notebook):
    """What two cells bind, each cell that reads it binds first: then any cell can be run again."""
    cells = own_names(notebook)
    carried = set().union(*(found.bound for part, found in cells if part))
    own = Counter(name for part, found in cells if not part for name in found.bound)
    twice = {name for name, n in own.items() if n + (name in carried) > 1}
    for i, (_, found) in enumerate(cells):
        assert not twice & found.needed, f"code cell {i + 1} reads what two cells bind"
        others = set().union(*(f.needed for j, (_, f) in enumerate(cells) if j != i))
        for function in found.later.keys() & others:
            unsure = twice & found.later[function]
            assert not unsure, f"{function}, used elsewhere, reads what two cells bind"


def test_exact_outputs_hold_no_trained_number(notebook):
    """Another machine gives other decimals: only what no training made is compared exactly."""
    trained = set()
    for cell in code_cells(notebook)[1:]:
        found = names(source_of(cell))
        if "nbval-check-output" in tags(cell):
            assert not trained & found.needed, source_of(cell)
        if {"fit", "fine_tune"} & found.needed or trained & found.needed:
            trained |= found.bound


def test_solutions_are_tagged(notebook):
    """All code of the exercises, and no other; each begins by saying in words what it finds."""
    cells = notebook["cells"]
    titles = [i for i, cell in enumerate(cells) if "## 练习" in source_of(cell)]
    begin = titles[0]
    for i, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            assert ("solution" in tags(cell)) == (i > begin), source_of(cell)
            first = i > begin and "solution" not in tags(cells[i - 1])
            assert source_of(cell).startswith("# 解答：") or not first


def test_exercises_tell_how_hard_they_are(notebook):
    """★ to ★★★ behind each one's number; the numbers run from one on."""
    text = "".join(map(source_of, notebook["cells"]))
    told = re.findall(r"\*\*练习(\w)( ★{1,3})?\*\*", text)
    assert [number for number, _ in told] == list("一二三四五"[: len(told)])
    assert told and all(stars for _, stars in told)


def test_a_student_gets_no_solution(notebook):
    given = json.dumps(without_solutions(notebook), ensure_ascii=False)
    hidden = [cell for cell in notebook["cells"] if "solution" in tags(cell)]
    assert "你的解答" in given and hidden
    for cell in hidden:
        for told in (source_of(cell), cell["source"][0], *told_by(cell)):
            assert json.dumps(told, ensure_ascii=False)[1:-1] not in given


def told_by(cell):
    """What a cell printed and drew: long lines, and the beginning of each picture."""
    found = []
    for output in cell.get("outputs", []):
        found += "".join(output.get("text", "")).splitlines()
        found.append(output.get("data", {}).get("image/png", "")[:2000])
    return [line for line in found if len(line) > 15]
