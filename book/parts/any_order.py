"""How a BERT writes, and what a text costs it at most: hidden in any order, and filled."""

import torch
from torch.nn import functional as F

from parts.corpus import MASK


def append_masks(ids, new_tokens):
    return torch.cat([ids, ids.new_full((len(ids), new_tokens), MASK)], 1)


@torch.no_grad()
def draw_at(model, ids, places, generator=None):
    """Draw a token for one place (B,) of each row of ids (B, T), in place."""
    rows = torch.arange(len(ids))
    chances = model.head(model.encode(ids)[rows, places]).softmax(-1)  # (B, V)
    ids[rows, places] = torch.multinomial(chances, 1, generator=generator)[:, 0]


@torch.no_grad()
def write_at_once(model, ids, new_tokens, generator=None):
    """ids: (B, T) → (B, T + new_tokens): all masks are drawn in one step, each for itself."""
    ids = append_masks(ids, new_tokens)
    chances = model.head(model.encode(ids)[:, -new_tokens:]).softmax(-1)
    drawn = torch.multinomial(chances.flatten(0, 1), 1, generator=generator)
    ids[:, -new_tokens:] = drawn.view(len(ids), -1)
    return ids


@torch.no_grad()
def write_in_order(model, ids, new_tokens, order, generator=None):
    """ids: (B, T) → (B, T + new_tokens), one mask a step.

    order: "sure" = where the likeliest character is most likely (Ghazvininejad et al.
    2019); "random" = anywhere; else ValueError.
    """
    if order not in ("sure", "random"):
        raise ValueError(f'order must be "sure" or "random", not {order!r}')
    ids = append_masks(ids, new_tokens)
    for _ in range(new_tokens):
        if order == "sure":
            sure = model.head(model.encode(ids)).softmax(-1).amax(-1)  # (B, T)
        else:
            sure = torch.rand(ids.shape, generator=generator)
        places = sure.masked_fill(ids != MASK, -1).argmax(1)
        draw_at(model, ids, places, generator)
    return ids


@torch.no_grad()
def write_by_gibbs(model, ids, new_tokens, rounds, generator=None):
    """ids: (B, T) → (B, T + new_tokens): written at once, then `rounds` times each of the new
    places, in random order, is hidden and drawn again.  Wang & Cho 2019, §3.2
    """
    T, ids = ids.size(1), write_at_once(model, ids, new_tokens, generator)
    for _ in range(rounds):
        for place in torch.randperm(new_tokens, generator=generator).tolist():
            ids[:, T + place] = MASK
            draw_at(model, ids, torch.full((len(ids),), T + place), generator)
    return ids


def hide_some(ids, generator=None):
    """Hide k places of each row, k = 1 … T alike likely; the first token is never hidden.

    ids: (B, T + 1) → inputs and is_target (B, T + 1), True = hidden. The k of a batch are
    spread evenly.  Uria et al. 2014, §3; Hoogeboom et al. 2022
    """
    B, T = len(ids), ids.size(1) - 1
    share = (torch.rand(1, generator=generator) + torch.arange(B) / B) % 1  # (B,)
    k = (share * T).long() + 1
    rank = torch.rand(B, T, generator=generator).argsort(1).argsort(1)
    is_target = F.pad(rank < k[:, None], (1, 0))
    return ids.masked_fill(is_target, MASK), is_target


def any_order_loss(model, ids, generator=None):
    """Mean over rows of the mean -log p of what is hidden, ids: (B, T + 1).

    On average at least -log p of a row, per token: a row with k gaps stands for the moment,
    in a random order of writing, when k are left.  Hoogeboom et al. 2022; Sahoo et al. 2024
    """
    inputs, is_target = hide_some(ids, generator)
    logits = model.head(model.encode(inputs)[is_target])  # (M, V)
    nats = F.cross_entropy(logits, ids[is_target], reduction="none")
    share = is_target / is_target.sum(1, keepdim=True)  # (B, T + 1), rows sum to 1
    return (nats * share[is_target]).sum() / len(ids)


@torch.no_grad()
def nats_upper_bound(model, stream, rounds=1):
    """Nats per token of a stream (N,), at most, in windows as long as the context."""
    T, generator = model.config.context - 1, torch.Generator().manual_seed(0)
    windows = stream.unfold(0, T + 1, T)  # neighbours share a token
    losses = [
        any_order_loss(model, some, generator) * len(some)
        for _ in range(rounds)
        for some in windows.split(64)
    ]
    return torch.stack(losses).sum().item() / (rounds * len(windows))
