"""Chapter 6's T5, taught pinyin → 汉字 alone and for longer, written where the playground finds it.

    python book/experiments/export_pinyin.py

A quarter of an hour on one core. It writes pinyin.HASH.safetensors into book/_static/playground:
the weights in float16, the tokens, and what else one must know to compute with them; HASH is the
beginning of the file's SHA-256.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

import sweep  # noqa: F401, finds the parts
from parts import training
from parts.corpus import load_corpus
from parts.t5_model import T5Model
from parts.t5_stack import T5Config
from parts.text_to_text import add_tokens, pinyin_pairs, source_ids, text_loss

PLACE = Path(__file__).parents[1] / "_static/playground"
STEPS = 2400


def exercises():
    """The vocabulary with its syllables, and {split: [(source ids, target ids)]}."""
    splits, vocab = load_corpus()
    runs = {split: pinyin_pairs(r.text for r in rows) for split, rows in splits.items()}
    syllables = {s for pairs in runs.values() for row, _ in pairs for s in row}
    add_tokens(vocab, sorted(syllables))
    return vocab, {
        split: [(source_ids(vocab, "pinyin", a), vocab.encode(b)) for a, b in rows]
        for split, rows in runs.items()
    }


def trained(steps):
    """Chapter 6's shape and recipe, 64 pairs a step; and the tokens."""
    vocab, pairs = exercises()
    torch.manual_seed(0)
    model = T5Model(T5Config(len(vocab), tied=False))
    generator, taught = torch.Generator().manual_seed(0), pairs["train"]

    def next_loss():
        drawn = torch.randint(len(taught), (64,), generator=generator).tolist()
        return text_loss(model, [taught[i] for i in drawn])

    training.fit(model, next_loss, steps, training.muon(model, others_lr=0.1))
    return model, vocab.tokens


def export(model, tokens, folder):
    """Write the weights, once each; returns the file's path."""
    weights = {name: p.detach().half() for name, p in model.named_parameters()}
    config = model.config
    about = {"heads": config.heads, "tokens": tokens}
    about |= {"buckets": config.buckets, "farthest": config.max_distance}
    data = save(weights, {"config": json.dumps(about, ensure_ascii=False)})
    path = folder / f"pinyin.{hashlib.sha256(data).hexdigest()[:12]}.safetensors"
    path.write_bytes(data)
    return path


def load(path):
    """An exported file → its model, float32, and its tokens."""
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["config"])
        weights = {name: file.get_tensor(name).float() for name in file.keys()}
    model = T5Model(T5Config(len(about["tokens"]), tied=False))
    model.load_state_dict(weights)
    return model.eval(), about["tokens"]


if __name__ == "__main__":
    for old in PLACE.glob("pinyin.*.safetensors"):
        old.unlink()
    path = export(*trained(STEPS), PLACE)
    print(path.name, f"{path.stat().st_size:,} bytes")
