"""One Transformer for both roads: what separates GPT from BERT is a flag of Config."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Config:
    """The shape of a Transformer. The defaults make a small GPT-2; BERT flips the flags."""

    vocab_size: int = 2000
    context: int = 64  # longest sequence, in tokens
    dim: int = 128  # C, width of the residual stream
    heads: int = 4  # H
    layers: int = 4
    # A position sees itself and what is before it. BERT: False, it sees all
    causal: bool = True
    # Norm before each sub-layer, and one at the end (GPT-2). BERT: False, norm after it
    pre_norm: bool = True
    embedding_norm: bool = False  # BERT: True
    segments: int = 0  # BERT: 2
    gelu: str = "tanh"  # GPT-2's approximation. BERT: "none", the exact one
    norm_eps: float = 1e-5  # BERT: 1e-12
    dropout: float = 0.0

    def __post_init__(self):
        if self.dim % self.heads:
            raise ValueError(f"dim={self.dim} does not divide into heads={self.heads}")


# The flags of BERT's paper: Config(**BERT_STYLE)
BERT_STYLE = {
    "causal": False,
    "pre_norm": False,
    "embedding_norm": True,
    "segments": 2,
    "gelu": "none",
    "norm_eps": 1e-12,
}


def attend(q, k, v, mask=None):
    """Scaled dot-product attention, written out.  Vaswani et al. 2017, §3.2.1

    q: (B, H, T, D); k, v: (B, H, S, D); mask: broadcastable to (B, H, T, S), True = may look.
    Returns the mixed values (B, H, T, D) and the weights (B, H, T, S).
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (B, H, T, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = scores.softmax(-1)
    return weights @ v, weights


class Attention(nn.Module):
    """Multi-head self-attention.  Vaswani et al. 2017, §3.2.2"""

    def __init__(self, config):
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        self.out = nn.Linear(config.dim, config.dim)

    def forward(self, x, mask=None, cache=None, maps=None):
        B, T, C = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # 3 × (B, H, T, D)
        if cache is not None:
            if self in cache:
                past_k, past_v = cache[self]
                k = torch.cat([past_k, k], 2)  # (B, H, S, D)
                v = torch.cat([past_v, v], 2)
            cache[self] = k, v
        if maps is None:
            dropout = self.dropout if self.training else 0.0
            y = F.scaled_dot_product_attention(q, k, v, mask, dropout)  # (B, H, T, D)
        else:
            y, weights = attend(q, k, v, mask)
            maps.append(weights)  # (B, H, T, S)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    """Attention, then a two-layer MLP, each with a residual and a LayerNorm."""

    def __init__(self, config):
        super().__init__()
        self.pre_norm = config.pre_norm
        self.norm1 = nn.LayerNorm(config.dim, config.norm_eps)
        self.attention = Attention(config)
        self.norm2 = nn.LayerNorm(config.dim, config.norm_eps)
        self.mlp = nn.Sequential(
            nn.Linear(config.dim, 4 * config.dim),
            nn.GELU(config.gelu),
            nn.Linear(4 * config.dim, config.dim),
        )
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x, *args):  # x: (B, T, C); args go to the attention
        if self.pre_norm:
            x = x + self.drop(self.attention(self.norm1(x), *args))
            return x + self.drop(self.mlp(self.norm2(x)))
        x = self.norm1(x + self.drop(self.attention(x, *args)))
        return self.norm2(x + self.drop(self.mlp(x)))


def check_ids(ids, config, start=0):
    """ids: (B, T), not empty, in the vocabulary, with room after `start` tokens; or ValueError."""
    if ids.dim() != 2 or not ids.numel():
        shape = tuple(ids.shape)
        raise ValueError(f"ids must be (batch, length) and not empty, not {shape}")
    low, high, V = int(ids.min()), int(ids.max()), config.vocab_size
    if low < 0 or high >= V:
        raise ValueError(f"token ids must lie in 0…{V - 1}, not {low}…{high}")
    tokens = start + ids.size(1)
    if tokens > config.context:
        raise ValueError(f"{tokens} tokens; the context holds {config.context}")


def init_as_gpt2(model):
    """First weights: N(0, 0.02²), less for what writes to the residual stream, biases 0.

    Radford et al. 2019, §2.3
    """
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.dim() == 2:
            nn.init.normal_(parameter, std=0.02)
    for block in model.blocks:
        for last in (block.attention.out, block.mlp[2]):
            last.weight.data /= math.sqrt(2 * model.config.layers)


class Transformer(nn.Module):
    """Embeddings, blocks, and a head that shares its matrix with the token embedding.

    GPT-2 (Radford et al. 2019) by default, BERT (Devlin et al. 2019) with its flags.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token = nn.Embedding(config.vocab_size, config.dim)
        self.position = nn.Embedding(config.context, config.dim)
        if config.segments:
            self.segment = nn.Embedding(config.segments, config.dim)
        self.norm_in = nn.Identity()
        if config.embedding_norm:
            self.norm_in = nn.LayerNorm(config.dim, config.norm_eps)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm_out = nn.Identity()
        if config.pre_norm:
            self.norm_out = nn.LayerNorm(config.dim, config.norm_eps)
        self.head = nn.Linear(config.dim, config.vocab_size, bias=False)
        self.head.weight = self.token.weight
        init_as_gpt2(self)

    def embed(self, ids, start=0, segments=None):
        """ids: (B, T) → (B, T, C). start: the first position. No segments: all are 0."""
        positions = torch.arange(start, start + ids.size(1), device=ids.device)
        x = self.token(ids) + self.position(positions)  # (B, T, C) + (T, C)
        if self.config.segments:
            segments = torch.zeros_like(ids) if segments is None else segments
            x = x + self.segment(segments)
        return self.drop(self.norm_in(x))

    def mask(self, keep, start, T, device):
        """Who sees whom: None (all see all), (T, S) or (B, 1, T, S); S = start + T."""
        mask = None
        # One newest position alone sees all there is
        if self.config.causal and T > 1:
            mask = torch.ones(T, start + T, dtype=torch.bool, device=device).tril(start)
        if keep is not None:
            keep = keep.bool()[:, None, None, :]  # (B, 1, 1, S)
            mask = keep if mask is None else mask & keep
        return mask

    def encode(self, ids, keep=None, segments=None, cache=None, maps=None):
        """ids: (B, T) → hidden states (B, T, C).

        keep: (B, S), False or 0 = padding that nobody looks at. segments: (B, T).
        cache: a dict, empty at first, for the keys and values of tokens already read.
        maps: a list that receives each layer's attention weights (B, H, T, S).
        ids that `check_ids` refuses, and a cache without causal: ValueError.
        """
        if cache is not None and not self.config.causal:
            raise ValueError("a cache needs causal=True: new tokens change old ones")
        start = next(iter(cache.values()))[0].size(2) if cache else 0
        check_ids(ids, self.config, start)
        x = self.embed(ids, start, segments)
        mask = self.mask(keep, start, ids.size(1), ids.device)
        for block in self.blocks:
            x = block(x, mask, cache, maps)
        return self.norm_out(x)

    def forward(self, ids, **options):
        """ids: (B, T) → logits (B, T, V). Options as for `encode`."""
        return self.head(self.encode(ids, **options))
