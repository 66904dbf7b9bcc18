"""T5's blocks in one stack, to compare with: a decoder only, with a prefix seen or unseen."""

import torch
from torch import nn

from parts.t5_model import init_as_t5, logits_of
from parts.t5_stack import T5Stack


class T5Decoder(nn.Module):
    """The same blocks in one stack, which reads the source and writes on after it.

    prefix: True = the source is seen from both sides; False = left to right, as the rest.
    Raffel et al. 2020, §3.2.1
    """

    def __init__(self, config, prefix):
        super().__init__()
        self.config, self.prefix = config, prefix
        self.token = nn.Embedding(config.vocab_size, config.dim)
        self.decoder = T5Stack(config, causal=True, both_sides=prefix)
        self.head = nn.Linear(config.dim, config.vocab_size, bias=False)
        init_as_t5(self)

    def encode(self, ids, keep=None):
        """ids: (B, S) → (B, S, C). There is no encoder: the first `decode` reads the source."""
        return self.token(ids)

    def decode(self, ids, memory, keep=None, cache=None):
        """As T5Model.decode. Sources of different length are padded at the beginning."""
        x, S = self.token(ids), memory.size(1)
        new = x if cache else torch.cat([memory, x], 1)  # (B, S + T, C)
        x = self.decoder(new, keep, prefix=S if self.prefix else 0, cache=cache)
        return logits_of(self, x[:, -ids.size(1) :])

    def forward(self, ids, written, keep=None):
        """ids, keep: (B, S); written: (B, T) → logits (B, T, V)."""
        return self.decode(written, self.encode(ids, keep), keep)
