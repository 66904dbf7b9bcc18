"""Which recipe trains the small GPT best at equal seconds?

AdamW at three learning rates, Muon at two, and Muon with each position carrying some of the one
before; three seeds each, 18 runs.

    python book/experiments/optimizers.py

About 45 minutes on two cores. Each finished run is one line of optimizers.jsonl; started again, the
script skips what stands there. At the end it writes optimizers_numbers.py, which chapter 2 carries.
"""

import argparse
import json
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from parts import training  # noqa: E402
from parts.corpus import Vocab, batches, load_reviews, to_stream  # noqa: E402
from parts.gpt import clm_loss, nats_per_character  # noqa: E402
from parts.previous import Previous  # noqa: E402
from parts.transformer import Config, Transformer  # noqa: E402

RESULTS = HERE / "optimizers.jsonl"
NUMBERS = HERE / "optimizers_numbers.py"

# AdamW's steps are cheaper, so it gets 20 % more of them: then both take about the same time.
RECIPES = {
    "adamw": {"optimizers": training.adamw, "schedule": training.cosine, "steps": 840},
    "muon": {"optimizers": training.muon, "schedule": training.linear, "steps": 700},
    "muon+previous": {
        "optimizers": training.muon,
        "schedule": training.linear,
        "steps": 700,
    },
}
RUNS = [
    {"recipe": recipe, "lr": lr, "seed": seed}
    for seed in range(3)
    for recipe, lr in [
        ("muon", 1e-2),
        ("adamw", 3e-3),
        ("muon+previous", 1e-2),
        ("muon", 2e-2),
        ("adamw", 1e-3),
        ("adamw", 6e-3),
    ]
]


def train(recipe, lr, seed):
    """One run in one thread: its curve on the validation reviews, in steps, seconds and nats."""
    torch.set_num_threads(1)
    splits = load_reviews()
    vocab = Vocab([review.text for review in splits["train"]], 2000)
    stream, held_out = (
        to_stream(vocab, splits[name]) for name in ("train", "validation")
    )
    torch.manual_seed(seed)
    model = Transformer(Config())
    if recipe == "muon+previous":
        model.norm_in = torch.nn.Sequential(model.norm_in, Previous(model.config.dim))
    windows = batches(stream, 32, model.config.context + 1, seed)
    history = training.fit(
        model,
        lambda: clm_loss(model, next(windows)),
        RECIPES[recipe]["steps"],
        RECIPES[recipe]["optimizers"](model, lr),
        RECIPES[recipe]["schedule"],
        check=lambda: nats_per_character(model, held_out),
        every=140,
    )
    steps, seconds, nats = zip(*history.checks, strict=True)
    return {
        "recipe": recipe,
        "lr": lr,
        "seed": seed,
        "steps": steps,
        "seconds": [round(s, 1) for s in seconds],
        "nats": [round(n, 4) for n in nats],
        "torch": torch.__version__.split("+")[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread a run",
    }


def finished():
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return [json.loads(line) for line in lines]


def write_numbers(runs):
    first = runs[0]
    about = f"torch {first['torch']}; {first['machine']}; batches of 32 windows of 64 tokens"
    order = [(run["recipe"], run["lr"], run["seed"]) for run in RUNS]
    runs.sort(key=lambda run: order.index((run["recipe"], run["lr"], run["seed"])))
    kept = ("recipe", "lr", "seed", "steps", "seconds", "nats")
    rows = ",\n    ".join(str({key: run[key] for key in kept}) for run in runs)
    NUMBERS.write_text(
        f'# fmt: off\n"""Written by optimizers.py: {about}."""\nOPTIMIZERS = [\n    {rows},\n]\n',
        encoding="utf-8",
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="processes at a time (default: 2)"
    )
    workers = parser.parse_args().workers
    done = [(run["recipe"], run["lr"], run["seed"]) for run in finished()]
    todo = [run for run in RUNS if (run["recipe"], run["lr"], run["seed"]) not in done]
    print(f"{len(done)} runs finished, {len(todo)} to go", flush=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(train, **run) for run in todo]):
            run = future.result()
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(run) + "\n")
            end = f"{run['nats'][-1]:.3f} nats after {run['seconds'][-1]:.0f} s"
            print(
                f"{run['recipe']} lr={run['lr']} seed={run['seed']}: {end}", flush=True
            )
    write_numbers(finished())


if __name__ == "__main__":
    main()
