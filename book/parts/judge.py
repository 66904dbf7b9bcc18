"""A BERT that writes, and how much of what was written repeats itself."""

import torch

from parts.corpus import MASK


@torch.no_grad()
def write_by_mask(model, ids, new_tokens, generator=None):
    """A BERT writes on: ids (B, T) → (B, T + new_tokens), each drawn at a [MASK] after the last.

    The last look is at as many characters as the context holds.
    """
    for _ in range(new_tokens):
        ids = torch.cat([ids, torch.full_like(ids[:, :1], MASK)], 1)
        last = model.encode(ids[:, -model.config.context :])[:, -1]  # (B, C)
        chances = model.head(last).softmax(-1)
        ids[:, -1:] = torch.multinomial(chances, 1, generator=generator)
    return ids


def distinct_pairs(ids):
    """Share of different ones among the pairs of neighbours in ids (N, T).  Li et al. 2016"""
    pairs = ids.unfold(1, 2, 1).reshape(-1, 2)
    return len(pairs.unique(dim=0)) / len(pairs)
