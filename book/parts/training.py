"""Training: two recipes, their schedules, and one loop for every model of the book."""

import math
import time
from dataclasses import dataclass, field

import torch
from torch import nn
from tqdm import tqdm

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def adamw(model, lr=3e-3):
    """AdamW on every parameter, decay on matrices only.  Loshchilov & Hutter 2019"""
    matrices = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return [torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.99), weight_decay=0.1)]


def orthogonalize(matrix, rounds=5):
    """Push all singular values towards 1 (Newton-Schulz).  Jordan et al. 2024"""
    x = matrix.T if matrix.size(0) > matrix.size(1) else matrix
    # Now every singular value is at most 1
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(rounds):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if matrix.size(0) > matrix.size(1) else x


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal: every direction of a matrix learns at one speed.

    Jordan et al. 2024. The same as torch.optim.Muon with adjust_lr_fn="match_rms_adamw"
    but in float32: bfloat16 is many times slower on processors that lack it.
    """

    def __init__(self, matrices, lr, momentum=0.95, weight_decay=0.1):
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(matrices, defaults)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            for p in group["params"]:
                average = self.state[p].setdefault("average", torch.zeros_like(p))
                average.lerp_(p.grad, 1 - momentum)
                ahead = p.grad.lerp(average, momentum)  # Nesterov's look ahead
                size = 0.2 * math.sqrt(max(p.shape))  # as large as AdamW's steps are
                p.mul_(1 - lr * group["weight_decay"])
                p.add_(orthogonalize(ahead), alpha=-lr * size)


def muon(model, lr=1e-2, others_lr=None):
    """Muon on the blocks' matrices, AdamW on embeddings, norms and biases.

    others_lr: AdamW's, the same as Muon's unless told.
    """
    matrices, others = [], []
    for name, p in model.named_parameters():
        inside = "blocks." in name and p.dim() == 2
        (matrices if inside else others).append(p)
    others_lr = others_lr or lr
    rest = torch.optim.AdamW(others, others_lr, betas=(0.9, 0.99), weight_decay=0.0)
    return [Muon(matrices, lr), rest]


def linear_decay(step, steps, warmup=50, floor=0.02):
    """Share of the learning rate: up in `warmup` steps, straight down to `floor`."""
    if step < warmup:
        return (step + 1) / warmup
    return 1 - (1 - floor) * (step - warmup) / max(1, steps - warmup)


def cosine_decay(step, steps, warmup=50, floor=0.1):
    """The same with half a cosine on the way down."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2


@dataclass
class History:
    """loss: of each step. checks: (steps done, seconds of training, value)."""

    loss: list = field(default_factory=list)
    checks: list = field(default_factory=list)


def fit(
    model, next_loss, steps, optimizers, schedule=linear_decay, check=None, every=100
):
    """Train `model` for `steps` steps of `next_loss()` and return a History.

    next_loss: draws a batch and returns its loss, a scalar tensor. check: called
    without gradients before the first step, every `every` steps and after the last;
    its time does not count. Gradients are clipped to norm 1.
    """
    history, seconds = History(), 0.0
    schedulers = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda step: schedule(step, steps))
        for o in optimizers
    ]

    def look(step):
        if check is not None and (step % every == 0 or step == steps):
            model.eval()
            with torch.no_grad():
                history.checks.append((step, seconds, check()))
            model.train()

    model.train()
    look(0)
    bar = tqdm(range(1, steps + 1), mininterval=1)
    for step in bar:
        began = time.perf_counter()
        loss = next_loss()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, scheduler in zip(optimizers, schedulers, strict=True):
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        history.loss.append(loss.item())
        seconds += time.perf_counter() - began
        bar.set_postfix(loss=f"{history.loss[-1]:.2f}", refresh=False)
        look(step)
    model.eval()
    return history
