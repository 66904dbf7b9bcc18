"""The one Transformer: equal to HuggingFace's classes, causal, and clear about bad input."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

from parts.bert import load_bert
from parts.neighbour_heads import look_at_neighbours
from parts.transformer import BERT_STYLE, Attention, Config, Transformer, attend

TINY = Config(vocab_size=50, context=12, dim=16, heads=2, layers=2)
BERT = replace(TINY, **BERT_STYLE)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def random_ids(batch=2, length=8, vocab=50):
    return torch.randint(vocab, (batch, length))


def test_written_out_attention_equals_pytorchs():
    q, k, v = torch.randn(3, 2, 4, 6, 8)
    mask = torch.ones(6, 6, dtype=torch.bool).tril()
    wanted = F.scaled_dot_product_attention(q, k, v, mask)
    torch.testing.assert_close(attend(q, k, v, mask)[0], wanted)


def test_maps_do_not_change_the_output_and_are_distributions():
    model, ids, maps = Transformer(TINY), random_ids(), []
    torch.testing.assert_close(model(ids, maps=maps), model(ids))
    assert [m.shape for m in maps] == [(2, 2, 8, 8)] * 2
    torch.testing.assert_close(maps[0].sum(-1), torch.ones(2, 2, 8))


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("training", [True, False])
def test_causal_model_never_sees_the_future(training, dropout):
    model = Transformer(replace(TINY, dropout=dropout)).train(training)
    ids = random_ids(1)
    changed = ids.clone()
    changed[0, 5] = (ids[0, 5] + 1) % 50

    def run(ids):
        torch.manual_seed(1)
        return model(ids)

    moved = (run(ids) - run(changed)).abs().amax(-1)[0]
    assert moved[:5].max() == 0 and moved[5:].min() > 0


def test_bidirectional_model_sees_everything():
    model, ids = Transformer(BERT), random_ids(1)
    changed = ids.clone()
    changed[0, 7] = (ids[0, 7] + 1) % 50
    assert (model(ids) - model(changed)).abs().amax(-1).min() > 0


@pytest.mark.parametrize("config", [TINY, BERT])
def test_what_stands_in_the_padding_changes_nothing(config):
    model, ids = Transformer(config), random_ids()
    keep = torch.arange(8) < torch.tensor([[8], [5]])
    other = torch.where(keep, ids, random_ids())
    assert torch.equal(model(ids, keep=keep)[keep], model(other, keep=keep)[keep])


def test_cache_gives_the_same_logits_in_any_steps():
    model, ids, cache = Transformer(TINY), random_ids(2, 12), {}
    cuts = [(0, 5), (5, 6), (6, 9), (9, 12)]
    pieces = [model(ids[:, a:b], cache=cache) for a, b in cuts]
    torch.testing.assert_close(torch.cat(pieces, 1), model(ids), atol=1e-6, rtol=0)


def test_with_the_flags_flipped_it_is_bert():
    size = dict(
        vocab_size=50,
        hidden_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        intermediate_size=64,
    )
    bert = BertModel(BertConfig(max_position_embeddings=12, **size)).eval()
    # Biases and norms too, so that each has to arrive
    for parameter in bert.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model, ids, segments = Transformer(BERT), random_ids(), torch.randint(2, (2, 8))
    load_bert(model, bert)
    keep = torch.arange(8) < torch.tensor([[8], [5]])
    with torch.no_grad():
        asked = {"attention_mask": keep.long(), "token_type_ids": segments}
        theirs = bert(ids, **asked).last_hidden_state
        ours = model.encode(ids, keep=keep, segments=segments)
        torch.testing.assert_close(ours[keep], theirs[keep], atol=1e-4, rtol=0)
        theirs = bert(ids).last_hidden_state
        torch.testing.assert_close(model.encode(ids), theirs, atol=1e-4, rtol=0)


def test_at_gpt2_size_it_has_huggingfaces_parameter_count():
    with torch.device("meta"):  # shapes only, no memory
        size = Config(vocab_size=50257, context=1024, dim=768, heads=12, layers=12)
        ours, theirs = Transformer(size), GPT2LMHeadModel(GPT2Config())
    count = sum(parameter.numel() for parameter in ours.parameters())
    assert count == theirs.num_parameters() == 124_439_808


def test_head_and_embedding_are_one_matrix():
    model = Transformer(TINY)
    assert model.head.weight is model.token.weight


def test_start_is_nearly_uniform():
    model = Transformer(Config())
    ids = torch.randint(2000, (8, 65))
    loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert abs(loss.item() - 7.601) < 0.3


def test_residual_projections_start_smaller():
    modules = Transformer(Config()).modules()
    attention = next(m for m in modules if isinstance(m, Attention))
    assert attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert attention.out.weight.std().item() == pytest.approx(0.02 / 8**0.5, rel=0.05)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (torch.zeros(1, 13, dtype=torch.long), "13 tokens; the context holds 12"),
        (torch.full((1, 3), 50), r"must lie in 0…49"),
        (torch.full((1, 3), -1), r"must lie in 0…49"),
        (torch.zeros(1, 0, dtype=torch.long), "not empty"),
        (torch.zeros(3, dtype=torch.long), r"must be \(batch, length\)"),
    ],
)
def test_bad_ids(ids, message):
    with pytest.raises(ValueError, match=message):
        Transformer(TINY)(ids)


def test_full_cache_is_refused():
    model, cache = Transformer(TINY), {}
    model(random_ids(1, 12), cache=cache)
    with pytest.raises(ValueError, match="13 tokens"):
        model(random_ids(1, 1), cache=cache)


def test_cache_needs_a_causal_model():
    with pytest.raises(ValueError, match="causal=True"):
        Transformer(BERT)(random_ids(), cache={})


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="does not divide"):
        Config(dim=10, heads=4)


@pytest.mark.parametrize("causal", [True, False])
def test_two_heads_begin_at_their_neighbours(causal):
    model, maps = Transformer(Config(causal=causal)), []
    before = {name: p.shape for name, p in model.named_parameters()}
    look_at_neighbours(model)
    assert {name: p.shape for name, p in model.named_parameters()} == before
    model(torch.randint(5, 2000, (8, 64)), maps=maps)
    left, right = (maps[0][:, h].diagonal(s, 1, 2).mean() for h, s in ((0, -1), (1, 1)))
    assert left > 0.4 and (causal or right > 0.4)
    assert maps[0][:, 2].diagonal(-1, 1, 2).mean() < 0.1  # the others as they were
