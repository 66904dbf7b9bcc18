"""Sweeps resume, keep their runs in order, and know which code made their results."""

import json

import pytest

import sweep
from conftest import ROOT

NAMES = [path.stem for path in sorted(ROOT.glob("book/experiments/*.jsonl"))]


@pytest.mark.parametrize("name", NAMES)
def test_results_are_those_of_the_runs(name):
    script = pytest.importorskip(name)
    rows = sweep.read(ROOT / f"book/experiments/{name}.jsonl")
    settings = list(script.RUNS[0])
    assert [{key: row[key] for key in settings} for row in rows] == script.RUNS


def run(x):
    return {"double": 2 * x}


@pytest.mark.slow
def test_a_sweep_resumes(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["sweep", "--workers", "1"])
    script = tmp_path / "toy.py"
    script.write_text("x = 1")
    results = script.with_suffix(".jsonl")
    sweep.main(script, [{"x": 1}, {"x": 3}], run)
    kept = sweep.read(results)
    script.write_text("x = 2")
    sweep.main(script, [{"x": 1}, {"x": 2}, {"x": 3}], run)
    rows = sweep.read(results)
    assert [row["x"] for row in rows] == [1, 2, 3] and rows[::2] == kept
    assert rows[1]["double"] == 4 and rows[1]["code"] != rows[0]["code"]


@pytest.mark.slow
def test_again_takes_the_place_of_the_old_when_it_is_whole(tmp_path, monkeypatch):
    script, (old, new) = (
        tmp_path / "toy.py",
        (tmp_path / "toy.jsonl", tmp_path / "toy.again"),
    )
    script.write_text("x = 1")
    old.write_text(json.dumps({"x": 1, "double": 0}) + "\n")
    monkeypatch.setattr("sys.argv", ["sweep", "--workers", "1", "--again"])
    with pytest.raises(TypeError):  # the second run breaks
        sweep.main(script, [{"x": 1}, {"x": None}], run)
    assert sweep.read(old) == [{"x": 1, "double": 0}]
    kept = sweep.read(new)
    sweep.main(script, [{"x": 1}, {"x": 2}], run)
    assert not new.exists() and sweep.read(old)[:1] == kept
    assert [row["double"] for row in sweep.read(old)] == [2, 4]


def test_results_older_than_their_code_are_named(tmp_path):
    script, results = tmp_path / "toy.py", tmp_path / "toy.jsonl"
    script.write_text("x = 1")
    row = {"x": 1, "code": sweep.code_hash(script)}
    results.write_text(json.dumps(row))
    assert sweep.stale(tmp_path) == []
    script.write_text('"""What it is for."""\nx = (1)  # the same')
    assert sweep.stale(tmp_path) == []
    script.write_text("x = 2")
    assert sweep.stale(tmp_path) == [("toy", "1 of 1 runs by older code")]
    results.write_text(json.dumps({"x": 1}))
    assert sweep.stale(tmp_path) == [("toy", "1 runs from before code was noted")]
