"""The loop and its recipes."""

import pytest
import torch
from torch.nn import functional as F

from parts.training import (
    Muon,
    adamw,
    cosine_decay,
    fit,
    linear_decay,
    muon,
    orthogonalize,
)
from parts.transformer import Config, Transformer

TINY = Config(vocab_size=20, context=8, dim=16, heads=2, layers=2)


@pytest.mark.parametrize("shape", [(16, 16), (16, 48), (48, 16)])
def test_orthogonalize_brings_singular_values_near_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(shape)))
    assert 0.6 < values.min() and values.max() < 1.3


def test_muon_is_pytorchs_muon_in_float32():
    torch.manual_seed(0)
    ours = [torch.randn(shape, requires_grad=True) for shape in [(16, 48), (64, 16)]]
    theirs = [p.detach().clone().requires_grad_() for p in ours]
    start = [p.detach().clone() for p in ours]
    optimizers = [
        Muon(ours, lr=0.1),
        torch.optim.Muon(theirs, 0.1, 0.1, adjust_lr_fn="match_rms_adamw"),
    ]
    for _ in range(5):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for p, q, s in zip(ours, theirs, start, strict=True):
        assert (p - q).norm() < 0.01 * (p - s).norm()  # theirs computes in bfloat16


@pytest.mark.parametrize("recipe", [adamw, muon])
def test_each_recipe_updates_each_parameter_once(recipe):
    model = Transformer(TINY)
    updated = [
        id(p)
        for o in recipe(model)
        for group in o.param_groups
        for p in group["params"]
    ]
    assert sorted(updated) == sorted(id(p) for p in model.parameters())


def test_schedules_warm_up_and_come_down():
    assert linear_decay(0, 100, warmup=10) == pytest.approx(0.1)
    assert linear_decay(10, 10, warmup=10) == cosine_decay(10, 10, warmup=10) == 1
    assert (
        linear_decay(10, 100, warmup=10)
        == cosine_decay(10, 100, warmup=10)
        == pytest.approx(1)
    )
    assert linear_decay(100, 100) == pytest.approx(0.02)
    assert cosine_decay(100, 100) == pytest.approx(0.1)


def learn_one_batch(seed, steps=60):
    torch.manual_seed(seed)
    model = Transformer(TINY)
    ids = torch.randint(20, (4, 8))

    def loss():
        return F.cross_entropy(model(ids).flatten(0, 1), ids.flatten())

    look = {"check": lambda: loss().item(), "every": 25}
    return fit(model, loss, steps, muon(model), **look), model


def test_fit_learns_and_reports():
    history, model = learn_one_batch(0)
    assert history.loss[-1] < 0.2 * history.loss[0]
    assert [step for step, _, _ in history.checks] == [0, 25, 50, 60]
    assert history.checks[0][1] == 0 and history.checks[-1][1] > 0
    assert history.checks[0][2] == pytest.approx(history.loss[0]) and not model.training


def test_a_seed_fixes_the_run():
    assert (
        learn_one_batch(1)[0].loss
        == learn_one_batch(1)[0].loss
        != learn_one_batch(2)[0].loss
    )
