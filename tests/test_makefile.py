"""The set-up fails early and heals itself; each target does what its name says, or tells why."""

import os
import re
import shutil
import socket
import subprocess
import sys

import pytest


@pytest.fixture
def clone(root, tmp_path):
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(root / name, tmp_path)
    (tmp_path / "book").mkdir()
    for name in ("01_paradigm", "02_gpt"):
        (tmp_path / f"book/{name}.ipynb").touch()
    return tmp_path


def fake_python(folder, body):
    path = folder / "fakepython"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def make(clone, *arguments):
    # What an outer make was told is not for this one.
    ours = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "PYTHON")}
    how = {"capture_output": True, "text": True, "env": ours}
    return subprocess.run(["make", *arguments], cwd=clone, **how)


def environment(clone, body):
    """A .venv that is there, whose python is a script."""
    (clone / ".venv/bin").mkdir(parents=True)
    shutil.move(fake_python(clone, body), clone / ".venv/bin/python")
    (clone / ".venv/ready").touch()


def test_old_python_gets_one_clear_line(clone):
    old = fake_python(clone, 'case "$1" in -V) echo Python 3.10.1;; *) exit 1;; esac')
    done = make(clone, ".venv/ready", f"PYTHON={old}")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout
    assert "Python 3.10.1" in done.stdout
    assert not (clone / ".venv").exists()


def test_interrupted_install_starts_over(clone):
    """A .venv without its mark is cleared; a failing install leaves no mark."""
    install = r"mkdir -p .venv/bin; printf '#!/bin/sh\nexit 1' > .venv/bin/pip"
    venv = f'echo "$@" >> log; {install}; chmod +x .venv/bin/pip'
    body = f'case "$1" in -c) exit 0;; -m) {venv};; esac'
    python = fake_python(clone, body)
    for _ in range(2):
        assert make(clone, ".venv/ready", f"PYTHON={python}").returncode != 0
        assert not (clone / ".venv/ready").exists()
    assert (clone / "log").read_text().count("venv --clear .venv") == 2


def test_nothing_in_the_environment_is_called_by_its_path(root):
    """The scripts of .venv/bin hold the path at which it was made: the folder may have moved."""
    text = (root / "Makefile").read_text(encoding="utf-8")
    called = re.findall(r"(?:\.venv/bin|\bbin)/([\w-]+)", text)
    assert called and set(called) == {"python"}


def test_another_python_than_the_environments_is_told(clone):
    environment(clone, "echo Python 3.11.7")
    newer = fake_python(clone, "echo Python 3.13.1")
    done = make(clone, ".venv/ready", f"PYTHON={newer}")
    assert done.returncode != 0 and "make clean" in done.stdout
    assert "3.11.7" in done.stdout and "3.13.1" in done.stdout
    assert make(clone, ".venv/ready").returncode == 0  # nobody asked for another


@pytest.mark.parametrize("chapter", ["2", "02"])
@pytest.mark.parametrize("target", ["test", "run", "seeds"])
def test_a_chapter_is_named_with_or_without_its_zero(clone, target, chapter):
    environment(clone, "true")
    planned = make(clone, "-n", target, f"CHAPTER={chapter}").stdout
    (recipe,) = re.findall(r"book/\S+ipynb", planned)
    assert recipe == "book/02_gpt.ipynb"


def test_a_chapter_that_is_not_there_is_told(clone):
    done = make(clone, "run", "CHAPTER=12")
    assert done.returncode != 0
    assert "no chapter 12" in done.stderr and "book/02_gpt.ipynb" in done.stderr


def test_both_halves_run_and_one_summary_ends_them(clone):
    """The tests fail: the notebooks run all the same, the summary comes last, make fails."""
    environment(clone, 'echo "$@" >> log; case "$*" in *"pytest tests"*) exit 1;; esac')
    assert make(clone, "test").returncode != 0
    lines = (clone / "log").read_text().splitlines()
    halves = [i for i, line in enumerate(lines) if "-m pytest" in line]
    assert len(halves) == 2 and "--nbval" in lines[halves[1]]
    assert lines[-1].startswith("tools/summary.py")


REPORT = """<testsuites><testsuite time="60">
<testcase classname="a" name="one"/>
<testcase classname="a" name="two"><failure/></testcase>
<testcase classname="a" name="three"><skipped/></testcase>
</testsuite></testsuites>"""


def test_the_summary_names_what_failed_and_what_is_missing(root, tmp_path):
    report = tmp_path / "tests.xml"
    report.write_text(REPORT)
    command = [sys.executable, root / "tools/summary.py", report, tmp_path / "gone.xml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "FAILED a::two" in done.stdout and "gone.xml is missing" in done.stdout
    assert done.stdout.splitlines()[-1] == "all: 1 passed, 2 failed, 1 skipped"


def test_a_taken_port_gets_one_line(root):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, root / "tools/serve.py", str(port)]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert f"make serve PORT={port + 1}" in done.stderr
