"""Any-order writing and its bound, against enumeration."""

from itertools import combinations, permutations

import pytest
import torch
from torch.nn import functional as F

from parts.any_order import (
    any_order_loss,
    hide_some,
    nats_upper_bound,
    write_at_once,
    write_by_gibbs,
    write_in_order,
)
from parts.corpus import MASK
from parts.prompts import answer, prompt_loss
from parts.transformer import Config, Transformer

V = 12


def shaped(causal, context=4):
    torch.manual_seed(0)
    shape = Config(V, context=context, dim=16, heads=2, layers=2, causal=causal)
    model = Transformer(shape)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


@pytest.fixture
def ids():
    return torch.randint(5, V, (1, 4), generator=torch.Generator().manual_seed(1))


def nats_of(model, ids, hidden):
    """-log p of each hidden place (M,) of ids (1, T), all hidden at once."""
    inputs = ids.clone()
    inputs[0, list(hidden)] = MASK
    logits = model(inputs)[0, list(hidden)]
    return F.cross_entropy(logits, ids[0, list(hidden)], reduction="none")


@torch.no_grad()
def test_the_loss_is_the_mean_over_all_orders_of_writing(ids):
    model, places = shaped(causal=False), (1, 2, 3)
    chains = []
    for order in permutations(places):  # the first of what is left is written
        chain = [nats_of(model, ids, order[i:])[0] for i in range(3)]
        chains.append(torch.stack(chain).mean())
    by_orders = torch.stack(chains).mean()
    by_counts = torch.stack(
        [
            torch.stack(
                [nats_of(model, ids, some).mean() for some in combinations(places, k)]
            ).mean()
            for k in (1, 2, 3)
        ]
    ).mean()
    assert torch.allclose(by_orders, by_counts)

    generator = torch.Generator().manual_seed(0)
    drawn = any_order_loss(model, ids.repeat(30_000, 1), generator)
    assert torch.allclose(drawn, by_orders, rtol=0.02)


@torch.no_grad()
def test_the_bound_is_above_every_mixture_of_orders(ids):
    """The mean over orders of -log p is at least -log of the mean of p (Jensen)."""
    model = shaped(causal=False)
    chains = [
        torch.stack([nats_of(model, ids, order[i:])[0] for i in range(3)]).sum()
        for order in permutations((1, 2, 3))
    ]
    chains = torch.stack(chains)
    exact = torch.tensor(6.0).log() - (-chains).logsumexp(0)
    assert chains.mean() > exact
    found = nats_upper_bound(model, ids[0], rounds=2000)
    assert found == pytest.approx(chains.mean().item() / 3, rel=0.05)


def test_hides_all_counts_alike_and_never_the_first():
    ids = torch.full((600, 7), 5)
    inputs, chosen = hide_some(ids, torch.Generator().manual_seed(0))
    assert not chosen[:, 0].any() and torch.equal(inputs == MASK, chosen)
    assert torch.bincount(chosen.sum(1), minlength=7).tolist() == [0, *[100] * 6]


@pytest.mark.parametrize("order", ["sure", "random"])
def test_writes_behind_what_was_there(ids, order):
    model, generator = shaped(causal=False, context=12), torch.Generator()
    for text in (
        write_in_order(model, ids, 5, order, generator),
        write_at_once(model, ids, 5, generator),
        write_by_gibbs(model, ids, 5, 2, generator),
    ):
        assert text.shape == (1, 9) and torch.equal(text[:, :4], ids)


def test_the_surest_place_comes_first(ids):
    model, seen = shaped(causal=False, context=12), []
    encode = model.encode
    model.encode = lambda inputs: (seen.append(inputs.clone()), encode(inputs))[1]
    write_in_order(model, ids, 3, "sure", torch.Generator().manual_seed(0))
    with torch.no_grad():
        sure = model.head(encode(seen[0])).softmax(-1).amax(-1)[0, 4:]
    filled = (seen[2] != MASK)[0, 4:]  # seen twice a step: to choose, and to draw
    assert filled.nonzero().item() == sure.argmax().item()


def test_an_unknown_order_says_what_there_is(ids):
    with pytest.raises(ValueError, match='"sure" or "random"'):
        write_in_order(shaped(causal=False, context=12), ids, 2, "left")


@torch.no_grad()
def test_prompts_are_scored_on_their_answers_alone():
    model = shaped(causal=True, context=20)
    pairs = [([5, 6], [7]), ([8], [9, 10, 11])]
    losses = []
    for source, target in pairs:
        row = torch.tensor([[3, *source, 3, *target, 3]])
        log_p = model(row[:, :-1]).log_softmax(-1).gather(2, row[:, 1:, None])
        losses.append(-log_p[0, len(source) + 1 :, 0])
    assert torch.allclose(prompt_loss(model, pairs), torch.cat(losses).mean())


@torch.no_grad()
def test_answers_are_what_each_prompt_gets_alone():
    model = shaped(causal=True, context=20)
    sources = [[5, 6], [8], [7, 7], [9, 10, 11]]
    together = answer(model, sources, 6)
    for source, found in zip(sources, together, strict=True):
        row = torch.tensor([[3, *source, 3]])
        for token in found:
            assert model(row)[0, -1].argmax() == token
            row = torch.cat([row, torch.tensor([[token]])], 1)
        assert len(found) == 6 or model(row)[0, -1].argmax() == 3
