"""Writes book/status.json from the last `make test`: how long each notebook took, on what.

python -m tools.status (or: make status)
python -m tools.status --longest-first book/*.ipynb: the same names, the slowest first
"""

import argparse
import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import nbformat

from tools import seeds

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "_build/notebooks.xml"
STATUS = ROOT / "book/status.json"
PACKAGES = ("torch", "transformers", "sentence-transformers", "numpy", "jupyter-book")


def longest_first(paths):
    """Two workers are done soonest when the longest notebook is begun first."""
    took = json.loads(STATUS.read_text(encoding="utf-8"))["notebooks"]
    unknown = {"seconds": float("inf")}
    return sorted(paths, key=lambda p: -took.get(Path(p).stem, unknown)["seconds"])


def seeds_of(name):
    """With how many seeds the present code of a chapter ran, and in how many all asserts held."""
    code = seeds.code_hash(nbformat.read(ROOT / f"book/{name}.ipynb", 4))
    runs = [r for r in seeds.read() if (r["chapter"], r["code"]) == (name, code)]
    whole = [run for run in runs if not run["error"]]
    held = [run for run in whole if all(ok for ok, _ in run["cells"].values())]
    return {
        "seeds": len({r["seed"] for r in runs}),
        "held": len({r["seed"] for r in held}),
    }


def write():
    if not REPORT.exists():
        told = REPORT.relative_to(ROOT)
        raise SystemExit(f"{told} is missing: run `make test` first")
    suite = ElementTree.parse(REPORT).getroot().find("testsuite")
    if suite.get("failures") != "0" or suite.get("errors") != "0":
        raise SystemExit("the last `make test` was not green")
    notebooks = {}
    for case in suite.iter("testcase"):
        name = case.get("classname").split(".")[1]
        run = notebooks.setdefault(name, {"cells": 0, "seconds": 0.0})
        run["cells"] += 1
        run["seconds"] += float(case.get("time"))
    for name, run in notebooks.items():
        run["seconds"] = round(run["seconds"])
        run |= seeds_of(name)
    status = {
        "date": datetime.date.fromisoformat(suite.get("timestamp")[:10]).isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "packages": {name: version(name).split("+")[0] for name in PACKAGES},
        "whole_run_seconds": round(float(suite.get("time"))),
        "notebooks": dict(sorted(notebooks.items())),
    }
    STATUS.write_text(json.dumps(status, indent=2) + "\n", encoding="utf-8")
    print(f"{STATUS.relative_to(ROOT)}: {len(notebooks)} notebooks")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--longest-first", nargs="+", metavar="NOTEBOOK")
    if names := parser.parse_args().longest_first:
        print(*longest_first(names))
    else:
        write()
