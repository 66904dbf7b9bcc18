"""The article's 21 defects, each in a snippet of our own: what happens, and the repair.

The numbers are those of book/errata.md, which a test holds complete.
"""

import math
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertForPreTraining, BertModel

from parts.bert import mask_tokens


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def attention():
    return nn.MultiheadAttention(32, 4, batch_first=True)


def moved(run, x, position=-1):
    """How far each output (T,) moves when the input at `position` is changed."""
    changed = x.clone()
    changed[:, position] += 10
    return (run(x) - run(changed)).abs().amax((0, 2))


def complaints(code):
    """What ruff's pyflakes rules say about some code."""
    check = [sys.executable, "-m", "ruff", "check", "--select", "F", "--isolated"]
    run = subprocess.run([*check, "-"], input=code, capture_output=True, text=True)
    return run.stdout


def test_every_defect_is_told_and_tested(root):
    text = (root / "book/errata.md").read_text(encoding="utf-8")
    told = re.findall(r"^\(a(\d+)\)=$", text, re.MULTILINE)
    assert told == [str(n) for n in range(1, 22)]
    tested = [n for name in globals() for n in re.findall(r"^test_a(\d+)_", name)]
    assert sorted(tested, key=int) == told


@pytest.mark.parametrize("training", [True, False])
def test_a1_is_causal_without_a_mask_fails(training):
    layer, x = attention().train(training), torch.randn(1, 6, 32)
    with pytest.raises(RuntimeError, match="Need attn_mask"):
        layer(x, x, x, is_causal=True)


def test_a2_is_causal_is_a_hint_only():
    """A mask that forbids nothing, with is_causal: what is returned depends on need_weights."""
    layer, x, nothing = attention(), torch.randn(1, 6, 32), torch.zeros(6, 6)

    def run(need_weights):
        return lambda x: layer(
            x, x, x, attn_mask=nothing, is_causal=True, need_weights=need_weights
        )[0]

    assert moved(run(False), x)[:-1].max() < 1e-6
    assert moved(run(True), x)[:-1].min() > 0.01


def test_a3_one_norm_and_eval_see_the_future():
    layer, x = attention().eval(), torch.randn(1, 6, 32)
    with torch.no_grad():
        assert moved(lambda x: layer(x, x, x, is_causal=True)[0], x)[:-1].min() > 0.01
        later = torch.ones(6, 6, dtype=torch.bool).triu(1)
        safe = moved(lambda x: layer(x, x, x, attn_mask=later)[0], x)
    assert safe[:-1].max() < 1e-6 < safe[-1]


def test_a4_view_of_shifted_targets_fails():
    ids = torch.randint(0, 100, (2, 8))
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        ids[:, 1:].view(-1)
    assert ids[:, 1:].reshape(-1).shape == (14,)
    assert ids[:1, 1:].view(-1).shape == (7,)  # one row alone works by luck


def test_a5_norm_is_computed_three_times():
    layer, norm, x = attention().eval(), nn.LayerNorm(32), torch.randn(1, 6, 32)
    calls = []
    norm.register_forward_hook(lambda *_: calls.append(1))
    thrice = layer(norm(x), norm(x), norm(x))[0]
    h = norm(x)
    assert torch.allclose(thrice, layer(h, h, h)[0], atol=1e-6) and len(calls) == 4


@pytest.mark.parametrize(("std", "sane"), [(1.0, False), (0.02, True)])
def test_a6_tied_embeddings_start_too_large(std, sane):
    V, C = 2000, 128
    table, norm = nn.Embedding(V, C), nn.LayerNorm(C)
    nn.init.normal_(table.weight, std=std)
    ids = torch.randint(V, (4, 64))
    logits = norm(table(ids)) @ table.weight.T
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item()
    assert (abs(loss - math.log(V)) < 0.3) if sane else loss > 5 * math.log(V)
    if not sane:  # it is certain to read again what it has just read
        assert (logits.argmax(-1) == ids).float().mean() > 0.99


def test_a7_dropout_is_on_while_writing():
    model, x = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.1)), torch.randn(4, 8)
    assert (model(x) - model(x)).abs().max() > 0 and model(x).requires_grad
    model.eval()
    with torch.no_grad():
        assert torch.equal(model(x), model(x)) and not model(x).requires_grad


def test_a8_temperature_zero_fails():
    chances = (torch.randn(1, 10) / 0).softmax(-1)
    with pytest.raises(RuntimeError, match=r"inf.*nan"):
        torch.multinomial(chances, 1)


def test_a9_positions_end_without_a_word():
    with pytest.raises(IndexError, match="out of range"):
        nn.Embedding(32, 8)(torch.arange(33))


def test_a10_dead_code():
    code = "import math\n\ndef forward(x, attn_mask=None):\n    return x\n"
    assert "`math` imported but unused" in complaints(code)
    x = torch.randn(1, 6, 32)
    assert attention()(x, x, x)[1] is not None  # weights, though nobody asked
    assert attention()(x, x, x, need_weights=False)[1] is None


def test_a11_padding_mask_is_upside_down():
    layer, x = attention().eval(), torch.randn(2, 6, 32)
    # As HuggingFace's tokenizers say
    keep = torch.tensor([[1] * 6, [1, 1, 1, 1, 0, 0]])

    def run(mask):
        return lambda x: layer(x, x, x, key_padding_mask=mask)[0]

    with pytest.raises(AssertionError, match="bool and floating"):
        run(keep)(x)
    with torch.no_grad():
        assert moved(run(keep.float()), x)[:4].max() > 0.01  # padding is looked at
        assert run(keep.bool())(x)[0].isnan().all()  # a row without padding
        assert moved(run(~keep.bool()), x[1:].expand(2, -1, -1), 5)[:4].max() > 0
        second = lambda x: run(~keep.bool())(x)[1:]  # noqa: E731
        assert moved(second, x, 5)[:4].max() == 0


def test_a12_without_a_mask_padding_counts():
    layer, x = attention().eval(), torch.randn(1, 6, 32)  # the last two: padding
    assert moved(lambda x: layer(x, x, x)[0], x)[:4].min() > 0.01


def parameters(model):
    return sum(p.numel() for p in {id(p): p for p in model.parameters()}.values())


def test_a13_untied_head_costs_23_million():
    with torch.device("meta"):
        whole = BertForPreTraining(BertConfig())
    whole.tie_weights()
    assert parameters(whole) == 110_106_428
    assert parameters(whole) + 768 * 30522 - (768 * 768 + 768) == 132_956_732


def test_a14_no_pooler():
    with torch.device("meta"):
        with_pooler = parameters(BertModel(BertConfig()))
        without = parameters(BertModel(BertConfig(), add_pooling_layer=False))
    assert with_pooler - without == 768 * 768 + 768 == 590_592


def test_a15_mean_over_nothing():
    nothing = torch.full((8,), -100)
    assert F.cross_entropy(torch.randn(8, 10), nothing).isnan()
    assert 0.85**8 == pytest.approx(0.272, abs=1e-3)


def test_a16_segment_zero_is_not_no_segment():
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = BertModel(BertConfig(vocab_size=50, intermediate_size=64, **sizes)).eval()
    ids = torch.randint(5, 50, (1, 8))
    with torch.no_grad():
        told = model(ids, token_type_ids=torch.zeros_like(ids))[0]
        assert torch.equal(model(ids)[0], told)
        model.embeddings.token_type_embeddings.weight.zero_()
        assert (model(ids)[0] - told).abs().max() > 1e-3


def test_a17_without_masking_there_is_nothing_to_learn():
    """Inputs that still show the answer: copying them is perfect."""
    ids = torch.randint(5, 100, (4, 32))
    inputs, chosen = mask_tokens(ids, 100, 0.5)
    copying = 20 * F.one_hot(ids, 100).float()
    assert F.cross_entropy(copying[chosen], ids[chosen]) < 1e-3
    copying = 20 * F.one_hot(inputs, 100).float()
    assert F.cross_entropy(copying[chosen], ids[chosen]) > 5


def test_a18_a_constant_picture_has_the_palest_colour():
    _, axes = plt.subplots()
    drawn, repaired = (
        axes.imshow(np.ones((4, 4)), cmap="Blues", **limits)
        for limits in ({}, {"vmin": 0, "vmax": 1})
    )
    one = np.ones((1, 1))
    pale, dark = plt.get_cmap("Blues")(0.0), plt.get_cmap("Blues")(1.0)
    assert np.allclose(drawn.to_rgba(one), pale)
    assert np.allclose(repaired.to_rgba(one), dark)
    plt.close()


def test_a19_eight_tokens_ask_seven_questions():
    ids = torch.arange(8)[None]
    assert ids[:, 1:].numel() / ids.numel() == 7 / 8
    assert 2 / 8 != 0.15


def test_a20_columns_of_chinese_do_not_line_up():
    def columns(text):
        wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
        return len(text) + wide

    short, long = f"{'GPT':20s}", f"{'注意力':20s}"
    assert len(short) == len(long) and columns(long) - columns(short) == 3


def test_a21_torch_is_not_imported():
    code = "def ask(model):\n    with torch.no_grad():\n        return model()\n"
    with pytest.raises(NameError, match="torch"):
        exec(code + "ask(lambda: 1)", {})
    assert "Undefined name `torch`" in complaints(code)
