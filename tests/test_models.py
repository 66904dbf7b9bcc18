"""Models to take away: others' libraries load them, say the same, and the cards' code runs."""

import os
import re
import subprocess
import sys

import pytest
import torch
from transformers import T5ForConditionalGeneration

import export_playground
from conftest import ROOT
from parts.corpus import load_corpus
from parts.racer import RaceConfig, Racer
from parts.t5_model import T5Model
from parts.t5_stack import T5Config
from parts.text_to_text import source_ids
from tools.models import (
    MODELS,
    STEPS,
    imported,
    make,
    parameters,
    remote_code,
    to_hf_t5,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All of them after two steps: what they say is nothing, how they are kept is the same."""
    folder = tmp_path_factory.mktemp("models")
    make(folder, dict.fromkeys(STEPS, 2))
    return folder


def gap(a, b):
    return (a - b).abs().max().item()


@torch.no_grad()
def test_gpt_is_the_playground_s(folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    theirs = AutoModelForCausalLM.from_pretrained(folder / "gpt")
    tokenizer = AutoTokenizer.from_pretrained(folder / "gpt")
    (path,) = export_playground.PLACE.glob("gpt.*.safetensors")
    ours, _ = export_playground.load(path)
    ids = tokenizer("房间很干净，早餐也不错。", return_tensors="pt").input_ids
    assert gap(theirs(ids).logits, ours(ids)) < 1e-4


@torch.no_grad()
def test_t5_goes_there_unchanged(tmp_path):
    torch.manual_seed(0)
    shape = T5Config(99, 48, heads=3, head_dim=10, mlp_dim=70, tied=False)
    ours = T5Model(shape).eval()
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.dim() == 1), std=0.1)
    to_hf_t5(ours).save_pretrained(tmp_path)
    theirs = T5ForConditionalGeneration.from_pretrained(tmp_path)
    ids, written = torch.randint(5, 99, (2, 9)), torch.randint(5, 99, (2, 7))
    said = theirs(input_ids=ids, decoder_input_ids=written).logits
    assert gap(said, ours(ids, written)) < 1e-4
    # Would a wrong matrix be noticed?
    ours.decoder.blocks[1].cross.k.weight[0, 0] += 1
    assert gap(said, ours(ids, written)) > 1e-3


def test_syllables_are_tokens(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "pinyin")
    _, vocab = load_corpus()
    ids = tokenizer("拼音：fang jian 好").input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == [*"拼音：", "fang", "jian", "好"]
    assert ids[:3] == source_ids(vocab, "pinyin", [])


@torch.no_grad()
def test_the_racer_s_file_holds_all_of_it(folder):
    (folder / "racer/copy.py").write_text(remote_code(), encoding="utf-8")
    remote = imported(folder / "racer/copy.py")
    theirs = remote.RacerForCausalLM.from_pretrained(folder / "racer")
    ours = Racer(RaceConfig())
    ours.load_state_dict(theirs.racer.state_dict())
    ids = torch.randint(5, 2000, (2, 20))
    assert torch.equal(theirs(ids).logits, ours(ids))
    assert theirs.racer.head.weight is theirs.racer.token.weight
    assert theirs.racer.token.weight.std() < 0.1


@pytest.mark.parametrize("name", MODELS)
def test_a_card_says_what_it_is_and_its_code_runs(folder, name, tmp_path):
    card = (folder / name / "README.md").read_text(encoding="utf-8")
    assert f"{parameters(folder / name):,}个参数" in card
    assert re.search(r"\| [\d,]+ \| [\d.]+%? \[[\d.]+%?, [\d.]+%?\] \|", card)
    assert "来历和许可不清楚" in card and "{" not in card.split("```")[0]
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    # Offline, and without a trace in the reader's home
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | quiet,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip()


def test_make_knows_it():
    assert "-m tools.models _build/models" in (ROOT / "Makefile").read_text("utf-8")
