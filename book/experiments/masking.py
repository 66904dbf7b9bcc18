"""What do BERT's choices do? Ten ways to pre-train on the same reviews, three seeds each.

Masking 15, 40 and 80 %; [MASK] alone instead of 80/10/10; pairs of sentences without a second task,
with BERT's (next sentence) and ALBERT's (order); ELECTRA's replaced tokens; the norms and head
of BERT's paper; and a cold start, without heads that look at the neighbours. Each is then asked for
masked characters and adapted to three tasks with few labels. Scores: validation split.

    python book/experiments/masking.py

About 50 minutes on two cores. Each finished run is one line of masking.jsonl; started again, the
script skips what stands there. It keeps masking_numbers.py up to date, which chapter 3 carries.
"""

import copy

import sweep
import torch
from parts import training
from parts.bert import Bert, mask_tokens, mlm_loss, pair_batches, pairs_of
from parts.corpus import Vocab, batches, load_reviews, to_stream
from parts.electra import Electra
from parts.neighbours import look_at_neighbours
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
from torch.nn import functional as F

STEPS, BATCH = 600, 32
HIDING = {  # rate, share that becomes [MASK], share that becomes another character
    "15 %": (0.15, 0.8, 0.1),
    "100/0/0": (0.15, 1.0, 0.0),
    "40 %": (0.4, 0.8, 0.1),
    "80 %": (0.8, 0.8, 0.1),
}
PAPER = Config(
    causal=False,
    pre_norm=False,
    embedding_norm=True,
    segments=2,
    gelu="none",
    norm_eps=1e-12,
)
SECOND_TASK = {"pairs": None, "pairs+NSP": "random", "pairs+SOP": "swapped"}
RUNS = [
    {"way": way, "seed": seed}
    for seed in range(3)
    for way in (*HIDING, *SECOND_TASK, "ELECTRA", "paper", "cold")
]


def pretrain(way, seed, splits, vocab):
    """Returns the body, the whole model, and its losses as means of 20 steps."""
    generator = torch.Generator().manual_seed(seed)
    windows = batches(to_stream(vocab, splits["train"]), BATCH, 64, seed)
    torch.manual_seed(seed)
    body = Transformer(Config(causal=False, segments=2 if way in SECOND_TASK else 0))
    if way != "cold":
        look_at_neighbours(body)
    model = body
    if way in SECOND_TASK:
        model = Bert(body)
        pairs = [pair for review in splits["train"] for pair in pairs_of(review.text)]
        rows = pair_batches(vocab, pairs, BATCH, SECOND_TASK[way], seed)
    elif way == "paper":
        torch.manual_seed(seed)
        model = Bert(Transformer(PAPER))
        look_at_neighbours(model.body)
    elif way == "ELECTRA":
        small = Transformer(Config(causal=False, layers=1))
        look_at_neighbours(small)
        model = Electra(body, small)

    def next_loss():
        if way in SECOND_TASK:
            ids, segments, turned = next(rows)
            inputs, chosen = mask_tokens(ids, len(vocab), generator=generator)
            hidden = body.encode(inputs, keep=ids > 0, segments=segments)
            loss = F.cross_entropy(body.head(hidden[chosen]), ids[chosen])
            if SECOND_TASK[way]:
                loss = loss + F.cross_entropy(model.next_sentence(hidden), turned)
            return loss
        ids = next(windows)
        hiding = HIDING[
            "100/0/0" if way == "ELECTRA" else way if way in HIDING else "15 %"
        ]
        inputs, chosen = mask_tokens(ids, len(vocab), *hiding, generator=generator)
        if way == "ELECTRA":
            filling, finding, _ = model(ids, inputs, chosen)
            return filling + 50 * finding
        return mlm_loss(model, ids, inputs, chosen)

    history = training.fit(
        model, next_loss, STEPS, training.muon(model, others_lr=3e-3)
    )
    losses = torch.tensor(history.loss).view(-1, 20).mean(1).tolist()
    return (model.body if way == "paper" else body), model, losses


@torch.no_grad()
def filled_in(model, windows):
    """15 % hidden, all as [MASK]: nats, share of right guesses. None hidden: share repeated."""
    generator = torch.Generator().manual_seed(0)
    inputs, chosen = mask_tokens(windows, 2000, 0.15, 1.0, 0.0, generator=generator)
    scores = torch.cat(
        [
            model.head(model.encode(rows)[picked])
            for rows, picked in zip(inputs.split(64), chosen.split(64), strict=True)
        ]
    )
    repeated = [
        (model.head(model.encode(rows)).argmax(-1) == rows).float().mean()
        for rows in windows.split(64)
    ]
    return {
        "nats": round(F.cross_entropy(scores, windows[chosen]).item(), 4),
        "right": round((scores.argmax(-1) == windows[chosen]).float().mean().item(), 4),
        "repeated": round(torch.stack(repeated[:-1]).mean().item(), 4),
    }


@torch.no_grad()
def told_apart(model, splits, vocab, wrong):
    """Share of pairs in which the model's second task tells right from `wrong`."""
    pairs = [pair for review in splits["validation"] for pair in pairs_of(review.text)]
    rows, right, batch = pair_batches(vocab, pairs, 64, wrong, 0), 0, len(pairs) // 64
    for _ in range(batch):
        ids, segments, turned = next(rows)
        hidden = model.encode(ids, keep=ids > 0, segments=segments)
        right += (model.next_sentence(hidden).argmax(-1) == turned).sum().item()
    return round(right / (64 * batch), 4)


def adapted(body, vocab, data, classes, n, seed, frozen=False):
    torch.manual_seed(seed)
    model = Tagger(copy.deepcopy(body), classes, per_character=classes == 4)
    model.body.requires_grad_(not frozen)
    rows = to_rows(vocab, *few(data["train"], n, seed))
    adapt(model, *rows, 150, 1e-2 if frozen else 1e-3, seed=seed)
    return accuracy(model, *to_rows(vocab, *data["validation"]))


def work(way, seed):
    splits, sentences = load_reviews(), load_sentences()
    vocab = Vocab([review.text for review in splits["train"]], 2000)
    body, model, losses = pretrain(way, seed, splits, vocab)
    held_out = to_stream(vocab, splits["validation"])
    result = filled_in(
        model if way == "paper" else body,
        held_out[: len(held_out) // 64 * 64].view(-1, 64),
    )
    result["losses"] = [round(loss, 3) for loss in losses]
    if way in SECOND_TASK:
        for name, wrong in [("NSP", "random"), ("SOP", "swapped")]:
            result[name] = told_apart(model, splits, vocab, wrong)
    tasks = {
        "boundaries": (labelled(sentences, boundary_tags), 4),
        "topic": (labelled(sentences, topic), 17),
        "sentiment": (labelled(splits, lambda review: review.label), 2),
    }
    for name, n, draws in [
        ("boundaries", 100, 2),
        ("topic", 400, 1),
        ("sentiment", 400, 1),
    ]:
        data, classes = tasks[name]
        scores = [
            adapted(body, vocab, data, classes, n, seed + 10 * i) for i in range(draws)
        ]
        result[name] = round(sum(scores) / draws, 4)
    data, classes = tasks["boundaries"]
    result["probe"] = round(
        adapted(body, vocab, data, classes, 400, seed, frozen=True), 4
    )
    return result


if __name__ == "__main__":
    sweep.main(__file__, RUNS, work)
