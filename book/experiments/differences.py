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
STARTS = {
    start: {"steps": 0, "rate": 0.003, "start": start}
    for start in ("neighbours", "random")
}
GPT, BERT = "CLM", "MLM-40"


def comparisons():
    """(name, trained how, (objective, where), (objective, where)): the first less the second."""
    both = [
        ("labels", "boundaries 100"),
        ("labels", "boundaries 400"),
        ("labels", "boundaries 400, frozen"),
        ("labels", "sentiment 100"),
        ("labels", "sentiment 400"),
        ("similarity", "raw"),
        ("similarity", "tuned"),
        ("writing", "distinct"),
        ("writing", "nats"),
        ("labels", "boundaries 400, rate 0.003"),
        ("labels", "sentiment 400, rate 0.003"),
    ]
    for where in both:
        yield " ".join(where), LONG, (BERT, *where), (GPT, *where)
    yield "cloze", LONG, (BERT, "cloze", "mask"), (GPT, "cloze", "joint")
    for n in (100, 400):
        own = "labels", f"boundaries {n}"
        after, before = ((own[0], f"{own[1]}, {at}") for at in ("next", "previous"))
        yield f"GPT next, {n}", LONG, (GPT, *after), (GPT, *own)
        yield f"GPT previous, {n}", LONG, (GPT, *before), (GPT, *own)
        yield f"BERT next, {n}", LONG, (BERT, *after), (BERT, *own)
        yield f"BERT, GPT next, {n}", LONG, (BERT, *own), (GPT, *after)
        for start, how in STARTS.items():
            yield f"start {start}, {n}", how, (BERT, *own), (GPT, *own)


def of_seeds(runs, how, objective, *where):
    """{seed: (what each draw found, what each test item adds to their sum)}."""
    found = {}
    for run in runs:
        if run["objective"] == objective and how.items() <= run.items():
            there = run[where[0]]
            if where == (
                "writing",
                "distinct",
            ):  # of all that was written, not of each text
                draws, items = [there["distinct"]], []
            elif where[0] == "writing":
                draws, items = [there[where[1]]], there["items"]
            else:
                there = there[where[1]]
                draws = there.get("draws") or [there.get("share", there.get("nats"))]
                items = there["items"]
            found[run["seed"]] = torch.tensor(draws), torch.tensor(items)
    return found


def compared(runs, sizes, how, one, other):
    """{"levels": (2, S), "draws": (S, D), "items": (N,), "sizes": (N,)}."""
    ones, others = of_seeds(runs, how, *one), of_seeds(runs, how, *other)
    seeds = sorted(ones.keys() & others.keys())
    draws = [ones[s][0] - others[s][0] for s in seeds]
    items = sum(ones[s][1] - others[s][1] for s in seeds)
    each = sizes if one[2].startswith("boundaries") else torch.ones_like(items).int()
    levels = [[rounded(way[s][0].mean()) for s in seeds] for way in (ones, others)]
    return {
        "levels": levels,
        "draws": [list(map(rounded, row)) for row in draws],
        "items": [round(x, 2) for x in items.tolist()],
        "sizes": (each * len(seeds) * len(draws[0])).tolist(),
    }


def rounded(x):
    return round(x.item(), 4)


def lines():
    """What the file is to hold."""
    runs = sweep.read(sweep.HERE / "abilities.jsonl")
    _, tags = labelled(load_sentences(), boundary_tags)["test"]
    sizes = torch.tensor([sum(tag >= 0 for tag in row) for row in tags])
    where = {name: runs[0][name] for name in ("torch", "machine")}
    found = [
        {"what": name} | compared(runs, sizes, how, one, other) | where
        for name, how, one, other in comparisons()
        if of_seeds(runs, how, *one).keys() & of_seeds(runs, how, *other).keys()
    ]
    for objective in (GPT, BERT):
        for run in runs:
            if (
                run["objective"] == objective
                and LONG.items() <= run.items()
                and not run["seed"]
            ):
                samples = {
                    "what": f"{objective} writes",
                    "samples": run["writing"]["samples"],
                }
                found.append(samples | where)
    return [json.dumps(row, ensure_ascii=False) + "\n" for row in found]


if __name__ == "__main__":
    RESULTS.write_text("".join(lines()), encoding="utf-8")
