"""How many labels does pre-training save, on three tasks?

Three seeds. Each pre-trains a small GPT on the unlabelled reviews, then learns word boundaries, the
topic of a sentence and the sentiment of a review from 25, 100, 400 and 1,600 labels, in four ways:
a linear model; a Transformer from random numbers; the same with counted vectors as its embedding;
pre-trained. Scores are on the test split.

    make sweep NAME=paradigm        # 20 minutes on two cores
"""

import copy

import torch

import sweep
from parts import training
from parts.baselines import counted_vectors, linear_accuracy
from parts.corpus import batches, load_corpus, to_stream
from parts.fine_tuning import fine_tuned_accuracy
from parts.gpt import clm_loss, nats_per_character
from parts.labelled_data import boundary_tags, few, labelled, load_sentences, topic
from parts.transformer import Config, Transformer

RUNS = [{"seed": seed} for seed in range(3)]
LABELS = {25: 75, 100: 100, 400: 200, 1600: 400}  # how many: steps of fine-tuning
PRETRAINING = 600  # steps


def run(seed):
    splits, vocab = load_corpus()
    stream = to_stream(vocab, splits["train"])
    held_out = to_stream(vocab, splits["validation"])
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
        for n, steps in LABELS.items():
            some = few(data["train"], n, seed)
            scores.append((task, n, "linear", linear_accuracy(some, data["test"])))
            for way, body in bodies.items():
                how = {"steps": steps, "seed": seed}
                score = fine_tuned_accuracy(body, vocab, data, classes, n, **how)
                scores.append((task, n, way, score))
    return {
        "nats": round(nats_per_character(pretrained, held_out), 4),
        "scores": [(task, n, way, round(score, 4)) for task, n, way, score in scores],
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
