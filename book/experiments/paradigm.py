"""How many labels does pre-training save, on three tasks?

Three seeds. Each pre-trains a small GPT on the unlabelled reviews, then learns word boundaries, the
topic of a sentence and the sentiment of a review from 25, 100, 400 and 1,600 labels, in four ways:
a linear model; a Transformer from random numbers; the same with counted vectors as its embedding;
pre-trained. Scores are on the test split.

    python book/experiments/paradigm.py

About 20 minutes on two cores. Each finished seed is one line of paradigm.jsonl; started again, the
script skips what stands there. It keeps paradigm_numbers.py up to date, which chapter 1 carries.
"""

import copy

import sweep
import torch
from parts import training
from parts.baselines import counted_vectors, linear_accuracy
from parts.corpus import Vocab, batches, load_reviews, to_stream
from parts.gpt import clm_loss, nats_per_character
from parts.tasks import (
    Tagger,
    accuracy,
    adapt,
    boundary_tags,
    few,
    labelled,
    load_sentences,
    to_rows,
    topic,
)
from parts.transformer import Config, Transformer

RUNS = [{"seed": seed} for seed in range(3)]
LABELS = {25: 75, 100: 100, 400: 200, 1600: 400}  # how many: steps of fine-tuning
PRETRAINING = 600  # steps


def work(seed):
    splits = load_reviews()
    vocab = Vocab([review.text for review in splits["train"]], 2000)
    stream, held_out = (
        to_stream(vocab, splits[name]) for name in ("train", "validation")
    )
    torch.manual_seed(seed)
    scratch = Transformer(Config())
    counted = copy.deepcopy(scratch)
    counted.token.weight.data = 0.02 * counted_vectors(stream, len(vocab), 128)
    pretrained = copy.deepcopy(scratch)
    windows = batches(stream, 32, pretrained.config.context + 1, seed)
    training.fit(
        pretrained,
        lambda: clm_loss(pretrained, next(windows)),
        PRETRAINING,
        training.muon(pretrained),
    )
    bodies = {"scratch": scratch, "counted": counted, "pretrained": pretrained}

    sentences = load_sentences()
    tasks = {
        "boundaries": labelled(sentences, boundary_tags),
        "topic": labelled(sentences, topic),
        "sentiment": labelled(splits, lambda review: review.label),
    }

    scores = []
    for task, data in tasks.items():
        classes = {"boundaries": 4, "topic": 17, "sentiment": 2}[task]
        test = to_rows(vocab, *data["test"])
        for n in LABELS:
            some = few(data["train"], n, seed)
            scores.append((task, n, "linear", linear_accuracy(some, data["test"])))
            rows = to_rows(vocab, *some)
            for way, body in bodies.items():
                torch.manual_seed(seed)
                model = Tagger(copy.deepcopy(body), classes, task == "boundaries")
                adapt(model, *rows, LABELS[n], seed=seed)
                scores.append((task, n, way, accuracy(model, *test)))
    return {
        "nats": round(nats_per_character(pretrained, held_out), 4),
        "scores": [(task, n, way, round(score, 4)) for task, n, way, score in scores],
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, work)
