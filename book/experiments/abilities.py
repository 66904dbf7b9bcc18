"""Who is better at what, GPT or BERT, and how sure is that?

The models of `pretraining.py` are asked for one character inside held-out sentences, learn from a
few labels, find the other half of a text, and write. The two that the chapter compares, after 31
million characters, are trained from ten seeds, and each learns from ten draws of the labels; of
every question it is kept how often it was answered rightly.

    make sweep NAME=abilities        # six hours on two cores
"""

import copy

import torch

import sweep
from parts import training
from parts.cloze import (
    bigram_log_p,
    cloze_score,
    cloze_windows,
    flipped,
    log_p_by_bayes,
)
from parts.corpus import SEP, load_corpus, to_stream
from parts.fine_tuning import correct_by_text, fine_tuned, pad
from parts.gpt import generate
from parts.judge import distinct_pairs, write_by_mask
from parts.kneser_ney import KneserNey
from parts.labelled_data import boundary_tags, labelled, load_sentences, to_rows
from parts.sentence_vectors import contrastive_loss, mean_vectors
from pretraining import BLANK, answers_of, pretrained, rounded

SHORT, LONG = 1200, 15000  # steps
PAIR, OTHERS = ("CLM", "MLM-40"), ("MLM-15", "hybrid", "CLM→MLM")
RUNS = [
    {"objective": objective, "steps": steps, "rate": rate, "seed": seed, "start": start}
    for objectives, steps, rate, seeds, start in [
        (PAIR, LONG, 0.003, range(3), "neighbours"),
        (PAIR, 0, 0.003, range(3), "neighbours"),  # what the start alone can do
        (PAIR, 0, 0.003, range(3), "random"),
        (PAIR, LONG, 0.003, range(3, 10), "neighbours"),
        (PAIR, SHORT, 0.003, range(3), "neighbours"),
        (OTHERS, LONG, 0.003, range(3), "neighbours"),
    ]
    for seed in seeds
    for objective in objectives
]


def cloze(objective, model, windows, bigrams):
    """{way: score, with the nats of each question}; 200 of them also without a shortlist."""
    found = {}
    for way, log_p in answers_of(objective, model, windows, bigrams).items():
        nats = -log_p.gather(1, windows[:, BLANK, None])[:, 0]
        items = [round(x, 2) for x in nats.tolist()]
        found[way] = rounded(cloze_score(log_p, windows, BLANK)) | {"items": items}
    if objective == "CLM":
        some = windows[:200]
        for candidates in (128, 2000):
            log_p = log_p_by_bayes(model, some, BLANK, bigrams, candidates)
            score = rounded(cloze_score(log_p, some, BLANK))
            found[f"joint of {candidates}, 200 questions"] = score
    return found


def with_labels(body, vocab, splits, seed, draws):
    """{task: test accuracy of each draw of the labels, right answers of each text}."""
    words = labelled(load_sentences(), boundary_tags), 4
    sentiment = labelled(splits, lambda review: review.label), 2
    tasks = {}
    for n in (100, 400):
        tasks[f"boundaries {n}"] = body, words, n, {}
        tasks[f"boundaries {n}, next"] = body, words, n, {"offsets": (0, 1)}
        tasks[f"boundaries {n}, previous"] = body, words, n, {"offsets": (-1, 0)}
        tasks[f"sentiment {n}"] = body, sentiment, n, {}
    tasks["boundaries 100, switched"] = flipped(body), words, 100, {}
    frozen = {"lr": 1e-2, "frozen": True}
    tasks["boundaries 400, frozen"] = body, words, 400, frozen
    tasks["boundaries 400, rate 0.003"] = body, words, 400, {"lr": 3e-3}
    tasks["sentiment 400, rate 0.003"] = body, sentiment, 400, {"lr": 3e-3}
    tasks["sentiment 400, 400 steps"] = body, sentiment, 400, {"steps": 400}
    found = {}
    for name, (model, (data, classes), n, how) in tasks.items():
        test, how = to_rows(vocab, *data["test"]), {"steps": 150} | how
        shares, items = [], 0
        for draw in range(draws):
            how["seed"] = 100 * seed + draw
            tuned = fine_tuned(model, vocab, data, classes, n, **how)
            correct, counted = correct_by_text(tuned, *test)
            shares.append(round((correct.sum() / counted.sum()).item(), 4))
            items = items + correct
        found[name] = {"draws": shares, "items": items.tolist()}
    return found


def halves(vocab, reviews):
    """Reviews of 40 characters or more, cut in the middle, 60 a half: (rows, rows)."""
    texts = [review.text[:120] for review in reviews if len(review.text) >= 40]
    first = [[SEP, *vocab.encode(text[: len(text) // 2]), SEP] for text in texts]
    second = [[SEP, *vocab.encode(text[len(text) // 2 :]), SEP] for text in texts]
    return first, second


@torch.no_grad()
def found(model, a, b):
    """Of which first halves, (N,), the own second half is the nearest of all: 0 or 1 each."""
    nearest = (mean_vectors(model, a) @ mean_vectors(model, b).T).argmax(1)
    hits = (nearest == torch.arange(len(a))).int()
    return {"share": round(hits.float().mean().item(), 4), "items": hits.tolist()}


def similarity(body, vocab, splits, seed):
    """Whose second half is it? Raw, and after 150 steps of contrastive learning."""
    asked = [pad(rows) for rows in halves(vocab, splits["test"])]
    model, train = copy.deepcopy(body), halves(vocab, splits["train"])
    generator = torch.Generator().manual_seed(seed)

    def next_loss():
        chosen = torch.randperm(len(train[0]), generator=generator)[:64].tolist()
        sides = [pad([rows[i] for i in chosen]) for rows in train]
        return contrastive_loss(model, *sides)

    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    training.fit(model, next_loss, 150, [optimizer])
    return {"raw": found(body, *asked), "tuned": found(model, *asked)}


def writing(objective, model, vocab, splits, judge):
    """200 reviews of the test split, written on from their first 8 characters."""
    long = [review.text for review in splits["test"] if len(review.text) >= 48][:200]
    begun = torch.tensor([[SEP, *vocab.encode(text[:8])] for text in long])
    generator = torch.Generator().manual_seed(0)
    if objective in ("CLM", "hybrid"):
        causal = model if objective == "CLM" else flipped(model)
        ids = generate(causal, begun, 40, generator=generator)
    else:
        ids = write_by_mask(model, begun, 40, generator)
    nats = -judge.log_p(ids)[:, 9:].mean(1)
    scores = {"nats": nats.mean().item(), "distinct": distinct_pairs(ids[:, 9:])}
    return {
        **rounded(scores),
        "items": [round(x, 2) for x in nats.tolist()],
        "samples": [vocab.decode(row[1:]) for row in ids[:3]],
    }


def run(objective, steps, rate, seed, start):
    splits, vocab = load_corpus()
    train, _, test = (to_stream(vocab, rows) for rows in splits.values())
    model, _ = pretrained(objective, steps, rate, seed, start)
    asked = cloze_windows(vocab, test, 1500)
    compared = objective in PAIR and steps == LONG and rate == 0.003
    return {
        "cloze": cloze(objective, model, asked, bigram_log_p(train, len(vocab))),
        "labels": with_labels(model, vocab, splits, seed, 10 if compared else 3),
        "similarity": similarity(model, vocab, splits, seed),
        "writing": writing(objective, model, vocab, splits, KneserNey(train, 2000)),
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
