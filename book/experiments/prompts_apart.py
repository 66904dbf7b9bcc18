"""Why is one prompted GPT behind four BERTs: shared by tasks, weighed unfairly, asked in words?

Each difference between the two of `prompts` is taken away by itself. Four GPTs, each of one task; a
GPT in whose loss the four tasks weigh the same; one BERT with four new layers on one body. Same
texts, same number of examples, three seeds, test split.

    make sweep NAME=prompts_apart        # an hour on two cores
"""

import copy

import torch
from torch import nn

import sweep
from parts.corpus import load_corpus, to_stream
from parts.fine_tuning import TaskHead
from parts.labelled_data import load_sentences
from parts.prompts import prompt_loss
from parts.text_to_text import source_ids
from parts.training import fit, muon
from parts.transformer import Config, Transformer
from prompts import (
    EACH,
    STEPS,
    ask_bert,
    ask_gpt,
    draw,
    labels_loss,
    load,
    pretrained,
    share_right,
)

MODELS = ("four GPTs", "GPT, equal weights", "one BERT")
RUNS = [{"model": model, "seed": seed} for seed in range(3) for model in MODELS]


def prompts_of(task, rows, n, vocab, generator):
    some = [rows[i] for i in draw(len(rows), n, generator)]
    return [(source_ids(vocab, task, []) + a, b) for a, b, _ in some]


def four_gpts(net, tasks, vocab, generator):
    """{task: a copy that has learnt this task alone}."""
    found = {}
    for task, rows in tasks.items():
        one = found[task] = copy.deepcopy(net)

        def next_loss(task=task, rows=rows, one=one):
            return prompt_loss(one, prompts_of(task, rows, 4 * EACH, vocab, generator))

        fit(one, next_loss, STEPS // 4, muon(one))
    return found


def equal_weights(net, tasks, vocab, generator):
    """{task: the same GPT}; a step's loss is the mean of the tasks' losses, not of the tokens'."""

    def next_loss():
        losses = [
            prompt_loss(net, prompts_of(task, rows, EACH, vocab, generator))
            for task, rows in tasks.items()
        ]
        return torch.stack(losses).mean()

    fit(net, next_loss, STEPS, muon(net))
    return dict.fromkeys(tasks, net)


def one_bert(net, tasks, vocab, generator):
    """{task: the same body under the task's own new layer}."""
    classes = {"words": 4, "pinyin": len(vocab)}
    heads = {
        task: TaskHead(net, classes.get(task, 2), task in ("words", "pinyin"))
        for task in tasks
    }

    def next_loss():
        losses = []
        for task, rows in tasks.items():
            some = [rows[i] for i in draw(len(rows), EACH, generator)]
            losses.append(labels_loss(heads[task], some))
        return torch.stack(losses).mean()

    # The body stands in all four; its parameters are learnt once
    fit(net, next_loss, STEPS, muon(nn.ModuleDict(heads)))
    return heads


def run(model, seed):
    splits, vocab = load_corpus()
    train = to_stream(vocab, splits["train"])
    tasks = load(vocab, splits, load_sentences())
    tests = {task: data["test"][:800] for task, data in tasks.items()}
    taught = {task: data["train"] for task, data in tasks.items()}
    torch.manual_seed(seed)
    causal = model != "one BERT"
    net = Transformer(Config(len(vocab), dim=64, heads=2, layers=3, causal=causal))
    pretrained(net, train, seed)
    teach = dict(zip(MODELS, (four_gpts, equal_weights, one_bert), strict=True))[model]
    nets = teach(net, taught, vocab, torch.Generator().manual_seed(seed))
    found = {
        task: ask_gpt(nets[task], vocab, task, tests[task])
        if causal
        else ask_bert(nets[task], task, tests[task])
        for task in tests
    }
    scores = {t: share_right(t, found[t], tests[t], vocab["/"]) for t in tests}
    return {task: round(score, 4) for task, score in scores.items()}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
