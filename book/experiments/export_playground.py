"""The two models of chapter 4, trained again and written where the playground finds them.

GPT (CLM) and BERT (40 % of the characters hidden), the long runs of comparison.py with seed 0:
same text, same order, same start, 15,000 steps.

    python book/experiments/export_playground.py

Twenty minutes on two cores. It writes ROAD.HASH.safetensors into book/_static/playground,
one file for each, in float16, with the vocabulary; HASH is the beginning of the file's SHA-256. On
one machine and one version of torch the files come out the same, byte for byte. Beside them
linear.wasm, assembled from linear.wat, and example.png, what stands there until a reader begins.
"""

import argparse
import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
import wasmtime
from matplotlib import pyplot as plt
from safetensors import safe_open
from safetensors.torch import save

import pretraining  # finds the parts, too
from parts import figures
from parts.corpus import MASK, SEP, load_corpus
from parts.transformer import Config, Transformer

ROADS = {"gpt": "CLM", "bert": "MLM-40"}
PLACE = Path(__file__).parents[1] / "_static/playground"
EXAMPLE, HIDDEN = "房间很干净，早餐也不错。", 6


def trained(road):
    """A road's model and its vocabulary."""
    torch.set_num_threads(1)
    model, _ = pretraining.pretrained(ROADS[road], steps=15000, rate=0.01, seed=0)
    return model, load_corpus()[1]


def export(road, folder):
    """Train, and write the weights, once each, into `folder`; returns the file's path."""
    model, vocab = trained(road)
    weights = {name: p.detach().half() for name, p in model.named_parameters()}
    about = {"heads": model.config.heads, "tokens": vocab.tokens}
    data = save(weights, {"config": json.dumps(about, ensure_ascii=False)})
    path = folder / f"{road}.{hashlib.sha256(data).hexdigest()[:12]}.safetensors"
    path.write_bytes(data)
    return path


def load(path):
    """An exported file → its model, float32, and its tokens."""
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["config"])
        weights = {name: file.get_tensor(name).float() for name in file.keys()}
    context, dim = weights["position.weight"].shape
    model = Transformer(
        Config(
            vocab_size=len(about["tokens"]),
            context=context,
            dim=dim,
            heads=about["heads"],
            layers=sum(name.endswith("norm1.weight") for name in weights),
            causal=path.name.startswith("gpt"),
        )
    )
    model.load_state_dict({**weights, "head.weight": weights["token.weight"]})
    return model.eval(), about["tokens"]


@torch.no_grad()
def examples(folder):
    """{title: [(token, probability), …]}: what the three lists of the playground begin with."""
    paths = [next(folder.glob(f"{road}.*.safetensors")) for road in ROADS]
    (gpt, tokens), (bert, _) = map(load, paths)
    ids = torch.tensor([[SEP, *map(tokens.index, EXAMPLE), SEP]])  # (1, T)
    at = HIDDEN + 1
    inputs = ids.clone()
    inputs[0, at] = MASK
    before, after = EXAMPLE[:HIDDEN], EXAMPLE[HIDDEN + 1 :]
    scores = {
        f"GPT接着写：{before}…": gpt(ids[:, :at])[0, -1],
        f"BERT只看左边：{before}▢": bert(inputs[:, : at + 1])[0, -1],
        f"BERT两边都看：{before}▢{after}": bert(inputs)[0, at],
    }
    found = {}
    for title, row in scores.items():
        chances, best = row.softmax(-1).topk(5)
        labels = [tokens[i] if i != SEP else "§" for i in best]
        found[title] = list(zip(labels, chances.tolist(), strict=True))
    return found


def draw(folder):
    drawn, axes = plt.subplots(1, 3, figsize=(11, 2.6))
    colours = (figures.GPT, figures.BERT, figures.BERT)
    for ax, (title, pairs), colour in zip(
        axes, examples(folder).items(), colours, strict=True
    ):
        labels, chances = zip(*pairs, strict=True)
        figures.probability_bars(ax, chances, labels, colour, title)
    drawn.savefig(folder / "example.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=PLACE)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for old in (path for road in ROADS for path in folder.glob(f"{road}.*")):
        old.unlink()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for path in pool.map(export, ROADS, [folder] * 2):
            print(path.name, f"{path.stat().st_size:,} bytes")
    code = wasmtime.wat2wasm((PLACE / "linear.wat").read_text(encoding="utf-8"))
    (folder / "linear.wasm").write_bytes(code)
    draw(folder)
