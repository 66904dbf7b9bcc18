"""The third road: an encoder that sees both sides, a decoder that writes.  Raffel et al. 2020"""

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
    hidden: int = 512  # of the MLP
    layers: int = 2  # in the encoder, and as many in the decoder
    buckets: int = 32  # of relative positions
    farthest: int = 128  # from here on all distances share one bucket
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


def bucket_of(distance, both_sides, buckets=32, farthest=128):
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
    share = (distance.clamp(min=1) / exact).log() / math.log(farthest / exact)
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
        self.inner = nn.Linear(
            config.dim, (1 + config.gated) * config.hidden, bias=False
        )
        self.outer = nn.Linear(config.hidden, config.dim, bias=False)

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
        self.blocks = nn.ModuleList(
            T5Block(config, crosses) for _ in range(config.layers)
        )
        self.norm = RMSNorm(config.dim)

    def bias(self, start, T, keep=None, prefix=0):
        """(1 or B, H, T, S), S = start + T: what a distance adds to a score, -inf where one
        may not look. keep: (B, ≤ S), behind it all are tokens. prefix: the first keys that
        all may see.
        """
        key = torch.arange(start + T, device=self.relative.weight.device)
        distance = key[None] - key[start:, None]  # (T, S), key minus query
        sizes = self.config.buckets, self.config.farthest
        bucket = bucket_of(distance, self.both_sides, *sizes)
        bias = self.relative(bucket).permute(2, 0, 1)[None]  # (1, H, T, S)
        if self.causal:
            later = (distance > 0) & (key >= prefix)
            bias = bias.masked_fill(later, float("-inf"))
        if keep is None:
            return bias
        return bias + blocked(
            F.pad(keep.bool(), (0, len(key) - keep.size(1)), value=True)
        )

    def forward(self, x, keep=None, prefix=0, cache=None, **memory):
        """x: (B, T, C) → (B, T, C). memory: what blocks that cross are told of the source."""
        start = 0
        if cache:
            start = cache[self.blocks[0].attention][0].size(2)
        bias = self.bias(start, x.size(1), keep, prefix)
        for block in self.blocks:
            x = block(x, bias, cache=cache, **memory)
        return self.norm(x)


def blocked(keep):
    """keep: (B, S), True = a token → (B, 1, 1, S), 0 for tokens and next to -inf for padding:
    a position that may see padding only would get NaN from -inf.
    """
    return -1e9 * (~keep.bool()).float()[:, None, None]


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

    def read(self, ids, keep=None):
        """ids, keep: (B, S) → the encoder's hidden states (B, S, C)."""
        return self.encoder(self.token(ids), keep)

    def write(self, ids, memory, keep=None, maps=None, cache=None):
        """ids: (B, T), what is written so far; memory: (B, S, C) of `read`; keep: (B, S)
        → logits (B, T, V) of what comes next. maps: receives cross-attentions (B, H, T, S).
        cache: a dict, empty at first; then ids are the new ones only.
        """
        bias = (torch.zeros(1) if keep is None else blocked(keep)).to(memory.device)
        x = self.decoder(
            self.token(ids), cache=cache, memory=memory, memory_bias=bias, maps=maps
        )
        return logits_of(self, x)

    def forward(self, ids, written, keep=None, maps=None):
        """ids, keep: (B, S); written: (B, T) → logits (B, T, V)."""
        return self.write(written, self.read(ids, keep), keep, maps)


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
    for stack, other in (
        (ours.encoder, theirs.encoder),
        (ours.decoder, theirs.decoder),
    ):
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


@torch.no_grad()
def beam_search(model, ids, start, end, longest, width=1):
    """ids: (S,) → the likeliest text found (T,), without `start`; width 1 is greedy.

    In each step the `width` best beginnings are written on by one token; texts that
    reached `end` compete by their mean log p a token.  Sutskever et al. 2014, §3.2
    """
    memory = model.read(ids[None])  # (1, S, C)
    written, scores, finished = torch.full((1, 1), start), torch.zeros(1), []
    for length in range(1, longest + 1):
        log_p = model.write(written, memory.expand(len(written), -1, -1))[
            :, -1
        ].log_softmax(-1)
        every = (scores[:, None] + log_p).flatten()
        total, place = every.topk(min(width, len(every)))
        old, new = place // log_p.size(1), place % log_p.size(1)
        written, scores = torch.cat([written[old], new[:, None]], 1), total
        ended = new == end
        finished += zip((scores[ended] / length).tolist(), written[ended], strict=True)
        written, scores = written[~ended], scores[~ended]
        if not len(written):
            break
    if not finished:  # none came to an end
        finished = list(zip((scores / longest).tolist(), written, strict=True))
    return max(finished, key=lambda text: text[0])[1][1:]


def corrupt_spans(ids, sentinels, rate=0.15, mean_length=3.0, generator=None):
    """Cut spans out; the task is to say them again.  Raffel et al. 2020, §3.3.4

    ids: (T,), T ≥ 2. sentinels: ids that mark the gaps, in order. Returns inputs, with a
    sentinel for each gap, and targets: sentinel and span in turn, and one last sentinel.
    A gap may stand anywhere, at both ends too.
    """
    hidden = max(1, min(len(ids) - 1, round(len(ids) * rate)))
    kept = len(ids) - hidden
    gaps = max(1, min(hidden, kept, round(hidden / mean_length)))
    if gaps >= len(sentinels):
        raise ValueError(f"{gaps} gaps need {gaps + 1} sentinels, not {len(sentinels)}")

    def parts(total, pieces):
        """Lengths, each 1 or more, of `pieces` of `total`."""
        cuts = torch.randperm(total - 1, generator=generator)[: pieces - 1]
        ends = torch.cat(
            [torch.tensor([0]), cuts.sort().values + 1, torch.tensor([total])]
        )
        return ends.diff().tolist()

    between = parts(kept + 2, gaps + 1)  # what is kept around the gaps
    between[0] -= 1  # at the ends, nothing may be kept
    between[-1] -= 1
    inputs, targets, rest = [], [], ids.tolist()
    for sentinel, keep, cut in zip(
        sentinels, between, parts(hidden, gaps), strict=False
    ):
        inputs += [*rest[:keep], sentinel]
        targets += [sentinel, *rest[keep : keep + cut]]
        rest = rest[keep + cut :]
    return torch.tensor(inputs + rest), torch.tensor([*targets, sentinels[gaps]])


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

    def read(self, ids, keep=None):
        """ids: (B, S) → (B, S, C). There is no encoder: the first `write` reads the source."""
        return self.token(ids)

    def write(self, ids, memory, keep=None, cache=None):
        """As T5Model.write. Sources of different length are padded at the beginning."""
        x, S = self.token(ids), memory.size(1)
        new = x if cache else torch.cat([memory, x], 1)  # (B, S + T, C)
        x = self.decoder(new, keep, prefix=S if self.prefix else 0, cache=cache)
        return logits_of(self, x[:, -ids.size(1) :])

    def forward(self, ids, written, keep=None):
        """ids, keep: (B, S); written: (B, T) → logits (B, T, V)."""
        return self.write(written, self.read(ids, keep), keep)
