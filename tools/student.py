"""Writes each chapter without its solutions, for a class.

    python -m tools.student _build/student

Cells tagged solution, and what they printed and drew, give way to one empty cell an exercise.
"""

import argparse
import json
from pathlib import Path

from tools.sync import BOOK, tags, write

EMPTY = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}


def without_solutions(notebook):
    """The notebook, with an empty cell in place of each run of cells tagged solution."""
    cells, answering = [], False
    for cell in notebook["cells"]:
        if "solution" not in tags(cell):
            cells.append(cell)
        elif not answering:
            cells.append(EMPTY | {"id": cell["id"], "source": ["# 你的解答"]})
        answering = "solution" in tags(cell)
    return notebook | {"cells": cells}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(BOOK.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        write(folder / path.name, without_solutions(notebook))
        print(folder / path.name)


if __name__ == "__main__":
    main()
