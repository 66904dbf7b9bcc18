"""Does reading question and document together rank better than reading them apart?

A small BERT is taught which second half belongs to the first half of a review: as a bi-encoder,
each read by itself, or as a cross-encoder, read together, one right document among eight. Each gets
as much reading, or as many questions, as the other; two learning rates, chosen on the validation
split; three seeds. Scored: mean reciprocal rank, the best twenty by TF-IDF put in order.

    make sweep NAME=rerank        # an hour on two cores
"""

import copy
from functools import cache

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch.nn import functional as F

import sweep
from parts import training
from parts.bert import Bert, mask_tokens, mlm_loss, pair_batches, pairs_of
from parts.corpus import CLS, PAD, SEP, load_corpus
from parts.fine_tuning import pad
from parts.neighbour_heads import look_at_neighbours
from parts.sentence_vectors import contrastive_loss, mean_vectors
from parts.transformer import BERT_STYLE, Config, Transformer

# 300 steps of 64 pairs read as much as 620 steps of four questions with eight documents each;
# 4,800 such steps ask as many questions
RUNS = [
    {"kind": kind, "steps": steps, "rate": rate, "seed": seed}
    for seed in range(3)
    for kind, steps in [("bi", 300), ("cross", 620), ("cross", 4800), ("bi", 2325)]
    for rate in (1e-3, 3e-4)
]


def halves(reviews):
    return [(r.text[:30], r.text[30:60]) for r in reviews if len(r.text) >= 45]


@cache
def world():
    """Vocabulary, pairs to learn from, {split: (questions, documents)}; its first are answers."""
    reviews, vocab = load_corpus()
    taught = halves(reviews["train"])
    others, taught = [second for _, second in taught[:2500]], taught[2500:]
    exams = {}
    for split in ("validation", "test"):
        firsts, seconds = zip(*halves(reviews[split]), strict=True)
        exams[split] = list(firsts), [*seconds, *others]
    return vocab, taught, exams


def tfidf(texts, others):
    count = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True)
    count.fit(others)
    return torch.tensor((count.transform(texts) @ count.transform(others).T).toarray())


def pretrained(seed):
    """Chapter 7's: 800 steps, three layers, BERT's own shape."""
    vocab, *_ = world()
    torch.manual_seed(seed)
    model = Bert(Transformer(Config(**BERT_STYLE, layers=3)))
    look_at_neighbours(model.body)
    kept = sweep.HERE / f"bodies/rerank-{seed}.{sweep.code_hash(__file__)}.pt"
    if kept.exists():
        model.load_state_dict(torch.load(kept))
        return model
    reviews, _ = load_corpus()
    pairs = [pair for review in reviews["train"] for pair in pairs_of(review.text)]
    rows = pair_batches(vocab, pairs, 32, None, seed)
    generator = torch.Generator().manual_seed(seed)

    def next_loss():
        ids, segments, _ = next(rows)
        made = mask_tokens(ids, len(vocab), 0.3, generator=generator)
        return mlm_loss(model, ids, *made, keep=ids != PAD, segments=segments)

    training.fit(model, next_loss, 800, training.muon(model, others_lr=3e-3))
    kept.parent.mkdir(exist_ok=True)
    torch.save(model.state_dict(), kept)
    return model


def alone(vocab, texts):
    return pad([[CLS, *vocab.encode(text), SEP] for text in texts])


def together_scores(model, vocab, pairs):
    """How well each document answers its question, (N,): read as one, [CLS] a [SEP] b [SEP]."""
    first = [[CLS, *vocab.encode(a), SEP] for a, _ in pairs]
    second = [[*vocab.encode(b), SEP] for _, b in pairs]
    ids = pad([a + b for a, b in zip(first, second, strict=True)])
    sides = [[0] * len(a) + [1] * len(b) for a, b in zip(first, second, strict=True)]
    keep = ids != PAD
    states = model.encode(ids, keep=keep, segments=pad(sides))
    return model.next_sentence(states)[:, 0]


def next_loss_of(kind, model, seed):
    vocab, taught, _ = world()
    firsts, seconds = map(list, zip(*taught, strict=True))
    generator = torch.Generator().manual_seed(seed)
    near = tfidf(firsts, seconds).fill_diagonal_(-1).topk(30).indices

    def draw(n):
        return torch.randint(len(taught), (n,), generator=generator).tolist()

    def bi_loss():
        chosen = draw(64)
        sides = [alone(vocab, [side[i] for i in chosen]) for side in (firsts, seconds)]
        return contrastive_loss(model.body, *sides, temperature=0.05)

    def cross_loss():
        """Four questions; one document is right, four share words with it, three are any."""
        asked = []
        for i in draw(4):
            hard = near[i, torch.randperm(30, generator=generator)[:4]].tolist()
            asked += [(firsts[i], seconds[j]) for j in (i, *hard, *draw(3))]
        scores = together_scores(model, vocab, asked).view(4, 8)
        return F.cross_entropy(scores, torch.zeros(4).long())

    return bi_loss if kind == "bi" else cross_loss


def standard(scores):
    return (scores - scores.mean(1, keepdim=True)) / scores.std(1, keepdim=True)


@torch.no_grad()
def exam(kind, model, split):
    """{order: mean reciprocal rank}: of all by TF-IDF, and of its best twenty put in order."""
    vocab, _, exams = world()
    questions, documents = exams[split]
    by_words = tfidf(questions, documents)
    top, chosen = by_words.topk(20)
    if kind == "bi":
        a, b = (mean_vectors(model.body, alone(vocab, x)) for x in exams[split])
        judged = (a @ b.T).gather(1, chosen)
    else:
        rows = [
            together_scores(model, vocab, [(text, documents[j]) for j in some])
            for text, some in zip(questions, chosen.tolist(), strict=True)
        ]
        judged = torch.stack(rows)
    found = {"TF-IDF": top, kind: judged, "both": standard(top) + standard(judged)}
    answers = torch.arange(len(questions)).unsqueeze(1)
    mrr = {}
    for name, scores in found.items():
        # The answer's place among the twenty; 0 where it is not among them
        right = chosen == answers
        of_right = scores.masked_fill(~right, -torch.inf).amax(1, keepdim=True)
        rank = (scores >= of_right).sum(1)
        mrr[name] = round((right.any(1) / rank).mean().item(), 4)
    return mrr


def run(kind, steps, rate, seed):
    model = copy.deepcopy(pretrained(seed))
    torch.manual_seed(seed)
    next_loss = next_loss_of(kind, model, seed)
    training.fit(model, next_loss, steps, training.adamw(model, rate))
    return {split: exam(kind, model, split) for split in ("validation", "test")}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
