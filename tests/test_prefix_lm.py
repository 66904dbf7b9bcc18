"""The third objective and the count of work, against what they say they are."""

import pytest
import torch

from parts.cloze import flipped
from parts.gpt import clm_loss
from parts.prefix_lm import SIZES, SeesPrefix, flops, prefix_loss
from parts.transformer import Config, Transformer

V = 30


class PrefixLM(SeesPrefix, Transformer):
    pass


@pytest.fixture
def model():
    torch.manual_seed(0)
    return PrefixLM(Config(vocab_size=V, context=12, dim=16, heads=2)).eval()


@pytest.fixture
def windows():
    return torch.randint(5, V, (4, 11), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_a_prefix_is_seen_from_both_sides_and_the_rest_is_not(model, windows):
    model.prefix = 4
    before = model(windows)
    for changed, first_to_notice in [(3, 0), (4, 4), (8, 8)]:
        other = windows.clone()
        other[:, changed] = 5 + (other[:, changed] - 4) % (V - 5)
        moved = (model(other) - before).abs().amax((0, 2)) > 0
        assert moved.tolist() == [i >= first_to_notice for i in range(11)]


@torch.no_grad()
def test_no_prefix_is_a_gpt_and_all_prefix_a_bert(model, windows):
    plain = Transformer(model.config).eval()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(windows), plain(windows))
    model.prefix = windows.size(1)
    assert torch.allclose(model(windows), flipped(plain)(windows), atol=1e-6)


@torch.no_grad()
def test_a_cache_changes_nothing(model, windows):
    model.prefix, cache = 4, {}
    parts = [windows[:, :4], windows[:, 4:9], windows[:, 9:10], windows[:, 10:]]
    pieces = [model(part, cache=cache) for part in parts]
    assert torch.allclose(torch.cat(pieces, 1), model(windows), atol=1e-6)


def test_a_prefix_of_one_is_the_gpt_s_objective(model, windows):
    assert torch.allclose(prefix_loss(model, windows, 1), clm_loss(model, windows))
    model.prefix = 0


def test_flops_by_hand():
    model = Transformer(Config(vocab_size=V, dim=16, heads=2, layers=1))
    body = 12 * 16**2 + 13 * 16
    assert flops(model, 100, 0.4) == pytest.approx(6 * 100 * (body + 0.4 * V * 16))


def test_sizes_are_what_they_are_called():
    for name, (dim, heads, layers) in SIZES.items():
        blocks = layers * (12 * dim**2 + 13 * dim)
        called = float(name[:-1]) * {"k": 1e3, "M": 1e6}[name[-1]]
        assert blocks == pytest.approx(called, rel=0.04) and dim % (2 * heads) == 0
