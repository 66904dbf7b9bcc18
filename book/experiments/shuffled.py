"""Is it the order of the characters that pre-training reads, or only which ones stand together?

The reference solution of the final project. Chapter 1's experiment once more, with one change: the
characters of each review are shuffled before the small GPT reads them. Which characters a review
has, and how often, stays; words and sentences are gone. Fine-tuned as in learning_curves.py, steps
and learning rate chosen on the validation split; that sweep has the other two ways, from nothing
and after reading in order, for the same seeds and labels.

    make sweep NAME=shuffled        # fifteen minutes on two cores
"""

import random
from itertools import product

import torch

import sweep
from learning_curves import CLASSES, RATES, STEPS
from parts import training
from parts.corpus import batches, load_corpus, to_stream
from parts.fine_tuning import accuracy, fine_tuned
from parts.gpt import clm_loss
from parts.labelled_data import (
    boundary_tags,
    labelled,
    load_sentences,
    to_rows,
    topic,
)
from parts.transformer import Config, Transformer

RUNS = [
    {"task": task, "labels": n, "seed": seed}
    for seed in range(3)
    for n in (100, 400)
    for task in CLASSES
]


def shuffled(reviews, seed):
    """The same reviews, the characters of each in any order."""
    dice = random.Random(seed)
    return [r._replace(text="".join(dice.sample(r.text, len(r.text)))) for r in reviews]


def body_of(seed):
    """600 steps of guessing the next character of shuffled reviews."""
    splits, vocab = load_corpus()
    torch.manual_seed(seed)
    body = Transformer(Config())
    kept = sweep.HERE / f"bodies/shuffled-{seed}.{sweep.code_hash(__file__)}.pt"
    if kept.exists():
        body.load_state_dict(torch.load(kept))
        return body
    stream = to_stream(vocab, shuffled(splits["train"], seed))
    windows = batches(stream, 32, body.config.context + 1, seed)
    optimizers = training.muon(body)
    training.fit(body, lambda: clm_loss(body, next(windows)), 600, optimizers)
    kept.parent.mkdir(exist_ok=True)
    torch.save(body.state_dict(), kept)
    return body


def run(task, labels, seed):
    splits, vocab = load_corpus()
    data = {
        "boundaries": lambda: labelled(load_sentences(), boundary_tags),
        "topic": lambda: labelled(load_sentences(), topic),
        "sentiment": lambda: labelled(splits, lambda review: review.label),
    }[task]()
    learner = body_of(seed), vocab, data, CLASSES[task], labels
    rows = {split: to_rows(vocab, *data[split]) for split in ("validation", "test")}
    tried = []  # validation, test, settings
    for times, lr in product((1, 3), RATES):
        how = {"steps": times * STEPS[labels], "lr": lr}
        model = fine_tuned(*learner, seed=seed, **how)
        scores = [round(accuracy(model, *rows[split]), 4) for split in rows]
        tried.append((*scores, how))
    _, test, chosen = max(tried, key=lambda found: found[0])
    return {"test": test, "chosen": chosen, "tried": tried}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
