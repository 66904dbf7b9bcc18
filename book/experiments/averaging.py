"""Racers that differ in their seed, averaged: how much of mixing is owed to averaging alone?

The control of the race's last row, where the network is averaged with counting.

    make sweep NAME=averaging        # fifteen minutes on one core, after race.py clock
"""

import math

import torch

import sweep
from parts.corpus import load_corpus, to_stream
from parts.kneser_ney import KneserNey
from race import CLOCK, SHARE, log_p, stepper

RUNS = [{"entry": "halved", "seeds": 3}]


def averaged(one, other, share):
    """Mean -log p of `share` of one's chances and the rest of the other's."""
    mixed = torch.logaddexp(one + math.log(share), other + math.log(1 - share))
    return round(-mixed.mean().item(), 4)


def run(entry, seeds):
    """Of each seed alone and mixed with counts; of each and the next; of those two and counts."""
    steps = next(row["steps"] for row in sweep.read(CLOCK) if row["entry"] == entry)
    splits, vocab = load_corpus()
    train, held_out = (to_stream(vocab, splits[s]) for s in ("train", "validation"))
    windows = held_out[: (len(held_out) - 1) // 64 * 64 + 1].unfold(0, 65, 64)
    counts = KneserNey(train, len(vocab)).log_p(windows)[:, 1:]
    networks = []
    for seed in range(seeds):
        model, train_for = stepper(entry, train, seed)
        train_for(steps)
        networks.append(log_p(model, windows))
    pairs = list(zip(networks, networks[1:] + networks[:1], strict=True))
    both = [torch.logaddexp(one, other) - math.log(2) for one, other in pairs]
    return {
        "alone": [round(-one.mean().item(), 4) for one in networks],
        "mixed": [averaged(one, counts, SHARE) for one in networks],
        "two": [averaged(one, other, 0.5) for one, other in pairs],
        "three": [averaged(two, counts, SHARE) for two in both],
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
