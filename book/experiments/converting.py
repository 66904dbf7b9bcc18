"""Can a trained GPT be made into a BERT, and a BERT into a GPT, by training on?

The bodies are those of `pretraining.py` after 31 million characters. Each is trained on with the
other road's mask and objective, as long as a new model beside it; two learning rates of Muon, three
seeds. All are asked for one character inside held-out sentences, and cut words after learning from
100 sentences.

    make sweep NAME=converting        # an hour on two cores
"""

import sweep
from parts import training
from parts.cloze import bigram_log_p, cloze_windows
from parts.corpus import batches, load_corpus, to_stream
from parts.fine_tuning import fine_tuned_accuracy
from parts.labelled_data import boundary_tags, labelled, load_sentences
from pretraining import cloze_of, new_model, next_loss_of, pretrained

OTHER = {"CLM": "MLM-40", "MLM-40": "CLM"}
RUNS = [
    {"objective": objective, "begins": begins, "steps": steps, "lr": lr, "seed": seed}
    for objective, steps in [("MLM-40", 1200), ("CLM", 1200), ("MLM-40", 6000)]
    for seed in range(3)
    for lr in (0.01, 0.003)
    for begins in ("new", "other road")
]


def run(objective, begins, steps, lr, seed):
    splits, vocab = load_corpus()
    train, _, test = (to_stream(vocab, rows) for rows in splits.values())
    model = new_model(objective, seed, "neighbours")
    if begins == "other road":
        trained, _ = pretrained(OTHER[objective], 15000, 0.003, seed)
        model.load_state_dict(trained.state_dict())
    windows = batches(train, 32, 65, seed + 100)  # in an order that neither has seen
    training.fit(
        model,
        next_loss_of(objective, model, windows, steps, seed),
        steps,
        training.muon(model, lr, others_lr=0.003),
    )
    asked, bigrams = cloze_windows(vocab, test, 1500), bigram_log_p(train, len(vocab))
    words = labelled(load_sentences(), boundary_tags)
    draws = [
        fine_tuned_accuracy(model, vocab, words, 4, 100, steps=150, seed=100 * seed + i)
        for i in range(3)
    ]
    return {
        "cloze": cloze_of(objective, model, asked, bigrams),
        "boundaries 100": [round(share, 4) for share in draws],
    }


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
