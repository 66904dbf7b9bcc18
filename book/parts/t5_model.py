"""The third road: an encoder that sees both sides, a decoder that writes.  Raffel et al. 2020"""

import math

import torch
from torch import nn

from parts.t5_stack import T5Attention, T5Stack, padding_bias


class T5Model(nn.Module):
    """Reads one text, writes another.  Raffel et al. 2020, §2.1"""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token = nn.Embedding(config.vocab_size, config.dim)
        self.encoder = T5Stack(config, causal=False, both_sides=True)
        self.decoder = T5Stack(config, causal=True, both_sides=False, crosses=True)
        self.head = nn.Linear(config.dim, config.vocab_size, bias=False)
        init_as_t5(self)

    def encode(self, ids, keep=None):
        """ids, keep: (B, S) → the encoder's hidden states (B, S, C)."""
        return self.encoder(self.token(ids), keep)

    def decode(self, ids, memory, keep=None, maps=None, cache=None):
        """ids: (B, T), what is written so far; memory: (B, S, C) of `encode`; keep: (B, S)
        → logits (B, T, V) of what comes next. maps: receives cross-attentions (B, H, T, S).
        cache: a dict, empty at first; then ids are the new ones only.
        """
        bias = torch.zeros(1) if keep is None else padding_bias(keep)
        source = {"memory": memory, "memory_bias": bias.to(memory.device), "maps": maps}
        return logits_of(self, self.decoder(self.token(ids), cache=cache, **source))

    def forward(self, ids, written, keep=None, maps=None):
        """ids, keep: (B, S); written: (B, T) → logits (B, T, V)."""
        return self.decode(written, self.encode(ids, keep), keep, maps)


def init_as_t5(model):
    """First weights, much as T5's; the head tied to the embedding if the shape says so."""
    config = model.config
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:  # a table of tokens, or a matrix (out, in)
            wide = "token" in name or (config.tied and "head" in name)
            nn.init.normal_(parameter, std=1.0 if wide else parameter.size(1) ** -0.5)
    for module in model.modules():  # queries make up for the missing division by √D
        if isinstance(module, T5Attention):
            module.q.weight.data /= math.sqrt(config.head_dim)
    if config.tied:
        model.head.weight = model.token.weight


def logits_of(model, x):
    """Hidden states (B, T, C) → logits (B, T, V)."""
    if model.config.tied:
        x = x / math.sqrt(model.config.dim)
    return model.head(x)


@torch.no_grad()
def load_t5(ours, theirs):
    """Copy HuggingFace's T5ForConditionalGeneration into a T5Model of the same shape."""
    pairs = [(ours.token, theirs.shared), (ours.head, theirs.lm_head)]
    for side in ("encoder", "decoder"):
        stack, other = getattr(ours, side), getattr(theirs, side)
        first = other.block[0].layer[0].SelfAttention
        pairs.append((stack.relative, first.relative_attention_bias))
        pairs.append((stack.norm, other.final_layer_norm))
        for block, layers in zip(stack.blocks, other.block, strict=True):
            first, *middle, last = layers.layer
            attentions = [(block.attention, first.SelfAttention)]
            pairs.append((block.norm1, first.layer_norm))
            for crossing in middle:
                attentions.append((block.cross, crossing.EncDecAttention))
                pairs.append((block.norm2, crossing.layer_norm))
            for mine, their in attentions:
                names = [("q", "q"), ("k", "k"), ("v", "v"), ("out", "o")]
                pairs += [(getattr(mine, a), getattr(their, b)) for a, b in names]
            mlp = last.DenseReluDense
            halves = (mlp.wi_0, mlp.wi_1) if ours.config.gated else (mlp.wi,)
            block.mlp.inner.weight.copy_(torch.cat([half.weight for half in halves]))
            pairs += [(block.norm3, last.layer_norm), (block.mlp.outer, mlp.wo)]
    for mine, their in pairs:
        mine.load_state_dict(their.state_dict())
