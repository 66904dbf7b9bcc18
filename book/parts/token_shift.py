"""A change of the block to try: let each position carry some of the character before it."""

import torch
from torch import nn
from torch.nn import functional as F


class TokenShift(nn.Module):
    """Add a learned share of the position before. (B, T, C) → (B, T, C). Starts as doing nothing.

    As RWKV mixes in the token before (Peng et al. 2023, §3). It keeps no last
    position, so write without a cache: generate(…, cached=False).
    """

    def __init__(self, dim):
        super().__init__()
        self.share = nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        # One to the right, a zero in front
        before = F.pad(x, (0, 0, 1, -1))
        return x + self.share * before
