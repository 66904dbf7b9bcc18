"""Writes book/status.json from the last `make test`: how long each notebook took, on what.

python tools/status.py (or: make status)
"""

import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "_build/notebooks.xml"
PACKAGES = ("torch", "transformers", "sentence-transformers", "numpy", "jupyter-book")


def main():
    if not REPORT.exists():
        raise SystemExit(
            f"{REPORT.relative_to(ROOT)} is missing: run `make test` first"
        )
    suite = ElementTree.parse(REPORT).getroot().find("testsuite")
    if suite.get("failures") != "0" or suite.get("errors") != "0":
        raise SystemExit("the last `make test` was not green")
    seconds, cells = {}, {}
    for case in suite.iter("testcase"):
        name = case.get("classname").split(".")[1]
        seconds[name] = seconds.get(name, 0) + float(case.get("time"))
        cells[name] = cells.get(name, 0) + 1
    status = {
        "date": datetime.date.fromisoformat(suite.get("timestamp")[:10]).isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "packages": {name: version(name).split("+")[0] for name in PACKAGES},
        "whole_run_seconds": round(float(suite.get("time"))),
        "notebooks": {
            name: {"cells": cells[name], "seconds": round(seconds[name])}
            for name in sorted(seconds)
        },
    }
    path = ROOT / "book/status.json"
    path.write_text(json.dumps(status, indent=2) + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {len(seconds)} notebooks")


if __name__ == "__main__":
    main()
