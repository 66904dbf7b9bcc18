"""T5 against HuggingFace's, its span corruption and its search against what they promise."""

import pytest
import torch
from transformers import T5Config as TheirConfig
from transformers import T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention as TheirAttention

from parts.beam_search import beam_search
from parts.corpus import SEP, Vocab
from parts.span_corruption import corrupt_spans
from parts.t5_decoder import T5Decoder
from parts.t5_model import T5Model, load_t5
from parts.t5_stack import RMSNorm, T5Config, relative_position_bucket
from parts.text_to_text import (
    add_tokens,
    generation_accuracy,
    pinyin_pairs,
    teacher_forced_accuracy,
    to_batch,
    write_greedily,
)

V = 99


def pair(gated, tied, layers=2):
    """HuggingFace's with random weights, and ours with the same."""
    torch.manual_seed(0)
    shape = {"vocab_size": V, "num_heads": 3}
    theirs = T5ForConditionalGeneration(
        TheirConfig(
            **shape,
            d_model=24,
            d_kv=7,
            d_ff=50,
            num_layers=layers,
            feed_forward_proj="gated-gelu" if gated else "relu",
            tie_word_embeddings=tied,
            decoder_start_token_id=0,
        )
    ).eval()
    for name, parameter in theirs.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.2)
    theirs.tie_weights()
    ours = T5Model(
        T5Config(
            V,
            24,
            heads=3,
            head_dim=7,
            mlp_dim=50,
            layers=layers,
            gated=gated,
            tied=tied,
        )
    ).eval()
    load_t5(ours, theirs)
    return ours, theirs


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("gated", [True, False])
@torch.no_grad()
def test_logits_are_huggingface_s(gated, tied):
    ours, theirs = pair(gated, tied)
    ids, written = torch.randint(V, (3, 200)), torch.randint(V, (3, 150))
    keep = torch.arange(200) < torch.tensor([[200], [17], [3]])
    asked = {"input_ids": ids, "attention_mask": keep.long()}
    wanted = theirs(**asked, decoder_input_ids=written)
    found = ours(ids, written, keep)
    assert (found - wanted.logits).abs().max() < 1e-4
    blind = ours(ids, written)  # without the mask it would not be
    assert (blind - wanted.logits).abs().max() > 1e-2


def test_greedy_text_is_huggingface_s():
    ours, theirs = pair(gated=True, tied=False)
    for seed in range(5):
        ids = torch.randint(2, V, (12,), generator=torch.Generator().manual_seed(seed))
        greedy = {"do_sample": False, "num_beams": 1}
        wanted = theirs.generate(ids[None], max_new_tokens=15, **greedy)
        found = beam_search(ours, ids, start=0, end=1, longest=15)
        assert found.tolist() == wanted[0, 1:].tolist()


@pytest.mark.parametrize("both_sides", [True, False])
@pytest.mark.parametrize("buckets, farthest", [(32, 128), (8, 20), (16, 64)])
def test_buckets_are_huggingface_s(both_sides, buckets, farthest):
    distance = torch.arange(-300, 301)
    asked = distance, both_sides, buckets, farthest
    wanted = TheirAttention._relative_position_bucket(*asked)
    assert torch.equal(relative_position_bucket(*asked), wanted)


def test_rms_norm_is_torch_s():
    x = torch.randn(2, 3, 8)
    torch.testing.assert_close(RMSNorm(8)(x), torch.nn.RMSNorm(8, eps=1e-6)(x))


SMALL = T5Config(V, 24, heads=3, head_dim=7, mlp_dim=50)
MAKES = [T5Model, lambda c: T5Decoder(c, True), lambda c: T5Decoder(c, False)]


@pytest.mark.parametrize("make", MAKES)
@torch.no_grad()
def test_what_is_written_sees_no_future_and_all_of_the_source(make):
    model = make(SMALL).eval()
    ids, written = torch.randint(5, V, (1, 6)), torch.randint(5, V, (1, 5))
    later, source = written.clone(), ids.clone()
    later[0, 3] = (later[0, 3] + 1) % V
    source[0, 5] = (source[0, 5] + 1) % V
    before = model(ids, written)
    assert torch.equal(before[:, :3], model(ids, later)[:, :3])
    assert not torch.allclose(before[:, 0], model(source, written)[:, 0])


def test_spans_put_back_give_the_text():
    sentinels = list(range(90, 99))
    generator = torch.Generator().manual_seed(0)
    for length in range(2, 60):
        ids = torch.randint(5, 90, (length,), generator=generator)
        inputs, targets = corrupt_spans(ids, sentinels, 0.3, 3.0, generator)
        spans, at = {}, None
        for token in targets.tolist():
            if token >= 90:
                at = token
                spans[at] = []
            else:
                spans[at].append(token)
        whole = [t for token in inputs.tolist() for t in spans.get(token, [token])]
        assert whole == ids.tolist()
        assert all(spans[s] for s in inputs.tolist() if s >= 90) and not spans[at]
    with pytest.raises(ValueError, match="sentinels"):
        corrupt_spans(torch.arange(60), [97, 98], 0.5, 1.0)


def test_hides_the_share_it_should():
    torch.manual_seed(0)
    cut = [corrupt_spans(torch.arange(5, 25), [90, 91]) for _ in range(99)]
    firsts = {int(inputs[0]) for inputs, _ in cut}
    assert firsts == {5, 90}  # a gap may open the text
    ids, sentinels = torch.arange(1000) % 80, list(range(80, 180))
    inputs, targets = corrupt_spans(ids, sentinels)
    gaps = int((inputs >= 80).sum())
    assert len(inputs) - gaps == 850 and gaps == 50
    assert len(targets) == 150 + 51


def test_a_wide_beam_finds_what_trying_all_finds():
    torch.manual_seed(3)
    model = T5Model(T5Config(6, 24, heads=3, head_dim=7, mlp_dim=50, layers=1)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    ids, start, end, longest = torch.tensor([2, 3, 4]), 0, 1, 3
    texts = torch.cartesian_prod(*[torch.arange(6)] * longest)
    best = {}
    with torch.no_grad():
        for text in texts.tolist():
            text = text[: text.index(end) + 1] if end in text else text
            if end not in text:
                continue
            written = torch.tensor([[start, *text[:-1]]])
            log_p = model(ids[None], written).log_softmax(-1)[0]
            score = log_p[range(len(text)), text].mean().item()
            best[tuple(text)] = score
    found = beam_search(model, ids, start, end, longest, width=6**longest)
    assert tuple(found.tolist()) == max(best, key=best.get)


@pytest.mark.parametrize("prefix", [True, False])
@torch.no_grad()
def test_only_with_a_prefix_the_source_sees_both_sides(prefix):
    model = T5Decoder(SMALL, prefix).eval()
    ids = torch.randint(5, V, (1, 6))
    source = ids.clone()
    source[0, 5] = (source[0, 5] + 1) % V
    first = [
        model.decoder(model.encode(x), prefix=6 if prefix else 0)[:, 0]
        for x in (ids, source)
    ]
    assert torch.equal(*first) != prefix


@pytest.mark.parametrize("make", MAKES)
@torch.no_grad()
def test_a_cache_and_padding_change_nothing(make):
    torch.manual_seed(0)
    model = make(SMALL).eval()
    ids, written = torch.randint(5, V, (2, 9)), torch.randint(5, V, (2, 7))
    keep = torch.ones(2, 9, dtype=torch.bool)
    keep[1, :4] = False  # padded at the beginning
    whole = model(ids, written, keep)
    memory, cache = model.encode(ids, keep), {}
    steps = [model.decode(written[:, :3], memory, keep, cache=cache)]
    steps += [
        model.decode(written[:, i : i + 1], memory, keep, cache=cache)
        for i in range(3, 7)
    ]
    assert torch.allclose(torch.cat(steps, 1), whole, atol=1e-5)
    assert torch.allclose(model(ids[1:, 4:], written[1:]), whole[1:], atol=1e-5)


def test_pairs_of_pinyin():
    vocab = Vocab(["银行很长"], 20)
    assert pinyin_pairs(["他在银行工作，很好。长abc"]) == [
        (["ta", "zai", "yin", "hang", "gong", "zuo"], "他在银行工作")
    ]
    ids = add_tokens(vocab, ["yin", "hang"])
    assert [vocab.tokens[i] for i in ids] == ["yin", "hang"]
    assert vocab["hang"] == ids[1] and len(vocab) == ids[1] + 1


def test_batches_meet_in_the_middle():
    sources, written, targets = to_batch([([7, 8, 9], [5]), ([7], [5, 6])])
    assert sources.tolist() == [[7, 8, 9], [0, 0, 7]]
    assert written.tolist() == [[SEP, 5, 0], [SEP, 5, 6]]
    assert targets.tolist() == [[5, SEP, -100], [5, 6, SEP]]


def test_greedy_text_is_that_of_the_search():
    torch.manual_seed(1)
    model = T5Model(SMALL).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    sources = [torch.randint(5, V, (n,)).tolist() for n in (4, 9, 6)]
    for source, found in zip(sources, write_greedily(model, sources, 12), strict=True):
        wanted = beam_search(model, torch.tensor(source), SEP, SEP, 12).tolist()
        assert found == (wanted[:-1] if wanted[-1] == SEP else wanted)


@torch.no_grad()
def test_scores_are_those_of_each_pair_alone():
    torch.manual_seed(2)
    model = T5Model(SMALL).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    pairs = [([5, 6, 7], [8, 9]), ([10], [11, 12, 13]), ([14, 15], [16])]
    # Correct as far as it goes
    pairs.append(([9, 9], *write_greedily(model, [[9, 9]], 4)))
    guessed = written = total = whole = 0
    for source, target in pairs:
        row = torch.tensor([[SEP, *target[:-1]]])
        likeliest = model(torch.tensor([source]), row).argmax(-1)[0]
        guessed += (likeliest == torch.tensor(target)).sum()
        (text,) = write_greedily(model, [source], 6)  # two more than the longest
        written += sum(a == b for a, b in zip(text, target, strict=False))
        whole += text == target
        total += len(target)
    share = guessed.item() / total
    assert teacher_forced_accuracy(model, pairs) == pytest.approx(share)
    shares = written / total, whole / 4
    assert generation_accuracy(model, pairs) == pytest.approx(shares)
