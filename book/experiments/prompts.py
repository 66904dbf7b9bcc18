"""One GPT that is asked in words for four tasks, or four BERTs, each tuned for one of them?

Both read the same reviews first (2.5 million characters), then see the same 38,400 examples of each
task: the GPT mixed, 16 of each in a step; each BERT its own. Three seeds, test split.

    make sweep NAME=prompts        # half an hour on two cores
"""

import copy
import random
from collections import Counter, defaultdict

import torch
from torch.nn import functional as F

import sweep
from parts.bert import mask_tokens, mlm_loss, pairs_of
from parts.corpus import IGNORE, SEP, batches, load_corpus, to_stream
from parts.fine_tuning import TaskHead, pad
from parts.gpt import clm_loss
from parts.labelled_data import boundary_tags, load_sentences
from parts.neighbour_heads import look_at_neighbours
from parts.prompts import answer, prompt_loss
from parts.text_to_text import add_tokens, cut_into_words, pinyin_pairs, source_ids
from parts.training import fit, muon
from parts.transformer import Config, Transformer

LONGEST, EACH, STEPS = 40, 16, 2400  # characters; examples of a task a step; steps
MODELS = ("GPT", "BERT")
RUNS = [{"model": model, "seed": seed} for seed in range(3) for model in MODELS]


def next_pairs(rows, seed):
    """[(A, B), whether B follows A], half of each."""
    pairs = [pair for row in rows for pair in pairs_of(row.text, 17)]
    generator = random.Random(seed)
    found = []
    for a, b in pairs:
        follows = generator.random() < 0.5
        found.append(((a, b if follows else generator.choice(pairs)[1]), follows))
    return found


def load(vocab, splits, sentences):
    """{task: {split: [(source, answer, label)]}}: ids for the GPT, a label for the BERT.

    The label is a class, or one class a token of the source: a tag, or a character.
    """
    runs = {
        name: pinyin_pairs(row.text for row in rows) for name, rows in splits.items()
    }
    syllables = {s for rows in runs.values() for row, _ in rows for s in row}
    add_tokens(vocab, sorted(syllables))
    tasks = {task: {} for task in ("sentiment", "next", "words", "pinyin")}
    for name, rows in splits.items():
        tasks["sentiment"][name] = [
            (
                vocab.encode(row.text[:LONGEST]),
                vocab.encode("差好"[row.label]),
                row.label,
            )
            for row in rows
        ]
        tasks["next"][name] = [
            (
                [*vocab.encode(a), SEP, *vocab.encode(b)],
                vocab.encode("否是"[label]),
                int(label),
            )
            for (a, b), label in next_pairs(rows, 0)
        ]
        tasks["pinyin"][name] = [
            ([vocab[s] for s in row], vocab.encode(text), vocab.encode(text))
            for row, text in runs[name]
        ]
        tasks["words"][name] = [
            (
                vocab.encode(row.text),
                vocab.encode(cut_into_words(row)),
                boundary_tags(row),
            )
            for row in sentences[name]
            if len(row.text) + len(cut_into_words(row))
            <= 57  # with the rest, a context
        ]
    return tasks


def pretrained(model, train, seed):
    look_at_neighbours(model)
    windows = batches(train, 32, 65, seed)
    generator = torch.Generator().manual_seed(seed)

    def next_loss():
        ids = next(windows)
        if model.config.causal:
            return clm_loss(model, ids)
        made = mask_tokens(ids[:, :-1], 2000, 0.4, generator=generator)
        return mlm_loss(model, ids[:, :-1], *made)

    fit(model, next_loss, 1200, muon(model))


def cuts_of(ids, mark):
    """A text with marks → (the text without them, whether a mark stands before each)."""
    plain, cuts, cut = [], [], False
    for i in ids:
        if i == mark:
            cut = True
        else:
            plain.append(i)
            cuts.append(cut)
            cut = False
    return plain, cuts


def right_cuts(cuts, source, target, tags, mark):
    """(right, all) decisions before the characters of words, the first left out."""
    _, truth = cuts_of(target, mark)
    asked = [i for i in range(1, len(source)) if tags[i] != IGNORE]
    return sum(cuts[i] == truth[i] for i in asked), len(asked)


def share_right(task, found, test, mark):
    """found: for each of the test whether its answer is right, or its cuts, or its characters."""
    right = total = 0
    for said, (source, target, label) in zip(found, test, strict=True):
        if task == "words":
            good, asked = right_cuts(said, source, target, label, mark)
        elif task == "pinyin":
            good = sum(a == b for a, b in zip(said, target, strict=False))
            asked = len(target)
        else:
            good, asked = said, 1
        right, total = right + good, total + asked
    return right / total


def ask_gpt(model, vocab, task, test):
    """What it answers, as `share_right` wants it; a text copied wrongly has no cut right."""
    sources = [source_ids(vocab, task, []) + source for source, _, _ in test]
    answers = answer(model, sources, 60)
    if task == "pinyin":
        return answers
    if task == "words":
        cut = [cuts_of(said, vocab["/"]) for said in answers]
        return [
            cuts if plain == source else [None] * len(source)
            for (plain, cuts), (source, _, _) in zip(cut, test, strict=True)
        ]
    return [said == target for said, (_, target, _) in zip(answers, test, strict=True)]


@torch.no_grad()
def ask_bert(model, task, test):
    """The same of a model that gives a class, or one for each token."""
    found = [
        model(torch.tensor([[SEP, *source, SEP]]))[0].argmax(-1).tolist()
        for source, _, _ in test
    ]
    if task == "pinyin":
        return [characters[1:-1] for characters in found]
    if task == "words":  # tags: B, M, E, S
        return [[tag in (0, 3) for tag in tags[1:-1]] for tags in found]
    return [label == truth for label, (_, _, truth) in zip(found, test, strict=True)]


def baseline(task, train, test, mark):
    """Share right of the commonest answer: class, decision to cut, or character of a syllable."""
    if task == "pinyin":
        seen = defaultdict(Counter)
        for source, target, _ in train:
            for syllable, character in zip(source, target, strict=True):
                seen[syllable][character] += 1
        asked = [pair for a, b, _ in test for pair in zip(a, b, strict=True)]
        right = sum(a in seen and seen[a].most_common(1)[0][0] == b for a, b in asked)
        return right / len(asked)
    if task == "words":
        found = [right_cuts([True] * len(a), a, b, tags, mark) for a, b, tags in test]
        share = sum(right for right, _ in found) / sum(total for _, total in found)
        return max(share, 1 - share)
    return Counter(label for _, _, label in test).most_common(1)[0][1] / len(test)


def labels_loss(model, some):
    ids = pad([[SEP, *source, SEP] for source, _, _ in some])
    labels = [label for _, _, label in some]
    if not model.per_character:
        return F.cross_entropy(model(ids), torch.tensor(labels))
    labels = pad([[IGNORE, *label, IGNORE] for label in labels], IGNORE)
    logits = model(ids).flatten(0, 1)
    return F.cross_entropy(logits, labels.flatten(), ignore_index=IGNORE)


def tuned_bert(body, task, train, vocab, generator):
    """A copy of the body and one new layer, tuned for the task."""
    classes = {"words": 4, "pinyin": len(vocab)}.get(task, 2)
    model = TaskHead(copy.deepcopy(body), classes, task in ("words", "pinyin"))

    def next_loss():
        some = [train[i] for i in draw(len(train), 4 * EACH, generator)]
        return labels_loss(model, some)

    fit(model, next_loss, STEPS // 4, muon(model))
    return model


def draw(size, n, generator):
    return torch.randint(size, (n,), generator=generator).tolist()


def run(model, seed):
    splits, vocab = load_corpus()
    sentences = load_sentences()
    train = to_stream(vocab, splits["train"])
    tasks = load(vocab, splits, sentences)
    torch.manual_seed(seed)
    shape = Config(len(vocab), dim=64, heads=2, layers=3, causal=model == "GPT")
    net = Transformer(shape)
    pretrained(net, train, seed)
    generator = torch.Generator().manual_seed(seed)
    tests = {task: data["test"][:800] for task, data in tasks.items()}
    if model == "BERT":
        tuned = {
            task: tuned_bert(net, task, data["train"], vocab, generator)
            for task, data in tasks.items()
        }
        checks = []
        found = {t: ask_bert(tuned[t], t, tests[t]) for t in tasks}
        nets = list(tuned.values())
    else:

        def prompts(task, rows):
            return [(source_ids(vocab, task, []) + a, b) for a, b, _ in rows]

        def next_loss():
            pairs = []
            for task, data in tasks.items():
                chosen = draw(len(data["train"]), EACH, generator)
                pairs += prompts(task, [data["train"][i] for i in chosen])
            return prompt_loss(net, pairs)

        asked = [p for t in tasks for p in prompts(t, tasks[t]["validation"][:50])]
        history = fit(
            net,
            next_loss,
            STEPS,
            muon(net),
            check=lambda: prompt_loss(net, asked).item(),
            every=100,
        )
        checks = [(step, round(nats, 4)) for step, _, nats in history.checks]
        found = {t: ask_gpt(net, vocab, t, tests[t]) for t in tasks}
        nets = [net]
    scores = {t: share_right(t, found[t], tests[t], vocab["/"]) for t in tasks}
    return {
        "parameters": sum(p.numel() for one in nets for p in one.parameters()),
        **{task: round(score, 4) for task, score in scores.items()},
        "baselines": {
            t: round(baseline(t, tasks[t]["train"], tests[t], vocab["/"]), 4)
            for t in tasks
        },
        "checks": checks,
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
