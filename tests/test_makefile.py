"""The set-up fails early and heals itself."""

import shutil
import subprocess

import pytest


@pytest.fixture
def clone(root, tmp_path):
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(root / name, tmp_path)
    return tmp_path


def fake_python(folder, body):
    path = folder / "fakepython"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def make(clone, *arguments):
    return subprocess.run(
        ["make", *arguments], cwd=clone, capture_output=True, text=True, timeout=120
    )


def test_old_python_gets_one_clear_line(clone):
    old = fake_python(clone, 'case "$1" in -V) echo Python 3.10.1;; *) exit 1;; esac')
    done = make(clone, ".venv/ready", f"PYTHON={old}")
    assert done.returncode != 0
    assert (
        "needs Python 3.11 or newer" in done.stdout and "Python 3.10.1" in done.stdout
    )
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
