"""Which of the two roads learns to read its answer off the prompt, and what does it need for that?

Two layers, a world of pairs of keys and values. Told who stands to the left of each position
(`TokenShift`), given a start that looks at the neighbours, or without help; three learning rates,
three seeds.

    make sweep NAME=in_context        # an hour on two cores
"""

from functools import partial

import torch

import sweep
from parts.in_context import FIRST_VALUE, VALUES, episode_loss, episodes, last_correct
from parts.neighbour_heads import look_at_neighbours
from parts.token_shift import TokenShift
from parts.training import fit, muon
from parts.transformer import Config, Transformer

RUNS = [
    {"model": model, "help": help, "rate": rate, "steps": steps, "seed": seed}
    for help, steps in [("shift", 3000), ("neighbours", 3000), ("none", 20000)]
    for seed in range(3)
    for rate in (0.01, 0.003, 0.001)
    for model in ("GPT", "BERT")
]


def run(model, help, rate, steps, seed):
    torch.manual_seed(seed)
    vocab_size, causal = FIRST_VALUE + VALUES, model == "GPT"
    net = Transformer(Config(vocab_size, 32, dim=64, heads=2, layers=2, causal=causal))
    if help == "shift":
        net.norm_in = torch.nn.Sequential(net.norm_in, TokenShift(64))
    elif help == "neighbours":
        look_at_neighbours(net)
    generator = torch.Generator().manual_seed(seed)
    unseen = episodes(1000, torch.Generator().manual_seed(99))
    history = fit(
        net,
        partial(episode_loss, net, generator),
        steps,
        muon(net, rate),
        check=partial(last_correct, net, unseen),
        every=steps // 40,
    )
    return {"checks": [(step, round(share, 3)) for step, _, share in history.checks]}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
