"""Write the shared parts into the notebooks that carry them: python tools/sync.py

A part is book/parts/NAME.py, or book/experiments/NAME_numbers.py for what a sweep found. A notebook
carries it in the cells tagged part:NAME: their sources, joined by two blank lines, are its text.
"""

import json
from difflib import SequenceMatcher
from pathlib import Path

BOOK = Path(__file__).parents[1] / "book"
GAP = "\n\n\n"


def load_parts():
    """Text by name, without the last newline."""
    paths = [*BOOK.glob("parts/*.py"), *BOOK.glob("experiments/*_numbers.py")]
    return {path.stem: path.read_text(encoding="utf-8").rstrip("\n") for path in paths}


def carried_cells(notebook):
    """The cells that carry parts, by the part's name, in the notebook's order."""
    cells = {}
    for cell in notebook["cells"]:
        for tag in cell["metadata"].get("tags", []):
            if tag.startswith("part:"):
                cells.setdefault(tag.removeprefix("part:"), []).append(cell)
    return cells


def source_of(cell):
    return "".join(cell["source"])


def spread(sources, text):
    """Cut `text` into pieces: each definition goes where it, or what it replaces, stood."""
    old = [
        (block, i) for i, source in enumerate(sources) for block in source.split(GAP)
    ]
    new = text.split(GAP)
    pieces = [[] for _ in sources]
    matcher = SequenceMatcher(a=[block for block, _ in old], b=new, autojunk=False)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        for j in range(j1, j2):
            neighbour = max(0, min(i1 + j - j1, i2 - 1))
            pieces[old[neighbour][1]].append(new[j])
    return [GAP.join(piece) for piece in pieces]


def sync(path, parts):
    """Bring one notebook up to date. Returns the names of the parts that changed."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    changed = []
    for name, cells in carried_cells(notebook).items():
        if name not in parts:
            raise SystemExit(
                f"{path.name} carries part:{name}, but there is no such part"
            )
        sources = [source_of(cell) for cell in cells]
        if GAP.join(sources) != parts[name]:
            changed.append(name)
            for cell, piece in zip(cells, spread(sources, parts[name]), strict=True):
                cell["source"] = piece.splitlines(keepends=True)
    if changed:
        path.write_text(
            json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
    return changed


if __name__ == "__main__":
    for path in sorted(BOOK.glob("*.ipynb")):
        if changed := sync(path, load_parts()):
            print(
                f"{path.name}: {', '.join(changed)}. Now: make run CHAPTER={path.name[:2]}"
            )
