"""Encoder-decoder, causal decoder or prefix decoder: pinyin → 汉字, like Table 2 of the T5 paper.

The blocks are T5's in all. The encoder-decoder has 2 + 2 layers; the decoders have 4 layers and as
many parameters, or 2 layers and as much work. All see the same pairs in the same order. A sixth
model, an encoder-decoder, learns four tasks at once, all four in each batch. All with the head
apart from the embeddings, as in T5 1.1, and again tied to them, as in the first T5, where learning
takes longer. Three seeds each.

    make sweep NAME=architectures        # an hour and a half on two cores
"""

import torch

import sweep
from parts.corpus import load_corpus
from parts.labelled_data import load_sentences
from parts.span_corruption import corrupt_spans
from parts.t5_decoder import T5Decoder
from parts.t5_model import T5Model
from parts.t5_stack import T5Config
from parts.text_to_text import (
    add_tokens,
    cut_into_words,
    generation_accuracy,
    pinyin_pairs,
    source_ids,
    teacher_forced_accuracy,
    text_loss,
)
from parts.training import fit, muon

STEPS = {False: 400, True: 700}  # head apart, head tied
TASK_STEPS = {False: 800, True: 1200}
BATCH, LONGEST = 64, 40
SHAPES = {  # the MLPs of an encoder-decoder are 4 C wide, those of a decoder 5 C
    "encoder-decoder": (T5Model, {"layers": 2}),
    "causal, parameters": (T5Decoder, {"layers": 4, "mlp_dim": 640}, False),
    "prefix, parameters": (T5Decoder, {"layers": 4, "mlp_dim": 640}, True),
    "causal, work": (T5Decoder, {"layers": 2, "mlp_dim": 640}, False),
    "prefix, work": (T5Decoder, {"layers": 2, "mlp_dim": 640}, True),
}
RUNS = [
    {"model": model, "tied": tied, "seed": seed}
    for tied in (False, True)
    for seed in range(3)
    for model in [*SHAPES, "tasks"]
]
MIXTURE = {"pinyin": 32, "gaps": 12, "words": 10, "sentiment": 10}  # pairs in a batch


def load(vocab, splits, sentences):
    """{task: {split: [(source ids, target ids)]}}; syllables and gap marks join the vocabulary."""
    runs = {name: pinyin_pairs(r.text for r in rows) for name, rows in splits.items()}
    runs["sentences"] = pinyin_pairs(s.text for s in sentences["test"])
    syllables = {s for pairs in runs.values() for row, _ in pairs for s in row}
    add_tokens(vocab, sorted(syllables))
    sentinels = add_tokens(vocab, [f"▢{i}" for i in range(10)])

    def pairs(task, texts):
        return [
            (source_ids(vocab, task, source), vocab.encode(target))
            for source, target in texts
        ]

    pinyin = {name: pairs("pinyin", texts) for name, texts in runs.items()}
    words = {
        name: pairs("words", [(row.text, cut_into_words(row)) for row in rows])
        for name, rows in sentences.items()
    }
    sentiment = {
        name: pairs(
            "sentiment", [(row.text[:LONGEST], "差好"[row.label]) for row in rows]
        )
        for name, rows in splits.items()
    }
    generator, gaps = torch.Generator().manual_seed(0), {}
    for name, rows in splits.items():
        gaps[name] = []
        for row in rows:
            ids = torch.tensor(vocab.encode(row.text[:LONGEST]))
            source, target = corrupt_spans(ids, sentinels, generator=generator)
            source = source_ids(vocab, "gaps", []) + source.tolist()
            gaps[name].append((source, target.tolist()))
    return {"pinyin": pinyin, "words": words, "sentiment": sentiment, "gaps": gaps}


def scores_of(model, pairs):
    characters, texts = generation_accuracy(model, pairs)
    found = {
        "teacher_forced": teacher_forced_accuracy(model, pairs),
        "characters": characters,
        "texts": texts,
    }
    return {what: round(score, 4) for what, score in found.items()}


def run(model, tied, seed):
    splits, vocab = load_corpus()
    sentences = load_sentences()
    tasks = load(vocab, splits, sentences)
    torch.manual_seed(seed)
    if model == "tasks":
        net, mixture = T5Model(T5Config(len(vocab), tied=tied)), MIXTURE
    else:
        kind, shape, *prefix = SHAPES[model]
        net = kind(T5Config(len(vocab), tied=tied, **shape), *prefix)
        mixture = {"pinyin": BATCH}
    generator = torch.Generator().manual_seed(seed)

    def next_loss():
        pairs = []
        for task, n in mixture.items():
            data = tasks[task]["train"]
            drawn = torch.randint(len(data), (n,), generator=generator).tolist()
            pairs += [data[i] for i in drawn]
        return text_loss(net, pairs)

    asked = tasks["pinyin"]["validation"][:500]
    history = fit(
        net,
        next_loss,
        (TASK_STEPS if model == "tasks" else STEPS)[tied],
        muon(net, others_lr=0.1),
        check=lambda: teacher_forced_accuracy(net, asked),
        every=100 if tied else 50,
    )
    scores = {
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "checks": [
            (step, round(s, 1), round(score, 4)) for step, s, score in history.checks
        ],
    }
    scores["reviews"] = scores_of(net, tasks["pinyin"]["test"][:1500])
    scores["sentences"] = scores_of(net, tasks["pinyin"]["sentences"])
    if model == "tasks":
        for task in ("words", "sentiment", "gaps"):
            scores[task] = scores_of(net, tasks[task]["test"])
    return scores


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
