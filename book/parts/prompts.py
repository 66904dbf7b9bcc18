"""A GPT that is asked in words: prompt, answer, and nothing else."""

import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from parts.corpus import PAD, SEP


def prompt_loss(model, pairs):
    """Mean -log p of the answers, their closing [SEP] included.

    pairs: [(source ids, target ids)], read as [SEP] source [SEP] target [SEP].
    """
    rows = [torch.tensor([SEP, *a, SEP, *b, SEP]) for a, b in pairs]
    ids = pad_sequence(rows, batch_first=True, padding_value=PAD)  # (B, T)
    place = torch.arange(ids.size(1))
    begin = torch.tensor([[len(source) + 2] for source, _ in pairs])
    end = torch.tensor([[len(row)] for row in rows])
    is_target = (place >= begin) & (place < end)  # (B, T)
    states = model.encode(ids[:, :-1])[is_target[:, 1:]]  # (M, C)
    return F.cross_entropy(model.head(states), ids[is_target])


@torch.no_grad()
def answer(model, sources, longest):
    """Sources [ids] → answers [ids], greedily, before the first [SEP] or after `longest`.

    Sources of one length are answered together: nothing is padded.
    """
    answers = [None] * len(sources)
    for length in {len(source) for source in sources}:
        places = [i for i, source in enumerate(sources) if len(source) == length]
        new = torch.tensor([[SEP, *sources[i], SEP] for i in places])
        cache, columns = {}, []
        for _ in range(min(longest, model.config.context - length - 2)):
            new = model(new, cache=cache)[:, -1:].argmax(-1)  # (N, 1)
            columns.append(new)
        for i, row in zip(places, torch.cat(columns, 1).tolist(), strict=True):
            answers[i] = row[: row.index(SEP)] if SEP in row else row
    return answers
