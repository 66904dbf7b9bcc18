"""Chapter 10: the racer sees no future, its rules are kept, and numpy writes what PyTorch does."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from parts.numpy_gpt import NumpyGPT
from parts.racer import HalvedProduct, RaceConfig, Racer, pair_rows, race_optimizers
from parts.transformer import Config, Transformer

EXPERIMENTS = Path(__file__).parents[1] / "book/experiments"
SHAPE = {"vocab_size": 50, "context": 16, "dim": 24, "layers": 2, "pairs": 64}


@pytest.fixture
def ids():
    return torch.randint(50, (3, 12), generator=torch.Generator().manual_seed(0))


def made(model, std=0.3):
    """The model with weights that show: at first many of them are zero."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, float(parameter.dim() == 1), std)
    return model.eval()


@torch.no_grad()
@pytest.mark.parametrize("halved", [False, True])
def test_no_position_of_a_racer_sees_what_comes_later(ids, halved):
    model, changed = made(Racer(RaceConfig(**SHAPE, halved=halved))), ids.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 50
    difference = (model(ids) - model(changed)).abs().amax((0, 2))
    assert difference[:7].max() < 1e-6 < difference[7:].min()


def test_half_the_bits_change_a_product_little(ids):
    x, weight = torch.randn(40, 24), torch.randn(30, 24)
    halves, wholes = [], []
    for product, found in (
        (HalvedProduct.apply, halves),
        (torch.nn.functional.linear, wholes),
    ):
        some_x, some_weight = (
            x.clone().requires_grad_(),
            weight.clone().requires_grad_(),
        )
        out = product(some_x, some_weight)
        out.square().mean().backward()
        found += [out, some_x.grad, some_weight.grad]
    for half, whole in zip(halves, wholes, strict=True):
        assert half.dtype == torch.float32
        assert (half - whole).norm() < 0.01 * whole.norm()


def test_a_pair_is_a_character_and_the_one_before_it(ids):
    rows = pair_rows(ids, 50, 64)
    assert rows.min() >= 0 and rows.max() < 64
    later = ids.roll(1, 1)  # the same pairs, one place later
    assert torch.equal(pair_rows(later, 50, 64)[:, 2:], rows[:, 1:-1])


def test_only_the_rows_in_use_learn(ids):
    model = Racer(RaceConfig(**SHAPE))
    optimizers = race_optimizers(model)
    loss = torch.nn.functional.cross_entropy(model(ids).flatten(0, 1), ids.flatten())
    loss.backward()
    assert model.pairs.weight.grad is None  # used, and forgotten
    for optimizer in optimizers:
        optimizer.step()
    learnt = model.pairs.weight.abs().sum(1).nonzero().flatten()
    assert set(learnt.tolist()) == set(pair_rows(ids, 50, 64).unique().tolist())
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    handled = [p for group in groups for p in group["params"]]
    assert {id(p) for p in handled} == {id(p) for p in model.parameters()}


@torch.no_grad()
@pytest.mark.parametrize("shape", [{}, {"dim": 48, "heads": 3, "vocab_size": 77}])
def test_numpy_gives_the_logits_that_pytorch_does(shape):
    model = made(Transformer(Config(**shape)), 0.1)
    text = torch.randint(model.config.vocab_size, (1, 40))
    writer = NumpyGPT(model)
    found = np.stack([writer.step(i, t) for t, i in enumerate(text[0].tolist())])
    expected = model(text)[0].numpy()
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    # A second text begins anew
    assert np.allclose(writer.step(int(text[0, 0]), 0), found[0])
    with pytest.raises(IndexError):
        writer.step(0, model.config.context)


@torch.no_grad()
def test_numpy_bears_large_scores_and_activations():
    model = made(Transformer(Config(vocab_size=50, dim=24, heads=2, layers=2)), 1.0)
    text = torch.randint(50, (1, 20))
    writer = NumpyGPT(model)
    found = np.stack([writer.step(i, t) for t, i in enumerate(text[0].tolist())])
    expected = model(text)[0].numpy()
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


def test_every_entry_trains_as_many_steps_as_its_time_allows():
    sys.path.insert(0, str(EXPERIMENTS))
    import race
    import sweep

    clock = {row["entry"]: row for row in sweep.read(race.CLOCK)}
    assert list(clock) == list(race.ENTRIES)
    for row in clock.values():
        assert row["cores"] > 1.8  # nobody else had one of the two
        allowed = (race.SECONDS - row["counting"]) / row["ms"] * 1e3
        assert row["steps"] == pytest.approx(allowed, rel=2e-3)
    for run in sweep.read(EXPERIMENTS / "race.jsonl"):
        assert run["steps"] == clock[run["entry"]]["steps"]
