"""From our models to HuggingFace's: a tokenizer of characters, a GPT-2, a BERT."""

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from parts.corpus import PAD


def fast_tokenizer(vocab, context, road):
    """Our vocabulary as a fast tokenizer: one character, one token.

    road: "GPT", [SEP] text; or "BERT", [CLS] text [SEP] and [CLS] A [SEP] B [SEP].
    """
    core = Tokenizer(models.WordLevel(vocab.ids, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()  # no spaces between characters
    single, pair = {
        "GPT": ("[SEP] $A", "[SEP] $A [SEP] $B"),
        "BERT": ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
    }[road]
    marks = [(mark, vocab[mark]) for mark in ("[CLS]", "[SEP]")]
    template = {"single": single, "pair": pair, "special_tokens": marks}
    core.post_processor = processors.TemplateProcessing(**template)
    special = {"unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    inputs = ["input_ids", "attention_mask"]
    if road == "GPT":
        special |= {"bos_token": "[SEP]", "eos_token": "[SEP]"}
    else:
        special |= {"cls_token": "[CLS]", "sep_token": "[SEP]"}
        inputs.append("token_type_ids")
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=context,
        model_input_names=inputs,
        **special,
    )


def prefixed(norm, prefix):
    """{prefix.weight: …, prefix.bias: …} of a layer."""
    return {f"{prefix}.{name}": value for name, value in norm.state_dict().items()}


@torch.no_grad()
def to_hf_gpt2(model, end):
    """A Transformer of GPT-2's shape → GPT2LMHeadModel. end: id of the mark around texts.

    HuggingFace keeps these matrices as (in, out), the transpose of ours.
    """
    config = model.config
    shape = GPT2Config(
        vocab_size=config.vocab_size,
        n_positions=config.context,
        n_embd=config.dim,
        n_head=config.heads,
        n_layer=config.layers,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=PAD,
    )
    theirs = GPT2LMHeadModel(shape)
    weights = {
        "transformer.wte.weight": model.token.weight,
        "transformer.wpe.weight": model.position.weight,
        "lm_head.weight": model.token.weight,
        **prefixed(model.norm_out, "transformer.ln_f"),
    }
    for i, block in enumerate(model.blocks):
        at = f"transformer.h.{i}"
        weights |= prefixed(block.norm1, f"{at}.ln_1")
        weights |= prefixed(block.norm2, f"{at}.ln_2")
        for linear, name in [
            (block.attention.qkv, "attn.c_attn"),
            (block.attention.out, "attn.c_proj"),
            (block.mlp[0], "mlp.c_fc"),
            (block.mlp[2], "mlp.c_proj"),
        ]:
            weights |= {
                f"{at}.{name}.weight": linear.weight.T,
                f"{at}.{name}.bias": linear.bias,
            }
    theirs.load_state_dict(weights)
    return theirs.eval()


def bert_layer(block, at):
    """{name: weight} of one block, as BertForMaskedLM names what is `at` a layer."""
    weights, qkv = {}, block.attention.qkv
    parts = zip(qkv.weight.chunk(3), qkv.bias.chunk(3), strict=True)
    for name, (weight, bias) in zip(("query", "key", "value"), parts, strict=True):
        weights[f"{at}.attention.self.{name}.weight"] = weight
        weights[f"{at}.attention.self.{name}.bias"] = bias
    for layer, name in [
        (block.attention.out, "attention.output.dense"),
        (block.norm1, "attention.output.LayerNorm"),
        (block.mlp[0], "intermediate.dense"),
        (block.mlp[2], "output.dense"),
        (block.norm2, "output.LayerNorm"),
    ]:
        weights |= prefixed(layer, f"{at}.{name}")
    return weights


@torch.no_grad()
def to_hf_bert(bert):
    """A Bert of the paper's shape (post-norm, two segments) → BertForMaskedLM."""
    body, config = bert.body, bert.config
    shape = BertConfig(
        vocab_size=config.vocab_size,
        max_position_embeddings=config.context,
        hidden_size=config.dim,
        num_attention_heads=config.heads,
        num_hidden_layers=config.layers,
        intermediate_size=4 * config.dim,
        layer_norm_eps=config.norm_eps,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
    )
    theirs = BertForMaskedLM(shape)
    embeddings, head = "bert.embeddings", "cls.predictions"
    weights = {
        f"{embeddings}.word_embeddings.weight": body.token.weight,
        f"{embeddings}.position_embeddings.weight": body.position.weight,
        f"{embeddings}.token_type_embeddings.weight": body.segment.weight,
        **prefixed(body.norm_in, f"{embeddings}.LayerNorm"),
        **prefixed(bert.transform[0], f"{head}.transform.dense"),
        **prefixed(bert.transform[2], f"{head}.transform.LayerNorm"),
        f"{head}.bias": bert.bias,
        f"{head}.decoder.weight": body.token.weight,
        f"{head}.decoder.bias": bert.bias,
    }
    for i, block in enumerate(body.blocks):
        weights |= bert_layer(block, f"bert.encoder.layer.{i}")
    theirs.load_state_dict(weights)
    return theirs.eval()
