"""Which recipe trains the small GPT best at equal seconds?

AdamW at three learning rates, Muon at two, and Muon with each position carrying some of the one
before; three seeds each, 18 runs.

    python book/experiments/optimizers.py

About 45 minutes on two cores. Each finished run is one line of optimizers.jsonl; started again, the
script skips what stands there. It keeps optimizers_numbers.py up to date, which chapter 2 carries.
"""

import sweep
import torch
from parts import training
from parts.corpus import Vocab, batches, load_reviews, to_stream
from parts.gpt import clm_loss, nats_per_character
from parts.previous import Previous
from parts.transformer import Config, Transformer

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


def work(recipe, lr, seed):
    """One run: its curve on the validation reviews, in steps, seconds and nats."""
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
        "steps": steps,
        "seconds": [round(s, 1) for s in seconds],
        "nats": [round(n, 4) for n in nats],
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, work)
