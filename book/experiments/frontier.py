"""How does the loss fall with compute, when each objective has a learning rate that suits it?

CLM, MLM (40 % hidden) and prefix LM, five sizes of 14 thousand to a million parameters in the
blocks, three seeds; one, two, four and eight times 10^12 floating-point operations. Each objective
and size first chooses its rate on the validation split: five are tried on the least budget, the
better two go on to four times as much. The rate stays high on the main road; before each budget a
copy leaves it and lets the rate fall to nothing (Hägele et al. 2024). Scored on the test split: the
objective's own loss, and chapter 4's blank, the same questions for all.

    make sweep NAME=frontier        # four and a half hours on two cores
"""

import copy
import json

import torch

import sweep
from parts.bert import mask_tokens, mlm_loss
from parts.cloze import (
    bigram_log_p,
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

BATCH, T, BLANK = 32, 64, 24  # windows a step; characters a window; the blank's place
WARMUP, COOLING = 20, 0.2  # steps; share of a run in which the rate falls
ASKED = {"CLM": 1.0, "MLM": 0.4, "prefix": 0.5}  # share of characters that are targets
BUDGETS = 1e12, 2e12, 4e12, 8e12  # floating-point operations
RATES = 0.0015, 0.003, 0.006, 0.012, 0.024
RUNS = [
    {"objective": objective, "size": size, "seed": seed}
    for seed in range(3)
    for size in SIZES
    for objective in ASKED
]


class PrefixLM(SeesPrefix, Transformer):
    pass


class Learner:
    """A model, its text and its optimisers, trained as far as one likes."""

    def __init__(self, objective, size, seed, rate, stream):
        torch.manual_seed(seed)
        dim, heads, layers = SIZES[size]
        kind = PrefixLM if objective == "prefix" else Transformer
        shape = Config(dim=dim, heads=heads, layers=layers, causal=objective != "MLM")
        self.objective, self.model, self.done = objective, kind(shape), 0
        look_at_neighbours(self.model)
        self.optimizers = muon(self.model, lr=rate)
        self.windows = batches(stream, BATCH, T + 1, seed)
        self.generator = torch.Generator().manual_seed(seed)

    def loss(self, model):
        windows = next(self.windows)
        if self.objective == "CLM":
            return clm_loss(model, windows)
        if self.objective == "prefix":
            prefix = int(torch.randint(1, T, (1,), generator=self.generator))
            return prefix_loss(model, windows, prefix)
        ids = windows[:, :-1]
        made = mask_tokens(ids, 2000, ASKED["MLM"], generator=self.generator)
        return mlm_loss(model, ids, *made)

    def steps_of(self, budget):
        characters = BATCH * T
        return round(budget / flops(self.model, characters, ASKED[self.objective]))

    def arrive(self, budget):
        """A copy that leaves the main road in time, and cools down at the end of the budget."""
        steps = self.steps_of(budget)
        leave = round((1 - COOLING) * steps)
        before = self.done

        def high(step, _):
            return min(1, (before + step + 1) / WARMUP)

        fit(
            self.model,
            lambda: self.loss(self.model),
            leave - before,
            self.optimizers,
            high,
        )
        self.done = leave
        branch, own = copy.deepcopy((self.model, self.optimizers))

        def down(step, steps):
            return max(0.02, 1 - step / steps)

        fit(branch, lambda: self.loss(branch), steps - leave, own, down)
        return branch, steps * BATCH * T


@torch.no_grad()
def own_loss(objective, model, stream):
    """Its own loss, always with the same gaps, and with half a window as prefix."""
    if objective == "CLM":
        return nats_per_character(model, stream)
    generator, losses = torch.Generator().manual_seed(0), []
    for windows in stream.unfold(0, T + 1, T).split(64):
        if objective == "prefix":
            losses.append(prefix_loss(model, windows, T // 2))
        else:
            ids = windows[:, :-1]
            made = mask_tokens(ids, 2000, ASKED["MLM"], generator=generator)
            losses.append(mlm_loss(model, ids, *made))
    return torch.stack(losses).mean().item()


def blank_nats(objective, model, asked, bigrams):
    """-log p of the truth of each question of chapter 4, from both sides, (N,)."""
    if objective == "MLM":
        log_p = log_p_by_mask(model, asked, BLANK)
    else:
        model.prefix = BLANK
        log_p = log_p_by_bayes(model, asked, BLANK, bigrams, shortlist=32)
    return -log_p.gather(1, asked[:, BLANK, None])[:, 0]


def tried_rates(objective, size):
    """[(validation loss, rate)], best first: all on the least budget, two on four times as much."""
    kept = f"bodies/frontier-{objective}-{size}.{sweep.code_hash(__file__)}.json"
    kept = sweep.HERE / kept
    if kept.exists():
        return json.loads(kept.read_text())
    splits, vocab = load_corpus()
    train, validation, _ = (to_stream(vocab, rows) for rows in splits.values())
    learners = {rate: Learner(objective, size, 0, rate, train) for rate in RATES}

    def loss_at(budget, rate):
        model, _ = learners[rate].arrive(budget)
        return round(own_loss(objective, model, validation), 4)

    first = sorted((loss_at(BUDGETS[0], rate), rate) for rate in RATES)
    then = sorted((loss_at(BUDGETS[2], rate), rate) for _, rate in first[:2])
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps({"first": first, "then": then}))
    return {"first": first, "then": then}


def run(objective, size, seed):
    tried = tried_rates(objective, size)
    _, rate = tried["then"][0]
    splits, vocab = load_corpus()
    train, _, test = (to_stream(vocab, rows) for rows in splits.values())
    asked, bigrams = cloze_windows(vocab, test, 600), bigram_log_p(train, len(vocab))
    learner, points = Learner(objective, size, seed, rate, train), []
    for budget in BUDGETS:
        model, characters = learner.arrive(budget)
        nats = blank_nats(objective, model, asked, bigrams)
        point = {
            "budget": budget,
            "characters": characters,
            "nats": round(own_loss(objective, model, test), 4),
            "cloze": round(nats.mean().item(), 4),
            "cloze error": round(nats.std().item() / len(nats) ** 0.5, 4),
        }
        points.append(point)
    body = sum(parameter.numel() for parameter in learner.model.blocks.parameters())
    return {"parameters": body, "rate": rate, "tried": tried, "points": points}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
