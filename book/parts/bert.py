"""What makes the Transformer a BERT: its objective, its heads, and its pairs of sentences."""

import re

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from parts.corpus import CLS, FIRST_CHARACTER, MASK, SEP

MARKS = "，。！？；：、,.!?;:~…"


def mask_tokens(ids, vocab_size, rate=0.15, as_mask=0.8, as_random=0.1, generator=None):
    """Choose what to guess, and hide it.  Devlin et al. 2019, §3.1

    ids: (B, T) → inputs (B, T) and is_target (B, T), True = to be guessed. Of the targets,
    80 % become [MASK], 10 % a random character, 10 % stay as they are. Specials and
    padding are never chosen; one character at least always is. Rates that are no shares,
    or nothing but specials: ValueError.
    """
    if not 0 < rate <= 1 or not 0 <= as_mask <= as_mask + as_random <= 1:
        raise ValueError(f"not shares of one: {rate=}, {as_mask=}, {as_random=}")
    candidates = ids >= FIRST_CHARACTER
    if not candidates.any():
        raise ValueError("nothing to hide: no characters, only specials")
    is_target = candidates & (torch.rand(ids.shape, generator=generator) < rate)
    if not is_target.any():
        one = torch.multinomial(candidates.flatten().float(), 1, generator=generator)
        is_target.view(-1)[one] = True
    # Where each falls in 80/10/10
    fate = torch.rand(ids.shape, generator=generator)
    others = torch.randint(FIRST_CHARACTER, vocab_size, ids.shape, generator=generator)
    inputs = ids.masked_fill(is_target & (fate < as_mask), MASK)
    swapped = is_target & (fate >= as_mask) & (fate < as_mask + as_random)
    return torch.where(swapped, others, inputs), is_target


def mlm_loss(model, ids, inputs, is_target, reduction="mean", **options):
    """Mean -log p of what was hidden.  Devlin et al. 2019, §3.1

    ids, inputs: (B, T), before and after hiding; is_target: (B, T), True at one position
    at least, else ValueError. Scores are computed there only. Options go to `encode`.
    """
    if not is_target.any():
        raise ValueError("no position is a target: a mean over nothing is NaN")
    states = model.encode(inputs, **options)[is_target]  # (M, C), M positions in all
    return F.cross_entropy(model.head(states), ids[is_target], reduction=reduction)


def pairs_of(text, longest=30):
    """Cut a text, after punctuation where there is any, and pair the pieces: [(A, B)]."""
    pieces = re.findall(f".{{1,{longest}}}(?:(?<=[{MARKS}])|$)|.{{{longest}}}", text)
    return list(zip(pieces[::2], pieces[1::2], strict=False))


def pair_batches(vocab, pairs, batch, wrong, seed):
    """Endless batches of [CLS] A [SEP] B [SEP].  Devlin et al. 2019, §3.1

    pairs: [(A, B)], B follows A. wrong: what half of the rows are turned into: "random",
    B from anywhere; "swapped", B before A (Lan et al. 2020); or None, no row is.
    Yields ids (batch, T), segments (batch, T) and labels (batch,): 1 = turned.
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(pairs), generator=generator)
        for chosen in order.split(batch)[: len(pairs) // batch]:
            turned = torch.rand(batch, generator=generator) < (0.5 if wrong else 0)
            others = torch.randint(len(pairs), (batch,), generator=generator)
            ids, segments = [], []
            for i, other, turn in zip(chosen, others, turned, strict=True):
                a, b = pairs[i]
                if turn and wrong == "random":
                    b = pairs[other][1]
                elif turn:
                    a, b = b, a
                a, b = vocab.encode(a), vocab.encode(b)
                ids.append(torch.tensor([CLS, *a, SEP, *b, SEP]))
                segments.append(torch.tensor([0] * (len(a) + 2) + [1] * (len(b) + 1)))
            ids = pad_sequence(ids, batch_first=True)
            yield ids, pad_sequence(segments, batch_first=True), turned.long()


class Bert(nn.Module):
    """BERT with what it is pre-trained with, as HuggingFace's BertForPreTraining."""

    def __init__(self, body):
        super().__init__()
        C, V = body.config.dim, body.config.vocab_size
        self.config, self.body = body.config, body
        norm = nn.LayerNorm(C, body.config.norm_eps)
        self.transform = nn.Sequential(nn.Linear(C, C), nn.GELU(), norm)
        self.bias = nn.Parameter(torch.zeros(V))
        self.pooler = nn.Sequential(nn.Linear(C, C), nn.Tanh())
        self.follows = nn.Linear(C, 2)
        for linear in (self.transform[0], self.pooler[0], self.follows):
            nn.init.normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)

    def encode(self, ids, **options):
        """ids: (B, T) → hidden states (B, T, C). Options as for Transformer.encode."""
        return self.body.encode(ids, **options)

    def head(self, states):
        """Hidden states (…, C) → scores of the characters (…, V), matrix tied."""
        return self.body.head(self.transform(states)) + self.bias

    def next_sentence(self, states):
        """Hidden states (B, T, C) → scores (B, 2) from [CLS]; 0 = B follows A."""
        return self.follows(self.pooler(states[:, 0]))


@torch.no_grad()
def load_bert(body, theirs):
    """Copy HuggingFace's BertModel into a Transformer of the same shape."""
    embeddings = theirs.embeddings
    pairs = [
        (body.token, embeddings.word_embeddings),
        (body.position, embeddings.position_embeddings),
        (body.segment, embeddings.token_type_embeddings),
        (body.norm_in, embeddings.LayerNorm),
    ]
    for block, layer in zip(body.blocks, theirs.encoder.layer, strict=True):
        pairs += [
            (block.attention.out, layer.attention.output.dense),
            (block.norm1, layer.attention.output.LayerNorm),
            (block.mlp[0], layer.intermediate.dense),
            (block.mlp[2], layer.output.dense),
            (block.norm2, layer.output.LayerNorm),
        ]
        theirs_qkv = layer.attention.self
        parts = (theirs_qkv.query, theirs_qkv.key, theirs_qkv.value)
        block.attention.qkv.weight.copy_(torch.cat([part.weight for part in parts]))
        block.attention.qkv.bias.copy_(torch.cat([part.bias for part in parts]))
    for ours, other in pairs:
        ours.load_state_dict(other.state_dict())


def load_heads(bert, theirs):
    """Copy the heads of HuggingFace's BertForPreTraining into a Bert."""
    guess = theirs.cls.predictions
    for ours, other in [
        (bert.transform[0], guess.transform.dense),
        (bert.transform[2], guess.transform.LayerNorm),
        (bert.pooler[0], theirs.bert.pooler.dense),
        (bert.follows, theirs.cls.seq_relationship),
    ]:
        ours.load_state_dict(other.state_dict())
    bert.bias.data.copy_(guess.bias)
