"""The more is read, the better at tasks? Whole schedules of 0 to 15,000 steps, three seeds.

After each, three tasks are learnt from 400 labels, three draws of them; GPT's linear layer reads
the next position too, or word boundaries would only say who sees the next character.

    make sweep NAME=reading        # two and a half hours on two cores
"""

import sweep
from parts.corpus import load_corpus
from parts.fine_tuning import fine_tuned_accuracy
from parts.labelled_data import boundary_tags, labelled, load_sentences, topic
from pretraining import pretrained

RUNS = [
    {"objective": objective, "steps": steps, "seed": seed}
    for steps in (0, 300, 1200, 4000, 15000)
    for seed in range(3)
    for objective in ("CLM", "MLM-40")
]


def run(objective, steps, seed):
    splits, vocab = load_corpus()
    sentences = load_sentences()
    body, checks = pretrained(objective, steps, 0.003, seed)
    tasks = {
        "boundaries": (labelled(sentences, boundary_tags), 4),
        "topic": (labelled(sentences, topic), 17),
        "sentiment": (labelled(splits, lambda review: review.label), 2),
    }
    found = {"cloze": checks[-1][-1] if checks else {}}
    for name, (data, classes) in tasks.items():
        how = {"offsets": (0, 1)} if name == "boundaries" else {}
        asked = body, vocab, data, classes, 400, 150
        seeds = range(100 * seed, 100 * seed + 3)
        draws = [fine_tuned_accuracy(*asked, seed=draw, **how) for draw in seeds]
        found[name] = [round(share, 4) for share in draws]
    return found


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
