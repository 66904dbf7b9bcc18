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
    core.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=marks
    )
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


def named(norm, prefix):
    """{prefix.weight: …, prefix.bias: …} of a layer."""
    return {f"{prefix}.{name}": value for name, value in norm.state_dict().items()}


@torch.no_grad()
def gpt2_of(model, end):
    """A Transformer of GPT-2's shape → GPT2LMHeadModel. end: id of the mark around texts.

    HuggingFace keeps these matrices as (in, out), the transpose of ours.
    """
    config = model.config
    theirs = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.context,
            n_embd=config.dim,
            n_head=config.heads,
            n_layer=config.layers,
            bos_token_id=end,
            eos_token_id=end,
            pad_token_id=0,
        )
    )
    weights = {
        "transformer.wte.weight": model.token.weight,
        "transformer.wpe.weight": model.position.weight,
        "lm_head.weight": model.token.weight,
        **named(model.norm_out, "transformer.ln_f"),
    }
    for i, block in enumerate(model.blocks):
        at = f"transformer.h.{i}"
        weights |= named(block.norm1, f"{at}.ln_1") | named(block.norm2, f"{at}.ln_2")
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


@torch.no_grad()
def bert_of(bert):
    """A Bert of the paper's shape (post-norm, two segments) → BertForMaskedLM."""
    body, config = bert.body, bert.config
    theirs = BertForMaskedLM(
        BertConfig(
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
    )
    embeddings, head = "bert.embeddings", "cls.predictions"
    weights = {
        f"{embeddings}.word_embeddings.weight": body.token.weight,
        f"{embeddings}.position_embeddings.weight": body.position.weight,
        f"{embeddings}.token_type_embeddings.weight": body.segment.weight,
        **named(body.norm_in, f"{embeddings}.LayerNorm"),
        **named(bert.transform[0], f"{head}.transform.dense"),
        **named(bert.transform[2], f"{head}.transform.LayerNorm"),
        f"{head}.bias": bert.bias,
        f"{head}.decoder.weight": body.token.weight,
        f"{head}.decoder.bias": bert.bias,
    }
    for i, block in enumerate(body.blocks):
        at = f"bert.encoder.layer.{i}"
        for name, w, b in zip(
            ("query", "key", "value"),
            block.attention.qkv.weight.chunk(3),
            block.attention.qkv.bias.chunk(3),
            strict=True,
        ):
            weights |= {
                f"{at}.attention.self.{name}.weight": w,
                f"{at}.attention.self.{name}.bias": b,
            }
        for layer, name in [
            (block.attention.out, "attention.output.dense"),
            (block.norm1, "attention.output.LayerNorm"),
            (block.mlp[0], "intermediate.dense"),
            (block.mlp[2], "output.dense"),
            (block.norm2, "output.LayerNorm"),
        ]:
            weights |= named(layer, f"{at}.{name}")
    theirs.load_state_dict(weights)
    return theirs.eval()
