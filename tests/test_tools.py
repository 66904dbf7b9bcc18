"""The tools behind the Makefile do what CONTRIBUTING promises, in a copy of the book."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT


@pytest.fixture
def copy(tmp_path):
    for name in ("tools", "book/parts", "book/experiments"):
        shutil.copytree(ROOT / name, tmp_path / name)
    pages = [
        *ROOT.glob("book/*.ipynb"),
        *ROOT.glob("book/*.md"),
        *ROOT.glob("book/*.yml"),
    ]
    others = [ROOT / name for name in ("_toc.yml", "_config.yml", "requirements.txt")]
    others.append(ROOT / "book/status.json")
    for path in [*pages, *others, *ROOT.glob("README*.md")]:
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    return tmp_path


def tool(copy, *command):
    python = [sys.executable, "-m", *command]
    done = subprocess.run(python, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def parts_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    tags = [tag for cell in cells for tag in cell["metadata"].get("tags", [])]
    return [tag.removeprefix("part:") for tag in tags if tag.startswith("part:")]


@pytest.mark.slow
def test_a_chapter_is_begun_and_given_a_part(copy):
    tool(copy, "tools.chapter", "99_more", "还有一章")
    begun = copy / "book/99_more.ipynb"
    assert parts_of(begun) == ["corpus", "transformer", "figures", "report"]
    tool(copy, "tools.sync", "--add", "judge", "99")
    assert parts_of(begun)[-1] == "judge"
    assert "`judge`" in begun.read_text(encoding="utf-8")
    toc = (copy / "_toc.yml").read_text(encoding="utf-8")
    order = re.findall(r"file: book/(\d\d_\w+)", toc)
    assert order == sorted(order) and "99_more" in order
    assert "[还有一章](99_more.ipynb)" in (copy / "book/index.md").read_text("utf-8")
    tool(copy, "tools.sync")
    assert "[还有一章](book/99_more.ipynb)" in (copy / "README.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, told",
    [
        ("corpus", "already"),
        ("nonsense", "there are"),
        ("fine_tuning", "labelled_data"),
    ],
)
def test_a_part_is_refused_that_is_there_or_lacks_what_it_needs(copy, name, told):
    chapter = copy / "book/02_gpt.ipynb"
    before = chapter.read_text(encoding="utf-8")
    python = [sys.executable, "-m", "tools.sync", "--add", name, "2"]
    done = subprocess.run(python, cwd=copy, capture_output=True, text=True)
    assert done.returncode and told in done.stderr
    assert chapter.read_text(encoding="utf-8") == before


@pytest.mark.slow
def test_a_changed_part_reaches_every_chapter_that_carries_it(copy):
    assert tool(copy, "tools.sync") == ""
    part = copy / "book/parts/judge.py"
    text = part.read_text(encoding="utf-8")
    changed = text.replace("unfold(1, 2, 1)", "unfold(1, 3, 1)")
    assert changed != text
    part.write_text(changed, encoding="utf-8")
    told = tool(copy, "tools.sync")
    carrying = [p.name for p in copy.glob("book/*.ipynb") if "judge" in parts_of(p)]
    assert sorted(re.findall(r"\d\d_\w+\.ipynb", told)) == sorted(carrying)
    assert tool(copy, "tools.sync") == ""


def test_a_rehearsal_asks_less_and_gets_the_same_shape():
    import torch

    from tools.rehearse import of_few_rows, shortened

    asked = []

    def double(rows, times=3):
        asked.append((len(rows), times))
        return 2 * rows

    few = of_few_rows(double, "rows", 4)
    found = few(torch.arange(20).view(10, 2))
    assert found.shape == (10, 2) and found[5:].unique(dim=0).tolist() == [[12, 14]]
    shortened(double, {"times": 2})(torch.ones(3), times=9)
    shortened(lambda names: asked.append(names), {"names": 2})(["甲", "乙", "丙"])
    assert asked == [(4, 3), (3, 2), ["甲", "乙"]]


def test_asserts_are_kept_unless_their_failure_is_awaited(tmp_path, monkeypatch):
    from tools.asserts import HELPERS, keep

    monkeypatch.setenv("KEPT_ASSERTS", str(tmp_path / "kept"))
    names = {}
    exec(HELPERS + keep("assert 1 > 4", 7), names)
    assert json.loads((tmp_path / "kept").read_text()) == [7, False, -0.75]
    awaited = "try:\n    assert 1 > 4\n    fell = False\nexcept AssertionError:\n    fell = True"
    exec(HELPERS + keep(awaited, 8), names)
    assert names["fell"]
