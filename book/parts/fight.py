"""The fair fight: other masks over the same weights, and one question put to every model."""

import copy
from dataclasses import replace

import torch
from torch.nn import functional as F

MASK, HAN = 4, ("一", "鿿")


def flipped(model):
    """The same weights, not a copy of them, under the other mask."""
    other = copy.copy(model)
    other.config = replace(model.config, causal=not model.config.causal)
    return other


def shifted_mlm_loss(model, ids, inputs, chosen):
    """Masked characters, each guessed one position earlier, as a GPT guesses the next.

    Charpentier & Samuel 2024, §3. ids, inputs: (B, T), before and after hiding;
    chosen: (B, T).
    """
    hidden = model.encode(inputs)[:, :-1][chosen[:, 1:]]  # (M, C)
    return F.cross_entropy(model.head(hidden), ids[:, 1:][chosen[:, 1:]])


def blanks(vocab, stream, rows, left=24, right=8, seed=0):
    """Windows (rows, left + 1 + right) of a stream (N,) whose character at `left` is to be guessed.

    It and its two neighbours are 汉字 of the vocabulary: the blank is inside a sentence.
    """
    han = torch.tensor([HAN[0] <= token <= HAN[1] for token in vocab.tokens])
    windows = stream.unfold(0, left + 1 + right, 1)
    inside = windows[han[windows[:, left - 1 : left + 2]].all(1)]
    generator = torch.Generator().manual_seed(seed)
    return inside[torch.randperm(len(inside), generator=generator)[:rows]]


@torch.no_grad()
def by_mask(model, windows, blank, shift=0):
    """log p of each character (N, V) at the blank, hidden as [MASK].

    shift: 1 if the model guesses one position earlier. What stands behind the blank is
    seen; cut it off, windows[:, :blank + 1], and the left alone decides.
    """
    inputs = windows.clone()
    inputs[:, blank] = MASK
    return model.head(model.encode(inputs)[:, blank - shift]).log_softmax(-1)


@torch.no_grad()
def by_left(model, windows, blank):
    """log p of each character (N, V) from what a causal model has read before the blank."""
    return model(windows[:, :blank])[:, -1].log_softmax(-1)


def followers(stream, size):
    """log p(next | character) by counting, (V, V); a tenth of a count for what never occurred."""
    counts = torch.bincount(stream[:-1] * size + stream[1:], minlength=size**2)
    counts = counts.view(size, size) + 0.1
    return (counts / counts.sum(1, keepdim=True)).log()


@torch.no_grad()
def by_joint(model, windows, blank, followed, shortlist=128):
    """log p of each character (N, V) from a causal model that may use both sides, by Bayes:

    p(c | left, right) ∝ p(c | left) · p(right | left, c). The second factor is computed
    for a shortlist; it, and the share of all others, come from `followed` (V, V), counted
    pairs, in its place.
    """
    answers = []
    for row, first in zip(windows, by_left(model, windows, blank), strict=True):
        rough = (first + followed[:, row[blank + 1]]).log_softmax(-1)  # (V,)
        share, candidates = rough.topk(shortlist)
        cache = {}
        model(row[None, :blank], cache=cache)
        cache = {  # one reading of the left for all candidates
            layer: tuple(past.expand(shortlist, -1, -1, -1) for past in pasts)
            for layer, pasts in cache.items()
        }
        right = row[None, blank + 1 :].expand(shortlist, -1)
        ids = torch.cat([candidates[:, None], right], 1)  # (shortlist, 1 + right)
        after = model(ids[:, :-1], cache=cache).log_softmax(-1)
        after = after.gather(-1, right[..., None]).sum((1, 2))  # log p(right | left, c)
        exact = (first[candidates] + after).log_softmax(-1)
        rough[candidates] = share.logsumexp(-1) + exact
        answers.append(rough)
    return torch.stack(answers)


def cloze(log_p, windows, blank):
    """{"nats": mean -log p of the truth, "right": share where it is the likeliest}."""
    truth = windows[:, blank]
    right = (log_p.argmax(-1) == truth).float().mean().item()
    return {"nats": F.nll_loss(log_p, truth).item(), "right": right}
