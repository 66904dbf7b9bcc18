"""A larger pair for the playground: text and recipe of export_playground.py, 11 times its size.

    python book/experiments/export_larger.py

An hour on two cores: 3,000 steps, since a model of this size has by then read the text five times.
It writes larger-ROAD.HASH.safetensors.gzip: each row of a matrix is int8 with a scale of its own in
float16, what is no matrix is float16. What the models can do goes into export_larger.json.
"""

import gzip
import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch
from safetensors.torch import load as unpacked
from safetensors.torch import save

import export_playground as export
import sweep
from parts import training
from parts.cloze import bigram_log_p, cloze_windows
from parts.corpus import batches, load_corpus, to_stream
from parts.gpt import nats_per_character
from parts.neighbour_heads import look_at_neighbours
from parts.transformer import Config, Transformer
from pretraining import BODIES, cloze_of, next_loss_of

SHAPE = {"dim": 192, "heads": 6, "layers": 6}
STEPS, RATE, SEED = 3000, 0.003, 0
SCORES = sweep.HERE / "export_larger.json"


def trained(road):
    """A road's model, kept in bodies/ once it is trained."""
    torch.set_num_threads(1)
    objective = export.ROADS[road]
    torch.manual_seed(SEED)
    model = Transformer(Config(**SHAPE, causal=objective == "CLM"))
    look_at_neighbours(model)
    kept = BODIES / f"larger-{objective}-{STEPS}.{sweep.code_hash(__file__)}.pt"
    if not kept.exists():
        splits, vocab = load_corpus()
        windows = batches(to_stream(vocab, splits["train"]), 32, 65, SEED)
        next_loss = next_loss_of(objective, model, windows, STEPS, SEED)
        training.fit(model, next_loss, STEPS, training.muon(model, others_lr=RATE))
        BODIES.mkdir(exist_ok=True)
        torch.save(model.state_dict(), kept)
    model.load_state_dict(torch.load(kept))
    return model.eval()


def to_int8(matrix):
    """(R, C) → int8 (R, C) and scales (R,), float16; a row's largest number becomes 127."""
    scale = (matrix.abs().amax(1) / 127).clamp(min=1e-6).half()
    rows = (matrix / scale.float()[:, None]).round().clamp(-127, 127)
    return rows.to(torch.int8), scale


def packed(model):
    """What is written: matrices as int8 rows, the rest as float16."""
    weights = {}
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            weights[name], weights[f"{name}.scale"] = to_int8(parameter.detach())
        else:
            weights[name] = parameter.detach().half()
    return weights


def load(path):
    """An exported file → its model, float32, as the browser has it, and its tokens."""
    data = gzip.decompress(path.read_bytes())
    begins = 8 + int.from_bytes(data[:8], "little")
    about = json.loads(json.loads(data[8:begins])["__metadata__"]["config"])
    weights = unpacked(data)
    for name in [name for name in weights if name.endswith(".scale")]:
        matrix = name.removesuffix(".scale")
        weights[matrix] = weights[matrix].float() * weights.pop(name).float()[:, None]
    model = Transformer(Config(**SHAPE, causal="gpt" in path.name))
    weights["head.weight"] = weights["token.weight"]
    model.load_state_dict(weights)
    return model.eval(), about["tokens"]


def export_road(road):
    """Train, write, and return the file's path."""
    model = trained(road)
    _, vocab = load_corpus()
    about = {"heads": SHAPE["heads"], "tokens": vocab.tokens}
    data = save(packed(model), {"config": json.dumps(about, ensure_ascii=False)})
    data = gzip.compress(data, mtime=0)
    name = f"larger-{road}.{hashlib.sha256(data).hexdigest()[:12]}.safetensors.gzip"
    path = export.PLACE / name
    path.write_bytes(data)
    return path


def scores(road, model, whole):
    """Test split: nats per character (GPT); with `whole`, or for BERT, the blanks of chapter 4."""
    splits, vocab = load_corpus()
    train, _, test = (to_stream(vocab, rows) for rows in splits.values())
    found = {}
    if road == "gpt":
        found["text"] = round(nats_per_character(model, test), 4)
    if whole or road == "bert":
        asked = cloze_windows(vocab, test, 1500)
        bigrams = bigram_log_p(train, len(vocab))
        found["cloze"] = cloze_of(export.ROADS[road], model, asked, bigrams)
    return found


if __name__ == "__main__":
    for old in export.PLACE.glob("larger-*"):
        old.unlink()
    told = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        paths = pool.map(export_road, export.ROADS)
        for road, path in zip(export.ROADS, paths, strict=True):
            print(path.name, f"{path.stat().st_size:,} bytes")
            as_trained, as_read = trained(road), load(path)[0]
            told[road] = {"float32": scores(road, as_trained, whole=False)}
            told[road]["int8"] = scores(road, as_read, whole=True)
    SCORES.write_text(json.dumps(told, indent=1) + "\n")
