"""The cloze, put to every model: other masks over the same weights, and three ways to answer."""

import copy
from dataclasses import replace

import torch
from torch.nn import functional as F

from parts.corpus import MASK

FIRST_HAN, LAST_HAN = "一", "鿿"


def flipped(model):
    """The same weights, not a copy of them, under the other mask."""
    other = copy.copy(model)
    other.config = replace(model.config, causal=not model.config.causal)
    return other


def cloze_windows(vocab, stream, rows, left=24, right=8, seed=0):
    """Windows (rows, left + 1 + right) of a stream (N,) whose character at `left` is to be guessed.

    It and its two neighbours are 汉字 of the vocabulary: the blank is inside a sentence.
    """
    han = torch.tensor([FIRST_HAN <= token <= LAST_HAN for token in vocab.tokens])
    windows = stream.unfold(0, left + 1 + right, 1)
    inside = windows[han[windows[:, left - 1 : left + 2]].all(1)]
    generator = torch.Generator().manual_seed(seed)
    return inside[torch.randperm(len(inside), generator=generator)[:rows]]


@torch.no_grad()
def log_p_by_mask(model, windows, blank, shift=0):
    """log p of each character (N, V) at the blank, hidden as [MASK].

    shift: 1 if the model guesses one position earlier. What comes after the blank is
    seen; cut it off, windows[:, :blank + 1], and the left alone decides.
    """
    inputs = windows.clone()
    inputs[:, blank] = MASK
    return model.head(model.encode(inputs)[:, blank - shift]).log_softmax(-1)


@torch.no_grad()
def log_p_by_left(model, windows, blank):
    """log p of each character (N, V) from what a causal model has read before the blank."""
    return model(windows[:, :blank])[:, -1].log_softmax(-1)


def bigram_log_p(stream, size):
    """log p(next | character) by counting, (V, V); a tenth of a count for what never occurred."""
    counts = torch.bincount(stream[:-1] * size + stream[1:], minlength=size**2)
    counts = counts.view(size, size) + 0.1
    return (counts / counts.sum(1, keepdim=True)).log()


@torch.no_grad()
def log_p_by_bayes(model, windows, blank, bigrams, shortlist=128):
    """log p of each character (N, V) from a causal model that may use both sides, by Bayes:

    p(c | left, right) ∝ p(c | left) · p(right | left, c). The second factor is computed
    for a shortlist; it, and the share of all others, come from `bigrams` (V, V), counted
    pairs, in its place.
    """
    answers = []
    lefts = log_p_by_left(model, windows, blank)  # (N, V)
    for row, first in zip(windows, lefts, strict=True):
        rough = (first + bigrams[:, row[blank + 1]]).log_softmax(-1)  # (V,)
        share, candidates = rough.topk(shortlist)
        cache = {}
        model(row[None, :blank], cache=cache)
        # One reading of the left for all candidates
        for layer, pasts in cache.items():
            cache[layer] = tuple(p.expand(shortlist, -1, -1, -1) for p in pasts)
        right = row[None, blank + 1 :].expand(shortlist, -1)
        ids = torch.cat([candidates[:, None], right], 1)  # (shortlist, 1 + right)
        after = model(ids[:, :-1], cache=cache).log_softmax(-1)
        after = after.gather(-1, right[..., None]).sum((1, 2))  # log p(right | left, c)
        exact = (first[candidates] + after).log_softmax(-1)
        rough[candidates] = share.logsumexp(-1) + exact
        answers.append(rough)
    return torch.stack(answers)


def cloze_score(log_p, windows, blank):
    """{"nats": mean -log p of the truth, "correct": share where it is the likeliest}."""
    truth = windows[:, blank]
    correct = (log_p.argmax(-1) == truth).float().mean().item()
    return {"nats": F.nll_loss(log_p, truth).item(), "correct": correct}


def shifted_mlm_loss(model, ids, inputs, is_target):
    """Masked characters, each guessed one position earlier, as a GPT guesses the next.

    Charpentier & Samuel 2024, §3. ids, inputs: (B, T), before and after hiding;
    is_target: (B, T).
    """
    later = is_target[:, 1:]
    states = model.encode(inputs)[:, :-1][later]  # (M, C)
    return F.cross_entropy(model.head(states), ids[:, 1:][later])
