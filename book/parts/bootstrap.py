"""How sure is a difference? What chance had a hand in is drawn again, all of it together."""

import torch


def bootstrap(draws, items=None, sizes=None, rounds=10_000):
    """Differences that might as well have been found, (rounds,).  Efron & Tibshirani 1993

    draws: (S, D), what was found from S seeds of pre-training with D draws of the labels each.
    items: (N,), what each test item adds to it, over all seeds and draws; sizes: (N,), how much
    each item counts, 1 unless told. Drawn with replacement: seeds, the draws of each, and items.
    Few seeds make such a spread too narrow by √((S - 1) / S); that is set right.
    """
    generator = torch.Generator().manual_seed(0)
    S, D = draws.shape
    seeds = torch.randint(S, (rounds, S, 1), generator=generator)
    within = torch.randint(D, (rounds, S, D), generator=generator)
    means = draws[seeds, within].mean((1, 2))
    centre = draws.mean()
    found = centre + (means - centre) * (S / (S - 1)) ** 0.5
    if items is not None:
        sizes = torch.ones(len(items)) if sizes is None else sizes
        chosen = torch.randint(len(items), (rounds, len(items)), generator=generator)
        again = items[chosen].sum(1) / sizes[chosen].sum(1)
        found += again - items.sum() / sizes.sum()
    return found


def interval(differences, looks=1):
    """The middle 95 % of differences (rounds,): (low, high). looks: how many are looked at;
    the interval widens so that all of them together miss in 5 % (Bonferroni)."""
    tail = 0.025 / looks
    low, high = differences.quantile(torch.tensor([tail, 1 - tail]))
    return low.item(), high.item()
