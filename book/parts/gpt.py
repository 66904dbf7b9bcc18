"""What makes a causal Transformer a GPT: its objective, its score, and its way of writing."""

import torch
from torch.nn import functional as F


def clm_loss(model, windows, reduction="mean"):
    """Mean -log p of the next token. windows: (B, T + 1).  Radford et al. 2018, eq. 1"""
    inputs, targets = windows[:, :-1], windows[:, 1:]  # (B, T) each, one step apart
    logits = model(inputs)  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)


@torch.no_grad()
def nats_per_character(model, stream):
    """Mean -log p over a stream (N,), read in windows as long as the context.

    The end of a review counts as a character.
    """
    T, device = model.config.context, model.head.weight.device
    whole = stream[: (len(stream) - 1) // T * T + 1]
    windows = whole.unfold(0, T + 1, T)  # (windows, T + 1), neighbours share a token
    total = sum(clm_loss(model, w.to(device), "sum").item() for w in windows.split(64))
    return total / (len(whole) - 1)


def next_probabilities(logits, temperature=1.0, top_k=None, top_p=None):
    """logits: (B, V) → probabilities (B, V) of what to write next.

    temperature: 0 = always the likeliest. top_k: only the k likeliest (Fan et al.
    2018). top_p: only the fewest that together reach p (Holtzman et al. 2020).
    Out of range: ValueError.
    """
    if temperature < 0:
        raise ValueError(f"temperature must be 0 (greedy) or more, not {temperature}")
    if top_k is not None and not 1 <= top_k <= logits.size(-1):
        raise ValueError(f"top_k must lie in 1…{logits.size(-1)}, not {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must lie in (0, 1], not {top_p}")
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.size(-1)).to(logits.dtype)
    probabilities, order = (logits / temperature).softmax(-1).sort(descending=True)
    if top_k is not None:
        probabilities[:, top_k:] = 0
    if top_p is not None and top_p < 1:  # the fewest that together reach top_p
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
        before = probabilities.cumsum(-1) - probabilities
        probabilities[before >= top_p] = 0
    probabilities = torch.zeros_like(probabilities).scatter(-1, order, probabilities)
    return probabilities / probabilities.sum(-1, keepdim=True)


@torch.no_grad()
def generate(model, ids, new_tokens, stop=None, cached=True, generator=None, **choice):
    """ids: (B, T) → (B, T + new_tokens), or fewer once every row has written `stop`.

    choice: temperature, top_k, top_p of `next_probabilities`. A full context forgets
    its older half. The model writes as in eval().
    """
    was_training, context = model.training, model.config.context
    first = max(0, ids.size(1) - context)  # the first token still in the context
    cache = {} if cached else None
    ended = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    model.eval()
    try:
        for _ in range(new_tokens):
            if ids.size(1) - first > context:
                first = ids.size(1) - max(1, context // 2)
                cache = {} if cached else None
            new = ids[:, -1:] if cache else ids[:, first:]  # not in the cache yet
            logits = model(new, cache=cache)[:, -1]  # (B, V)
            # Drawn on the CPU, so that a seed writes the same text on every device
            chances = next_probabilities(logits, **choice).cpu()
            chosen = torch.multinomial(chances, 1, generator=generator)
            chosen = chosen.to(ids.device)  # (B, 1)
            ids = torch.cat([ids, chosen], 1)
            if stop is not None:
                ended |= chosen[:, 0] == stop
                if ended.all():
                    break
    finally:
        model.train(was_training)
    return ids
