"""One summary of what `make test` ran: python tools/summary.py tests.xml notebooks.xml"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def read(path):
    """(what did not pass, counts) of one report; a report that is missing failed whole."""
    if not path.exists():
        return [f"{path.name} is missing: its run broke off"], (0, 1, 0, 0.0)
    suite = ElementTree.parse(path).getroot().find("testsuite")
    cases = list(suite.iter("testcase"))
    ends = ("failure", "error")
    bad = [c for c in cases if any(c.find(end) is not None for end in ends)]
    skipped = [case for case in cases if case.find("skipped") is not None]
    names = [f"{case.get('classname')}::{case.get('name')}" for case in bad]
    passed = len(cases) - len(bad) - len(skipped)
    return names, (passed, len(bad), len(skipped), float(suite.get("time")))


def main(paths):
    """Prints what failed, a line for each report, and one for all. Returns the failures."""
    totals = [0, 0, 0]
    for path in map(Path, paths):
        failures, (*counts, seconds) = read(path)
        for name in failures:
            print(f"FAILED {name}")
        passed, failed, skipped = counts
        told = f"{passed} passed, {failed} failed, {skipped} skipped"
        print(f"{path.stem}: {told} in {seconds / 60:.1f} minutes")
        totals = [a + b for a, b in zip(totals, counts, strict=True)]
    print("all: {} passed, {} failed, {} skipped".format(*totals))
    return totals[1]


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
