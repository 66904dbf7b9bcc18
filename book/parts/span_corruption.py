"""T5's objective: spans are cut out, and said again."""

from itertools import pairwise

import torch


def corrupt_spans(ids, sentinels, rate=0.15, mean_length=3.0, generator=None):
    """Cut spans out; the task is to say them again.  Raffel et al. 2020, §3.3.4

    ids: (T,), T ≥ 2. sentinels: ids that mark the gaps, in order. Returns inputs, with a
    sentinel for each gap, and targets: sentinel and span in turn, and one last sentinel.
    A gap may stand anywhere, at both ends too. Too few sentinels: ValueError.
    """
    cut = max(1, min(len(ids) - 1, round(len(ids) * rate)))
    kept = len(ids) - cut
    gaps = max(1, min(cut, kept, round(cut / mean_length)))
    if gaps >= len(sentinels):
        raise ValueError(f"{gaps} gaps need {gaps + 1} sentinels, not {len(sentinels)}")

    def parts(total, pieces):
        """Lengths, each 1 or more, of `pieces` of `total`."""
        cuts = torch.randperm(total - 1, generator=generator)[: pieces - 1]
        ends = [0, *(cuts.sort().values + 1).tolist(), total]
        return [b - a for a, b in pairwise(ends)]

    # What is kept around the gaps; at the ends, nothing may be kept
    between = parts(kept + 2, gaps + 1)
    between[0] -= 1
    between[-1] -= 1
    spans = parts(cut, gaps)
    inputs, targets, rest = [], [], ids.tolist()
    for sentinel, before, span in zip(sentinels, between, spans, strict=False):
        inputs += [*rest[:before], sentinel]
        targets += [sentinel, *rest[before : before + span]]
        rest = rest[before + span :]
    return torch.tensor(inputs + rest), torch.tensor([*targets, sentinels[gaps]])
