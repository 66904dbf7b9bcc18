"""Who gets more out of a small text, read again and again: left to right, or in any order?

A GPT, and a BERT trained on every share of gaps, read 25 thousand characters up to 128 times, or
the whole 1.2 million two or three times. What a held-out character costs: exactly for the GPT, at
most for the BERT. Three seeds; the learning rate is constant after 50 steps of warm-up.

    make sweep NAME=any_order        # a quarter of an hour on two cores
"""

import math

import torch

import sweep
from parts.any_order import any_order_loss, nats_upper_bound
from parts.corpus import batches, load_corpus, to_stream
from parts.gpt import clm_loss, nats_per_character
from parts.neighbour_heads import look_at_neighbours
from parts.training import fit, muon
from parts.transformer import Config, Transformer

BATCH, T, STEPS = 16, 64, 3200
RUNS = [
    {"objective": objective, "characters": characters, "seed": seed}
    for seed in range(3)
    for characters in (25_000, None)  # None: all
    for objective in ("CLM", "any order")
]


def run(objective, characters, seed):
    splits, vocab = load_corpus()
    train, held, _ = (to_stream(vocab, rows) for rows in splits.values())
    train, causal = train[:characters], objective == "CLM"
    torch.manual_seed(seed)
    shape = Config(context=T + 1 - causal, dim=64, heads=2, layers=3, causal=causal)
    model = Transformer(shape)
    look_at_neighbours(model)
    windows = batches(train, BATCH, T + 1, seed)
    generator = torch.Generator().manual_seed(seed)

    def next_loss():
        if causal:
            return clm_loss(model, next(windows))
        return any_order_loss(model, next(windows), generator)

    def check():
        return (
            nats_per_character(model, held)
            if causal
            else nats_upper_bound(model, held, 2)
        )

    points, optimizers, done, seconds = [], muon(model, 3e-3), 0, 0.0
    doublings = int(math.log2(STEPS / 25))
    for steps in [25 * 2**i for i in range(doublings + 1)]:
        history = fit(
            model,
            next_loss,
            steps - done,
            optimizers,
            schedule=lambda step, _, done=done: min(1, (done + step + 1) / 50),
            check=check,
            every=STEPS,
        )
        done = steps
        seconds += history.checks[-1][1]
        heard = sum(history.loss[-20:]) / 20
        points.append((steps, round(history.checks[-1][2], 4), round(heard, 4)))
    return {"points": points, "seconds": round(seconds)}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
