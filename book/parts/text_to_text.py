"""Tasks as text to text: pinyin → 汉字, sentiment, word boundaries, gaps to fill."""

import re

import torch
from pypinyin import lazy_pinyin
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from parts.corpus import IGNORE, PAD, SEP

PREFIXES = {
    "pinyin": "拼音：",
    "sentiment": "评价：",
    "words": "切词：",
    "gaps": "填空：",
    "next": "接上：",
}


def pinyin_pairs(texts, shortest=4, longest=20):
    """Runs of 汉字 in texts, each with its syllables, without tones: [([syllable], run)]."""
    run_of_han = re.compile(rf"[\u4e00-\u9fff]{{{shortest},{longest}}}")
    runs = [run for text in texts for run in run_of_han.findall(text)]
    return [(lazy_pinyin(run), run) for run in runs]


def add_tokens(vocab, tokens):
    """Whole tokens, such as syllables, behind the characters of a Vocab. Returns their ids."""
    first = len(vocab)
    vocab.tokens += tokens
    vocab.ids |= {token: first + i for i, token in enumerate(tokens)}
    return list(range(first, len(vocab)))


def source_ids(vocab, task, text):
    """A task's prefix, then the text (a string, or a list of tokens) → ids.

    A task without a prefix: ValueError.
    """
    if task not in PREFIXES:
        raise ValueError(f"no task {task!r}; there are: {', '.join(PREFIXES)}")
    ids = vocab.encode(text) if isinstance(text, str) else [vocab[t] for t in text]
    return vocab.encode(PREFIXES[task]) + ids


def cut_into_words(sentence, mark="/"):
    """A Sentence → its text with a mark between words: 他/占有/很/多/财产。"""
    pieces, end = [], 0
    for word in sentence.words:
        start = sentence.text.index(word, end)
        pieces += [sentence.text[end:start], mark, word]
        end = start + len(word)
    return "".join([*pieces, sentence.text[end:]]).removeprefix(mark)


def to_batch(pairs):
    """[(source ids, target ids)] → sources (B, S), written (B, T), targets (B, T).

    Sources are padded at the beginning, so that they end where the writing starts. What is
    written begins with [SEP]; the targets are the same one step later and end with [SEP].
    """
    sources = [torch.as_tensor(source) for source, _ in pairs]
    written = [torch.tensor([SEP, *target]) for _, target in pairs]
    targets = [torch.tensor([*target, SEP]) for _, target in pairs]
    return (
        pad_sequence(sources, True, PAD, padding_side="left"),
        pad_sequence(written, True, PAD),
        pad_sequence(targets, True, IGNORE),
    )


def text_loss(model, pairs):
    """Mean -log p of what should be written, the closing [SEP] included."""
    sources, written, targets = to_batch(pairs)
    logits = model(sources, written, keep=sources != PAD)  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE)


@torch.no_grad()
def write_greedily(model, sources, longest):
    """Sources [ids] → what is written for each [ids], the likeliest token at every step.

    A text ends before its first [SEP], or after `longest` tokens.
    """
    ids, written, _ = to_batch([(source, []) for source in sources])
    keep, cache = ids != PAD, {}
    memory, new = model.encode(ids, keep), written  # (B, S, C), (B, 1)
    columns = []
    for _ in range(longest):
        new = model.decode(new, memory, keep, cache=cache)[:, -1:].argmax(-1)  # (B, 1)
        columns.append(new)
    rows = torch.cat(columns, 1).tolist()
    return [row[: row.index(SEP)] if SEP in row else row for row in rows]


@torch.no_grad()
def teacher_forced_accuracy(model, pairs):
    """Share of correct tokens when all before them is given; the closing [SEP] does not count."""
    correct = total = 0
    for i in range(0, len(pairs), 100):
        sources, written, targets = to_batch(pairs[i : i + 100])
        guessed = model(sources, written, keep=sources != PAD).argmax(-1)
        is_target = (targets != IGNORE) & (targets != SEP)
        correct += (guessed == targets)[is_target].sum().item()
        total += is_target.sum().item()
    return correct / total


def generation_accuracy(model, pairs):
    """What it writes on its own: (share of tokens correct in place, of texts correct)."""
    correct = total = whole = 0
    for i in range(0, len(pairs), 100):
        some = pairs[i : i + 100]
        longest = max(len(target) for _, target in some) + 2
        texts = write_greedily(model, [source for source, _ in some], longest)
        for text, (_, target) in zip(texts, some, strict=True):
            correct += sum(a == b for a, b in zip(text, target, strict=False))
            total += len(target)
            whole += text == target
    return correct / total, whole / len(pairs)
