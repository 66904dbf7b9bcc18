"""Decoding that looks further than the next token."""

import torch


@torch.no_grad()
def beam_search(model, ids, start, end, longest, width=1):
    """ids: (S,) → the likeliest text found (T,), without `start`; width 1 is greedy.

    In each step the `width` best beginnings are written on by one token; texts that
    reached `end` compete by their mean log p a token.  Sutskever et al. 2014, §3.2: by the sum
    """
    memory = model.encode(ids[None])  # (1, S, C)
    written, scores, finished = torch.full((1, 1), start), torch.zeros(1), []
    for length in range(1, longest + 1):
        logits = model.decode(written, memory.expand(len(written), -1, -1))
        log_p = logits[:, -1].log_softmax(-1)
        every = (scores[:, None] + log_p).flatten()
        total, place = every.topk(min(width, len(every)))
        old, new = place // log_p.size(1), place % log_p.size(1)
        written, scores = torch.cat([written[old], new[:, None]], 1), total
        ended = new == end
        finished += zip((scores[ended] / length).tolist(), written[ended], strict=True)
        written, scores = written[~ended], scores[~ended]
        if not len(written):
            break
    if not finished:  # none came to an end
        finished = list(zip((scores / longest).tolist(), written, strict=True))
    return max(finished, key=lambda text: text[0])[1][1:]
