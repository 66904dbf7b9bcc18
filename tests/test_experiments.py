"""Sweeps resume, keep their runs in order, and know which code made their results."""

import json
import math

import pytest
import torch

import differences
import export_larger
import export_playground as export
import sweep
from conftest import ROOT
from parts.bootstrap import bootstrap, interval
from parts.cloze import (
    bigram_log_p,
    cloze_windows,
    log_p_by_bayes,
    log_p_by_left,
    log_p_by_mask,
)
from parts.corpus import load_corpus, to_stream
from parts.counted_cloze import log_p_by_counting
from parts.kneser_ney import KneserNey
from parts.report import mean_range

NAMES = [path.stem for path in sorted(ROOT.glob("book/experiments/*.jsonl"))]
NAMES.remove("differences")  # no sweep: it follows from abilities
NAMES.remove("race_clock")  # no sweep: how long a step of each entry of the race takes


@pytest.mark.parametrize("name", NAMES)
def test_results_are_those_of_the_runs(name):
    """In their order; what is missing, `make stale` names."""
    script = pytest.importorskip(name)
    rows = sweep.read(ROOT / f"book/experiments/{name}.jsonl")
    found = [{key: row[key] for key in script.RUNS[0]} for row in rows]
    order = [script.RUNS.index(settings) for settings in found]
    assert order == sorted(set(order))


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
    script.write_text("x = 1\nRUNS = [{}]")
    row = {"x": 1, "code": sweep.code_hash(script)}
    results.write_text(json.dumps(row))
    assert sweep.stale(tmp_path) == []
    script.write_text('"""What it is for."""\nx = (1)  # the same\nRUNS = [{}]')
    assert sweep.stale(tmp_path) == []
    # More runs make none of the old ones older
    script.write_text("x = 1\nRUNS = [{}, {}]")
    assert sweep.stale(tmp_path) == [("toy", "1 runs to go")]
    script.write_text("x = 2\nRUNS = [{}]")
    assert sweep.stale(tmp_path) == [("toy", "1 of 1 runs by older code")]
    results.write_text(json.dumps({"x": 1}))
    assert sweep.stale(tmp_path) == [("toy", "1 runs from before code was noted")]


@pytest.mark.slow
def test_stored_scores_are_those_of_the_weights_that_ship():
    """Chapter 4 reads stored numbers; the playground's weights are of rate 0.01, seed 0."""
    splits, vocab = load_corpus()
    train, _, test = (to_stream(vocab, rows) for rows in splits.values())
    asked, bigrams = cloze_windows(vocab, test, 1500), bigram_log_p(train, len(vocab))
    paths = [next(export.PLACE.glob(f"{road}.*.safetensors")) for road in export.ROADS]
    gpt, bert = (export.load(path)[0] for path in paths)
    answers = {
        "left": log_p_by_left(gpt, asked, 24),
        "joint": log_p_by_bayes(gpt, asked, 24, bigrams),
        "mask": log_p_by_mask(bert, asked, 24),
        "counted": log_p_by_counting(KneserNey(train, len(vocab)), asked, 24),
    }
    found = {way: -x.gather(1, asked[:, 24, None])[:, 0] for way, x in answers.items()}
    nats = {way: x.mean().item() for way, x in found.items()}
    for run in sweep.read(ROOT / "book/experiments/comparison.jsonl"):
        if (run["steps"], run["rate"], run["seed"]) == (15000, 0.01, 0):
            if run["objective"] in export.ROADS.values():
                for way in nats.keys() & run["cloze"].keys():
                    stored = run["cloze"][way]["nats"]
                    assert nats[way] == pytest.approx(stored, abs=0.01)
    assert nats["joint"] < nats["mask"] - 0.3
    # Chapter 4: what GPT knows of the left, and one counted neighbour on the right, is enough
    borrowed = (answers["left"] + bigrams[:, asked[:, 25]].T).log_softmax(-1)
    of_borrowed = -borrowed.gather(1, asked[:, 24, None]).mean().item()
    assert of_borrowed == pytest.approx(2.48, abs=0.01) and nats["mask"] > 2.68
    # Half of each: GPT knows what counting does not
    mixed = torch.logaddexp(answers["joint"], answers["counted"]) - math.log(2)
    assert -mixed.gather(1, asked[:, 24, None]).mean() == pytest.approx(1.76, abs=0.01)
    behind = found["joint"] - found["counted"]
    error = behind.std().item() / 1500**0.5
    assert behind.mean() > 3 * error and error == pytest.approx(0.05, abs=0.005)
    # With 300 questions, as in the validation exam, it could not be told
    assert error * 5**0.5 == pytest.approx(0.12, abs=0.015)


@pytest.mark.slow
def test_the_larger_pair_can_do_what_its_page_says():
    """Scored anew on the weights that ship, but for GPT's blanks, which take minutes."""
    page = (ROOT / "book/playground.md").read_text(encoding="utf-8")
    told = json.loads(export_larger.SCORES.read_text())
    gpt, bert = told["gpt"]["int8"], told["bert"]["int8"]["cloze"]["mask"]
    rows = {
        "GPT，猜下一个字 | 3.78": gpt["text"],
        "GPT，填空，1,500道 | 2.16": gpt["cloze"]["joint"]["nats"],
        "BERT，填空，1,500道 | 2.71": bert["nats"],
    }
    for begun, nats in rows.items():
        assert f"| {begun} | {nats:.2f} |" in page
    for road in export.ROADS:
        (path,) = export.PLACE.glob(f"larger-{road}.*")
        found = export_larger.scores(road, export_larger.load(path)[0], whole=False)
        assert flat(found) == pytest.approx(flat(told[road]["int8"], found), abs=0.005)
        as_trained = told[road]["float32"]
        assert flat(as_trained) == pytest.approx(flat(found), abs=0.005)


def flat(scores, like=None):
    """Nats of nested scores, those that `like` has too."""
    like = like or scores
    found = {k: scores[k] for k in like if k == "text"}
    ways = like.get("cloze", {})
    return found | {way: scores["cloze"][way]["nats"] for way in ways}


def test_differences_are_what_abilities_found():
    """Chapter 4's comparisons: levels, draws and items follow from the runs."""
    stored = differences.RESULTS.read_text(encoding="utf-8").splitlines(keepends=True)
    assert stored == differences.lines()
    for row in map(json.loads, stored):
        if row.get("items"):
            draws = [x for of_seed in row["draws"] for x in of_seed]
            of_items = sum(row["items"]) / sum(row["sizes"])
            assert sum(draws) / len(draws) == pytest.approx(of_items, abs=0.006)


def test_scores_without_counted_pairs_are_told_as_stored():
    """Chapter 4: all 2,000 characters tried, and 128 of them, by three GPTs."""
    chapter = (ROOT / "book/04_comparison.ipynb").read_text(encoding="utf-8")
    long = {"objective": "CLM", "steps": 15000, "start": "neighbours"}
    runs = sweep.read(ROOT / "book/experiments/abilities.jsonl")
    clozes = [run["cloze"] for run in runs if long.items() <= run.items()]
    for candidates in (2000, 128):
        scores = [c[f"joint of {candidates}, 200 questions"]["nats"] for c in clozes]
        assert mean_range(torch.tensor(scores)) in chapter


def test_the_other_fine_tuning_rate_is_told_as_stored():
    """Chapter 4 gives its intervals in prose, as wide as those of its table."""
    chapter = (ROOT / "book/04_comparison.ipynb").read_text(encoding="utf-8")
    rows = {row["what"]: row for row in sweep.read(differences.RESULTS)}
    for task in ("boundaries", "sentiment"):
        row = rows[f"labels {task} 400, rate 0.003"]
        kinds = (torch.tensor(row[k]).float() for k in ("draws", "items", "sizes"))
        low, high = interval(100 * bootstrap(*kinds), looks=8)
        assert f"（{low:.1f}到{high:.1f}）" in chapter


def test_one_step_further_out_is_told_as_it_came_out():
    """Chapter 1's sentence on topics: the gap when wider's settings may be chosen as well."""
    runs = {}
    for name in ("learning_curves", "wider"):
        for row in sweep.read(ROOT / f"book/experiments/{name}.jsonl"):
            if row.get("task", "topic") == "topic" and row.get("labels", 1600) == 1600:
                runs.setdefault((row["way"], row["seed"]), []).extend(row.get("tried"))
    best = {key: max(tried)[1] for key, tried in runs.items() if key[0] != "linear"}
    gaps = [100 * (best["pretrained", s] - best["scratch", s]) for s in range(3)]
    told = f"差是{sum(gaps) / 3:.1f}（{min(gaps):.1f}–{max(gaps):.1f}）个百分点"
    assert told in (ROOT / "book/01_paradigm.ipynb").read_text(encoding="utf-8")
