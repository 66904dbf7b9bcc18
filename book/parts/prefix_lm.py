"""What a scaling law needs: five sizes, the third objective, and a count of the work."""

import torch
from torch.nn import functional as F

SIZES = {  # parameters of the blocks: width, heads, layers
    "14k": (24, 2, 2),
    "32k": (36, 2, 2),
    "99k": (52, 2, 3),
    "310k": (80, 4, 4),
    "1.0M": (128, 4, 5),
}


class SeesPrefix:
    """Before a causal Transformer: the first `prefix` tokens are seen from both sides.

    class PrefixLM(SeesPrefix, Transformer). Without padding.  Raffel et al. 2020, §3.2.1
    """

    prefix = 0

    def mask(self, keep, start, T, device):
        mask = super().mask(keep, start, T, device)
        # One newest position alone sees all there is
        if mask is None:
            return None
        return mask | (torch.arange(start + T, device=device) < self.prefix)


def prefix_loss(model, windows, prefix):
    """Mean -log p of what follows the prefix. windows: (B, T + 1); 1 ≤ prefix ≤ T."""
    model.prefix = prefix
    states = model.encode(windows[:, :-1])[:, prefix - 1 :]  # (B, T + 1 - prefix, C)
    logits = model.head(states)
    return F.cross_entropy(logits.flatten(0, 1), windows[:, prefix:].flatten())


def flops(model, characters, asked):
    """Of training on so many characters, of which a share is asked for.

    Six for each parameter that a character meets; the table of embeddings counts as the
    head, where something is asked.  Kaplan et al. 2020, §2.1
    """
    body = sum(parameter.numel() for parameter in model.blocks.parameters())
    return 6 * characters * (body + asked * model.head.weight.numel())
