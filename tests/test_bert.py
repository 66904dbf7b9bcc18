"""BERT's objective, heads and pairs of sentences."""

import math
from itertools import islice

import pytest
import torch

from parts.bert import Bert, mask_tokens, mlm_loss, pair_batches, pairs_of
from parts.corpus import CLS, MASK, PAD, SEP, UNK, Vocab, load_reviews
from parts.transformer import Config, Transformer


def hide(ids, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return mask_tokens(ids, 2000, generator=generator, **options)


def test_shares_of_masking():
    ids = torch.randint(5, 2000, (400, 500))
    inputs, chosen = hide(ids)
    assert chosen.float().mean() == pytest.approx(0.15, abs=0.004)
    assert (inputs == ids)[~chosen].all()
    seen, truth = inputs[chosen], ids[chosen]
    assert (seen == MASK).float().mean() == pytest.approx(0.8, abs=0.01)
    assert (seen == truth).float().mean() == pytest.approx(0.1, abs=0.01)
    assert seen.min() >= MASK  # no special but [MASK] is ever put in


def test_specials_and_padding_are_never_chosen():
    ids = torch.tensor([[CLS, 7, UNK, 8, SEP, PAD, PAD]]).repeat(50, 1)
    inputs, chosen = hide(ids, rate=1.0, as_mask=1.0, as_random=0.0)
    assert chosen.equal(ids >= 5)
    assert (inputs == MASK).equal(chosen)


def test_something_is_always_chosen():
    for seed in range(50):
        _, chosen = hide(torch.tensor([[CLS, 7, SEP]]), seed=seed, rate=0.01)
        assert chosen.tolist() == [[False, True, False]]


def test_nothing_to_hide_is_an_error():
    with pytest.raises(ValueError, match="nothing to hide"):
        hide(torch.tensor([[CLS, SEP]]))
    with pytest.raises(ValueError, match="rate=0"):
        hide(torch.tensor([[7]]), rate=0)


def test_loss_is_taken_at_the_chosen_positions_only():
    torch.manual_seed(0)
    model = Transformer(Config(vocab_size=30, dim=16, causal=False))
    ids = torch.randint(5, 30, (2, 6))
    chosen = torch.zeros(2, 6, dtype=torch.bool)
    chosen[0, 2] = chosen[1, 5] = True
    logp = model(ids).log_softmax(-1)
    by_hand = -(logp[0, 2, ids[0, 2]] + logp[1, 5, ids[1, 5]]) / 2
    torch.testing.assert_close(mlm_loss(model, ids, ids, chosen), by_hand)
    with pytest.raises(ValueError, match="NaN"):
        mlm_loss(model, ids, ids, chosen & False)


def test_bert_begins_without_an_opinion():
    torch.manual_seed(0)
    bert = Bert(Transformer(Config(causal=False, pre_norm=False, embedding_norm=True)))
    ids = torch.randint(5, 2000, (4, 64))
    loss = mlm_loss(bert, ids, *hide(ids))
    assert loss.item() == pytest.approx(math.log(2000), abs=0.3)
    assert bert.next_sentence(bert.encode(ids)).shape == (4, 2)


def test_pieces_end_after_punctuation_and_lose_nothing():
    text = "房间很大，早餐不错。" * 3 + "没有标点" * 10
    pairs = pairs_of(text)
    assert pairs[0] == ("房间很大，早餐不错。" * 3, ("没有标点" * 8)[:30])
    assert all(len(piece) <= 30 for pair in pairs for piece in pair)
    assert pairs_of("一句，两句。") == []  # one piece has no second


def test_a_turned_pair_is_what_it_says():
    reviews = load_reviews()["validation"]
    vocab = Vocab([review.text for review in reviews], 2000)
    pairs = [pair for review in reviews for pair in pairs_of(review.text)]
    known = {tuple(map(tuple, map(vocab.encode, pair))) for pair in pairs}
    for wrong, share in [("random", 0.5), ("swapped", 0.5), (None, 0)]:
        labels = []
        batches = pair_batches(vocab, pairs, 32, wrong, seed=0)
        for ids, segments, turned in islice(batches, 8):
            for row, segment, turn in zip(ids, segments, turned, strict=True):
                row = row[row != PAD].tolist()
                cut = row.index(SEP)
                a, b = tuple(row[1:cut]), tuple(row[cut + 1 : -1])
                assert row[0] == CLS and row[-1] == SEP
                assert segment[: cut + 1].sum() == 0
                assert segment.sum() == len(b) + 1
                found = (b, a) if turn and wrong == "swapped" else (a, b)
                assert (found in known) == (not turn or wrong == "swapped")
            labels += turned.tolist()
        assert sum(labels) / len(labels) == pytest.approx(share, abs=0.1)
