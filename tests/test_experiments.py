"""What chapters carry of a sweep is what the sweep found."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "book/experiments"
NAMES = [path.stem for path in sorted(HERE.glob("*.jsonl"))]


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_the_results(name, tmp_path):
    sweep, script = importlib.import_module("sweep"), importlib.import_module(name)
    shutil.copy(HERE / f"{name}.jsonl", tmp_path)
    order = [list(run.values()) for run in script.RUNS]
    sweep.write_numbers(tmp_path / f"{name}.py", order, list(script.RUNS[0]))
    written, kept = (folder / f"{name}_numbers.py" for folder in (tmp_path, HERE))
    assert written.read_text("utf-8") == kept.read_text("utf-8")


def work(x):
    return {"double": 2 * x}


def test_a_sweep_resumes(tmp_path, monkeypatch):
    sweep = importlib.import_module("sweep")
    monkeypatch.setattr(sys, "argv", ["sweep", "--workers", "1"])
    script = tmp_path / "toy.py"
    sweep.main(script, [{"x": 1}, {"x": 2}], work)
    before = script.with_suffix(".jsonl").read_text()
    sweep.main(script, [{"x": 1}, {"x": 2}, {"x": 3}], work)
    after = script.with_suffix(".jsonl").read_text()
    assert (
        after.startswith(before) and len(sweep.read(script.with_suffix(".jsonl"))) == 3
    )
    assert "'double': 6" in script.with_name("toy_numbers.py").read_text()
