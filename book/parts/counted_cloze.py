"""The cloze, put to counting: what stands on both sides, without a network."""

import torch


def log_p_by_counting(model, windows, blank):
    """log p of each character (N, V) at the blank of windows (N, T), from both sides, by Bayes.

    model: a `KneserNey`. All characters are tried, and the runs that hold them multiplied.
    """
    near, answers = model.order - 1, []
    for rows in windows[:, blank - near : blank + model.order].split(50):
        tried = rows[:, None].repeat(1, model.size, 1)  # (50, V, runs' reach)
        tried[..., near] = torch.arange(model.size)
        log_p = model.log_p(tried.flatten(0, 1))[:, near:].sum(1)
        answers.append(log_p.view(len(rows), model.size).log_softmax(-1))
    return torch.cat(answers)
