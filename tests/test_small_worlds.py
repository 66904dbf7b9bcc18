"""Addition and pairs to look up: the tasks are what they are said to be."""

import pytest
import torch

from parts.addition import EQUALS, PLUS, digits, sums, three_rulers
from parts.corpus import FIRST_CHARACTER
from parts.in_context import (
    FIRST_VALUE,
    IS_ASKED,
    PAIRS,
    episode_loss,
    episodes,
    last_correct,
)
from parts.transformer import Config, Transformer


def number(row):
    return int("".join(str(digit) for digit in row.tolist()))


def test_sums_are_right():
    for row in sums(50, torch.Generator().manual_seed(0)):
        assert row[5] == PLUS and row[11] == EQUALS
        assert number(row[:5]) + number(row[6:11]) == number(row[12:])


def test_digits_come_highest_first():
    assert digits(torch.tensor([305]), 4).tolist() == [[0, 3, 0, 5]]


def test_rulers_of_the_one_who_knows_and_of_the_one_who_knows_but_a_digit():
    rows = sums(20, torch.Generator().manual_seed(0))

    def knowing(inputs):  # the true next token, for certain
        return 50 * torch.nn.functional.one_hot(rows[:, 1:], 12).float()

    def nearly(inputs):
        logits = knowing(inputs)
        logits[:, -1] = logits[:, -1].roll(1, -1)  # the last digit always wrong
        return logits

    assert three_rulers(knowing, rows) == pytest.approx([1, 1, 0], abs=1e-6)
    whole, single, nats = three_rulers(nearly, rows)
    assert whole == 0 and single == pytest.approx(5 / 6) and nats > 5


def test_what_is_asked_has_been_shown():
    rows = episodes(100, torch.Generator().manual_seed(0))
    keys, values = rows[:, ::2], rows[:, 1::2]
    assert keys.min() >= FIRST_CHARACTER and keys.max() < FIRST_VALUE <= values.min()
    for key, value in zip(keys, values, strict=True):
        shown = dict(zip(key[:PAIRS].tolist(), value[:PAIRS].tolist(), strict=True))
        assert len(shown) == PAIRS
        assert [shown[k] for k in key[PAIRS:].tolist()] == value[PAIRS:].tolist()
    assert IS_ASKED.sum() == PAIRS and IS_ASKED[-1]


@pytest.mark.parametrize("causal", [True, False])
def test_episodes_train_and_score_either_road(causal):
    torch.manual_seed(0)
    shape = Config(FIRST_VALUE + 16, 32, dim=16, heads=2, layers=1, causal=causal)
    model, generator = Transformer(shape), torch.Generator().manual_seed(0)
    assert episode_loss(model, generator).item() == pytest.approx(3.6, abs=0.3)  # ln 37
    share = last_correct(model, episodes(200, generator))
    assert 0 <= share < 0.2
