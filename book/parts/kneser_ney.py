"""Counting done well: a language model without a network, and the line to beat."""

import torch


def run_codes(ids, n, size):
    """Each run of n tokens in ids (…, T) as one number, (…, T - n + 1): base `size`."""
    return (ids.unfold(-1, n, 1) * size ** torch.arange(n - 1, -1, -1)).sum(-1)


def discounts(counts):
    """What runs seen 1, 2, 3 or more times hand on to shorter ones: (4,), the first 0.

    From how many were seen once, twice …  Chen & Goodman 1999, §3.1. Where too few
    were seen to tell, half of each.
    """
    once, twice, thrice, often = [int((counts == k).sum()) for k in (1, 2, 3, 4)]
    if not (once and twice and thrice and often):
        return torch.tensor([0, 0.5, 1, 1.5])
    share = once / (once + 2 * twice)
    of_two, of_three = 3 * share * thrice / twice, 4 * share * often / thrice
    taken = [0, 1 - 2 * share * twice / once, 2 - of_two, 3 - of_three]
    return torch.tensor(taken).clamp(min=0)


def find(known, values, codes):
    """The values of codes among `known`, sorted; 0 for what is not there."""
    place = torch.searchsorted(known, codes).clamp(max=len(known) - 1)
    return torch.where(known[place] == codes, values[place], 0)


class KneserNey:
    """p(token | up to order - 1 before it).  Chen & Goodman 1999, modified, interpolated

    stream: (N,), ids below `size`. A run must fit into one integer, else ValueError.
    """

    def __init__(self, stream, size, order=5):
        if size**order >= 2**63:
            raise ValueError(f"runs of {order} out of {size} fit into no integer")
        self.size, self.order, self.levels = size, order, []
        runs, counts = run_codes(stream, order, size).unique(return_counts=True)
        for n in range(order, 0, -1):
            handed_on = discounts(counts)[counts.clamp(max=3)]
            histories, place = (runs // size).unique_consecutive(return_inverse=True)
            total = torch.zeros(len(histories)).index_add(0, place, counts.float())
            spare = torch.zeros(len(histories)).index_add(0, place, handed_on)
            kept = counts - handed_on
            self.levels.insert(0, (n, runs, kept, histories, total, spare))
            # Shorter runs count how many different tokens they were seen after
            runs, counts = (runs % size ** (n - 1)).unique(return_counts=True)

    def log_p(self, ids):
        """log p of each token of rows (N, T) after those before it in its row: (N, T)."""
        p = torch.full(ids.shape, 1 / self.size)
        for n, runs, kept, histories, total, spare in self.levels:
            if n > ids.size(1):
                break
            codes = run_codes(ids, n, self.size)  # (N, T - n + 1)
            seen = find(histories, total, codes // self.size)
            spared = find(histories, spare, codes // self.size)
            shorter = p[:, n - 1 :]
            found = (find(runs, kept, codes) + spared * shorter) / seen.clamp(min=1)
            p[:, n - 1 :] = torch.where(seen > 0, found, shorter)
        return p.log()

    def nats(self, ids, start=0):
        """Mean -log p of the tokens of rows (N, T) from position `start` on."""
        return -self.log_p(ids)[:, start:].mean().item()
