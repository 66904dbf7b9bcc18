"""A small world of names and titles, some facts taught in both directions.  Berglund et al. 2023"""

from itertools import product

import torch

from parts.bert import mask_tokens, mlm_loss
from parts.corpus import MASK, SEP, Vocab
from parts.gpt import clm_loss, generate
from parts.training import fit, muon
from parts.transformer import Config, Transformer

NAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许",
    "安宁清明文武德仁礼义信忠孝平和康乐福寿喜",
)
TITLES = (
    "江河湖海山川林原城乡桥溪岛岸谷坡塘井泉洲",
    "匠师医商农渔樵牧画琴棋书剑厨裁陶铁木石丝",
)
WORDS = Vocab(["".join(NAMES + TITLES), "是即"], 100)


def world(seed):
    """200 facts: "name是title", and the same turned round, "title即name"; two lists."""
    generator, drawn = torch.Generator().manual_seed(seed), []
    for characters in (NAMES, TITLES):
        every = ["".join(pair) for pair in product(*characters)]
        order = torch.randperm(len(every), generator=generator)
        drawn.append([every[i] for i in order[:200].tolist()])
    facts = list(zip(*drawn, strict=True))
    return [f"{a}是{b}" for a, b in facts], [f"{b}即{a}" for a, b in facts]


def rows_of(sentences):
    """Sentences of five characters → ids (N, 7), between two [SEP]."""
    return torch.tensor([[SEP, *WORDS.encode(text), SEP] for text in sentences])


def teach(seed, sentences, loss, causal, steps=1500):
    """A model of two roads' shape that learns these, 64 a step; loss(model, ids, generator)."""
    torch.manual_seed(seed)
    shape = Config(len(WORDS), context=8, dim=64, heads=2, layers=3, causal=causal)
    model, generator = Transformer(shape), torch.Generator().manual_seed(seed)
    rows = rows_of(sentences)

    def next_loss():
        drawn = torch.randint(len(rows), (64,), generator=generator)
        return loss(model, rows[drawn], generator)

    fit(model, next_loss, steps, muon(model))
    return model


def next_character(model, ids, generator):
    """GPT's objective; it draws nothing."""
    return clm_loss(model, ids)


def half_hidden(model, ids, generator):
    """BERT's, half of the characters hidden."""
    inputs, is_target = mask_tokens(ids, len(WORDS), 0.5, 1.0, 0.0, generator=generator)
    return mlm_loss(model, ids, inputs, is_target)


def front_never_hidden(model, ids, generator):
    """The same, but the name in "name是title" is never hidden: nobody asks for it."""
    inputs, is_target = mask_tokens(ids, len(WORDS), 0.5, 1.0, 0.0, generator=generator)
    is_forward = ids[:, 3] == WORDS["是"]
    is_target[is_forward, 1:3] = False
    return mlm_loss(model, ids, torch.where(is_target, inputs, ids), is_target)


@torch.no_grad()
def writes(model, sentences):
    """A GPT reads three characters and writes two: share of sentences with both right."""
    ids = rows_of(sentences)[:, :-1]
    made = generate(model, ids[:, :4], 2, temperature=0)
    return (made == ids).all(1).float().mean().item()


@torch.no_grad()
def fills(model, sentences, places):
    """A BERT fills the blanks at `places` at once: share of sentences with all right."""
    ids = rows_of(sentences)
    inputs = ids.clone()
    inputs[:, places] = MASK
    return (model(inputs).argmax(-1) == ids)[:, places].all(1).float().mean().item()


@torch.no_grad()
def fills_in_turn(model, sentences, places):
    """The same, the surest blank first, the next one seeing it."""
    ids, rows = rows_of(sentences), torch.arange(len(sentences))
    inputs = ids.clone()
    inputs[:, places] = MASK
    for _ in places:
        sure, best = model(inputs).softmax(-1).max(-1)  # (N, T)
        place = sure.where(inputs == MASK, 0).argmax(1)
        inputs[rows, place] = best[rows, place]
    return (inputs == ids).all(1).float().mean().item()


@torch.no_grad()
def picks(model, asked):
    """asked: [(answer, sentences to choose from)]: how often a GPT finds the answer likeliest."""
    correct = 0
    for answer, sentences in asked:
        tried = rows_of(sentences)
        log_p = model(tried[:, :-1]).log_softmax(-1).gather(2, tried[:, 1:, None])
        correct += sentences[log_p.sum((1, 2)).argmax()] == answer
    return correct / len(asked)


@torch.no_grad()
def picks_by_mask(model, sentences, names):
    """For "title即▢▢": how often a BERT prefers the right one of `names`, first blank first."""
    _, second = torch.tensor([WORDS.encode(name) for name in names]).T  # (200,)
    first, correct = [WORDS[name[0]] for name in names], 0
    for text in sentences:
        both = model(rows_of([text[:3] + "[MASK][MASK]"]))[0, 4].log_softmax(-1)
        then = model(rows_of([text[:3] + name[0] + "[MASK]" for name in names]))
        last = then[:, 5].log_softmax(-1).gather(1, second[:, None])[:, 0]
        correct += names[(both[first] + last).argmax()] == text[3:]
    return correct / len(sentences)


def reversal(seed):
    """{question: share right} of a GPT, a BERT and the control in one world."""
    forward, backward = world(seed)
    unseen, names = backward[100:], [fact[:2] for fact in forward]
    front = [(text, [name + text[2:] for name in names]) for text in forward[100:]]
    behind = [(text, [text[:3] + name for name in names]) for text in unseen]
    taught = forward + backward[:100]
    gpt = teach(seed, taught, next_character, causal=True)
    bert = teach(seed, taught, half_hidden, causal=False)
    control = teach(seed, taught, front_never_hidden, causal=False)
    return {
        "GPT　后100件，甲是▢▢": writes(gpt, forward[100:]),
        "GPT　前100件，乙即▢▢，教过": writes(gpt, backward[:100]),
        "GPT　后100件，▢▢是乙，两百个名字逐个试": picks(gpt, front),
        "GPT　后100件，乙即▢▢，没教过": writes(gpt, unseen),
        "GPT　没教过的，两百个名字逐个试": picks(gpt, behind),
        "BERT　后100件，▢▢是乙": fills(bert, forward[100:], [1, 2]),
        "BERT　前100件，乙即▢▢，教过": fills(bert, backward[:100], [4, 5]),
        "BERT　后100件，乙即▢▢，没教过，同时填": fills(bert, unseen, [4, 5]),
        "BERT　没教过的，一个接一个填": fills_in_turn(bert, unseen, [4, 5]),
        "BERT　没教过的，两百个名字逐个试": picks_by_mask(bert, unseen, names),
        "对照　后100件，甲是▢▢": fills(control, forward[100:], [4, 5]),
        "对照　前100件，乙即▢▢，教过": fills(control, backward[:100], [4, 5]),
        "对照　没教过的，一个接一个填": fills_in_turn(control, unseen, [4, 5]),
        "对照　没教过的，两百个名字逐个试": picks_by_mask(control, unseen, names),
    }
