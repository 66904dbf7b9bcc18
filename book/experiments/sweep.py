"""What every sweep shares: processes of one thread, results as they come, resuming."""

import argparse
import json
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that sweeps find the parts


def one_thread(work, settings):
    """One run in one thread, in a process of the pool."""
    torch.set_num_threads(1)
    return {
        **settings,
        **work(**settings),
        "torch": torch.__version__.split("+")[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread a run",
    }


def read(results):
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    return [json.loads(line) for line in lines]


def main(script, runs, work):
    """Do `work(**settings)` for all `runs`, lists of settings, and keep what it returns.

    script: path of the sweep. Each finished run is one line of NAME.jsonl; started again,
    those are skipped. NAME_numbers.py, which a notebook carries, always holds all of them.
    """
    script = Path(script)
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    workers = parser.parse_args().workers

    results = script.with_suffix(".jsonl")
    names = list(runs[0])
    done = [[run[name] for name in names] for run in read(results)]
    todo = [run for run in runs if list(run.values()) not in done]
    print(f"{len(runs) - len(todo)} runs finished, {len(todo)} to go", flush=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(one_thread, work, run) for run in todo]
        for future in as_completed(futures):
            line = json.dumps(future.result(), ensure_ascii=False)
            with results.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            write_numbers(script, [list(run.values()) for run in runs], names)
            print(line[:150], flush=True)


def write_numbers(script, order, names):
    finished = read(script.with_suffix(".jsonl"))
    finished.sort(key=lambda run: order.index([run[name] for name in names]))
    about = f"torch {finished[0]['torch']}; {finished[0]['machine']}"
    for run in finished:
        del run["torch"], run["machine"]
    rows = ",\n    ".join(map(str, finished))
    name = script.stem
    script.with_name(f"{name}_numbers.py").write_text(
        f'# fmt: off\n"""Written by {name}.py: {about}."""\n{name.upper()} = [\n    {rows},\n]\n',
        encoding="utf-8",
    )
