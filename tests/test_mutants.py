"""Each assert that decides a verdict was seen to fail where the verdict would be another."""

import nbformat
import pytest

from tools.mutants import changed, code_hash, deciding, mutants, read


@pytest.fixture(scope="module")
def cells(root):
    """{(notebook, cell): source} of all cells that decide a claim."""
    return {
        (path.stem, cell): source
        for path in root.glob("book/*.ipynb")
        for cell, source in deciding(nbformat.read(path, 4)).items()
    }


@pytest.fixture(scope="module")
def listed():
    """{(notebook, cell): [change]}."""
    return {
        (notebook, cell): changes
        for notebook, of in mutants().items()
        for cell, changes in of.items()
    }


def test_each_deciding_cell_has_a_change(cells, listed):
    assert set(listed) == set(cells)


def test_each_change_made_the_assert_fail(cells, listed):
    """On record, for the cell and the change as they are now: make mutants CHAPTER=…"""
    seen = {(row["chapter"], row["cell"], row["code"]): row["failed"] for row in read()}
    for (notebook, cell), changes in listed.items():
        for change in changes:
            key = notebook, cell, code_hash(cells[notebook, cell], change)
            assert seen.get(key) == "AssertionError", (notebook, cell, change["why"])


def test_a_change_must_change_something():
    with pytest.raises(ValueError, match="not in the cell"):
        changed("a = 1", {"why": "…", "old": "b", "new": "c"})
    with pytest.raises(ValueError, match="nothing is changed"):
        changed("a = 1", {"why": "…"})
    assert (
        changed("a = 1", {"why": "…", "before": "b = 2", "old": "1", "new": "b"})
        == "b = 2\na = b"
    )
