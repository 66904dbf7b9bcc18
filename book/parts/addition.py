"""Adding two numbers: a task whose answer is right as a whole, digit by digit, or in nats."""

import torch
from torch.nn import functional as F

DIGITS = 5  # of each number; the sum has one more
PLUS, EQUALS = 10, 11  # tokens; 0 … 9 are the digits


def digits(x, n):
    """Integers (N,) → their digits (N, n), the highest first."""
    return torch.stack([x // 10**i % 10 for i in reversed(range(n))], 1)


def sums(n, generator):
    """n sums of two numbers, 12345+67890=080235, as rows of tokens (n, 18)."""
    a, b = torch.randint(10**DIGITS, (2, n), generator=generator)
    plus, equals = torch.full((n, 1), PLUS), torch.full((n, 1), EQUALS)
    answers = digits(a + b, DIGITS + 1)
    return torch.cat([digits(a, DIGITS), plus, digits(b, DIGITS), equals, answers], 1)


def answer_scores(model, rows):
    """Of the answers in rows (N, 18): log p (N, 6, 12), and the true digits (N, 6)."""
    truth = rows[:, -DIGITS - 1 :]
    return model(rows[:, :-1])[:, -DIGITS - 1 :].log_softmax(-1), truth


def adding_loss(model, generator):
    """Mean -log p of the digits of 128 new answers."""
    log_p, truth = answer_scores(model, sums(128, generator))
    return F.nll_loss(log_p.flatten(0, 1), truth.flatten())


def three_rulers(model, rows):
    """[share of answers right in all digits, share of digits right, nats a digit]."""
    log_p, truth = answer_scores(model, rows)
    correct = (log_p.argmax(-1) == truth).float()
    nats = F.nll_loss(log_p.flatten(0, 1), truth.flatten())
    return [correct.prod(1).mean().item(), correct.mean().item(), nats.item()]
