"""What do BERT's choices do? Ten ways to pre-train on the same reviews, three seeds each.

Masking 15, 40 and 80 %; [MASK] alone instead of 80/10/10; pairs of sentences without a second task,
with BERT's (next sentence) and ALBERT's (order); ELECTRA's replaced tokens; the norms and head
of BERT's paper; and a cold start, without heads that look at the neighbours. Each is then asked for
masked characters and adapted to three tasks with few labels. Scores: validation split.

    make sweep NAME=masking        # 50 minutes on two cores
"""

import torch
from torch.nn import functional as F

import sweep
from parts import training
from parts.bert import Bert, mask_tokens, mlm_loss, pair_batches, pairs_of
from parts.corpus import batches, load_corpus, to_stream
from parts.electra import Electra
from parts.fine_tuning import fine_tuned_accuracy
from parts.labelled_data import boundary_tags, labelled, load_sentences, topic
from parts.neighbour_heads import look_at_neighbours
from parts.transformer import BERT_STYLE, Config, Transformer

STEPS, BATCH = 600, 32
HIDING = {  # rate, share that becomes [MASK], share that becomes another character
    "15 %": (0.15, 0.8, 0.1),
    "100/0/0": (0.15, 1.0, 0.0),
    "40 %": (0.4, 0.8, 0.1),
    "80 %": (0.8, 0.8, 0.1),
}
PAPER = Config(**BERT_STYLE)
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
            states = body.encode(inputs, keep=ids > 0, segments=segments)
            loss = F.cross_entropy(body.head(states[chosen]), ids[chosen])
            if SECOND_TASK[way]:
                loss = loss + F.cross_entropy(model.next_sentence(states), turned)
            return loss
        ids = next(windows)
        like = "100/0/0" if way == "ELECTRA" else "15 %"
        hiding = HIDING.get(way, HIDING[like])
        inputs, chosen = mask_tokens(ids, len(vocab), *hiding, generator=generator)
        if way == "ELECTRA":
            filling, finding, _ = model(ids, inputs, chosen)
            return filling + 50 * finding
        return mlm_loss(model, ids, inputs, chosen)

    optimizers = training.muon(model, others_lr=3e-3)
    history = training.fit(model, next_loss, STEPS, optimizers)
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
    correct = scores.argmax(-1) == windows[chosen]
    return {
        "nats": round(F.cross_entropy(scores, windows[chosen]).item(), 4),
        "correct": round(correct.float().mean().item(), 4),
        "repeated": round(torch.stack(repeated[:-1]).mean().item(), 4),
    }


@torch.no_grad()
def told_apart(model, splits, vocab, wrong):
    """Share of pairs in which the model's second task tells right from `wrong`."""
    pairs = [pair for review in splits["validation"] for pair in pairs_of(review.text)]
    rows, correct, batch = pair_batches(vocab, pairs, 64, wrong, 0), 0, len(pairs) // 64
    for _ in range(batch):
        ids, segments, turned = next(rows)
        states = model.encode(ids, keep=ids > 0, segments=segments)
        correct += (model.next_sentence(states).argmax(-1) == turned).sum().item()
    return round(correct / (64 * batch), 4)


def adapted(body, vocab, task, n, seed, **how):
    """Validation accuracy after 150 steps on n labels of a task, (data, classes)."""
    how = {"steps": 150, "seed": seed, "split": "validation"} | how
    return fine_tuned_accuracy(body, vocab, *task, n, **how)


def run(way, seed):
    splits, vocab = load_corpus()
    sentences = load_sentences()
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
    draws = [("boundaries", 100, 2), ("topic", 400, 1), ("sentiment", 400, 1)]
    for name, n, times in draws:
        seeds = [seed + 10 * i for i in range(times)]
        scores = [adapted(body, vocab, tasks[name], n, s) for s in seeds]
        result[name] = round(sum(scores) / times, 4)
    frozen = {"lr": 1e-2, "frozen": True}
    probe = adapted(body, vocab, tasks["boundaries"], 400, seed, **frozen)
    result["probe"] = round(probe, 4)
    return result


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
