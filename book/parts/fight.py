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

    shift: 1 if the model guesses one position earlier. What comes after the blank is
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


def mean_vectors(model, rows):
    """Rows of ids (B, T), PAD at the end → unit vectors (B, C): the mean of hidden states."""
    keep = (rows > 0).float().unsqueeze(-1)  # (B, T, 1)
    hidden = model.encode(rows, keep=rows > 0) * keep
    return F.normalize(hidden.sum(1) / keep.sum(1), dim=-1)


def contrastive_loss(model, a, b, temperature=0.1):
    """Each a (B, T) should be nearer to its own b (B, T) than to the others'.  Gao et al. 2021"""
    similar = mean_vectors(model, a) @ mean_vectors(model, b).T / temperature  # (B, B)
    return F.cross_entropy(similar, torch.arange(len(a)))


@torch.no_grad()
def found_first(model, a, b):
    """Share of a (N, T) whose own b (N, T) is the nearest of all."""
    nearest = (mean_vectors(model, a) @ mean_vectors(model, b).T).argmax(1)
    return (nearest == torch.arange(len(a))).float().mean().item()


@torch.no_grad()
def write_by_mask(model, ids, new_tokens, generator=None):
    """A BERT writes on: ids (B, T) → (B, T + new_tokens), each drawn at a [MASK] after the last.

    The last look is at as many characters as the context holds.  Wang & Cho 2019, left to right
    """
    for _ in range(new_tokens):
        ids = torch.cat([ids, torch.full_like(ids[:, :1], MASK)], 1)
        last = model.encode(ids[:, -model.config.context :])[:, -1]  # (B, C)
        chances = model.head(last).softmax(-1)
        ids[:, -1:] = torch.multinomial(chances, 1, generator=generator)
    return ids


class CountedTrigrams:
    """A judge that is no network: p(c | two before) by counting, smoothed by the pair, the
    single and the uniform, each worth `weight` counts."""

    def __init__(self, stream, size, weight=5.0):
        self.size, self.weight = size, weight
        self.counts = [
            torch.unique(self.codes(stream, n), return_counts=True) for n in (1, 2, 3)
        ]
        self.total = len(stream)

    def codes(self, ids, n):
        """Runs of n tokens in ids (…, T) as one number each: (…, T - n + 1)."""
        runs = ids.unfold(-1, n, 1)
        return (runs * self.size ** torch.arange(n)).sum(-1)

    def count(self, ids, n):
        known, counts = self.counts[n - 1]
        codes = self.codes(ids, n)
        found = torch.searchsorted(known, codes).clamp(max=len(known) - 1)
        return torch.where(known[found] == codes, counts[found], 0)

    def nats(self, ids, start):
        """Mean -log p of ids (N, T) from position `start`, 2 or more, on."""
        p = torch.full(ids[:, start:].shape, 1 / self.size)
        for n in (1, 2, 3):
            runs = self.count(ids[:, start - n + 1 :], n)
            history = (
                self.total if n == 1 else self.count(ids[:, start - n + 1 : -1], n - 1)
            )
            p = (runs + self.weight * p) / (history + self.weight)
        return -p.log().mean().item()


def distinct_pairs(ids):
    """Share of different ones among the pairs of neighbours in ids (N, T).  Li et al. 2016"""
    pairs = ids.unfold(1, 2, 1).reshape(-1, 2)
    return len(pairs.unique(dim=0)) / len(pairs)


def shifted_mlm_loss(model, ids, inputs, chosen):
    """Masked characters, each guessed one position earlier, as a GPT guesses the next.

    Charpentier & Samuel 2024, §3. ids, inputs: (B, T), before and after hiding;
    chosen: (B, T).
    """
    hidden = model.encode(inputs)[:, :-1][chosen[:, 1:]]  # (M, C)
    return F.cross_entropy(model.head(hidden), ids[:, 1:][chosen[:, 1:]])
