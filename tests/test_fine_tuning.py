"""Tasks with labels, the baselines for them, and adaptation."""

import pytest
import torch

from parts.baselines import counted_vectors, linear_accuracy, neighbours
from parts.corpus import IGNORE, Vocab
from parts.electra import Electra
from parts.fine_tuning import TaskHead, accuracy, correct_by_text, fine_tune
from parts.labelled_data import (
    BMES,
    TOPICS,
    boundary_tags,
    few,
    labelled,
    load_sentences,
    to_rows,
    topic,
)
from parts.transformer import Config, Transformer

SENTENCES = load_sentences()
SMALL = Config(vocab_size=60, context=24, dim=32, heads=2, layers=1, causal=False)


def test_splits_never_move():
    sizes = {name: len(rows) for name, rows in SENTENCES.items()}
    assert sizes == {"train": 2641, "validation": 834, "test": 874}
    assert len({row.text for rows in SENTENCES.values() for row in rows}) == 4349


def test_tags_spell_the_words():
    for sentence in SENTENCES["train"]:
        tags, words = boundary_tags(sentence), []
        for character, tag in zip(sentence.text, tags, strict=True):
            if tag != IGNORE and BMES[tag] in "BS":
                words.append("")
            if tag != IGNORE:
                words[-1] += character
        assert words == sentence.words


def test_every_topic_has_sentences():
    data = labelled(SENTENCES, topic)
    assert set(data["train"][1]) == set(range(len(TOPICS)))
    assert "misc" not in TOPICS


def test_texts_are_cut_to_the_context():
    long = {"train": [SENTENCES["train"][0]._replace(text="长" * 80)]}
    assert labelled(long, topic)["train"][0] == ["长" * 62]


def test_few_is_a_draw_that_repeats():
    data = labelled(SENTENCES, topic)["train"]
    assert few(data, 25, 1) == few(data, 25, 1) != few(data, 25, 2)
    assert few(data, 25, 1)[0] == few(data, 100, 1)[0][:25]


def test_padding_changes_nothing():
    torch.manual_seed(0)
    for per_character in (True, False):
        tagger = TaskHead(Transformer(SMALL), 3, per_character).eval()
        alone = tagger(torch.tensor([[3, 8, 9, 3]]))
        padded = tagger(torch.tensor([[3, 8, 9, 3, 0, 0], [3, 8, 9, 10, 11, 3]]))[:1]
        torch.testing.assert_close(padded[:, :4] if per_character else padded, alone)


@pytest.mark.slow
@pytest.mark.parametrize("per_character", [True, False])
def test_learns_what_can_be_learnt(per_character):
    vocab = Vocab(["甲乙丙丁"], 60)
    generator = torch.Generator().manual_seed(0)
    texts = [
        "".join("甲乙丙丁"[i] for i in torch.randint(4, (n,), generator=generator))
        for n in torch.randint(3, 9, (80,), generator=generator).tolist()
    ]
    if per_character:  # does 甲 stand to the right?
        labels = [[int(t[i + 1 : i + 2] == "甲") for i in range(len(t))] for t in texts]
    else:
        labels = [int("甲" in text) for text in texts]
    torch.manual_seed(0)
    tagger = TaskHead(Transformer(SMALL), 2, per_character)
    rows = to_rows(vocab, texts, labels)
    before = accuracy(tagger, *rows)
    fine_tune(tagger, *rows, steps=300, lr=3e-3)
    assert accuracy(tagger, *rows) > max(0.95, before)
    assert linear_accuracy((texts, labels), (texts, labels)) > 0.95


def test_neighbours_see_two_on_each_side():
    assert len(neighbours("甲乙丙")) == 3
    assert "1丙" in neighbours("甲乙丙")[1].split()
    assert "0乙丙" in neighbours("甲乙丙")[1].split()


def test_counted_vectors_bring_together_what_stands_alike():
    stream = torch.tensor([5, 6, 7, 5, 8, 7] * 200 + [9, 10, 11] * 200)
    vectors = torch.nn.functional.normalize(counted_vectors(stream, 12, 4, window=1))
    alike = vectors @ vectors.T
    assert alike[6, 8] > 0.9 > alike[6, 10] + 0.5
    assert vectors.isfinite().all()


@pytest.mark.slow
def test_electra_learns_to_tell_what_was_replaced():
    torch.manual_seed(0)
    model = Electra(Transformer(SMALL), Transformer(SMALL))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(250):
        ids = torch.randint(5, 60, (16, 1)).expand(16, 12).contiguous()  # one repeated
        chosen = torch.rand(16, 12) < 0.15
        filling, finding, replaced = model(ids, ids.masked_fill(chosen, 4), chosen)
        assert not replaced[~chosen].any()
        loss = filling + 50 * finding
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_a_head_that_reads_the_next_position_sees_it():
    torch.manual_seed(0)
    body = Transformer(Config(vocab_size=60, context=24, dim=32, heads=2, layers=1))
    ids = torch.randint(5, 60, (1, 8))
    changed = ids.clone()
    changed[0, 4] = 5 + (ids[0, 4] - 4) % 55
    for offsets, moved in [((0,), 4), ((0, 1), 3), ((-1, 0), 4)]:
        head = TaskHead(body, 4, per_character=True, offsets=offsets).eval()
        apart = (head(ids) - head(changed)).abs().amax(-1)[0, 1:-1]
        assert (apart > 1e-7).nonzero()[0].item() + 1 == moved  # the first that moves


def test_texts_are_counted_one_by_one():
    torch.manual_seed(0)
    body = Transformer(SMALL)
    head = TaskHead(body, 4, per_character=True).eval()
    inputs = [[3, 6, 7, 3], [3, 8, 9, 10, 3]]
    labels = [[IGNORE, 1, 2, IGNORE], [IGNORE, 0, IGNORE, 3, IGNORE]]
    correct, counted = correct_by_text(head, inputs, labels)
    assert counted.tolist() == [2, 2]
    assert accuracy(head, inputs, labels) == correct.sum().item() / 4
    for i in range(2):
        alone, _ = correct_by_text(head, inputs[i : i + 1], labels[i : i + 1])
        assert alone.item() == correct[i]
