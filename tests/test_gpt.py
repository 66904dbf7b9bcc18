"""The objective and the ways of writing."""

import math

import pytest
import torch

from parts.gpt import clm_loss, generate, nats_per_character, next_probabilities
from parts.transformer import Config, Transformer

LOGITS = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log()


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Transformer(Config(vocab_size=30, context=16, dim=16, heads=2, layers=2))
    with torch.no_grad():
        model.token.weight.mul_(20)  # far from uniform, so that choices are clear
    return model


def test_loss_is_minus_log_p_of_the_next_token(model):
    ids = torch.randint(30, (1, 5))
    logp = model(ids).log_softmax(-1)[0]
    by_hand = -sum(logp[t, ids[0, t + 1]] for t in range(4)) / 4
    torch.testing.assert_close(clm_loss(model, ids), by_hand)


def test_nats_per_character_reads_every_target_once(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    nats = nats_per_character(model, torch.randint(30, (100,)))
    assert nats == pytest.approx(math.log(30), abs=1e-5)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, [0.5, 0.25, 0.15, 0.1]),
        ({"temperature": 0}, [1, 0, 0, 0]),
        ({"temperature": 0.5}, [0.25, 0.0625, 0.0225, 0.01]),
        ({"top_k": 1}, [1, 0, 0, 0]),
        ({"top_k": 2}, [0.5, 0.25, 0, 0]),
        ({"top_p": 0.5}, [1, 0, 0, 0]),
        ({"top_p": 0.76}, [0.5, 0.25, 0.15, 0]),
        ({"top_p": 1.0}, [0.5, 0.25, 0.15, 0.1]),
        ({"top_k": 2, "top_p": 0.6}, [1, 0, 0, 0]),
    ],
)
def test_next_probabilities(choice, expected):
    expected = torch.tensor([expected], dtype=torch.float)
    found = next_probabilities(LOGITS, **choice)
    torch.testing.assert_close(found, expected / expected.sum())


@pytest.mark.parametrize(
    "choice",
    [{"temperature": -1}, {"top_k": 0}, {"top_k": 5}, {"top_p": 0.0}, {"top_p": 1.5}],
)
def test_bad_choices(choice):
    with pytest.raises(ValueError, match="must"):
        next_probabilities(LOGITS, **choice)


@pytest.mark.parametrize("new_tokens", [5, 40])  # 40 runs over the context twice
def test_cache_changes_nothing(model, new_tokens):
    ids = torch.randint(30, (2, 6))
    slow = generate(model, ids, new_tokens, cached=False, temperature=0)
    assert slow.shape == (2, 6 + new_tokens)
    assert torch.equal(generate(model, ids, new_tokens, temperature=0), slow)


def test_long_prompt_is_cropped_to_the_context(model):
    ids = torch.randint(30, (1, 20))
    greedy = model(ids[:, -16:])[:, -1].argmax()
    assert generate(model, ids, 1, temperature=0)[0, -1] == greedy


def test_stop_and_seed(model):
    ids = torch.randint(30, (1, 4))
    written = generate(model, ids, 12, generator=torch.Generator().manual_seed(3))
    again = generate(model, ids, 12, generator=torch.Generator().manual_seed(3))
    assert torch.equal(written, again)
    stop = int(written[0, 7])
    dice = torch.Generator().manual_seed(3)
    short = generate(model, ids, 12, stop=stop, generator=dice)
    assert short[0, -1] == stop and short.size(1) <= 8


def test_generate_leaves_the_mode_alone(model):
    model.train()
    generate(model, torch.zeros(1, 1, dtype=torch.long), 1)
    assert model.training
    with pytest.raises(ValueError):
        generate(model, torch.zeros(1, 1, dtype=torch.long), 1, top_k=0)
    assert model.training


def test_empty_prompt(model):
    with pytest.raises(ValueError, match="not empty"):
        generate(model, torch.zeros(1, 0, dtype=torch.long), 1)
