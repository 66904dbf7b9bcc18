"""Which learns more from the same text: guessing the next character, or the hidden one?

One network, the same windows in the same order, the same optimiser; what differs is the mask and
the objective. 2.5 million characters (1,200 steps) and 31 million (15,000 steps), three seeds each.
All are asked for one character inside held-out sentences, again and again while they learn, and in
the end for what else they can do.

    make sweep NAME=comparison        # three hours on two cores
"""

import copy

import torch

import sweep
from parts import training
from parts.bert import mask_tokens, mlm_loss
from parts.cloze import (
    bigram_log_p,
    cloze_score,
    cloze_windows,
    flipped,
    log_p_by_bayes,
    log_p_by_left,
    log_p_by_mask,
    shifted_mlm_loss,
)
from parts.corpus import SEP, batches, load_corpus, to_stream
from parts.fine_tuning import fine_tuned_accuracy, pad
from parts.gpt import clm_loss, generate, nats_per_character
from parts.judge import CountedTrigrams, distinct_pairs, write_by_mask
from parts.labelled_data import boundary_tags, labelled, load_sentences
from parts.neighbour_heads import look_at_neighbours
from parts.sentence_vectors import contrastive_loss, found_first
from parts.transformer import Config, Transformer

SHORT, LONG = 1200, 15000  # steps
LAYERS, BLANK = 3, 24  # the blank's place in its window
RATES = {"MLM-15": 0.15, "MLM-40": 0.4, "hybrid": 0.15, "CLM→MLM": 0.15}
RUNS = [  # rate: of AdamW, which moves the embeddings; Muon's is 0.01 throughout
    {"objective": objective, "steps": steps, "rate": rate, "seed": seed}
    for steps, rate, objectives in [
        (0, 0.01, ("CLM", "MLM-15")),  # what the start alone can do, under either mask
        (SHORT, 0.01, ("CLM", "MLM-15", "MLM-40", "hybrid", "CLM→MLM")),
        (LONG, 0.01, ("CLM", "MLM-15", "MLM-40", "hybrid", "CLM→MLM")),
        (SHORT, 0.003, ("CLM", "MLM-15", "MLM-40")),  # chapter 3's
        (LONG, 0.003, ("CLM", "MLM-40")),
    ]
    for seed in range(3)
    for objective in objectives
]


def next_loss_of(objective, model, windows, steps, seed):
    """The function that draws a batch, (32, 65), and returns its loss.

    All read the same 64 characters of a window; its last one is only the CLM's to guess.
    CLM→MLM changes over after half of its steps.
    """
    generator = torch.Generator().manual_seed(seed)
    other, done = flipped(model), 0

    def next_loss():
        nonlocal done
        window, done = next(windows), done + 1
        if objective == "CLM":
            return clm_loss(model, window)
        if objective == "hybrid" and done % 2:
            return clm_loss(other, window)
        if objective == "CLM→MLM" and done <= steps / 2:
            return clm_loss(other, window)
        ids = window[:, :-1]
        inputs, chosen = mask_tokens(ids, 2000, RATES[objective], generator=generator)
        loss = shifted_mlm_loss if objective == "hybrid" else mlm_loss
        return loss(model, ids, inputs, chosen)

    return next_loss


def rounded(scores):
    return {name: round(score, 4) for name, score in scores.items()}


def cloze_of(objective, model, windows, bigrams):
    """The blank by every way the model has: both sides, and the left alone."""
    causal = model if objective == "CLM" else flipped(model)
    found = {}
    if objective in ("CLM", "hybrid"):
        found["joint"] = log_p_by_bayes(causal, windows, BLANK, bigrams)
        found["left"] = log_p_by_left(causal, windows, BLANK)
    if objective != "CLM":
        shift = int(objective == "hybrid")
        found["mask"] = log_p_by_mask(model, windows, BLANK, shift)
        cut = windows[:, : BLANK + 1]
        found["left by mask"] = log_p_by_mask(model, cut, BLANK, shift)
    scores = {way: cloze_score(log_p, windows, BLANK) for way, log_p in found.items()}
    return {way: rounded(score) for way, score in scores.items()}


def switched(objective, model, windows, test):
    """What is left when the mask alone is switched."""
    other = flipped(model)
    if objective == "CLM":
        return {"nats": round(nats_per_character(other, test), 4)}
    shift = int(objective == "hybrid")
    log_p = log_p_by_mask(other, windows, BLANK, shift)
    return rounded(cloze_score(log_p, windows, BLANK))


def with_labels(body, vocab, splits, seed):
    """Means of two draws of the labelled examples."""
    boundaries = labelled(load_sentences(), boundary_tags)
    sentiment = labelled(splits, lambda review: review.label)
    tasks = {f"boundaries {n}": (body, boundaries, 4, n) for n in (25, 100, 400)}
    tasks |= {f"sentiment {n}": (body, sentiment, 2, n) for n in (100, 400)}
    tasks["boundaries 100, switched"] = flipped(body), boundaries, 4, 100
    tasks["boundaries 400, frozen"] = body, boundaries, 4, 400
    scores = {}
    for name, (model, *task) in tasks.items():
        how = {"steps": 150}
        if "frozen" in name:
            how |= {"lr": 1e-2, "frozen": True}
        draws = [
            fine_tuned_accuracy(model, vocab, *task, seed=seed + 10 * i, **how)
            for i in range(2)
        ]
        scores[name] = round(sum(draws) / 2, 4)
    return scores


def halves(vocab, reviews):
    """Reviews of 40 characters or more, cut in the middle, 60 a half: (rows, rows)."""
    texts = [review.text[:120] for review in reviews if len(review.text) >= 40]
    first = [[SEP, *vocab.encode(text[: len(text) // 2]), SEP] for text in texts]
    second = [[SEP, *vocab.encode(text[len(text) // 2 :]), SEP] for text in texts]
    return first, second


def similarity(body, vocab, splits, seed):
    """Share of 450 first halves whose second is the nearest of all, raw and tuned."""
    asked = [pad(rows[:450]) for rows in halves(vocab, splits["validation"])]
    model, train = copy.deepcopy(body), halves(vocab, splits["train"])
    generator = torch.Generator().manual_seed(seed)

    def next_loss():
        chosen = torch.randperm(len(train[0]), generator=generator)[:64].tolist()
        sides = [pad([rows[i] for i in chosen]) for rows in train]
        return contrastive_loss(model, *sides)

    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    training.fit(model, next_loss, 150, [optimizer])
    raw, tuned = found_first(body, *asked), found_first(model, *asked)
    return rounded({"raw": raw, "tuned": tuned})


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
    scores = {"nats": judge.nats(ids, 9), "distinct": distinct_pairs(ids[:, 9:])}
    return {**rounded(scores), "samples": [vocab.decode(row[1:]) for row in ids[:3]]}


def run(objective, steps, rate, seed):
    splits, vocab = load_corpus()
    train, validation, test = (to_stream(vocab, rows) for rows in splits.values())
    bigrams = bigram_log_p(train, len(vocab))

    torch.manual_seed(seed)
    causal = objective == "CLM"
    model = Transformer(Config(dim=64, heads=2, layers=LAYERS, causal=causal))
    look_at_neighbours(model)
    windows = batches(train, 32, 65, seed)
    checked = cloze_windows(vocab, validation, 300)
    history = training.fit(
        model,
        next_loss_of(objective, model, windows, steps, seed),
        steps,
        training.muon(model, others_lr=rate),
        check=lambda: cloze_of(objective, model, checked, bigrams),
        every={0: 1, SHORT: 200, LONG: 1250}[steps],
    )
    asked = cloze_windows(vocab, test, 1500)
    result = {
        "checks": [(step, round(s, 1), found) for step, s, found in history.checks],
        "cloze": cloze_of(objective, model, asked, bigrams),
        "switched": switched(objective, model, asked, test),
    }
    if objective in ("CLM", "hybrid"):
        reader = model if causal else flipped(model)
        result["nats"] = round(nats_per_character(reader, test), 4)
    judge = CountedTrigrams(train, len(vocab))
    return {
        **result,
        **with_labels(model, vocab, splits, seed),
        "similarity": similarity(model, vocab, splits, seed),
        "writing": writing(objective, model, vocab, splits, judge),
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
