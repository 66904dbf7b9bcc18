"""What is each of today's parts worth? Put into GPT-2's block one at a time, and taken out again.

One million parameters, 1.2 million characters, the same windows in the same order. Two learning
rates each, three seeds: at 600 steps, and at as many steps as take GPT-2's block's time. The rate
is chosen on the validation text, the score is that on the test text.

    make sweep NAME=modern_parts        # three hours on two cores
"""

from dataclasses import replace

import torch

import sweep
from parts import training
from parts.corpus import batches, load_corpus, to_stream
from parts.gpt import clm_loss, nats_per_character
from parts.modern import ModernConfig, ModernTransformer

OLD = ModernConfig(
    kv_heads=4,
    hidden=512,
    norm="layer",
    norm_eps=1e-5,
    rotary_base=None,
    qk_norm=False,
    activation="gelu_tanh",
    gated=False,
    bias=True,
)
PARTS = {
    "norm": {"norm": "rms"},
    "positions": {"rotary_base": 1e4},
    "qk_norm": {"qk_norm": True},
    "gate": {"gated": True, "activation": "silu", "hidden": 344},
    "bias": {"bias": False},
    "groups": {"kv_heads": 2},
}
EVERY = {name: value for part in PARTS.values() for name, value in part.items()}
NEW = replace(OLD, **EVERY)
WAYS = ["old", "new", *(f"old + {part}" for part in PARTS)]
WAYS += [f"new - {part}" for part in PARTS]
RUNS = [
    {"way": way, "steps": 600, "rate": rate, "seed": seed}
    for seed in range(3)
    for way in WAYS
    for rate in (0.01, 0.02)
]


def config_of(way):
    """The config of "old", "new", "old + PART" or "new - PART"."""
    block, _, part = way.partition(" ")
    if not part:
        return {"old": OLD, "new": NEW}[block]
    changed = PARTS[part[2:]]
    if block == "old":
        return replace(OLD, **changed)
    return replace(NEW, **{name: getattr(OLD, name) for name in changed})


def run(way, steps, rate, seed):
    splits, vocab = load_corpus()
    train, validation, test = (to_stream(vocab, rows) for rows in splits.values())
    torch.manual_seed(seed)
    model = ModernTransformer(config_of(way))
    windows = batches(train, 32, model.config.context + 1, seed)
    optimizers = training.muon(model, rate)
    training.fit(model, lambda: clm_loss(model, next(windows)), steps, optimizers)
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "validation": round(nats_per_character(model, validation), 4),
        "test": round(nats_per_character(model, test), 4),
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
