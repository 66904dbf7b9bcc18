"""Which recipe trains the small GPT best at equal seconds?

AdamW at three learning rates, Muon at two, and Muon with each position carrying some of the one
before; three seeds each, 18 runs.

    make sweep NAME=optimizers        # 45 minutes on two cores
"""

import torch

import sweep
from parts import training
from parts.corpus import batches, load_corpus, to_stream
from parts.gpt import clm_loss, nats_per_character
from parts.token_shift import TokenShift
from parts.transformer import Config, Transformer

# AdamW's steps are cheaper, so it gets 20 % more of them: then both take about the same time.
RECIPES = {
    "adamw": {
        "optimizers": training.adamw,
        "schedule": training.cosine_decay,
        "steps": 840,
    },
    "muon": {
        "optimizers": training.muon,
        "schedule": training.linear_decay,
        "steps": 700,
    },
    "muon+previous": {
        "optimizers": training.muon,
        "schedule": training.linear_decay,
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


def run(recipe, lr, seed):
    """One run: its curve on the validation reviews, in steps, seconds and nats."""
    splits, vocab = load_corpus()
    stream = to_stream(vocab, splits["train"])
    held_out = to_stream(vocab, splits["validation"])
    torch.manual_seed(seed)
    model = Transformer(Config())
    if recipe == "muon+previous":
        model.norm_in = torch.nn.Sequential(model.norm_in, TokenShift(model.config.dim))
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
    sweep.main(__file__, RUNS, run)
