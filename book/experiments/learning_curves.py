"""How many labels does pre-training save, on three tasks?

A small GPT is pre-trained on the unlabelled reviews; then word segmentation, the topic of a
sentence and the sentiment of a review are learnt from few and many labels, in four ways: a linear
model; a Transformer from random numbers; the same with counted vectors as its embedding;
pre-trained. Each way chooses its steps and learning rate (the linear model: its C) on the
validation split, for each task and number of labels; the chosen one is scored on the test split.
Three seeds.

    make sweep NAME=learning_curves        # three hours on two cores
"""

from itertools import product

import torch

import sweep
from parts import training
from parts.baselines import counted_vectors, linear_accuracy
from parts.corpus import batches, load_corpus, to_stream
from parts.fine_tuning import accuracy, fine_tuned
from parts.gpt import clm_loss
from parts.labelled_data import (
    boundary_tags,
    few,
    labelled,
    load_sentences,
    to_rows,
    topic,
)
from parts.transformer import Config, Transformer

STEPS = {25: 75, 100: 100, 400: 200, 1600: 400, 2600: 500}  # and three times as many
RATES = 3e-4, 1e-3
CLASSES = {"boundaries": 4, "topic": 17, "sentiment": 2}
NETWORKS = "scratch", "counted", "pretrained"
RUNS = [
    {"task": task, "labels": n, "way": way, "seed": seed}
    for seed in range(3)
    for n in STEPS
    for task in CLASSES
    # More than the others have, to see how far they have to go; of topics there are 2,106
    for way in (("scratch",) if n == 2600 else ("linear", *NETWORKS))
]


def body_of(way, seed):
    """Random numbers, counted vectors over them, or 600 steps of guessing the next character."""
    splits, vocab = load_corpus()
    stream = to_stream(vocab, splits["train"])
    torch.manual_seed(seed)
    body = Transformer(Config())
    if way == "counted":
        body.token.weight.data = 0.02 * counted_vectors(stream, len(vocab), 128)
    elif way == "pretrained":
        windows = batches(stream, 32, body.config.context + 1, seed)
        code = sweep.code_hash(__file__)
        kept = sweep.HERE / f"bodies/curves-{seed}.{code}.pt"
        if kept.exists():
            body.load_state_dict(torch.load(kept))
        else:
            optimizers = training.muon(body)
            training.fit(body, lambda: clm_loss(body, next(windows)), 600, optimizers)
            kept.parent.mkdir(exist_ok=True)
            torch.save(body.state_dict(), kept)
    return body


def run(task, labels, way, seed):
    splits, vocab = load_corpus()
    data = {
        "boundaries": lambda: labelled(load_sentences(), boundary_tags),
        "topic": lambda: labelled(load_sentences(), topic),
        "sentiment": lambda: labelled(splits, lambda review: review.label),
    }[task]()
    tried = []  # validation, test, settings
    if way == "linear":
        some = few(data["train"], labels, seed)
        for C in (0.1, 1, 10, 100):
            asked = data["validation"], data["test"]
            scores = [linear_accuracy(some, rows, C=C) for rows in asked]
            tried.append((*scores, {"C": C}))
    else:
        body = body_of(way, seed)
        rows = {split: to_rows(vocab, *data[split]) for split in ("validation", "test")}
        for times, lr in product((1, 3), RATES):
            how = {"steps": times * STEPS[labels], "lr": lr}
            learner = body, vocab, data, CLASSES[task], labels
            model = fine_tuned(*learner, seed=seed, **how)
            scores = [accuracy(model, *rows[split]) for split in rows]
            tried.append((*scores, how))
    tried = [(round(v, 4), round(t, 4), how) for v, t, how in tried]
    _, test, chosen = max(tried, key=lambda found: found[0])
    return {"test": test, "chosen": chosen, "tried": tried}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
