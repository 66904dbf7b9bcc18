"""Is it reading together that ranks better, or being taught with documents that look alike?

`rerank` teaches its cross-encoder to choose among eight documents, four of which share words with
the question; its bi-encoder sees those only by chance. Here the bi-encoder gets the very same
questions, documents and number of steps; two learning rates, three seeds.

    make sweep NAME=same_eight        # twenty minutes on two cores
"""

import copy

import torch
from torch.nn import functional as F

import sweep
from parts import training
from parts.sentence_vectors import mean_vectors
from rerank import alone, exam, pretrained, tfidf, world

RUNS = [
    {"steps": 4800, "rate": rate, "seed": seed}
    for seed in range(3)
    for rate in (1e-3, 3e-4)
]


def next_loss_of(model, seed):
    """Four questions; one document is right, four share words with it, three are any."""
    vocab, taught, _ = world()
    firsts, seconds = map(list, zip(*taught, strict=True))
    generator = torch.Generator().manual_seed(seed)
    near = tfidf(firsts, seconds).fill_diagonal_(-1).topk(30).indices

    def draw(n):
        return torch.randint(len(taught), (n,), generator=generator).tolist()

    def next_loss():
        chosen, among = draw(4), []
        for i in chosen:
            hard = near[i, torch.randperm(30, generator=generator)[:4]].tolist()
            among += [i, *hard, *draw(3)]
        questions = alone(vocab, [firsts[i] for i in chosen])
        documents = alone(vocab, [seconds[j] for j in among])
        a, b = (mean_vectors(model.body, ids) for ids in (questions, documents))
        scores = (a[:, None] * b.view(4, 8, -1)).sum(-1) / 0.05
        return F.cross_entropy(scores, torch.zeros(4).long())

    return next_loss


def run(steps, rate, seed):
    model = copy.deepcopy(pretrained(seed))
    torch.manual_seed(seed)
    next_loss = next_loss_of(model, seed)
    training.fit(model, next_loss, steps, training.adamw(model, rate))
    return {split: exam("bi", model, split) for split in ("validation", "test")}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
