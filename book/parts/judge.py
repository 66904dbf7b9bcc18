"""A BERT that writes, and judges of what was written that are no networks."""

import torch

from parts.corpus import MASK


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
        runs = [self.codes(stream, n) for n in (1, 2, 3)]
        self.counts = [torch.unique(codes, return_counts=True) for codes in runs]
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
            history = self.total
            if n > 1:
                history = self.count(ids[:, start - n + 1 : -1], n - 1)
            p = (runs + self.weight * p) / (history + self.weight)
        return -p.log().mean().item()


def distinct_pairs(ids):
    """Share of different ones among the pairs of neighbours in ids (N, T).  Li et al. 2016"""
    pairs = ids.unfold(1, 2, 1).reshape(-1, 2)
    return len(pairs.unique(dim=0)) / len(pairs)
