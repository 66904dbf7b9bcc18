"""The race: what can be learnt in 150 seconds, on two cores?

The rules.
- Read is the training split of the reviews, in the book's 2,000 tokens; no other text, no weights.
- Scored is the validation split, in nats a character, in windows of 64, as everywhere in this book.
  Choices may be made on it. The test split is scored beside it and chooses nothing.
- The clock runs for what is computed from the text, training and counting. It stands still while
  Python starts, the reviews are loaded, and the score is taken.
- `clock` times all entries in turn, in one run on a machine at rest. The recipe that everybody
  knows, nanoGPT's, is one of them: a slow machine slows all alike. An entry then trains for as
  many steps as it makes in 150 seconds, whenever, in whatever company.

    python book/experiments/race.py clock   # two minutes, on a machine at rest: race_clock.jsonl
    make sweep NAME=race                    # the entries, in two hours on two cores
"""

import itertools
import json
import math
import sys
import time

import torch

import sweep
from parts import training
from parts.corpus import batches, load_corpus, to_stream
from parts.gpt import clm_loss
from parts.kneser_ney import KneserNey, find, run_codes
from parts.racer import RaceConfig, Racer, race_optimizers
from parts.transformer import Config, Transformer

SECONDS = 150
CLOCK = sweep.HERE / "race_clock.jsonl"
SHARE = 0.65  # of the network in the mixture; the counts have the rest


def plain(optimizers, schedule, **rate):
    """Chapter 2's GPT, in one of its two recipes."""
    model = Transformer(Config())
    return model, optimizers(model, **rate), schedule


def racer(lr=1e-2, **flags):
    model = Racer(RaceConfig(**flags))
    return model, race_optimizers(model, lr), training.linear_decay


# Each of the first six has one idea more than the one before
ENTRIES = {
    "nanogpt": lambda: plain(training.adamw, training.cosine_decay),
    "muon": lambda: plain(training.muon, training.linear_decay),
    "block": lambda: racer(shift=False, pairs=0, halved=False),
    "shift": lambda: racer(pairs=0, halved=False),
    "pairs": lambda: racer(halved=False),
    "halved": lambda: racer(),
    # Tried besides
    "nanogpt: 0.002": lambda: plain(training.adamw, training.cosine_decay, lr=2e-3),
    "pairs: 4,096": lambda: racer(pairs=4096),
    "pairs: 1,048,576": lambda: racer(pairs=2**20),
    "rate: 0.02": lambda: racer(lr=2e-2),
    "6 layers": lambda: racer(layers=6),
    "192 wide": lambda: racer(dim=192, heads=6),
}
RECORDS = list(ENTRIES)[:6]
RUNS = [
    *({"entry": entry, "seed": seed} for seed in range(3) for entry in RECORDS),
    *({"entry": entry, "seed": 0} for entry in list(ENTRIES)[6:]),
]


def stepper(entry, stream, seed):
    """(model, a function that trains it by a step): a `fit` that can be left and come back to."""
    torch.manual_seed(seed)
    model, optimizers, schedule = ENTRIES[entry]()
    windows = batches(stream, 32, 65, seed)
    return model, lambda steps: training.fit(
        model, lambda: clm_loss(model, next(windows)), steps, optimizers, schedule
    )


def clock(rounds=12, steps=4):
    """Milliseconds a step of every entry, in turn, the least of a few; the seconds of counting."""
    torch.set_num_threads(2)
    splits, vocab = load_corpus()
    stream = to_stream(vocab, splits["train"])
    runners = {entry: stepper(entry, stream, 0)[1] for entry in ENTRIES}
    took = {entry: [] for entry in ENTRIES}
    for run in runners.values():
        run(2)
    for _, (entry, run) in itertools.product(range(rounds), runners.items()):
        began, worked = time.perf_counter(), time.process_time()
        run(steps)
        seconds = time.perf_counter() - began
        took[entry].append((seconds / steps, (time.process_time() - worked) / seconds))
    began = time.perf_counter()
    KneserNey(stream, len(vocab))
    counting = time.perf_counter() - began
    rows = []
    for entry, times in took.items():
        seconds, cores = min(times)
        row = {"entry": entry, "ms": round(1e3 * seconds, 1), "cores": round(cores, 2)}
        rows.append(
            row
            | {
                "counting": round(counting, 1),
                "steps": int((SECONDS - counting) / seconds),
            }
        )
        print(rows[-1])
    CLOCK.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@torch.no_grad()
def log_p(model, windows):
    """log p of each token of windows (N, T + 1) but the first: (N, T)."""
    found = []
    for some in windows.split(64):
        chances = model(some[:, :-1]).log_softmax(-1)
        found.append(chances.gather(-1, some[:, 1:, None])[..., 0])
    return torch.cat(found)


def seen_before(counted, windows):
    """How well known the two tokens before each token of windows (N, T + 1) are: (N, T).

    In how many surroundings (one token left, one right) the training text has them, which is what
    Kneser-Ney counts below its longest runs; -1 where there are not two.
    """
    n, _, _, histories, total, _ = counted.levels[2]
    times = find(histories, total, run_codes(windows, n, counted.size) // counted.size)
    return torch.cat([torch.full((len(windows), 1), -1.0), times], 1)


def nats(*chances):
    """Mean -log p of the network, of counting, of the mixture; rounded."""
    return [round(-some.mean().item(), 4) for some in chances]


def scores(model, counted, stream, detail):
    """nats a character; with `detail`, also by place and by how well known the context is."""
    windows = stream[: (len(stream) - 1) // 64 * 64 + 1].unfold(0, 65, 64)
    network, counts = log_p(model, windows), counted.log_p(windows)[:, 1:]
    mixed = torch.logaddexp(network + math.log(SHARE), counts + math.log(1 - SHARE))
    three = network, counts, mixed
    if not detail:
        return nats(*three)
    times, place = seen_before(counted, windows), torch.arange(64).expand_as(network)
    cuts = {
        "place": (place, [0, 1, 2, 4, 8, 16, 32, 64]),
        "times": (times, [0, 1, 4, 16, 64, 256, 1e9]),
    }
    parts = {
        name: [
            [
                low,
                int(((at >= low) & (at < high)).sum()),
                *nats(*(c[(at >= low) & (at < high)] for c in three)),
            ]
            for low, high in itertools.pairwise(edges)
        ]
        for name, (at, edges) in cuts.items()
    }
    return {"nats": nats(*three), **parts}


def run(entry, seed):
    steps = next(row["steps"] for row in sweep.read(CLOCK) if row["entry"] == entry)
    splits, vocab = load_corpus()
    train, held_out, test = (to_stream(vocab, split) for split in splits.values())
    model, train_for = stepper(entry, train, seed)
    loss = train_for(steps).loss
    counted = KneserNey(train, len(vocab))
    size = sum(p.numel() for p in model.parameters())
    curve = [round(sum(loss[i : i + 20]) / 20, 3) for i in range(0, len(loss) - 19, 20)]
    found = scores(model, counted, held_out, detail=True)
    return {
        "steps": steps,
        "parameters": size,
        **found,
        "test": scores(model, counted, test, False),
        "loss": curve,
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["clock"]:
        clock()
    else:
        sweep.main(__file__, RUNS, run)
