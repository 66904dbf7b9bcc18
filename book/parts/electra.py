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

    def forward(self, ids, inputs, chosen):
        """ids, inputs: (B, T), before and after hiding; chosen: (B, T).

        Returns the loss of the generator at the chosen positions, that of the body at
        all, and which characters were replaced (B, T).
        """
        scores = self.generator.head(self.generator.encode(inputs)[chosen])  # (M, V)
        filled = ids.clone()
        filled[chosen] = torch.multinomial(scores.detach().softmax(-1), 1)[:, 0]
        replaced = filled != ids
        found = self.out(self.body.encode(filled)).squeeze(-1)  # (B, T)
        finding = F.binary_cross_entropy_with_logits(found, replaced.float())
        return F.cross_entropy(scores, ids[chosen]), finding, replaced
