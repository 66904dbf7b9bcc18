"""Intervals cover what they should, and no source of chance is left out."""

import pytest
import torch

from parts.bootstrap import bootstrap, interval


def world(seed, of_seed=1.0, of_draw=1.0, of_item=1.0, S=10, D=10, N=200):
    """Differences around 0 to which a seed, a draw and an item each add something."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    by_seed, by_draw = of_seed * normal(S, 1), of_draw * normal(S, D)
    by_item = of_item * normal(N)
    return by_seed + by_draw + by_item.mean(), by_item


@pytest.mark.parametrize("source", ["of_seed", "of_draw", "of_item"])
def test_each_source_of_chance_widens_the_interval(source):
    quiet = {"of_seed": 0.05, "of_draw": 0.05, "of_item": 0.05}
    widths = []
    for size in (0.05, 5.0):
        found = bootstrap(*world(0, **quiet | {source: size}), rounds=2000)
        low, high = interval(found)
        widths.append(high - low)
    assert widths[1] > 5 * widths[0]


def test_nineteen_intervals_in_twenty_hold_the_truth():
    held = 0
    for seed in range(200):
        low, high = interval(bootstrap(*world(seed), rounds=1000))
        held += low < 0 < high
    assert 0.9 <= held / 200 <= 0.99


def test_more_looks_widen_it():
    found = bootstrap(*world(0), rounds=5000)
    (a, b), (c, d) = interval(found), interval(found, looks=8)
    assert c < a < b < d


def test_large_items_count_for_more():
    draws, sizes = torch.zeros(3, 2), torch.tensor([1.0, 9.0])
    found = bootstrap(draws, torch.tensor([0.0, 9.0]), sizes, rounds=4000)
    # 0, 9 of 10, or 1, less the mean of .9
    assert {round(x, 4) for x in found.tolist()} <= {-0.9, 0.0, 0.1}


def test_one_draw_and_no_items_is_the_spread_of_the_seeds():
    draws = torch.tensor([[-1.0], [1.0]])
    found = bootstrap(draws, rounds=4000)
    assert found.std() == pytest.approx(1, abs=0.05)  # √2 / √2, as of a mean of two
