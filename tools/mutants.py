"""Does each assert that decides a verdict fail where the verdict would be another?

    python -m tools.mutants book/02_gpt.ipynb

tests/mutants.yml lists, for each cell tagged claim:…, changes of its code or of what it works
with: no mask, shuffled labels, two names exchanged. The chapter is run; at such a cell a copy of
the process runs it changed, and its assert must fail. What came out is one line of
book/mutants.jsonl, with a hash of the cell and the change; what stands there is not done again.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import matplotlib
import nbformat
import yaml
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "book/mutants.jsonl"


def mutants(path=ROOT / "tests/mutants.yml"):
    """{notebook: {cell: [{"why": …, "old": …, "new": …, "before": …}]}}."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def deciding(notebook):
    """{id: source} of the cells that decide a claim."""
    return {
        cell["id"]: cell.source
        for cell in notebook.cells
        if any(tag.startswith("claim:") for tag in cell.metadata.get("tags", []))
    }


def changed(source, mutant):
    """The cell's code with the change. What is to be replaced must be there: else ValueError."""
    before, old, new = (mutant.get(key, "") for key in ("before", "old", "new"))
    if old and old not in source:
        raise ValueError(f"{old!r} is not in the cell")
    if not before and not old:
        raise ValueError(f"nothing is changed: {mutant}")
    return f"{before}\n{source.replace(old, new)}"


def code_hash(source, mutant):
    """Of what is run, not of the reason given."""
    return hashlib.sha256(changed(source, mutant).encode()).hexdigest()[:12]


def failure(shell, code):
    """How the code ends in a copy of this process: "AssertionError", another error, or ""."""
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            told = pipe.read()
        os.waitpid(child, 0)
        return told
    with capture_output():
        result = shell.run_cell(code, silent=True)
    error = result.error_before_exec or result.error_in_exec
    told = type(error).__name__ if error else ""
    if told not in ("", "AssertionError"):
        told += f": {error}"
    os.write(writing, told.encode())
    os._exit(0)


def run(path):
    """A line for each change that is not on record: chapter, cell, why, code, how it failed."""
    shell = InteractiveShell.instance()
    matplotlib.use("agg")
    notebook, found = nbformat.read(path, 4), []
    sources = deciding(notebook)
    known = {row["code"] for row in read() if row["failed"] == "AssertionError"}
    asked = {
        cell: [m for m in some if code_hash(sources[cell], m) not in known]
        for cell, some in mutants().get(path.stem, {}).items()
    }
    wanted = [i for i, cell in enumerate(notebook.cells) if asked.get(cell["id"])]
    for cell in notebook.cells[: max(wanted, default=-1) + 1]:
        if cell.cell_type != "code":
            continue
        for mutant in asked.get(cell["id"], []):
            row = {"chapter": path.stem, "cell": cell["id"], "why": mutant["why"]}
            row["code"] = code_hash(cell.source, mutant)
            row["failed"] = failure(shell, changed(cell.source, mutant))
            print(row["cell"], row["why"], row["failed"] or "NOT NOTICED", flush=True)
            found.append(row)
        with capture_output():
            result = shell.run_cell(cell.source)
        result.raise_error()
    return found


def read():
    """All lines that are kept."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return [json.loads(line) for line in lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    path = parser.parse_args().notebook.resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # chapter 7 saves its models where it runs
        try:
            found = run(path)
        finally:
            os.chdir("/")
    # What no longer is a change of this chapter is forgotten, what was done again is replaced
    sources, asked = deciding(nbformat.read(path, 4)), mutants()[path.stem]
    codes = {code_hash(sources[cell], m) for cell, some in asked.items() for m in some}
    codes -= {row["code"] for row in found}
    kept = [r for r in read() if r["chapter"] != path.stem or r["code"] in codes]
    rows = sorted(kept + found, key=lambda row: row["chapter"])
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    RESULTS.write_text("".join(lines), encoding="utf-8")
    held = [row for row in found if row["failed"] != "AssertionError"]
    print(f"{path.name}: {len(found)} changes, {len(held)} that no assert noticed")
    return 1 if held else 0


if __name__ == "__main__":
    sys.exit(main())
