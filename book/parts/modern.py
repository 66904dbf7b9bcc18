"""Today's Transformer: GPT-2, Llama 3, Qwen3 and ModernBERT are four configs of one class."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class ModernConfig:
    """The shape of a Transformer. The defaults make a small Qwen3."""

    vocab_size: int = 2000
    context: int = 64  # tokens read at once; only learned positions are bound to it
    dim: int = 128  # C
    heads: int = 4  # H, of queries
    kv_heads: int = 2  # G, of keys and values; H / G queries share one
    head_dim: int = 32  # D
    hidden: int = 344  # width of the MLP
    layers: int = 4
    causal: bool = True  # False: all positions see each other
    norm: str = "rms"  # or "layer"
    rotary_base: float = 1e6  # None: learned positions, added once
    rotary_stretch: float = 1.0  # the slow pairs turn this much more slowly (Llama 3.2)
    qk_norm: bool = True
    activation: str = "silu"
    gated: bool = True  # the MLP multiplies two views of its input
    bias: bool = False  # in the linear layers and norms
    tied: bool = True  # the head shares its matrix with the token embedding
    norm_eps: float = 1e-6
    # ModernBERT's: of `global_every` layers, all but the first look this far to both sides
    window: int = None
    global_every: int = 1
    window_base: float = 1e4  # rotary_base of those layers
    embedding_norm: bool = False  # and so the first block has none before its attention
    head_layer: bool = False  # a layer and a norm before the head, and a bias in it

    def __post_init__(self):
        if self.heads % self.kv_heads or self.head_dim % 2:
            raise ValueError("heads must divide by kv_heads, and head_dim by 2")
        if self.window is not None and self.global_every < 2:
            raise ValueError("with a window, global_every must be 2 or more")


def new_norm(config, width):
    """RMSNorm (Zhang & Sennrich 2019) or LayerNorm (Ba et al. 2016)."""
    if config.norm == "rms":
        return nn.RMSNorm(width, config.norm_eps)
    return nn.LayerNorm(width, config.norm_eps, bias=config.bias)


def rotations(positions, base, dim, stretch=1.0):
    """Cosine and sine of each pair's angle at each position, (T, D / 2) both.

    Pair i turns by base^(-2i/D) a position.  Su et al. 2021, eq. 15. In Llama 3.2, pairs
    that go round less than once in 8,192 positions are slowed by `stretch`, those that do
    so more than four times are not, and those between in part.
    """
    speeds = base ** (-torch.arange(0, dim, 2, device=positions.device) / dim)
    rounds = 8192 * speeds / (2 * math.pi)
    kept = ((rounds - 1) / (4 - 1)).clamp(0, 1)
    speeds = speeds * (kept + (1 - kept) / stretch)
    angles = positions[:, None] * speeds
    return angles.cos(), angles.sin()


def turn(x, cos, sin):
    """Turn the pairs (x_i, x_{i + D/2}) by their angles. x: (…, T, D)."""
    a, b = x.chunk(2, -1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class ModernAttention(nn.Module):
    """Attention whose queries share keys and values in groups.  Ainslie et al. 2023"""

    def __init__(self, config):
        super().__init__()
        self.head_dim = D = config.head_dim
        self.q, self.k, self.v = (
            nn.Linear(config.dim, heads * D, config.bias)
            for heads in (config.heads, config.kv_heads, config.kv_heads)
        )
        self.out = nn.Linear(config.heads * D, config.dim, config.bias)
        self.norm_q = self.norm_k = nn.Identity()
        if config.qk_norm:
            self.norm_q, self.norm_k = new_norm(config, D), new_norm(config, D)

    def forward(self, x, turns=None, mask=None, cache=None):
        B, T, _ = x.shape
        q, k, v = (  # (B, H, T, D), and twice (B, G, T, D)
            layer(x).view(B, T, -1, self.head_dim).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        q, k = self.norm_q(q), self.norm_k(k)
        if turns is not None:
            q, k = turn(q, *turns), turn(k, *turns)
        if cache is not None:
            if self in cache:
                past_k, past_v = cache[self]
                k, v = torch.cat([past_k, k], 2), torch.cat([past_v, v], 2)
            cache[self] = k, v  # (B, G, S, D), turned already
        y = F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
        return self.out(y.transpose(1, 2).reshape(B, T, -1))


ACTIVATIONS = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu²": lambda x: F.relu(x).square(),
}


class ModernMLP(nn.Module):
    """(B, T, C) → (B, T, C); gated as SwiGLU and GeGLU are.  Shazeer 2020"""

    def __init__(self, config):
        super().__init__()
        self.activation = ACTIVATIONS[config.activation]
        self.up = nn.Linear(config.dim, config.hidden, config.bias)
        self.down = nn.Linear(config.hidden, config.dim, config.bias)
        self.gate = None
        if config.gated:
            self.gate = nn.Linear(config.dim, config.hidden, config.bias)

    def forward(self, x):
        if self.gate is None:
            return self.down(self.activation(self.up(x)))
        return self.down(self.activation(self.gate(x)) * self.up(x))


class ModernBlock(nn.Module):
    """Norm, attention, residual; norm, MLP, residual."""

    def __init__(self, config, layer):
        super().__init__()
        bare = config.embedding_norm and layer == 0
        self.norm1 = nn.Identity() if bare else new_norm(config, config.dim)
        self.attention = ModernAttention(config)
        self.norm2 = new_norm(config, config.dim)
        self.mlp = ModernMLP(config)
        self.is_local = config.window is not None and layer % config.global_every > 0

    def forward(self, x, *args):  # x: (B, T, C)
        x = x + self.attention(self.norm1(x), *args)
        return x + self.mlp(self.norm2(x))


def first_weights(model):
    """N(0, 0.02²), less for what writes to the residual stream.  Radford et al. 2019, §2.3"""
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.dim() == 2:
            writes = name.endswith(("out.weight", "down.weight"))
            layers = 2 * model.config.layers if writes else 1
            nn.init.normal_(parameter, std=0.02 / math.sqrt(layers))


def visible(config, T, start=0, keep=None, local=False, device=None):
    """Who sees whom: None (all see all), (T, S) or (B, 1, T, S), True = may look; S = start + T."""
    mask, places = None, torch.arange(start + T, device=device)
    steps = places[start:, None] - places  # (T, S), how far back
    # One newest position alone sees all there is
    if config.causal and T > 1:
        mask = steps >= 0
    if local:
        near = steps.abs() <= config.window
        mask = near if mask is None else mask & near
    if keep is not None:
        keep = keep.bool()[:, None, None, :]  # (B, 1, 1, S)
        mask = keep if mask is None else mask & keep
    return mask


def turning(config, positions, local):
    """Cosines and sines of a layer that looks near, or far; None for learned positions."""
    if config.rotary_base is None:
        return None
    base = config.window_base if local else config.rotary_base
    return rotations(positions, base, config.head_dim, config.rotary_stretch)


def head_layer(config):
    """ModernBERT's, before the head: (B, T, C) → (B, T, C).  Warner et al. 2024"""
    dense = nn.Linear(config.dim, config.dim, config.bias)
    return nn.Sequential(dense, nn.GELU(), new_norm(config, config.dim))


class ModernTransformer(nn.Module):
    """Embeddings, blocks, head. The shape is all in its ModernConfig."""

    def __init__(self, config):
        super().__init__()
        self.config, C, V = config, config.dim, config.vocab_size
        self.token = nn.Embedding(V, C)
        if config.rotary_base is None:
            self.position = nn.Embedding(config.context, C)
        self.norm_in = new_norm(config, C) if config.embedding_norm else nn.Identity()
        layers = range(config.layers)
        self.blocks = nn.ModuleList(ModernBlock(config, layer) for layer in layers)
        self.norm_out = new_norm(config, C)
        self.before_head = head_layer(config) if config.head_layer else nn.Identity()
        self.head = nn.Linear(C, V, config.head_layer)
        if config.tied:
            self.head.weight = self.token.weight
        first_weights(self)

    def encode(self, ids, keep=None, cache=None, positions=None):
        """ids: (B, T) → hidden states (B, T, C).

        keep: (B, S), False = padding that nobody looks at. cache: a dict, empty at first,
        for the keys and values already read. positions: (T,), if not 0, 1, 2 …
        A cache without causal: ValueError.
        """
        if cache is not None and not self.config.causal:
            raise ValueError("a cache needs causal=True: new tokens change old ones")
        config, T, device = self.config, ids.size(1), ids.device
        start = next(iter(cache.values()))[0].size(2) if cache else 0
        if positions is None:
            positions = torch.arange(start, start + T, device=device)
        x, seen = self.token(ids), {}  # (B, T, C)
        if config.rotary_base is None:
            x = x + self.position(positions)
        for local in {block.is_local for block in self.blocks}:
            turns = turning(config, positions, local)
            seen[local] = turns, visible(config, T, start, keep, local, device)
        x = self.norm_in(x)
        for block in self.blocks:
            x = block(x, *seen[block.is_local], cache)
        return self.norm_out(x)

    def forward(self, ids, **options):
        """ids: (B, T) → logits (B, T, V). Options as for `encode`."""
        return self.head(self.before_head(self.encode(ids, **options)))
