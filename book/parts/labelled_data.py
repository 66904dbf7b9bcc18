"""Texts with labels: sentences cut into words, their topics, and what a model is given of them."""

import importlib.util
import json
import zlib
from pathlib import Path
from typing import NamedTuple

import torch

from parts.corpus import IGNORE, SEP

BMES = "BMES"  # a word's begin, middle, end; a single character
# "misc" and "objects_misc" are no topics
TOPICS = (
    "daily_actions,family,feelings,food,greetings,health_body,identity,location,nature,"
    "numbers,questions,school_work,shopping,sports_leisure,time,transport,weather_state"
).split(",")


class Sentence(NamedTuple):
    text: str
    words: list  # in order; punctuation belongs to none
    topic: str


def load_sentences():
    """HSK sentences by split: {"train": [Sentence], "validation": …, "test": …}.

    Split and order follow from the CRC-32 of the text, as for the reviews. Without the
    package: ModuleNotFoundError.
    """
    package = importlib.util.find_spec("hsk_sentences_audio")
    if package is None:
        repair = "pip install hsk-sentences-audio==1.0.0"
        raise ModuleNotFoundError(f"the sentences need: {repair}")
    path = Path(package.origin).parent / "data" / "sentences.json"
    unique = {row["chinese"]: row for row in json.loads(path.read_text("utf-8"))}
    splits = {"train": [], "validation": [], "test": []}
    for code, text in sorted((zlib.crc32(text.encode()), text) for text in unique):
        split = {0: "validation", 1: "test"}.get(code % 5, "train")
        words = [token["word"] for token in unique[text]["tokens"]]
        splits[split].append(Sentence(text, words, unique[text]["topic"]))
    return splits


def boundary_tags(sentence):
    """One tag a character (list of 0…3 for B, M, E, S); punctuation: IGNORE."""
    tags, end = [IGNORE] * len(sentence.text), 0
    for word in sentence.words:
        start = sentence.text.index(word, end)
        end = start + len(word)
        shape = "S" if len(word) == 1 else "B" + "M" * (len(word) - 2) + "E"
        tags[start:end] = [BMES.index(letter) for letter in shape]
    return tags


def topic(sentence):
    """0…16, or None for a sentence without a topic."""
    return TOPICS.index(sentence.topic) if sentence.topic in TOPICS else None


def labelled(splits, label, longest=62):
    """{split: rows with a text} → {split: (texts, labels)}; label None: left out.

    Texts are cut to what fits a context of 64, so that all models read the same.
    """
    found = {}
    for name, rows in splits.items():
        kept = [row for row in rows if label(row) is not None]
        texts = [row.text[:longest] for row in kept]
        found[name] = texts, [label(row) for row in kept]
    return found


def few(data, n, seed):
    """n texts and their labels, drawn from (texts, labels)."""
    order = torch.randperm(len(data[0]), generator=torch.Generator().manual_seed(seed))
    chosen = order[:n].tolist()
    return [data[0][i] for i in chosen], [data[1][i] for i in chosen]


def to_rows(vocab, texts, labels, context=64):
    """Texts → rows of ids, [SEP] text [SEP]; labels the same, tags for the marks too."""
    inputs = [[SEP, *vocab.encode(text)[: context - 2], SEP] for text in texts]
    if isinstance(labels[0], int):
        return inputs, labels
    return inputs, [[IGNORE, *tags[: context - 2], IGNORE] for tags in labels]
