"""The fair fight's measures against what they say they are."""

import math

import pytest
import torch
from torch.nn import functional as F

from parts.cloze import (
    bigram_log_p,
    cloze_score,
    cloze_windows,
    flipped,
    log_p_by_bayes,
    log_p_by_left,
    log_p_by_mask,
    shifted_mlm_loss,
)
from parts.corpus import SEP, Vocab, load_reviews, to_stream
from parts.judge import distinct_pairs, write_by_mask
from parts.sentence_vectors import contrastive_loss, found_first, mean_vectors
from parts.transformer import Config, Transformer

V = 30


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Transformer(Config(vocab_size=V, context=12, dim=16, heads=2, layers=2))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture
def windows():
    return torch.randint(5, V, (4, 10), generator=torch.Generator().manual_seed(1))


def test_flipped_shares_weights_and_changes_the_mask_alone(model, windows):
    other = flipped(model)
    assert model.config.causal and not other.config.causal
    both = zip(model.parameters(), other.parameters(), strict=True)
    assert all(a is b for a, b in both)
    first = windows.clone()
    first[:, -1] = 5 + (first[:, -1] - 4) % (V - 5)  # another last character
    assert torch.equal(model(windows)[:, 0], model(first)[:, 0])
    assert not torch.allclose(other(windows)[:, 0], other(first)[:, 0])
    assert torch.equal(flipped(other)(windows), model(windows))


def test_joint_is_the_exact_posterior(model, windows):
    """Every candidate's whole sentence scored, without cache, shortlist or trick."""
    blank = 4
    truth = []
    for row in windows:
        every = row.repeat(V, 1)
        every[:, blank] = torch.arange(V)
        log_p = model(every[:, :-1]).log_softmax(-1).gather(-1, every[:, 1:, None])
        truth.append(log_p.sum((1, 2)).log_softmax(-1))
    bigrams = bigram_log_p(windows.flatten(), V)
    found = log_p_by_bayes(model, windows, blank, bigrams, shortlist=V)
    assert torch.allclose(found, torch.stack(truth), atol=1e-4)


def test_a_shortlist_still_sums_to_one(model, windows):
    bigrams = bigram_log_p(windows.flatten(), V)
    found = log_p_by_bayes(model, windows, 4, bigrams, shortlist=5)
    assert torch.allclose(found.exp().sum(1), torch.ones(4), atol=1e-5)


def test_who_sees_what_of_the_blank(model, windows):
    blank, other = 4, flipped(model)
    behind, inside = windows.clone(), windows.clone()
    behind[:, blank + 1] = 5 + (behind[:, blank + 1] - 4) % (V - 5)
    inside[:, blank] = 5 + (inside[:, blank] - 4) % (V - 5)
    for read in (log_p_by_left, log_p_by_mask):  # a causal model
        assert torch.equal(read(model, windows, blank), read(model, behind, blank))
    answer = log_p_by_mask(other, windows, blank)
    assert torch.equal(answer, log_p_by_mask(other, inside, blank))
    assert not torch.allclose(answer, log_p_by_mask(other, behind, blank))


def test_shifted_loss_guesses_one_place_earlier(model, windows):
    chosen = torch.zeros_like(windows, dtype=torch.bool)
    chosen[:, 4] = True
    inputs = windows.masked_fill(chosen, 4)
    other = flipped(model)
    wanted = F.nll_loss(log_p_by_mask(other, windows, 4, shift=1), windows[:, 4])
    assert torch.allclose(shifted_mlm_loss(other, windows, inputs, chosen), wanted)


def test_blanks_stand_inside_sentences():
    reviews = load_reviews()["validation"]
    vocab = Vocab([review.text for review in reviews], 2000)
    windows = cloze_windows(vocab, to_stream(vocab, reviews), 50)
    assert windows.shape == (50, 33)
    for row in windows:
        assert all("一" <= vocab.tokens[i] <= "鿿" for i in row[23:26])
    assert torch.equal(windows, cloze_windows(vocab, to_stream(vocab, reviews), 50))


def test_cloze_of_the_certain_and_the_uniform(windows):
    uniform = torch.full((4, V), 1 / V).log()
    nats = cloze_score(uniform, windows, 4)["nats"]
    assert nats == pytest.approx(math.log(V), rel=1e-4)
    sure = F.one_hot(windows[:, 4], V).float().clamp(min=1e-9).log()
    assert cloze_score(sure, windows, 4)["correct"] == 1


def test_written_by_mask_appends_and_keeps(model, windows):
    other = flipped(model)
    ids = write_by_mask(other, windows, 5, torch.Generator().manual_seed(0))
    assert ids.shape == (4, 15) and torch.equal(ids[:, :10], windows)
    again = write_by_mask(other, windows, 5, torch.Generator().manual_seed(0))
    assert torch.equal(ids, again)


def test_distinct_pairs():
    assert distinct_pairs(torch.tensor([[1, 1, 1, 1]])) == pytest.approx(1 / 3)
    assert distinct_pairs(torch.tensor([[1, 2, 3, 4]])) == 1


def test_vectors_ignore_padding_and_find_themselves(model):
    rows = torch.tensor([[SEP, 6, 7, SEP, 0, 0], [SEP, 8, 9, 10, 11, SEP]])
    vectors = mean_vectors(model, rows)
    alone = mean_vectors(model, rows[:1, :4])
    assert torch.allclose(vectors[0], alone[0], atol=1e-6)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2))
    assert found_first(model, rows, rows) == 1
    others = contrastive_loss(model, rows, rows.flip(0))
    assert contrastive_loss(model, rows, rows) < others
