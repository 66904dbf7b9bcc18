"""Which learns more from the same text: guessing the next character, or the hidden one?

2.5 million characters (1,200 steps) to 123 million (60,000 steps), three seeds each. All are asked
for one character inside held-out sentences, again and again while they learn, and in the end once
more with the other mask.

    make sweep NAME=comparison        # eight hours on two cores
"""

import sweep
from parts.cloze import bigram_log_p, cloze_score, cloze_windows, flipped, log_p_by_mask
from parts.corpus import load_corpus, to_stream
from parts.gpt import nats_per_character
from pretraining import BLANK, cloze_of, pretrained, rounded

SHORT, LONG, LONGEST = 1200, 15000, 60000  # steps
PAIR, OTHERS = ("CLM", "MLM-40"), ("MLM-15", "hybrid", "CLM→MLM")
ALL = ("CLM", "MLM-15", "MLM-40", "hybrid", "CLM→MLM")
RUNS = [
    {"objective": objective, "steps": steps, "rate": rate, "seed": seed}
    for objectives, steps, rate in [
        (ALL[:2], 0, 0.01),  # what the start alone can do, under either mask
        (ALL, SHORT, 0.01),
        (ALL, LONG, 0.01),
        (ALL[:3], SHORT, 0.003),
        (PAIR, LONG, 0.003),
        # As many questions as an MLM-15 or MLM-40 of 15,000 steps, on whole schedules
        (("CLM",), 2250, 0.003),
        (("CLM",), 6000, 0.003),
        (OTHERS, LONG, 0.003),
        (ALL[3:], SHORT, 0.003),
        (PAIR, LONGEST, 0.003),
    ]
    for seed in range(3)
    for objective in objectives
]


def switched(objective, model, windows, test):
    """What is left when the mask alone is switched."""
    other = flipped(model)
    if objective == "CLM":
        return {"nats": round(nats_per_character(other, test), 4)}
    shift = int(objective == "hybrid")
    log_p = log_p_by_mask(other, windows, BLANK, shift)
    return rounded(cloze_score(log_p, windows, BLANK))


def run(objective, steps, rate, seed):
    splits, vocab = load_corpus()
    train, _, test = (to_stream(vocab, rows) for rows in splits.values())
    model, checks = pretrained(objective, steps, rate, seed)
    asked = cloze_windows(vocab, test, 1500)
    bigrams = bigram_log_p(train, len(vocab))
    result = {
        "checks": checks,
        "cloze": cloze_of(objective, model, asked, bigrams),
        "switched": switched(objective, model, asked, test),
    }
    if objective in ("CLM", "hybrid"):
        reader = model if objective == "CLM" else flipped(model)
        result["nats"] = round(nats_per_character(reader, test), 4)
    return result


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
