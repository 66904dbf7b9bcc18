"""Begin a chapter: a notebook that keeps every rule of the house, listed where chapters are.

    python -m tools.chapter 09_today 今天的积木

What is left is to write it. Listed it is in _toc.yml, in the preface's table of chapters, and in
chapters.yml for the READMEs.
"""

import argparse
import json
import re

from tools.sync import BOOK, FOLDED, HEAD, ROOT, install_text, load_parts, write

PARTS = ("corpus", "transformer", "figures", "report")
INSTALL = "snownlp==0 zhplot==0"  # sync puts in the versions
INTRODUCTION = """# {title}

这一章要回答的问题。读完之后，你能够

- 一件能动手做的事。

不认得的词，查[术语](glossary.md)。第一格只补装缺的包。"""
PARTS_TOLD = "下面几格是前几章写好的零件，折起来了。"
IMPORTS = "import torch\nfrom matplotlib import pyplot as plt"


def cell(kind, number, source, **metadata):
    made = {"cell_type": kind, "id": f"c{number:03}", "metadata": metadata}
    if kind == "code":
        made |= {"execution_count": None, "outputs": []}
    return made | {"source": source.splitlines(keepends=True)}


def skeleton(title):
    """The cells of a new chapter."""
    sources = [("markdown", INTRODUCTION.format(title=title), {})]
    sources.append(("code", install_text(INSTALL), {"tags": ["install"]}))
    sources.append(
        ("code", "SEED = 0  # 换成1或2，断言照样成立", {"tags": ["parameters"]})
    )
    sources.append(("markdown", PARTS_TOLD, {}))
    for name in PARTS:
        folded = {**FOLDED, "tags": [f"part:{name}", "hide-input"]}
        sources.append(("code", load_parts()[name][0], folded))
    sources.append(("markdown", HEAD, {"tags": ["names"]}))
    sources += [("code", IMPORTS, {}), ("markdown", "## 练习", {})]
    return [cell(kind, i, text, **meta) for i, (kind, text, meta) in enumerate(sources)]


def listed(path, line, pattern):
    """Put a line behind the last one that the pattern finds."""
    text = path.read_text(encoding="utf-8")
    last = list(re.finditer(pattern, text, re.MULTILINE))[-1].end()
    path.write_text(f"{text[:last]}\n{line}{text[last:]}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="09_today")
    parser.add_argument("title", help="今天的积木")
    told = parser.parse_args()
    if not re.fullmatch(r"\d\d_[a-z0-9_]+", told.name):
        raise SystemExit(f"a name is like 09_today, not {told.name!r}")
    number, path = int(told.name[:2]), BOOK / f"{told.name}.ipynb"
    if path.exists():
        raise SystemExit(f"{path.relative_to(ROOT)} is there already")
    like = json.loads(next(BOOK.glob("01_*.ipynb")).read_text(encoding="utf-8"))
    write(path, like | {"cells": skeleton(told.title)})
    listed(
        ROOT / "_toc.yml",
        f"      - file: book/{told.name}",
        r"^ +- file: book/\d\d_\w+$",
    )
    row = f"| {number} | [{told.title}]({told.name}.ipynb) | 写一句有什么 |"
    listed(BOOK / "index.md", row, r"^\| \d+ \| \[.*$")
    told_of = f"{told.name}:\n  zh: [{told.title}, 做什么, 学什么]\n"
    told_of += f"  en: [{told.title}, what one builds, what one learns]"
    listed(BOOK / "chapters.yml", told_of, r"^  en: .*$")
    print(
        f"{path.relative_to(ROOT)} is begun. Now: make sync && make run CHAPTER={number}"
    )


if __name__ == "__main__":
    main()
