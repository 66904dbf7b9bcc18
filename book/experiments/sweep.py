"""What every sweep shares: processes of one thread, results as they come, resuming.

python book/experiments/sweep.py        # which results are older than their code?
"""

import argparse
import ast
import hashlib
import importlib.util
import json
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # so that sweeps find the parts


def bare(code):
    """Code without comments, docstrings and the list of RUNS, the same for any way of setting it.

    What was run stands in each line of results; a list that grows makes none of them older.
    """
    tree = ast.parse(code)
    tree.body = [node for node in tree.body if not is_runs(node)]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def is_runs(node):
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "RUNS"


def code_hash(script):
    """Of what makes a sweep's results: its script, what that imports of parts and sweeps."""
    found, todo = {}, [Path(script)]
    while todo:
        path = todo.pop()
        if path.name in found or not path.exists():
            continue
        code = found[path.name] = bare(path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module:
                package, _, name = node.module.partition(".")
                names = [name] if name else [alias.name for alias in node.names]
                if package == "parts":
                    todo += [HERE.parent / f"parts/{name}.py" for name in names]
                elif package != "sweep":  # another sweep's, or no file of ours
                    todo.append(HERE / f"{package}.py")
    text = "\n".join(found[name] for name in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def one_thread(run, settings, code):
    """One run in one thread, in a process of the pool."""
    torch.set_num_threads(1)
    return {
        **settings,
        **run(**settings),
        "torch": torch.__version__.split("+")[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread a run",
        "code": code,
    }


def read(results):
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    return [json.loads(line) for line in lines]


def keep(results, rows, runs):
    """Write all rows, in the order of `runs`; a process that is stopped loses nothing."""
    names = list(runs[0])
    order = {tuple(run.values()): i for i, run in enumerate(runs)}
    # A setting that is no longer among the runs comes last
    rows.sort(key=lambda row: order.get(tuple(row[n] for n in names), len(runs)))
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    new = results.with_suffix(".new")
    new.write_text("".join(lines), encoding="utf-8")
    new.replace(results)


def main(script, runs, run):
    """Do `run(**settings)` for all `runs`, lists of settings, and keep what it returns.

    script: path of the sweep. Each finished run is one line of NAME.jsonl; started again,
    those are skipped. With --again, all are done anew, into NAME.again, which takes the
    old results' place when it is whole. `make sync` brings results into the notebooks.
    """
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--again", action="store_true", help="do all runs anew")
    told = parser.parse_args()

    code, old = code_hash(script), Path(script).with_suffix(".jsonl")
    results = old.with_suffix(".again") if told.again else old
    rows = read(results)
    names = list(runs[0])
    done = [[row[name] for name in names] for row in rows]
    todo = [settings for settings in runs if list(settings.values()) not in done]
    print(f"{len(runs) - len(todo)} runs finished, {len(todo)} to go", flush=True)
    with ProcessPoolExecutor(told.workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(one_thread, run, settings, code) for settings in todo]
        for future in as_completed(futures):
            rows.append(future.result())
            keep(results, rows, runs)
            print(json.dumps(rows[-1], ensure_ascii=False)[:150], flush=True)
    if told.again:
        results.replace(old)


def stale(folder=HERE):
    """[(name, what is the matter)] of results that are not whole, or of older code."""
    found = []
    for script in sorted(folder.glob("*.py")):
        if not runs_of(script):
            continue
        rows, code = read(script.with_suffix(".jsonl")), code_hash(script)
        made_by = [row.get("code") for row in rows]
        if unknown := made_by.count(None):
            found.append((script.stem, f"{unknown} runs from before code was noted"))
        elif older := sum(made != code for made in made_by):
            found.append((script.stem, f"{older} of {len(rows)} runs by older code"))
        if left := runs_of(script) - len(rows):
            found.append((script.stem, f"{left} runs to go"))
    return found


def runs_of(script):
    """How many runs a sweep has; 0 for a script that is none."""
    if not any(is_runs(node) for node in ast.parse(script.read_text("utf-8")).body):
        return 0
    spec = importlib.util.spec_from_file_location(script.stem, script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return len(module.RUNS)


if __name__ == "__main__":
    for name, matter in stale():
        again = "" if matter.endswith("to go") else " AGAIN=1"
        print(f"{name}: {matter}. make sweep NAME={name}{again}")
