"""Replaced-token detection: a small generator fills in, the model tells what is not original."""

import torch
from torch import nn
from torch.nn import functional as F


class Electra(nn.Module):
    """A generator that is trained to fill in, and a body that looks for what it filled in wrongly.

    Clark et al. 2020, §3.1. They share the embeddings; only the body is kept afterwards.
    """

    def __init__(self, body, generator):
        super().__init__()
        self.body, self.generator = body, generator
        generator.token, generator.position = body.token, body.position
        generator.head.weight = body.token.weight
        self.out = nn.Linear(body.config.dim, 1)

    def forward(self, ids, inputs, is_target):
        """ids, inputs: (B, T), before and after hiding; is_target: (B, T).

        Returns the loss of the generator at the targets, that of the body at all
        positions, and which characters were replaced (B, T).
        """
        states = self.generator.encode(inputs)[is_target]  # (M, C)
        logits = self.generator.head(states)  # (M, V)
        filled = ids.clone()
        filled[is_target] = torch.multinomial(logits.detach().softmax(-1), 1)[:, 0]
        replaced = filled != ids
        found = self.out(self.body.encode(filled)).squeeze(-1)  # (B, T)
        finding = F.binary_cross_entropy_with_logits(found, replaced.float())
        return F.cross_entropy(logits, ids[is_target]), finding, replaced
