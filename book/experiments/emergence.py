"""Does an ability come of a sudden with size, or does the ruler make it look so?

Small GPTs of seven widths learn to add two numbers of five digits, for 500 and 2,000 steps, at two
learning rates, three seeds each; two narrow ones also for 8,000 steps. Each is measured with three
rulers: all digits right, single digits right, nats.

    make sweep NAME=emergence        # half an hour on two cores
"""

from functools import partial

import torch

import sweep
from parts.addition import adding_loss, sums, three_rulers
from parts.training import fit, muon
from parts.transformer import Config, Transformer

WIDTHS = (8, 16, 24, 32, 40, 48, 64)
RUNS = [
    {"width": width, "steps": steps, "rate": rate, "seed": seed}
    for steps, rates, widths in [
        (500, (0.01, 0.003), WIDTHS),
        (2000, (0.01, 0.003), WIDTHS),
        (8000, (0.01,), (16, 24)),
    ]
    for seed in range(3)
    for rate in rates
    for width in widths
]


def run(width, steps, rate, seed):
    torch.manual_seed(seed)
    shape = Config(vocab_size=12, context=18, dim=width, heads=2, layers=3)
    model, generator = Transformer(shape), torch.Generator().manual_seed(seed)
    fit(model, partial(adding_loss, model, generator), steps, muon(model, rate))
    unseen = sums(1000, torch.Generator().manual_seed(77))
    with torch.no_grad():
        found = three_rulers(model, unseen)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    names = "whole", "single", "nats"
    rounded = {name: round(value, 4) for name, value in zip(names, found, strict=True)}
    return {"parameters": parameters, **rounded}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
