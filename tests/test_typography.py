"""How the code reads: brackets are not torn open, cells are short, names come from somewhere."""

import ast
import builtins
import re
from statistics import median, quantiles

import pytest

from conftest import ROOT
from tools.names import names
from tools.sync import is_own, source_of, tags

FOLDERS = ("book/parts", "book/experiments", "book/_ext", "tests", "tools")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))]
# The one class that the book is about is shown whole.
LONG_PARTS = {"class Transformer(nn.Module):", "class ModernTransformer(nn.Module):"}
LONG_PARTS.add("class NumpyGPT:")


def torn(code):
    """What opens a bracket at a line's end for one inner line, and closes it on the next."""
    found, lines = [], code.split("\n")
    for opening, inner, closing in zip(lines, lines[1:], lines[2:], strict=False):
        indent = len(opening) - len(opening.lstrip())
        opens = re.search(r"[(\[{](\s*#.*)?$", opening.rstrip())
        deeper = len(inner) - len(inner.lstrip()) > indent
        closes = re.match(rf"^ {{{indent}}}[)\]}}]", closing)
        if opens and deeper and closes and not re.search(r"[(\[{]$", inner.rstrip()):
            found.append("\n".join([opening, inner, closing]))
    return found


def test_torn_brackets_are_found():
    assert torn("x = (\n    1\n)") == ["x = (\n    1\n)"]
    assert not torn("x = f(\n    1,\n    2,\n)")


def all_code(notebooks):
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    own = [c for notebook in notebooks for c in notebook["cells"] if is_own(c)]
    return texts + [source_of(cell) for cell in own]


def test_brackets_are_not_torn_open(notebooks):
    """A shorter name, a value named first, or a comment above the line keeps it on one."""
    found = [piece for code in all_code(notebooks) for piece in torn(code)]
    assert not [piece for piece in found if re.search(r"\n *[)\]}].*#", piece)]
    assert len(found) <= 30, "\n\n".join(found)


def length(cell):
    return sum(bool(line.strip()) for line in source_of(cell).split("\n"))


def test_cells_are_short(notebooks):
    cells = [cell for notebook in notebooks for cell in notebook["cells"]]
    own = [length(cell) for cell in cells if is_own(cell)]
    assert median(own) <= 10 and quantiles(own, n=10)[-1] <= 22 and max(own) <= 40
    for cell in cells:
        parts = [tag for tag in tags(cell) if tag.startswith("part:")]
        if parts and "hide-input" not in tags(cell):
            shown_whole = any(name in source_of(cell) for name in LONG_PARTS)
            assert length(cell) <= 40 or shown_whole, source_of(cell)


def imported(code):
    nodes = [
        n
        for n in ast.walk(ast.parse(code))
        if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    found = [alias for node in nodes for alias in node.names]
    return {(alias.asname or alias.name).split(".")[0] for alias in found}


@pytest.fixture
def origins(notebook):
    """Names that the chapter binds, imports, takes from parts, and those that it uses."""
    bound, libraries, parts, used = set(), set(), set(), set()
    for cell in notebook["cells"][2:]:
        if cell["cell_type"] == "code":
            found = names(source_of(cell))
            if is_own(cell):
                bound |= found.bound
                libraries |= imported(source_of(cell))
                used |= found.needed.union(*found.later.values())
            else:
                parts |= found.bound
    return bound, libraries, parts, used


def test_names_come_from_the_chapter_its_imports_or_a_part(origins):
    """What only a folded cell imports, a reader of the chapter looks for in vain."""
    bound, libraries, parts, used = origins
    assert not used - bound - libraries - parts - set(dir(builtins))


def test_no_name_of_a_part_is_given_another_meaning(origins):
    bound, _, parts, _ = origins
    assert not bound & parts
