"""Which recipe trains the small GPT best at equal seconds?

AdamW at three learning rates, Muon at two, and Muon with each position carrying some of the one
before. Two controls give AdamW what came with Muon: the straight fall of the rate, and a rate of
their own, without decay, for embeddings. Three seeds each, 24 runs.

    make sweep NAME=optimizers        # an hour on two cores
"""

import torch

import sweep
from parts import training
from parts.corpus import batches, load_corpus, to_stream
from parts.gpt import clm_loss, nats_per_character
from parts.token_shift import TokenShift
from parts.transformer import Config, Transformer


def split_adamw(model, lr):
    """AdamW where Muon would be; the rest as with Muon: 0.01, no decay."""
    matrices, rest = training.muon(model)
    blocks = matrices.param_groups[0]["params"]
    decay = {"betas": (0.9, 0.99), "weight_decay": 0.1}
    return [torch.optim.AdamW(blocks, lr, **decay), rest]


# AdamW's steps are cheaper, so it gets 20 % more of them: then both take about the same time.
RECIPES = {  # optimizers, schedule, steps
    "adamw": (training.adamw, training.cosine_decay, 840),
    "muon": (training.muon, training.linear_decay, 700),
    "muon+previous": (training.muon, training.linear_decay, 700),
    "adamw, linear": (training.adamw, training.linear_decay, 840),
    "adamw, split": (split_adamw, training.linear_decay, 840),
}
RUNS = [
    {"recipe": recipe, "lr": lr, "seed": seed}
    for recipes in [
        [
            ("muon", 1e-2),
            ("adamw", 3e-3),
            ("muon+previous", 1e-2),
            ("muon", 2e-2),
            ("adamw", 1e-3),
            ("adamw", 6e-3),
        ],
        [("adamw, linear", 3e-3), ("adamw, split", 3e-3)],
    ]
    for seed in range(3)
    for recipe, lr in recipes
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
    optimizers, schedule, steps = RECIPES[recipe]
    history = training.fit(
        model,
        lambda: clm_loss(model, next(windows)),
        steps,
        optimizers(model, lr),
        schedule,
        check=lambda: nats_per_character(model, held_out),
        every=140,
    )
    looked_at, seconds, nats = zip(*history.checks, strict=True)
    return {
        "steps": looked_at,
        "seconds": [round(s, 1) for s in seconds],
        "nats": [round(n, 4) for n in nats],
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
