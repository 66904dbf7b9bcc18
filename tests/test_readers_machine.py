"""A reader's machine: proxies, names that lead nowhere, accelerators, failed installs, old locales.

Each test runs cells of a chapter, or a tool, in a process of its own with the fault in place.
"""

import ast
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from conftest import ROOT
from parts.corpus import SEP, Vocab
from parts.huggingface import fast_tokenizer, to_hf_gpt2
from parts.transformer import Config, Transformer

PROXIES = {
    "http_proxy": "http://127.0.0.1:9",  # nobody listens there
    "https_proxy": "http://127.0.0.1:9",
    "all_proxy": "socks5://127.0.0.1:9",
}

pytestmark = pytest.mark.slow

BEFORE = f"""
import sys
sys.path.insert(0, {str(ROOT / "book")!r})
import socket, time, torch
from contextlib import contextmanager
from parts.corpus import *
from parts.gpt import *
from parts.transformer import *
SEED = 0
"""

IMPORTS = (
    "import subprocess\nimport sys\nimport time\nimport urllib.request"  # of chapter 7
)


def cell(chapter, mark):
    """The code of the one cell of a chapter that contains `mark`."""
    (path,) = ROOT.glob(f"book/{chapter}_*.ipynb")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    sources = ["".join(c["source"]) for c in code]
    (found,) = [source for source in sources if mark in source]
    return found


def defined(code, *names):
    """Only some of the definitions and imports of a cell."""
    kept = [
        node
        for node in ast.parse(code).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        or getattr(node, "name", None) in names
    ]
    return ast.unparse(ast.Module(kept, []))


def run(folder, *codes, command=(), **environment):
    """The output of a script made of `codes`, run in `folder`; it must end well."""
    script = folder / "script.py"
    script.write_text("\n\n".join(codes), encoding="utf-8")
    done = subprocess.run(
        [*command, sys.executable, script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def saved_gpt(tmp_path):
    """A GPT that has learnt nothing, saved where chapter 7 saves its own."""
    torch.manual_seed(0)
    vocab = Vocab(["酒店的位置很好，早餐也好。"], 30)
    theirs = to_hf_gpt2(Transformer(Config(len(vocab))), SEP)
    theirs.save_pretrained(tmp_path / "models/gpt")
    reader = fast_tokenizer(vocab, 64, "GPT")
    said = "{% for m in messages %}{{ m.content }}{% endfor %}"
    reader.chat_template = "{{ bos_token }}" + said
    reader.save_pretrained(tmp_path / "models/gpt")
    return tmp_path


def test_a_proxy_does_not_stand_before_ones_own_server(saved_gpt):
    """The health check, and the client, speak to this machine directly."""
    marks = [IMPORTS, "def serving(folder)", "def words(client"]
    told = run(saved_gpt, BEFORE, *(cell("07", mark) for mark in marks), **PROXIES)
    assert told.count("|") > 3


def asking():
    """`words`, `ask` and what they need; no company is asked yet."""
    marks = ["class Company:", "def what_to_do(", "def ask(name"]
    only_words = defined(cell("07", "def words(client"), "words")
    codes = [BEFORE, cell("07", IMPORTS), only_words, *(cell("07", m) for m in marks)]
    return "\n".join(codes)


def test_a_proxy_does_not_stand_before_the_pretended_company(tmp_path):
    marks = ["def chunks(text", "def reply(key", "class FakeCompany(", "EXPECTED = {"]
    marks.append("    for name in COMPANIES:\n        for key")
    told = run(tmp_path, asking(), *(cell("07", mark) for mark in marks), **PROXIES)
    # Two are printed, each said it whole and until it was full
    assert told.count("左右都看。") == 4 and "：连不上" not in told


@pytest.mark.skipif(
    importlib.util.find_spec("socksio") is not None,
    reason="socksio is installed: a socks proxy works",
)
def test_a_socks_proxy_without_its_package_gets_one_line(tmp_path):
    names = ("OPENAI", "ANTHROPIC", "DEEPSEEK", "DASHSCOPE")
    keys = {f"{name}_API_KEY": "x" for name in names}
    calls = "for name in COMPANIES:\n    ask(name, '你好')"
    told = run(tmp_path, asking(), calls, **PROXIES, **keys)
    assert told.count("pip install socksio") == 4 and len(told.splitlines()) == 4


def test_a_silent_company_is_asked_twice_and_no_more(tmp_path):
    """With a key, and a host that never answers: bounded retries, and the name at once."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            while True:
                try:
                    asked.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        port = server.getsockname()[1]
        calls = f"""
PATIENCE["timeout"] = 0.5
direct = openai.DefaultHttpxClient(trust_env=False)
ask("OpenAI", "你好", base_url="http://127.0.0.1:{port}/v1", http_client=direct)
"""
        told = run(tmp_path, asking(), calls, OPENAI_API_KEY="x")
    assert told.startswith("OpenAI：等了太久") and len(asked) == 2


def test_a_downloaded_model_is_taken_without_a_network(saved_gpt):
    """From the hub's cache; what is not there is refused in one line that says why."""
    for name in ("gpt", "half"):
        cache = saved_gpt / f"hub/models--two-roads--{name}"
        shutil.copytree(saved_gpt / "models/gpt", cache / "snapshots/abc")
        (cache / "refs").mkdir()
        (cache / "refs/main").write_text("abc")
    (cache / "snapshots/abc/model.safetensors").unlink()  # a download cut short
    no_network = """
DEVICE = "cpu"
def refuse(*_, **__):
    raise OSError("no network at all")
socket.create_connection = refuse
"""
    call = """
assert pipe("text-generation", "two-roads/half") is None
print(pipe("text-generation", "two-roads/gpt")("酒店")[0]["generated_text"][:2])
"""
    ours = [cell("07", text) for text in (IMPORTS, "def folder_of(", "def pipe(task")]
    codes = [BEFORE, *ours[:2], no_network, ours[2], call]
    told = run(saved_gpt, *codes, HF_HUB_CACHE=str(saved_gpt / "hub")).splitlines()
    missing = [
        f"拿不到two-roads/{name}，跳过。no network at all"
        for name in ("no-such-model", "half")
    ]
    assert told == [*missing, "酒店"]


TWO_PROCESSES = """
SEED = 0
open("begun", "a").write("x")
def load_corpus():
    return {"train": None}, None
def to_stream(vocab, rows):
    dice = torch.Generator().manual_seed(0)
    return torch.randint(5, 50, (64 * 100 + 1,), generator=dice)
"""
ACCELERATOR = """
import torch
torch._C._get_accelerator = lambda *_: torch.device("cuda")
"""


def two_processes():
    """What chapter 12 needs to start two processes, as one script with the shared code in it."""
    shared = [cell("12", f"def {name}(") for name in ("attend", "clm_loss", "table")]
    functions = "new_model", "relative", "save_code", "run_to_the_end", "launch"
    marks = [f"{name} = " for name in ("SET_UP", "THREE_STEPS", "REPORT")]
    marks += [f"def {name}(" for name in (*functions, "three_steps")]
    return [*shared, TWO_PROCESSES, *(cell("12", mark) for mark in marks)]


def test_fsdp_stays_on_the_cpu_of_a_machine_with_an_accelerator(tmp_path):
    """And each process runs its step alone, though the chapter is one script."""
    (tmp_path / "sitecustomize.py").write_text(ACCELERATOR, encoding="utf-8")
    both = cell("12", "KINDS = {") + "\n\n" + cell("12", "rows_kept = ")
    codes = [*two_processes(), both, "print(rows_kept)"]
    told = run(tmp_path, *codes, PYTHONPATH=str(tmp_path))
    assert "423,264" in told and (tmp_path / "begun").read_text() == "x"


def test_two_processes_meet_on_a_machine_whose_name_leads_nowhere(tmp_path):
    """No ps either, and somebody else's process of the same name: it is none of ours."""
    unshare = shutil.which("unshare")
    name = "hostname no-such-host.invalid && exec"
    probe = [unshare or "false", "--uts", "sh", "-c", f'{name} "$@"', "sh"]
    if subprocess.run([*probe, "true"], capture_output=True).returncode:
        pytest.skip("renaming the machine for one process takes unshare, and root")
    (tmp_path / "other").mkdir()
    theirs = tmp_path / "other/asleep.py"
    theirs.write_text("import time; time.sleep(600)")
    no_ps = f"import os\nos.environ['PATH'] = {str(Path(sys.executable).parent)!r}"
    call = "launch('step.py', 'ddp', '0')"
    faults = [cell("12", mark) for mark in ("BEGIN = ", "for script, (body")]
    with subprocess.Popen([sys.executable, theirs]) as other:
        try:
            told = run(tmp_path, no_ps, *two_processes(), call, *faults, command=probe)
        finally:
            other.kill()
    assert "FileNotFoundError" in told and "TimeoutError asleep.py" in told


def test_a_failed_install_says_so(tmp_path):
    """%pip never raises; the cell looks again, says what is missing, and which Python it takes."""
    install = cell("02", "%pip install")
    install = install.replace("snownlp==0.12.3", "two-roads-no-such-package==1")
    shell = f"""
from IPython.core.interactiveshell import InteractiveShell
result = InteractiveShell.instance().run_cell({install!r})
print(type(result.error_in_exec).__name__, result.error_in_exec)
"""
    told = run(tmp_path, shell, PIP_NO_INDEX="1")
    last = told.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError 没有装上two-roads-no-such-package==1")
    assert "Python 3.11以上" in last


def test_old_locale_spaces_and_no_home(tmp_path):
    folder = tmp_path / "两条 路"
    shutil.copytree(ROOT / "book/parts", folder / "book/parts")
    shutil.copytree(ROOT / "tools", folder / "tools")
    code = """
import sys
sys.path[:0] = [".", "book"]
from parts.corpus import load_reviews
from tools.sync import load_parts
print(len(load_reviews()["test"]), "class Vocab" in load_parts()["corpus"][0])
"""
    old = {"LC_ALL": "zh_CN.GBK", "PYTHONUTF8": "0", "HOME": "/nowhere/at/all"}
    assert run(folder, code, **old).split() == ["809", "True"]
