"""A small world in which the answer stands in the prompt: pairs of keys and values."""

import torch
from torch.nn import functional as F

from parts.bert import mlm_loss
from parts.corpus import FIRST_CHARACTER, MASK

KEYS = VALUES = 16
PAIRS = 8
FIRST_VALUE = FIRST_CHARACTER + KEYS
# The values of the second half
IS_ASKED = (torch.arange(4 * PAIRS) >= 2 * PAIRS) & (torch.arange(4 * PAIRS) % 2 == 1)


def episodes(n, generator):
    """n prompts (n, 32): eight pairs, then eight of them again; new pairs in each prompt."""
    keys = torch.rand(n, KEYS, generator=generator).argsort(1)[:, :PAIRS]
    values = torch.randint(VALUES, (n, PAIRS), generator=generator)
    again = torch.randint(PAIRS, (n, PAIRS), generator=generator)
    k = torch.cat([keys, keys.gather(1, again)], 1) + FIRST_CHARACTER
    v = torch.cat([values, values.gather(1, again)], 1) + FIRST_VALUE
    return torch.stack([k, v], 2).flatten(1)


def episode_loss(model, generator):
    """Of the second half's values: GPT guesses each, BERT those that are hidden."""
    rows = episodes(64, generator)
    if model.config.causal:
        logits = model(rows[:, :-1])[:, IS_ASKED[1:]].flatten(0, 1)
        return F.cross_entropy(logits, rows[:, IS_ASKED].flatten())
    rate = torch.rand(64, 1, generator=generator)
    is_target = IS_ASKED & (torch.rand(rows.shape, generator=generator) < rate)
    return mlm_loss(model, rows, rows.masked_fill(is_target, MASK), is_target)


def last_correct(model, rows):
    """Share of rows (N, 32) whose last value is guessed; all before it is seen."""
    inputs = rows[:, :-1]
    if not model.config.causal:
        inputs = F.pad(inputs, (0, 1), value=MASK)
    return (model(inputs)[:, -1].argmax(-1) == rows[:, -1]).float().mean().item()
