"""Encoder-decoder, causal or prefix decoder, each at its own rate, trained five times as long.

`architectures` gives all five shapes one learning rate and stops while they still improve. Here
each shape tries three rates for what AdamW trains, 400 steps each, and keeps the one that the
validation split likes best; then 2,000 steps, three seeds. Scored by the length of the answer too,
and the prefix decoder with twice as many buckets of distance, for it shares them between two sides.

    make sweep NAME=t5_longer        # an hour and a half on two cores
"""

import json

import torch

import sweep
from architectures import BATCH, SHAPES, load
from parts.corpus import load_corpus
from parts.labelled_data import load_sentences
from parts.t5_stack import T5Config
from parts.text_to_text import (
    generation_accuracy,
    teacher_forced_accuracy,
    text_loss,
)
from parts.training import fit, muon

SHAPES = SHAPES | {
    "prefix, 64 buckets": (
        SHAPES["prefix, parameters"][0],
        {"layers": 4, "mlp_dim": 640, "buckets": 64},
        True,
    )
}
OTHERS_LR = 0.03, 0.1, 0.3
SHORT, LONG = 400, 2000  # steps
LENGTHS = (
    (2, 5),
    (6, 9),
    (10, 14),
    (15, 20),
)  # characters of an answer, both ends counted
RUNS = [{"model": model, "seed": seed} for seed in range(3) for model in SHAPES]


def taught(model, vocab, train, others_lr, steps, seed):
    torch.manual_seed(seed)
    kind, shape, *prefix = SHAPES[model]
    net = kind(T5Config(len(vocab), tied=False, **shape), *prefix)
    generator = torch.Generator().manual_seed(seed)

    def next_loss():
        drawn = torch.randint(len(train), (BATCH,), generator=generator).tolist()
        return text_loss(net, [train[i] for i in drawn])

    fit(net, next_loss, steps, muon(net, others_lr=others_lr))
    return net


def tried_rates(model, vocab, pinyin):
    """[(share right on validation, rate)], best first."""
    kept = sweep.HERE / f"bodies/t5_longer-{model}.{sweep.code_hash(__file__)}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    tried = []
    for rate in OTHERS_LR:
        net = taught(model, vocab, pinyin["train"], rate, SHORT, 0)
        share = teacher_forced_accuracy(net, pinyin["validation"][:1500])
        tried.append((round(share, 4), rate))
    tried.sort(reverse=True)
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps(tried))
    return tried


def run(model, seed):
    splits, vocab = load_corpus()
    pinyin = load(vocab, splits, load_sentences())["pinyin"]
    tried = tried_rates(model, vocab, pinyin)
    _, rate = tried[0]
    net = taught(model, vocab, pinyin["train"], rate, LONG, seed)
    test = pinyin["test"][:1500]
    found = {"all": test, "sentences": pinyin["sentences"]}
    for low, high in LENGTHS:
        found[f"{low}-{high}"] = [row for row in test if low <= len(row[1]) <= high]
    scores = {"tried": tried, "rate": rate}
    for name, rows in found.items():
        characters, texts = generation_accuracy(net, rows)
        forced = teacher_forced_accuracy(net, rows)
        marks = {"teacher_forced": forced, "characters": characters, "texts": texts}
        marks = {what: round(share, 4) for what, share in marks.items()}
        scores[name] = {"n": len(rows), **marks}
    return scores


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
