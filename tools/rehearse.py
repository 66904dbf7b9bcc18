"""Runs a chapter in short, then each of its cells again, alone.

    python -m tools.rehearse book/02_gpt.ipynb

A training is a few steps, a search tries few candidates; asserts on what was learnt are kept, not
raised (tools/asserts.py). What is left is whether the code runs: in order, and each cell once more
after the whole. Prints a line for each cell that fails and exits with 1.
"""

import argparse
import functools
import inspect
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import torch
from IPython.core.interactiveshell import InteractiveShell

from tools import pretend
from tools.asserts import HELPERS, keep
from tools.sync import is_own

# In short: which argument of which function is never larger, or longer, than what.
SHORT = {
    "fit": {"steps": 20},
    "fine_tune": {"steps": 2},
    "generate": {"new_tokens": 12},
    "generation_accuracy": {"pairs": 50},
    "log_p_by_bayes": {"shortlist": 2},
    "longest_run": {"most": 3},
    "picks": {"asked": 5},
    "picks_by_mask": {"sentences": 5},
    "write_by_gibbs": {"rounds": 1},
    "race": {"n": 3},
}
# What answers row by row answers a few, and repeats the last for the others.
ROWS = {"log_p_by_counting": ("windows", 20)}


def cut(value, largest):
    return value[:largest] if isinstance(value, list | tuple) else min(value, largest)


def shortened(function, most):
    """The function, called with no more than `most` of what it names."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def short(*arguments, **named):
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        for name, largest in most.items():
            bound.arguments[name] = cut(bound.arguments[name], largest)
        return function(*bound.args, **bound.kwargs)

    short.short = True
    return short


def of_few_rows(function, name, few):
    """The function, which gives a row for each row of its argument `name`, asked for a few."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def short(*arguments, **named):
        bound = signature.bind(*arguments, **named)
        rows = bound.arguments[name]
        bound.arguments[name] = rows[:few]
        found = function(*bound.args, **bound.kwargs)
        return torch.cat([found, found[-1:].expand(len(rows) - len(found), -1)])

    short.short = True
    return short


def rehearse(path, again=True, on_pretend=False, report=False):
    """[(cell, "first" or "again", error)] of what failed.

    on_pretend: with a device that is not the CPU, in tools/pretend.py.
    """
    os.environ.setdefault("KEPT_ASSERTS", os.devnull)
    shell = InteractiveShell.instance()
    shell.run_cell("%matplotlib agg")
    shell.run_cell(HELPERS)
    device = pretend.install() if on_pretend else None  # must outlive the run
    notebook, failed = nbformat.read(path, 4), []

    def run(i, source, turn):
        began = time.perf_counter()
        result = shell.run_cell(source)
        error = result.error_before_exec or result.error_in_exec
        if error:
            failed.append((i, turn, f"{type(error).__name__}: {error}"))
        if device and "DEVICE" in shell.user_ns:
            shell.user_ns["DEVICE"] = pretend.HERE
        for name, most in SHORT.items():
            function = shell.user_ns.get(name)
            if function and not hasattr(function, "short"):
                shell.user_ns[name] = shortened(function, most)
        for name, rows in ROWS.items():
            function = shell.user_ns.get(name)
            if function and not hasattr(function, "short"):
                shell.user_ns[name] = of_few_rows(function, *rows)
        if report:
            print(f"{turn} {i}: {time.perf_counter() - began:.1f} s", file=sys.stderr)

    cells = [(i, c) for i, c in enumerate(notebook.cells) if c.cell_type == "code"]
    sources = {}
    for i, cell in cells:
        sources[i] = keep(cell.source, i) if is_own(cell) else cell.source
        run(i, sources[i], "first")
    for i, _ in cells[1:] if again else []:
        run(i, sources[i], "again")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="not each cell again")
    parser.add_argument("--pretend", action="store_true", help="with another device")
    parser.add_argument("--report", action="store_true", help="seconds of each cell")
    parser.add_argument("notebook", type=Path)
    told = parser.parse_args()
    notebook = told.notebook.resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # chapter 7 saves its models where it runs
        failed = rehearse(notebook, not told.once, told.pretend, told.report)
        os.chdir("/")
    for cell, turn, error in failed:
        where = f"{notebook.name}, cell {cell}, {turn} time"
        print(f"FAILED {where}: {error}", file=sys.stderr)
    print(f"{notebook.name}: {len(failed)} failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
