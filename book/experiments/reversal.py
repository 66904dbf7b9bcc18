"""Asked the other way round: six small worlds, a GPT, a BERT and the control in each.

The control is a BERT that sees both sides, but was never asked for a name in "name是title".

    make sweep NAME=reversal        # ten minutes on two cores
"""

import sweep
from parts.reversal import reversal

RUNS = [{"seed": seed} for seed in range(6)]


def run(seed):
    return {"correct": {name: round(x, 3) for name, x in reversal(seed).items()}}


if __name__ == "__main__":
    sweep.main(__file__, RUNS, run)
