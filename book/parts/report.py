"""Reporting: tables, and what several seeds found, in one notation."""

import torch
from IPython.display import Markdown


def table(head, *rows):
    """Rows of cells → a table, as Markdown draws it."""
    rows = [map(str, row) for row in (head, ["---"] * len(head), *rows)]
    return Markdown("\n".join(f"| {' | '.join(row)} |" for row in rows))


def by_seed(runs, *path, **settings):
    """What the runs with these settings found, one value a seed, (S,) or (S, …).

    runs: a sweep's results, dictionaries; path: keys that lead to the value.
    """
    found = [run for run in runs if settings.items() <= run.items()]
    found.sort(key=lambda run: run["seed"])
    for key in path:
        found = [run[key] for run in found]
    return torch.tensor(found)


def mean_range(values, digits=2):
    """Values of several seeds → "mean（lowest–highest）"."""
    numbers = values.mean(), values.min(), values.max()
    mean, low, high = (f"{x:.{digits}f}" for x in numbers)
    return f"{mean}（{low}–{high}）"


def fastest(measures, rounds):
    """{name: function that returns a time} → {name: its shortest}, measured by turns.

    What else the machine does can only make a run slower.
    """
    turns = [[measure() for measure in measures.values()] for _ in range(rounds)]
    shortest = map(min, zip(*turns, strict=True))
    return dict(zip(measures, shortest, strict=True))
