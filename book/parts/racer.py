"""The racer: a fast block, and a table of character pairs."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from parts.modern import rotations, turn
from parts.token_shift import TokenShift
from parts.training import Muon


@dataclass(frozen=True)
class RaceConfig:
    """The shape of a Racer; its last three lines are three records."""

    vocab_size: int = 2000
    context: int = 64
    dim: int = 128  # C
    heads: int = 4  # H
    layers: int = 4
    shift: bool = True  # each position carries a share of the one before it
    pairs: int = 65536  # rows of the table of character pairs; 0: no table
    halved: bool = True  # matrices are multiplied in bfloat16


def has_amx():
    """Does this processor have AMX, and multiply matrices of bfloat16 much faster?"""
    told = Path("/proc/cpuinfo")
    return told.exists() and "amx_bf16" in told.read_text(encoding="utf-8")


class HalvedProduct(torch.autograd.Function):
    """x Wᵀ from 16 bits a number, forwards and backwards; what comes out has 32."""

    @staticmethod
    def forward(ctx, x, weight):  # (N, in), (out, in) → (N, out)
        x, weight = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(x, weight)
        return (x @ weight.T).float()

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        gradient = gradient.bfloat16()
        return (gradient @ weight).float(), (gradient.T @ x).float()


class Matrix(nn.Linear):
    """A linear layer without bias that may multiply in bfloat16. (…, in) → (…, out)"""

    def __init__(self, narrow, wide, halved):
        super().__init__(narrow, wide, bias=False)
        self.halved = halved and has_amx()

    def forward(self, x):
        if not self.halved:
            return super().forward(x)
        return HalvedProduct.apply(x.flatten(0, -2), self.weight).view(
            *x.shape[:-1], -1
        )


def unit(x):
    """x (…, C) with mean 0 and variance 1, nothing learnt. On a CPU one kernel."""
    return F.layer_norm(x, x.shape[-1:])


class RaceBlock(nn.Module):
    """Attention with rotary positions and normed q and k; an MLP with squared ReLU."""

    def __init__(self, config):
        super().__init__()
        C, self.heads, halved = config.dim, config.heads, config.halved
        self.qkv, self.out = Matrix(C, 3 * C, halved), Matrix(C, C, halved)
        self.up, self.down = Matrix(C, 4 * C, halved), Matrix(4 * C, C, halved)
        # How sharply each head looks
        self.gain = nn.Parameter(torch.ones(config.heads, 1, 1))
        self.scale1, self.scale2 = (nn.Parameter(torch.ones(C)) for _ in range(2))
        for reads in (self.qkv, self.up):
            nn.init.normal_(reads.weight, std=0.7 * C**-0.5)
        # Each block begins as doing nothing
        for writes in (self.out, self.down):
            nn.init.zeros_(writes.weight)

    def attend(self, x, turns):
        B, T, C = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # 3 × (B, H, T, D)
        q, k = turn(unit(q) * self.gain, *turns), turn(unit(k), *turns)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(B, T, C))

    def forward(self, x, turns):  # x: (B, T, C)
        x = x + self.attend(unit(x) * self.scale1, turns)
        return x + self.down(F.relu(self.up(unit(x) * self.scale2)).square())


def pair_rows(ids, vocab_size, rows):
    """Row of each character with the one before it. (B, T) → (B, T)

    There are more pairs than rows: a hash deals them out, and some must share.
    """
    before = F.pad(ids, (1, 0))[:, :-1]
    return (before * vocab_size + ids) * 2654435761 % (2**31 - 1) % rows


class Racer(nn.Module):
    """Embeddings and pairs, blocks, and a head that shares the embeddings' matrix."""

    def __init__(self, config):
        super().__init__()
        self.config, C, V = config, config.dim, config.vocab_size
        self.token = nn.Embedding(V, C)
        nn.init.normal_(self.token.weight, std=0.02)
        self.pairs = None
        if config.pairs:
            self.pairs = nn.Embedding(config.pairs, C, sparse=True)
            nn.init.zeros_(self.pairs.weight)
        self.shift = TokenShift(C) if config.shift else nn.Identity()
        self.blocks = nn.ModuleList(RaceBlock(config) for _ in range(config.layers))
        self.scale = nn.Parameter(torch.ones(C))
        self.head = Matrix(C, V, config.halved)
        self.head.weight = self.token.weight

    def forward(self, ids):
        """ids: (B, T) → logits (B, T, V)."""
        config = self.config
        x = unit(self.token(ids))  # (B, T, C)
        if self.pairs is not None:
            x = x + self.pairs(pair_rows(ids, config.vocab_size, config.pairs))
        x = self.shift(x)
        positions = torch.arange(ids.size(1), device=ids.device)
        turns = rotations(positions, 1e4, config.dim // config.heads)
        for block in self.blocks:
            x = block(x, turns)
        return self.head(unit(x) * self.scale)


def race_optimizers(model, lr=1e-2):
    """Muon for the blocks' matrices, SparseAdam for rows of pairs, AdamW for the rest.

    Rows are changed as soon as their gradient is there, and it is forgotten: no one
    else (the clipping, say) has to deal with a sparse gradient.
    """
    named = dict(model.named_parameters())
    pairs = named.pop("pairs.weight", None)
    matrices = [p for name, p in named.items() if "blocks." in name and p.dim() == 2]
    others = [p for name, p in named.items() if "blocks." not in name or p.dim() != 2]
    betas = 0.9, 0.99
    made = [Muon(matrices, lr), torch.optim.AdamW(others, lr, betas, weight_decay=0.0)]
    if pairs is not None:
        made.append(torch.optim.SparseAdam([pairs], lr, betas))

        def change_rows(pairs):
            made[-1].step()
            pairs.grad = None

        pairs.register_post_accumulate_grad_hook(change_rows)
    return made
