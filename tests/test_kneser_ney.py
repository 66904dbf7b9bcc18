"""Counting done well: a distribution, and the values known for this corpus."""

import pytest
import torch

from parts.corpus import load_corpus, to_stream
from parts.counted_cloze import log_p_by_counting
from parts.kneser_ney import KneserNey, discounts, run_codes

V = 9


@pytest.fixture(scope="module")
def stream():
    """Tokens of which some are much commoner than others."""
    generator = torch.Generator().manual_seed(0)
    chances = 0.6 ** torch.arange(V)
    return torch.multinomial(chances, 3000, True, generator=generator)


def test_a_run_is_a_number_to_the_base_of_the_size():
    assert run_codes(torch.tensor([[1, 2, 3]]), 3, 10).tolist() == [[123]]
    assert run_codes(torch.tensor([1, 2, 3]), 2, 10).tolist() == [12, 23]


def test_discounts_by_hand():
    counts = torch.tensor([1] * 10 + [2] * 5 + [3] * 2 + [4])
    share = 10 / (10 + 2 * 5)
    hand = [0, 1 - share, 2 - 3 * share * 2 / 5, 3 - 4 * share / 2]
    assert discounts(counts).tolist() == pytest.approx(hand)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_after_any_history_it_sums_to_one(stream, order):
    model = KneserNey(stream, V, order)
    histories = torch.cat([stream.unfold(0, 4, 1)[:20], torch.full((1, 4), V - 1)])
    for history in histories:
        rows = torch.cat([history.expand(V, 4), torch.arange(V)[:, None]], 1)
        assert model.log_p(rows)[:, -1].exp().sum() == pytest.approx(1, abs=1e-5)


def test_a_pair_by_hand():
    stream = torch.tensor([1, 2, 1, 2, 1, 2, 1, 0, 3, 4, 1, 0, 2, 1])
    # Pairs: 12 and 21 are the commonest; 03, 34, 41, 02 were seen once
    pairs, counts = run_codes(stream, 2, 5).unique(return_counts=True)
    taken = discounts(counts)[counts.clamp(max=3)]
    # Alone, a token counts for as many as it was seen after
    kinds = torch.bincount(pairs % 5, minlength=5)
    off = discounts(kinds)[kinds.clamp(max=3)]
    alone = (kinds - off + off.sum() / 5) / kinds.sum()
    after_one = pairs // 5 == 1
    kept = (counts - taken)[pairs == 7]  # 1, then 2
    spare, total = taken[after_one].sum(), counts[after_one].sum()
    by_hand = (kept + spare * alone[2]) / total
    found = KneserNey(stream, 5, 2).log_p(torch.tensor([[1, 2]]))[0, 1].exp()
    assert found == pytest.approx(by_hand.item(), rel=1e-5)


def test_the_blank_is_found_by_trying_every_token(stream):
    model, windows = KneserNey(stream, V, 3), stream.unfold(0, 9, 1)[:4]
    log_p = log_p_by_counting(model, windows, 4)
    for token in range(V):
        tried = windows.clone()
        tried[:, 4] = token
        whole = model.log_p(tried[:, 2:7])[:, 2:].sum(1)
        rest = model.log_p(windows[:, 2:7])[:, 2:].sum(1)
        truth = log_p.gather(1, windows[:, 4, None])[:, 0]
        assert torch.allclose(log_p[:, token] - truth, whole - rest, atol=1e-4)


def test_runs_that_no_integer_holds_are_refused(stream):
    with pytest.raises(ValueError, match="no integer"):
        KneserNey(stream, 2000, 6)


def test_this_corpus():
    splits, vocab = load_corpus()
    train, validation, test = (to_stream(vocab, rows) for rows in splits.values())
    model = KneserNey(train, len(vocab))
    found = [model.nats(rows[None], 1) for rows in (validation, test)]
    assert found == pytest.approx([3.884, 3.821], abs=2e-3)
