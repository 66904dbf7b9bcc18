"""Fine-tuning: a new linear layer on a body, and all of it trained on labels."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from parts.corpus import IGNORE, PAD
from parts.labelled_data import few, to_rows


def pad(rows, filler=PAD):
    """Rows of different length → one tensor (B, T), filled up at the end."""
    rows = [torch.as_tensor(row) for row in rows]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=filler)


class TaskHead(nn.Module):
    """A body and one new linear layer: a label for each character, or for each text.

    offsets: whose states the layer reads for a character; (0, 1): its own and the next.
    """

    def __init__(self, body, classes, per_character, offsets=(0,)):
        super().__init__()
        self.body, self.per_character, self.offsets = body, per_character, offsets
        self.out = nn.Linear(len(offsets) * body.config.dim, classes)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    def forward(self, ids):
        """ids: (B, T) with PAD at the end → scores (B, T, classes) or (B, classes)."""
        keep = ids != PAD  # (B, T)
        states = self.body.encode(ids, keep=keep)  # (B, T, C)
        if not self.per_character:
            share = keep.float() / keep.sum(1, keepdim=True)  # (B, T), rows sum to 1
            # Of the mean, (B, C)
            return self.out((states * share.unsqueeze(-1)).sum(1))
        # The ends wrap around: only the marks there, which have no tag, see that
        near = [states.roll(-offset, 1) for offset in self.offsets]
        return self.out(torch.cat(near, -1))


def fine_tune(model, inputs, labels, steps, lr=1e-3, batch=16, seed=0):
    """Fine-tune on rows of ids and their labels (ints, or rows of tags)."""
    generator = torch.Generator().manual_seed(seed)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=lr, weight_decay=0.01)

    def up_then_down(step):
        return min((step + 1) / (steps / 10), 1 - step / steps)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, up_then_down)
    model.train()
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        if len(order) < min(batch, len(inputs)):
            order = torch.randperm(len(inputs), generator=generator)
        chosen, order = order[:batch].tolist(), order[batch:]
        loss = F.cross_entropy(*scores_and_labels(model, inputs, labels, chosen))
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return model.eval()


def scores_and_labels(model, inputs, labels, chosen):
    """Scores (N, classes) and labels (N,) of the chosen rows; IGNOREd ones stay in."""
    scores = model(pad([inputs[i] for i in chosen]).to(model.out.weight.device))
    if model.per_character:
        tags = pad([labels[i] for i in chosen], IGNORE)
        return scores.flatten(0, 1), tags.flatten().to(scores.device)
    return scores, torch.tensor([labels[i] for i in chosen], device=scores.device)


@torch.no_grad()
def correct_by_text(model, inputs, labels):
    """Of each text: how many of its labels are guessed, how many there are; (N,) both."""
    correct, counted = [], []
    for chosen in torch.arange(len(inputs)).split(64):
        scores, truth = scores_and_labels(model, inputs, labels, chosen.tolist())
        right, known = scores.argmax(-1) == truth, truth != IGNORE
        correct.append((right & known).view(len(chosen), -1).sum(1))
        counted.append(known.view(len(chosen), -1).sum(1))
    return torch.cat(correct), torch.cat(counted)


def accuracy(model, inputs, labels):
    """Share of right labels, 0 to 1."""
    correct, counted = correct_by_text(model, inputs, labels)
    return (correct.sum() / counted.sum()).item()


def fine_tuned(
    body, vocab, data, classes, n, steps, lr=1e-3, seed=0, frozen=False, offsets=(0,)
):
    """A copy of `body` and a new layer, fine-tuned on n labels of data["train"].

    data: {split: (texts, labels)}. Rows of tags are labels of characters, ints those of
    texts. frozen: only the new layer learns.
    """
    torch.manual_seed(seed)
    texts, labels = few(data["train"], n, seed)
    per_character = not isinstance(labels[0], int)
    model = TaskHead(copy.deepcopy(body), classes, per_character, offsets)
    model.to(body.head.weight.device).body.requires_grad_(not frozen)
    return fine_tune(model, *to_rows(vocab, texts, labels), steps, lr, seed=seed)


def fine_tuned_accuracy(body, vocab, data, *task, split="test", **how):
    """Of what `fine_tuned` returns, on data[split]."""
    model = fine_tuned(body, vocab, data, *task, **how)
    return accuracy(model, *to_rows(vocab, *data[split]))
