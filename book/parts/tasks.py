"""Tasks with labels, and how a Transformer is adapted to them."""

import importlib.util
import json
import zlib
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

PAD, SEP, IGNORE = 0, 3, -100
BMES = "BMES"  # a word's begin, middle, end; a single character
TOPICS = (
    "daily_actions,family,feelings,food,greetings,health_body,identity,location,nature,"
    "numbers,questions,school_work,shopping,sports_leisure,time,transport,weather_state"
).split(",")  # "misc" and "objects_misc" are no topics


class Sentence(NamedTuple):
    text: str
    words: list  # in order; punctuation belongs to none
    topic: str


def load_sentences():
    """HSK sentences by split: {"train": [Sentence], "validation": …, "test": …}.

    Split and order follow from the CRC-32 of the text, as for the reviews.
    """
    package = importlib.util.find_spec("hsk_sentences_audio")
    if package is None:
        raise ModuleNotFoundError(
            "the sentences need: pip install hsk-sentences-audio==1.0.0"
        )
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
    told = {
        name: [(row.text, label(row)) for row in rows if label(row) is not None]
        for name, rows in splits.items()
    }
    return {
        name: ([text[:longest] for text, _ in rows], [label for _, label in rows])
        for name, rows in told.items()
    }


def few(data, n, seed):
    """n texts and their labels, drawn from (texts, labels)."""
    order = torch.randperm(len(data[0]), generator=torch.Generator().manual_seed(seed))
    chosen = order[:n].tolist()
    return [data[0][i] for i in chosen], [data[1][i] for i in chosen]


def pad(rows, filler=PAD):
    """Rows of different length → one tensor (B, T), filled up at the end."""
    rows = [torch.as_tensor(row) for row in rows]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=filler)


class Tagger(nn.Module):
    """A body and one new linear layer: a label for each character, or for each text."""

    def __init__(self, body, classes, per_character):
        super().__init__()
        self.body, self.per_character = body, per_character
        self.out = nn.Linear(body.config.dim, classes)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    def forward(self, ids):
        """ids: (B, T) with PAD at the end → scores (B, T, classes) or (B, classes)."""
        keep = ids != PAD  # (B, T)
        hidden = self.body.encode(ids, keep=keep)  # (B, T, C)
        if not self.per_character:
            share = keep.float() / keep.sum(1, keepdim=True)  # (B, T), rows sum to 1
            hidden = (hidden * share.unsqueeze(-1)).sum(1)  # (B, C), the mean
        return self.out(hidden)


def to_rows(vocab, texts, labels, context=64):
    """Texts → rows of ids, [SEP] text [SEP]; labels the same, tags for the marks too."""
    inputs = [[SEP, *vocab.encode(text)[: context - 2], SEP] for text in texts]
    if isinstance(labels[0], int):
        return inputs, labels
    return inputs, [[IGNORE, *tags[: context - 2], IGNORE] for tags in labels]


def adapt(model, inputs, labels, steps, lr=1e-3, batch=16, seed=0):
    """Fine-tune on rows of ids and their labels (ints, or rows of tags)."""
    generator = torch.Generator().manual_seed(seed)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (steps / 10), 1 - step / steps)
    )
    model.train()
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        if len(order) < min(batch, len(inputs)):
            order = torch.randperm(len(inputs), generator=generator)
        chosen, order = order[:batch].tolist(), order[batch:]
        loss = F.cross_entropy(*scores_and_labels(model, inputs, labels, chosen))
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return model.eval()


def scores_and_labels(model, inputs, labels, chosen):
    """Scores (N, classes) and labels (N,) of the chosen rows; IGNOREd ones stay in."""
    scores = model(pad([inputs[i] for i in chosen]).to(model.out.weight.device))
    if model.per_character:
        tags = pad([labels[i] for i in chosen], IGNORE)
        return scores.flatten(0, 1), tags.flatten().to(scores.device)
    return scores, torch.tensor([labels[i] for i in chosen], device=scores.device)


@torch.no_grad()
def accuracy(model, inputs, labels):
    """Share of right labels, 0 to 1."""
    right = total = 0
    for chosen in torch.arange(len(inputs)).split(64):
        scores, truth = scores_and_labels(model, inputs, labels, chosen.tolist())
        counted = truth != IGNORE
        right += (scores.argmax(-1) == truth)[counted].sum().item()
        total += counted.sum().item()
    return right / total
