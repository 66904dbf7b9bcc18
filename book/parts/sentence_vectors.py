"""One vector for a sentence: the mean of its states, and how to teach it what is near."""

import torch
from torch.nn import functional as F

from parts.corpus import PAD


def mean_vectors(model, rows):
    """Rows of ids (B, T), PAD at the end → unit vectors (B, C): the mean of hidden states."""
    keep = rows != PAD  # (B, T)
    states = model.encode(rows, keep=keep) * keep.unsqueeze(-1)  # (B, T, C)
    return F.normalize(states.sum(1) / keep.sum(1, keepdim=True), dim=-1)


def contrastive_loss(model, a, b, temperature=0.1):
    """Each a (B, T) should be nearer to its own b (B, T) than to the others'.  Gao et al. 2021"""
    similar = mean_vectors(model, a) @ mean_vectors(model, b).T / temperature  # (B, B)
    return F.cross_entropy(similar, torch.arange(len(a)))


@torch.no_grad()
def found_first(model, a, b):
    """Share of a (N, T) whose own b (N, T) is the nearest of all."""
    nearest = (mean_vectors(model, a) @ mean_vectors(model, b).T).argmax(1)
    return (nearest == torch.arange(len(a))).float().mean().item()
