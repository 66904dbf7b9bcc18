"""How does the loss fall with size and text, for three objectives?

CLM, MLM (40 % hidden) and prefix LM; five sizes, from 32 thousand to 3.1 million parameters in the
blocks; 0.25 to 8 million characters of reviews; three seeds. One run is one objective, size and
seed. The learning rate stays high on the main road; before each budget a copy of the model leaves
it and lets the rate fall to nothing (Hägele et al. 2024), so one run serves every budget.

    make sweep NAME=scaling        # three hours on two cores
"""

import copy
import time

import torch

import sweep
from parts.bert import mask_tokens, mlm_loss
from parts.cloze import (
    bigram_log_p,
    cloze_score,
    cloze_windows,
    log_p_by_bayes,
    log_p_by_mask,
)
from parts.corpus import batches, load_corpus, to_stream
from parts.gpt import clm_loss, nats_per_character
from parts.neighbour_heads import look_at_neighbours
from parts.prefix_lm import SIZES, SeesPrefix, flops, prefix_loss
from parts.training import fit, muon
from parts.transformer import Config, Transformer

BATCH, T, BLANK = 16, 64, 24  # windows a step; characters a window; the blank's place
WARMUP, COOLING = 20, 0.2  # steps; share of a run in which the rate falls
ASKED = {"CLM": 1.0, "MLM": 0.4, "prefix": 0.5}  # share of characters that are targets
BUDGETS = {  # characters read, about a millionth part each
    "32k": (0.25, 0.5, 1, 2, 4, 8),
    "99k": (0.25, 0.5, 1, 2, 4, 8),
    "310k": (0.25, 0.5, 1, 2, 4),
    "1.0M": (0.25, 0.5, 1, 2),
    "3.1M": (0.25, 0.5, 1),
}
ENDS = ("32k", "3.1M")
RUNS = [
    {"objective": objective, "size": size, "seed": seed}
    for sizes, seeds in [
        (SIZES, [0]),
        (ENDS, [1, 2]),
        ([size for size in SIZES if size not in ENDS], [1, 2]),
    ]
    for seed in seeds
    for size in sizes
    for objective in ASKED
]


class PrefixLM(SeesPrefix, Transformer):
    pass


def loss_of(objective, model, windows, generator):
    """Of a batch of windows (B, T + 1)."""
    if objective == "CLM":
        return clm_loss(model, windows)
    if objective == "prefix":
        prefix = int(torch.randint(1, T, (1,), generator=generator))
        return prefix_loss(model, windows, prefix)
    ids = windows[:, :-1]
    made = mask_tokens(ids, 2000, ASKED["MLM"], generator=generator)
    return mlm_loss(model, ids, *made)


def held_out(objective, model, stream):
    """The objective's own loss, always with the same gaps, and with half a window as prefix."""
    if objective == "CLM":
        return nats_per_character(model, stream)
    generator, losses = torch.Generator().manual_seed(0), []
    for windows in stream.unfold(0, T + 1, T).split(64):
        if objective == "prefix":
            losses.append(prefix_loss(model, windows, T // 2))
        else:
            losses.append(loss_of(objective, model, windows, generator))
    return torch.stack(losses).mean().item()


def fill(objective, model, asked, bigrams):
    """The blank of chapter 4, from both sides."""
    if objective == "MLM":
        log_p = log_p_by_mask(model, asked, BLANK)
    else:
        model.prefix = BLANK
        log_p = log_p_by_bayes(model, asked, BLANK, bigrams, shortlist=32)
    return cloze_score(log_p, asked, BLANK)["nats"]


def run(objective, size, seed):
    splits, vocab = load_corpus()
    train, held, _ = (to_stream(vocab, rows) for rows in splits.values())
    asked, bigrams = cloze_windows(vocab, held, 300), bigram_log_p(train, len(vocab))

    dim, heads, layers = SIZES[size]
    config = Config(dim=dim, heads=heads, layers=layers, causal=objective != "MLM")
    torch.manual_seed(seed)
    model = (PrefixLM if objective == "prefix" else Transformer)(config)
    look_at_neighbours(model)
    windows = batches(train, BATCH, T + 1, seed)
    generator = torch.Generator().manual_seed(seed)
    optimizers, done, points, began = muon(model), 0, [], time.perf_counter()
    for budget in BUDGETS[size]:
        steps = round(budget * 1e6 / (BATCH * T))
        leave = round((1 - COOLING) * steps)
        fit(
            model,
            lambda: loss_of(objective, model, next(windows), generator),
            leave - done,
            optimizers,
            schedule=lambda step, _, done=done: min(1, (done + step + 1) / WARMUP),
        )
        done = leave
        branch, own = copy.deepcopy((model, optimizers))
        fit(
            branch,
            lambda branch=branch: loss_of(objective, branch, next(windows), generator),
            steps - leave,
            own,
            schedule=lambda step, steps: max(0.02, 1 - step / steps),
        )
        with torch.no_grad():
            point = {
                "characters": steps * BATCH * T,
                "flops": flops(model, steps * BATCH * T, ASKED[objective]),
                "nats": round(held_out(objective, branch, held), 4),
                "cloze": round(fill(objective, branch, asked, bigrams), 4),
            }
        points.append(point)
    seconds = round(time.perf_counter() - began)
    body = sum(parameter.numel() for parameter in model.blocks.parameters())
    return {"parameters": body, "points": points, "seconds": seconds}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
