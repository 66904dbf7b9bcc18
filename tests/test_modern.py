"""Today's Transformer: positions, groups, windows and cache do what their names say."""

from dataclasses import replace

import pytest
import torch

from parts.hub import folder_of
from parts.modern import ModernConfig, ModernTransformer, rotations, turn, visible

SHAPE = ModernConfig(vocab_size=50, dim=24, heads=4, head_dim=6, hidden=40, layers=3)
LOCAL = replace(SHAPE, window=2, global_every=3)
BOTH_SIDES = replace(SHAPE, window=2, causal=False, layers=2, global_every=2)


@pytest.fixture
def ids():
    return torch.randint(50, (2, 12), generator=torch.Generator().manual_seed(0))


def made(config):
    """A model that looks: at first weights everything is near zero, and nothing shows."""
    torch.manual_seed(0)
    model = ModernTransformer(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, float(parameter.dim() == 1), 0.3)
    return model


def changed_by(model, ids, place):
    """Where the output changes when one token does: (T,) of bools."""
    other = ids.clone()
    other[:, place] = (other[:, place] + 1) % 50
    with torch.no_grad():
        return (model(ids) - model(other)).abs().amax((0, 2)) > 1e-6


def test_turning_keeps_lengths_and_knows_distances_only():
    q, k = torch.randn(2, 1, 8).expand(2, 9, 8)
    cos_sin = rotations(torch.arange(9), 100.0, 8)
    turned = turn(q, *cos_sin)
    torch.testing.assert_close(turned.norm(dim=-1), q.norm(dim=-1))
    scores = turned @ turn(k, *cos_sin).T
    torch.testing.assert_close(scores[1:, 1:], scores[:-1, :-1])
    assert (scores[0] - scores[0, 0]).abs().max() > 1e-3


def test_causal_is_the_flag_that_parts_the_roads(ids):
    assert changed_by(made(SHAPE), ids, 5).tolist() == [False] * 5 + [True] * 7
    assert changed_by(made(replace(SHAPE, causal=False)), ids, 5).all()


def test_a_window_is_what_local_layers_see(ids):
    model = made(BOTH_SIDES)
    mask = visible(BOTH_SIDES, 12, local=True)
    assert mask.sum(1).tolist() == [3, 4, *[5] * 8, 4, 3]
    assert [block.is_local for block in model.blocks] == [False, True]
    causal = visible(LOCAL, 12, local=True)
    assert causal.sum(1).tolist() == [1, 2, *[3] * 10]


@pytest.mark.parametrize("config", [SHAPE, LOCAL, replace(SHAPE, rotary_base=None)])
def test_the_cache_changes_nothing(ids, config):
    model, cache = made(config), {}
    with torch.no_grad():
        whole = model(ids)
        parts = ids.split([5, 1, 6], 1)
        pieces = [model(part, cache=cache) for part in parts]
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-4, atol=1e-4)


def test_a_local_layer_reads_no_further(ids):
    model = made(BOTH_SIDES)
    model.blocks = model.blocks[1:]
    near = [3 <= place <= 7 for place in range(12)]
    assert changed_by(model, ids, 5).tolist() == near


def test_what_cannot_be_is_refused(ids):
    for wrong in ({"kv_heads": 3}, {"head_dim": 5}, {"window": 2}):
        with pytest.raises(ValueError):
            replace(SHAPE, **wrong)
    with pytest.raises(ValueError, match="causal"):
        made(BOTH_SIDES)(ids, cache={})


def test_half_precision_runs(ids):
    logits = made(SHAPE).bfloat16()(ids)
    assert logits.dtype == torch.bfloat16 and logits.isfinite().all()


def test_stretching_slows_only_the_slow_pairs():
    place = torch.tensor([1.0])
    angles, slowed = [
        torch.atan2(*reversed(rotations(place, 5e5, 64, stretch)))
        for stretch in (1.0, 32.0)
    ]
    ratio = (angles / slowed)[0]
    torch.testing.assert_close(ratio[:10], torch.ones(10))
    torch.testing.assert_close(ratio[-10:], torch.full((10,), 32.0), rtol=1e-3, atol=0)


def test_groups_make_the_cache_smaller(ids):
    sizes = []
    for kv_heads in (4, 1):
        cache = {}
        made(replace(SHAPE, kv_heads=kv_heads))(ids, cache=cache)
        sizes.append(sum(x.numel() for pair in cache.values() for x in pair))
    assert sizes == [2 * 3 * 2 * 12 * 6 * kv_heads for kv_heads in (4, 1)]


def test_padding_is_not_read(ids):
    model = made(replace(LOCAL, causal=False))
    keep = torch.arange(12) < torch.tensor([[12], [7]])
    with torch.no_grad():
        padded = model(ids, keep=keep)[1, :7]
        alone = model(ids[1:, :7])[0]
    torch.testing.assert_close(padded, alone, rtol=1e-4, atol=1e-4)


def test_writing_matrices_start_small():
    torch.manual_seed(0)
    model = ModernTransformer(ModernConfig(dim=256, hidden=512, layers=8))
    block = model.blocks[3]
    for matrix in (block.attention.out.weight, block.mlp.down.weight):
        assert matrix.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    for matrix in (block.attention.q.weight, block.mlp.up.weight, model.token.weight):
        assert matrix.std().item() == pytest.approx(0.02, rel=0.05)


def test_a_proxy_that_refuses_is_an_oserror(monkeypatch):
    def refuse(*_, local_files_only=False, **__):
        raise FileNotFoundError if local_files_only else RuntimeError("403")

    monkeypatch.setattr("parts.hub.snapshot_download", refuse)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(OSError, match="403"):
        folder_of("two-roads/no-such-model")


def test_a_hub_that_is_not_there_is_an_oserror(monkeypatch, tmp_path):
    """A closed port on this machine stands for it: no waiting, one kind of error."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(OSError):
        folder_of("two-roads/no-such-model")
    assert folder_of(str(tmp_path)) == str(tmp_path)
