"""A judge of what was written that is no network."""

import torch


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
