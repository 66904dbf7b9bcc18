"""The models of chapter 4, trained once and kept, so that every sweep asks the same ones.

One network, the same windows in the same order, the same optimiser; what differs is the mask and
the objective.
"""

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
from parts.corpus import batches, load_corpus, to_stream
from parts.gpt import clm_loss
from parts.neighbour_heads import look_at_neighbours
from parts.transformer import Config, Transformer

BODIES = sweep.HERE / "bodies"  # not in the repository
BLANK = 24  # its place in a window
RATES = {"MLM-15": 0.15, "MLM-40": 0.4, "hybrid": 0.15, "CLM→MLM": 0.15}


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


def answers_of(objective, model, windows, bigrams):
    """log p at the blank by every way the model has: both sides, and the left alone."""
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
    return found


def rounded(scores):
    return {name: round(score, 4) for name, score in scores.items()}


def cloze_of(objective, model, windows, bigrams):
    """{way: nats, share of right guesses} at the blank."""
    answers = answers_of(objective, model, windows, bigrams)
    scores = {way: cloze_score(log_p, windows, BLANK) for way, log_p in answers.items()}
    return {way: rounded(score) for way, score in scores.items()}


def new_model(objective, seed, start):
    torch.manual_seed(seed)
    shape = Config(dim=64, heads=2, layers=3, causal=objective == "CLM")
    model = Transformer(shape)
    if start == "neighbours":
        look_at_neighbours(model)
    return model


def pretrained(objective, steps, rate, seed, start="neighbours"):
    """(model, checks): a body of `bodies/`, or one trained now and kept there.

    rate: of AdamW, which moves the embeddings; Muon's is 0.01 throughout. start: the
    first two heads begin by looking at the neighbours, or are "random" like the others.
    checks: [(steps done, seconds, cloze)] on 300 validation windows.
    """
    model = new_model(objective, seed, start)
    code = sweep.code_hash(__file__)
    kept = BODIES / f"{objective}-{steps}-{rate}-{seed}-{start}.{code}.pt"
    if kept.exists():
        weights, checks = torch.load(kept)
        model.load_state_dict(weights)
        return model.eval(), checks
    splits, vocab = load_corpus()
    train, validation, _ = (to_stream(vocab, rows) for rows in splits.values())
    bigrams = bigram_log_p(train, len(vocab))
    asked = cloze_windows(vocab, validation, 300)
    windows = batches(train, 32, 65, seed)
    history = training.fit(
        model,
        next_loss_of(objective, model, windows, steps, seed),
        steps,
        training.muon(model, others_lr=rate),
        check=lambda: cloze_of(objective, model, asked, bigrams),
        every=max(steps // 12, 200),
    )
    checks = [(step, round(s, 1), found) for step, s, found in history.checks]
    BODIES.mkdir(exist_ok=True)
    torch.save((model.state_dict(), checks), kept)
    return model, checks
