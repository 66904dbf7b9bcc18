"""From what `abilities` found: two ways compared, with all the noise there is.

A line is one way less another: what each seed of pre-training found in each draw of the labels, and
what each test item adds over all of them. Chapter 4 draws seeds, draws and items again.

    python book/experiments/differences.py        # seconds; reads abilities.jsonl
"""

import json

import torch

import sweep
from parts.labelled_data import boundary_tags, labelled, load_sentences

RESULTS = sweep.HERE / "differences.jsonl"
LONG = {"steps": 15000, "rate": 0.003, "start": "neighbours"}
GPT, BERT = "CLM", "MLM-40"


def comparisons():
    """(name, (objective, where), (objective, where)): the first less the second."""
    labels = "boundaries 100", "boundaries 400", "boundaries 400, frozen"
    for task in (*labels, "sentiment 100", "sentiment 400"):
        yield task, (BERT, "labels", task), (GPT, "labels", task)
    for task in ("raw", "tuned"):
        yield (
            f"similarity {task}",
            (BERT, "similarity", task),
            (GPT, "similarity", task),
        )
    yield "cloze", (BERT, "cloze", "mask"), (GPT, "cloze", "joint")
    for task in ("boundaries 400, rate 0.003", "sentiment 400, rate 0.003"):
        yield task, (BERT, "labels", task), (GPT, "labels", task)
    for n in (100, 400):
        own, after, before = (
            f"boundaries {n}{at}" for at in ("", ", next", ", previous")
        )
        yield f"GPT next, {n}", (GPT, "labels", after), (GPT, "labels", own)
        yield f"GPT previous, {n}", (GPT, "labels", before), (GPT, "labels", own)
        yield f"BERT next, {n}", (BERT, "labels", after), (BERT, "labels", own)
        yield f"BERT, GPT next, {n}", (BERT, "labels", own), (GPT, "labels", after)


def of_seeds(runs, objective, *where):
    """{seed: (what each draw found, what each test item adds to their sum)}."""
    found = {}
    for run in runs:
        if run["objective"] == objective and LONG.items() <= run.items():
            there = run[where[0]][where[1]]
            draws = there.get("draws") or [there.get("share", there.get("nats"))]
            found[run["seed"]] = draws, torch.tensor(there["items"])
    return found


def compared(runs, sizes, one, other):
    """{"draws": (S, D), "items": (N,), "sizes": (N,)} of one way less another."""
    ones, others = of_seeds(runs, *one), of_seeds(runs, *other)
    seeds = sorted(ones.keys() & others.keys())
    draws = [torch.tensor(ones[s][0]) - torch.tensor(others[s][0]) for s in seeds]
    items = sum(ones[s][1] - others[s][1] for s in seeds)
    each = sizes if one[2].startswith("boundaries") else torch.ones(len(items)).int()
    counted = each * len(seeds) * len(draws[0])
    return {
        "draws": [[round(x, 4) for x in row.tolist()] for row in draws],
        "items": [round(x, 2) for x in items.tolist()],
        "sizes": counted.tolist(),
    }


def lines():
    """What the file is to hold."""
    runs = sweep.read(sweep.HERE / "abilities.jsonl")
    _, tags = labelled(load_sentences(), boundary_tags)["test"]
    sizes = torch.tensor([sum(tag >= 0 for tag in row) for row in tags])
    where = {name: runs[0][name] for name in ("torch", "machine")}
    return [
        json.dumps({"what": name} | compared(runs, sizes, one, other) | where) + "\n"
        for name, one, other in comparisons()
    ]


if __name__ == "__main__":
    RESULTS.write_text("".join(lines()), encoding="utf-8")
