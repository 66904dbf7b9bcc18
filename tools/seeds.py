"""Runs notebooks with other seeds and tells which asserts hold, and by how much.

    python -m tools.seeds --seeds 0-19 book/04_comparison.ipynb

Every cell runs to the end: a failing assert is kept, not raised (tools/asserts.py). Each run is one
line of book/seeds.jsonl, with a hash of the notebook's code; started again, what stands
there for this code is skipped.
"""

import argparse
import hashlib
import json
import os
import platform
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

import nbformat
import papermill

from tools.asserts import HELPERS, keep
from tools.sync import is_own

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "book/seeds.jsonl"


def code_hash(notebook):
    """Of all code that a notebook runs; prose and outputs may change."""
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def instrumented(notebook):
    """The notebook with its own asserts kept; those of parts, and what it installs, left alone."""
    places = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for i in places:
        if is_own(notebook.cells[i]):
            notebook.cells[i].source = keep(notebook.cells[i].source, i)
    notebook.cells.insert(places[1], nbformat.v4.new_code_cell(HELPERS))
    return notebook


def run(path, seed):
    """One notebook with one seed: {"cells": {number: [passed, least margin]}, "error": …}."""
    notebook = nbformat.read(path, 4)
    result = {"chapter": path.stem, "seed": seed, "code": code_hash(notebook)}
    began, error = time.perf_counter(), None
    with tempfile.TemporaryDirectory() as folder:
        made, kept = Path(folder) / path.name, Path(folder) / "kept"
        kept.touch()
        # In an extra first cell: the kernel must know, and nobody else
        notebook = instrumented(notebook)
        told = f"import os\n\nos.environ['KEPT_ASSERTS'] = {str(kept)!r}"
        notebook.cells.insert(0, nbformat.v4.new_code_cell(told))
        nbformat.write(notebook, made)
        try:
            papermill.execute_notebook(
                str(made),
                str(made),
                {"SEED": seed},
                kernel_name="python3",
                cwd=folder,
                progress_bar=False,
            )
        except papermill.PapermillExecutionError as broken:
            error = f"cell {broken.cell_index}: {broken.ename}: {broken.evalue}"
        cells = {}
        for line in kept.read_text(encoding="utf-8").splitlines():
            cell, passed, margin = json.loads(line)
            before = cells.get(cell, [True, None])
            margins = [m for m in (before[1], margin) if m is not None]
            cells[cell] = [before[0] and passed, min(margins, default=None)]
    return result | {
        "cells": {
            cell: [passed, margin and round(margin, 4)]
            for cell, (passed, margin) in cells.items()
        },
        "error": error,
        "seconds": round(time.perf_counter() - began),
        "torch": version("torch").split("+")[0],
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def read():
    """All runs that are kept."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return [json.loads(line) for line in lines]


def table(runs):
    """Lines: each chapter's errors, and its cells with what failed and the least margin."""
    for chapter in sorted({run["chapter"] for run in runs}):
        some = [run for run in runs if run["chapter"] == chapter]
        seeds = sorted(run["seed"] for run in some)
        broken = [f"seed {run['seed']}: {run['error']}" for run in some if run["error"]]
        yield f"{chapter}: {len(seeds)} runs, seeds {seeds}"
        yield from (f"  ERROR {told}" for told in broken)
        for cell in sorted({int(cell) for run in some for cell in run["cells"]}):
            found = [
                (r["seed"], *r["cells"][str(cell)])
                for r in some
                if str(cell) in r["cells"]
            ]
            failed = [seed for seed, passed, _ in found if not passed]
            margins = [margin for _, _, margin in found if margin is not None]
            least = f"least margin {min(margins):.3f}" if margins else "exact"
            told = f"FAILED for seeds {failed}" if failed else "holds"
            yield f"  cell {cell:3}: {told}, {len(found) - len(failed)} of {len(found)}, {least}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0-19", help="0-19, or 3")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("notebooks", nargs="+", type=Path)
    told = parser.parse_args()
    first, _, last = told.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    now = {path.stem: code_hash(nbformat.read(path, 4)) for path in told.notebooks}
    done = {(run["chapter"], run["seed"], run["code"]) for run in read()}
    todo = [
        (path, seed)
        for seed in seeds
        for path in told.notebooks
        if (path.stem, seed, now[path.stem]) not in done
    ]
    there = len(seeds) * len(now) - len(todo)
    print(f"{there} runs there, {len(todo)} to go", flush=True)

    # Processes: each changes into a folder of its own
    with ProcessPoolExecutor(told.workers) as pool:
        futures = [pool.submit(run, path.resolve(), seed) for path, seed in todo]
        for future in as_completed(futures):
            result = future.result()
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result, ensure_ascii=False) + "\n")
            print(result["chapter"], result["seed"], result["error"] or "", flush=True)
    current = [
        r for r in read() if r["seed"] in seeds and now.get(r["chapter"]) == r["code"]
    ]
    print("\n".join(table(current)))


if __name__ == "__main__":
    main()
