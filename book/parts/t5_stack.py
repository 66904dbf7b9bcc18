"""The blocks of T5: attention with relative positions, and the stack they make.

Raffel et al. 2020, §2.1
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class T5Config:
    """The shape of a T5. The defaults make a small one in the manner of the paper."""

    vocab_size: int = 2000
    dim: int = 128  # C
    heads: int = 4  # H
    head_dim: int = 32  # D; H × D need not be C
    mlp_dim: int = 512
    layers: int = 2  # in the encoder, and as many in the decoder
    buckets: int = 32  # of relative positions
    max_distance: int = 128  # from here on all share one bucket
    gated: bool = False  # T5 1.1: True
    tied: bool = True  # T5 1.1: False

    def __post_init__(self):
        if self.buckets % 4:
            raise ValueError(f"buckets={self.buckets} does not divide by 4")


class RMSNorm(nn.Module):
    """x divided by its root mean square: no mean taken off, no bias.  Zhang & Sennrich 2019"""

    def __init__(self, dim, eps=1e-6):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):  # x: (B, T, C)
        return self.weight * x * (x.square().mean(-1, keepdim=True) + self.eps).rsqrt()


def relative_position_bucket(distance, both_sides, buckets=32, max_distance=128):
    """Which bucket a distance falls into.  Raffel et al. 2020, §2.1

    distance: integers of any shape, where the key stands minus where the query stands.
    both_sides: half of the buckets are for keys behind the query; else those count as 0.
    The first half of a side is one distance each, the rest grow as logarithms.
    """
    bucket = torch.zeros_like(distance)
    if both_sides:
        buckets //= 2
        bucket += (distance > 0) * buckets
        distance = distance.abs()
    else:
        distance = -distance.clamp(max=0)
    exact = buckets // 2
    share = (distance.clamp(min=1) / exact).log() / math.log(max_distance / exact)
    far = (exact + share * (buckets - exact)).long().clamp(max=buckets - 1)
    return bucket + torch.where(distance < exact, distance, far)


class T5Attention(nn.Module):
    """Attention without scaling and without biases, from one text to itself or to another."""

    def __init__(self, config):
        super().__init__()
        inner = config.heads * config.head_dim
        self.heads = config.heads
        self.q = nn.Linear(config.dim, inner, bias=False)
        self.k = nn.Linear(config.dim, inner, bias=False)
        self.v = nn.Linear(config.dim, inner, bias=False)
        self.out = nn.Linear(inner, config.dim, bias=False)

    def forward(self, x, other, bias, maps=None, cache=None):
        """x: (B, T, C) looks at other: (B, S, C). bias: broadcastable to (B, H, T, S), added
        to the scores, -inf = may not look. maps: a list that receives the weights. cache: a
        dict; other texts are looked at once, one's own keys and values grow.
        """
        past = () if cache is None else cache.get(self, ())
        q = self.split(self.q(x))  # (B, H, T, D)
        if past and other is not x:
            k, v = past
        else:
            k, v = self.split(self.k(other)), self.split(self.v(other))  # (B, H, S, D)
            if past:
                k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        if cache is not None:
            cache[self] = k, v
        weights = (q @ k.transpose(-2, -1) + bias).softmax(-1)  # (B, H, T, S)
        if maps is not None:
            maps.append(weights)
        return self.out((weights @ v).transpose(1, 2).flatten(2))

    def split(self, y):
        """(B, T, H × D) → (B, H, T, D)."""
        return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class T5MLP(nn.Module):
    """Two layers with ReLU; or, gated, GELU of one half times the other.  Shazeer 2020"""

    def __init__(self, config):
        super().__init__()
        self.gated = config.gated
        inner = config.mlp_dim * (2 if config.gated else 1)
        self.inner = nn.Linear(config.dim, inner, bias=False)
        self.outer = nn.Linear(config.mlp_dim, config.dim, bias=False)

    def forward(self, x):
        if not self.gated:
            return self.outer(self.inner(x).relu())
        gate, y = self.inner(x).chunk(2, -1)
        return self.outer(F.gelu(gate, approximate="tanh") * y)


class T5Block(nn.Module):
    """Self-attention, in the decoder cross-attention, then the MLP; each after its norm."""

    def __init__(self, config, crosses):
        super().__init__()
        self.norm1, self.attention = RMSNorm(config.dim), T5Attention(config)
        if crosses:
            self.norm2, self.cross = RMSNorm(config.dim), T5Attention(config)
        self.crosses = crosses
        self.norm3, self.mlp = RMSNorm(config.dim), T5MLP(config)

    def forward(self, x, bias, memory=None, memory_bias=None, maps=None, cache=None):
        y = self.norm1(x)
        x = x + self.attention(y, y, bias, cache=cache)
        if self.crosses:
            x = x + self.cross(self.norm2(x), memory, memory_bias, maps, cache)
        return x + self.mlp(self.norm3(x))


class T5Stack(nn.Module):
    """The blocks of one side, the one table of its relative positions, and the last norm.

    causal: nobody sees what comes later. both_sides: distances to later keys count apart.
    """

    def __init__(self, config, causal, both_sides, crosses=False):
        super().__init__()
        self.config, self.causal, self.both_sides = config, causal, both_sides
        self.relative = nn.Embedding(config.buckets, config.heads)
        blocks = [T5Block(config, crosses) for _ in range(config.layers)]
        self.blocks = nn.ModuleList(blocks)
        self.norm = RMSNorm(config.dim)

    def bias(self, start, T, keep=None, prefix=0):
        """(1 or B, H, T, S), S = start + T: what a distance adds to a score, -inf where one
        may not look. keep: (B, ≤ S), behind it all are tokens. prefix: the first keys that
        all may see.
        """
        key = torch.arange(start + T, device=self.relative.weight.device)
        distance = key[None] - key[start:, None]  # (T, S), key minus query
        sizes = self.config.buckets, self.config.max_distance
        bucket = relative_position_bucket(distance, self.both_sides, *sizes)
        bias = self.relative(bucket).permute(2, 0, 1)[None]  # (1, H, T, S)
        if self.causal:
            later = (distance > 0) & (key >= prefix)
            bias = bias.masked_fill(later, float("-inf"))
        if keep is None:
            return bias
        keep = F.pad(keep.bool(), (0, len(key) - keep.size(1)), value=True)
        return bias + padding_bias(keep)

    def forward(self, x, keep=None, prefix=0, cache=None, **memory):
        """x: (B, T, C) → (B, T, C). memory: what blocks that cross are told of the source."""
        start = 0
        if cache:
            start = cache[self.blocks[0].attention][0].size(2)
        bias = self.bias(start, x.size(1), keep, prefix)
        for block in self.blocks:
            x = block(x, bias, cache=cache, **memory)
        return self.norm(x)


def padding_bias(keep):
    """keep: (B, S), True = a token → (B, 1, 1, S), 0 for tokens and next to -inf for padding:
    a position that may see padding only would get NaN from -inf.
    """
    return -1e9 * (~keep.bool()).float()[:, None, None]
