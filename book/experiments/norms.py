"""Do twelve layers need a warm-up, with the norm before and after each sub-layer?

Small GPTs, 12 layers of width 64 with Xavier's initialisation, AdamW at three learning rates, 300
steps, with 50 steps of warm-up and without; three seeds each, 36 runs. BERT's masks would hide the
question behind their plateau, so the objective is the next character.

    make sweep NAME=norms        # twenty minutes on two cores
"""

import torch

import sweep
from parts import training
from parts.corpus import batches, load_corpus, to_stream
from parts.gpt import clm_loss, nats_per_character
from parts.transformer import Config, Transformer

RUNS = [
    {"norm": norm, "warmup": warmup, "rate": rate, "seed": seed}
    for seed in range(3)
    for rate in (0.001, 0.003, 0.01)
    for norm in ("pre", "post")
    for warmup in (50, 0)
]


def run(norm, warmup, rate, seed):
    splits, vocab = load_corpus()
    stream = to_stream(vocab, splits["train"])
    held_out = to_stream(vocab, splits["validation"])
    torch.manual_seed(seed)
    first = norm == "pre"
    shape = Config(dim=64, layers=12, pre_norm=first, embedding_norm=not first)
    model = Transformer(shape)
    for matrix in model.blocks.parameters():
        if matrix.dim() == 2:
            torch.nn.init.xavier_normal_(matrix)
    windows = batches(stream, 32, model.config.context + 1, seed)
    history = training.fit(
        model,
        lambda: clm_loss(model, next(windows)),
        300,
        training.adamw(model, rate),
        lambda step, total: training.linear_decay(step, total, warmup),
    )
    losses = torch.tensor(history.loss).view(-1, 10).mean(1)  # means of ten steps
    return {
        "losses": [round(loss, 3) for loss in losses.tolist()],
        "nats": round(nats_per_character(model, held_out), 4),
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
