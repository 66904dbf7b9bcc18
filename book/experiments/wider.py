"""One step further out, where learning_curves chose the corner of its grid.

For topics with 1,600 labels, training from scratch chose the most steps and the smallest rate that
learning_curves offers: it might not be done learning there. Tried here as well, for it and after
pre-training: a third of that rate, and three times those steps. Same bodies, labels and seeds.

    make sweep NAME=wider        # a quarter of an hour on two cores
"""

import sweep
from learning_curves import CLASSES, body_of
from parts.corpus import load_corpus
from parts.fine_tuning import accuracy, fine_tuned
from parts.labelled_data import labelled, load_sentences, to_rows, topic

SETTINGS = (1200, 1e-4), (3600, 1e-4), (3600, 3e-4)  # steps, learning rate
RUNS = [dict(way=w, seed=s) for s in range(3) for w in ("scratch", "pretrained")]


def run(way, seed):
    _, vocab = load_corpus()
    data, body = labelled(load_sentences(), topic), body_of(way, seed)
    rows = [to_rows(vocab, *data[split]) for split in ("validation", "test")]
    tried = []  # validation, test, settings
    for steps, lr in SETTINGS:
        how = {"steps": steps, "lr": lr}
        model = fine_tuned(body, vocab, data, CLASSES["topic"], 1600, seed=seed, **how)
        tried.append((*(round(accuracy(model, *some), 4) for some in rows), how))
    return {"tried": tried}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
