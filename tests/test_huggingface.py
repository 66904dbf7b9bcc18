"""Our models, saved, loaded by HuggingFace's Auto classes: the same tokens, the same logits."""

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from parts.bert import Bert
from parts.corpus import SEP, Vocab
from parts.huggingface import fast_tokenizer, to_hf_bert, to_hf_gpt2
from parts.transformer import BERT_STYLE, Config, Transformer

TEXT = "酒店[MASK]很好，\n  A𠮷早餐"


@pytest.fixture(scope="module")
def vocab():
    return Vocab(["酒店的位置很好，早餐也好。\n "], 30)


def with_all_random(model):
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.mark.parametrize("road", ["GPT", "BERT"])
def test_tokens_are_ours(vocab, road, tmp_path):
    fast_tokenizer(vocab, 16, road).save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    inside = vocab.encode(TEXT)
    framed = [SEP, *inside] if road == "GPT" else [2, *inside, 3]
    assert loaded(TEXT).input_ids == framed
    # GPT-2 would add them
    assert ("token_type_ids" in loaded(TEXT)) == (road == "BERT")
    assert loaded.decode(vocab.encode("早餐很好")) == "早餐很好"


def test_pairs_have_segments(vocab):
    row = fast_tokenizer(vocab, 16, "BERT")("酒店", "好")
    assert row.input_ids == [2, *vocab.encode("酒店"), 3, *vocab.encode("好"), 3]
    assert row.token_type_ids == [0, 0, 0, 0, 1, 1]


def test_gpt_is_the_same(vocab, tmp_path):
    model = with_all_random(Transformer(Config(len(vocab), 16, 32, 2, 2)))
    to_hf_gpt2(model, SEP).save_pretrained(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = torch.randint(len(vocab), (3, 16))
    assert (model(ids) - theirs(ids).logits).abs().max() < 1e-4


def test_bert_is_the_same(vocab, tmp_path):
    shape = Config(len(vocab), 16, 32, 2, 2, **BERT_STYLE)
    model = with_all_random(Bert(Transformer(shape)))
    to_hf_bert(model).save_pretrained(tmp_path)
    theirs = AutoModelForMaskedLM.from_pretrained(tmp_path)
    ids, segments = torch.randint(len(vocab), (3, 16)), torch.randint(2, (3, 16))
    keep = torch.ones(3, 16).index_fill(1, torch.arange(12, 16), 0)
    ours = model.head(model.encode(ids, keep=keep, segments=segments))
    told = theirs(ids, attention_mask=keep, token_type_ids=segments).logits
    assert (ours - told).abs()[:, :12].max() < 1e-4


def test_other_shapes_are_refused(vocab):
    with pytest.raises((AttributeError, RuntimeError)):
        to_hf_bert(Bert(Transformer(Config(len(vocab), 16, 32, 2, 2, causal=False))))
