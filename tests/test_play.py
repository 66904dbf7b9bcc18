"""Figures one can play with: their arithmetic is the chapters', and a hand or a key moves them."""

import json
import math
import re

import pytest
import torch
from playwright.sync_api import expect

from conftest import ROOT, violations
from parts.gpt import next_probabilities
from parts.t5_stack import relative_position_bucket
from play import printed
from tools.sync import source_of

FENCE = re.compile(r"^```play (\S+)\n(.*?)\n```", re.MULTILINE | re.DOTALL)
IMPORT = "import('/_static/play.mjs')"
PAGES = {
    "temperature": "02_gpt",
    "mask": "03_bert",
    "ruler": "05_scaling",
    "buckets": "06_t5",
}


def test_each_figure_stands_once_and_its_data_before_it():
    found = {}
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for i, cell in enumerate(notebook["cells"]):
            for name, sentence in FENCE.findall(source_of(cell)):
                assert name not in found and sentence.startswith("网页版里，")
                found[name] = path.stem
                behind = {"cells": notebook["cells"][i:]}
                assert not printed(behind, name)
                assert printed(notebook, name) or name == "buckets"
    assert found == PAGES


@pytest.fixture
def figure(page, address, request):
    page.goto(f"{address}/book/{PAGES[request.param]}.html")
    figure = page.locator(f"figure.play[data-figure={request.param}]")
    expect(figure).to_be_visible()
    yield figure
    assert not page.errors


def drag(figure, label, value):
    figure.get_by_label(label, exact=False).fill(str(value))


@pytest.mark.browser
def test_chances_are_those_of_next_probabilities(page, address):
    page.goto(f"{address}/book/02_gpt.html")
    scores = torch.randn(30, generator=torch.Generator().manual_seed(0))
    scores = (3 * scores).sort(descending=True).values
    for temperature in (0, 0.3, 1, 2.5):
        for k, p in [(30, 1), (5, 1), (30, 0.8), (7, 0.05), (12, 0.55)]:
            run = f"([s, how]) => {IMPORT}.then(m => m.chances(s, how))"
            how = {"temperature": temperature, "k": k, "p": p}
            found = page.evaluate(run, [scores.tolist(), how])
            wanted = next_probabilities(scores[None], temperature, k, p)[0]
            assert found == pytest.approx(wanted.tolist(), abs=1e-5), how


@pytest.mark.browser
def test_buckets_are_those_of_the_chapter(page, address):
    page.goto(f"{address}/book/06_t5.html")
    far = torch.arange(-300, 301)
    load = "import('/_static/buckets.mjs')"
    run = f"([ds, how]) => {load}.then(m => ds.map(d => m.bucketOf(d, how)))"
    for both_sides in (True, False):
        for size in range(8, 65, 8):
            for farthest in range(48, 257, 16):
                how = {"bothSides": both_sides, "buckets": size, "farthest": farthest}
                found = page.evaluate(run, [far.tolist(), how])
                wanted = relative_position_bucket(far, both_sides, size, farthest)
                assert found == wanted.tolist(), how


@pytest.mark.browser
def test_what_is_asked_and_what_is_shown(page, address):
    page.goto(f"{address}/book/03_bert.html")
    draws = [[0.1, 0.7, 0], [0.1, 0.85, 0.99], [0.1, 0.95, 0.5], [0.2, 0, 0]]
    run = f"([text, draws, how]) => {IMPORT}.then(m => m.hide([...text], draws, how))"
    how = {"rate": 0.15, "masked": 0.8}
    seen = page.evaluate(run, ["甲乙丙丁", draws, how])
    assert [one["shown"] for one in seen] == list("▢丁丙丁")
    assert [one["asked"] for one in seen] == [True, True, True, False]


@pytest.mark.browser
@pytest.mark.parametrize("figure", ["temperature"], indirect=True)
def test_the_knobs_of_writing(figure):
    told = figure.get_by_role("status")
    expect(told).to_contain_text("留下30个字")
    drag(figure, "top-k", 3)
    expect(told).to_contain_text("留下3个字")
    drag(figure, "温度", 0)
    expect(told).to_contain_text("留下1个字")
    expect(told).to_contain_text("占100%")
    expect(figure.locator(".gone")).to_have_count(12)


@pytest.mark.browser
@pytest.mark.parametrize("figure", ["mask"], indirect=True)
def test_the_same_draw_whatever_the_rate(figure):
    told, asked = figure.get_by_role("status"), figure.locator("mark")
    drag(figure, "选中多少", 1)
    expect(told).to_contain_text("没选中的0个")
    drag(figure, "其中换成", 1)
    expect(figure.locator(".text")).to_have_text(re.compile("^▢+$"))
    drag(figure, "选中多少", 0.4)
    some = asked.count()
    drag(figure, "第几次抽", 2)
    drag(figure, "第几次抽", 1)
    expect(asked).to_have_count(some)
    drag(figure, "选中多少", 0)
    expect(asked).to_have_count(0)


@pytest.mark.browser
@pytest.mark.parametrize("figure", ["buckets"], indirect=True)
def test_buckets_by_keyboard(figure, page):
    told = figure.get_by_role("status")
    expect(told).to_contain_text("距离-20：编码器（橙）进10号桶，同桶的有-22到-16")
    figure.get_by_label("看哪个距离").focus()
    page.keyboard.press("ArrowRight")
    expect(told).to_contain_text("距离-19")


@pytest.mark.browser
@pytest.mark.parametrize("figure", ["ruler"], indirect=True)
def test_the_longer_the_answer_the_later_all_of_it(figure):
    """Against what the chapter printed: shares of digits, and their powers."""
    path = ROOT / f"book/{PAGES['ruler']}.ipynb"
    text = printed(json.loads(path.read_text(encoding="utf-8")), "ruler")
    curve = {int(step): float(x) for step, x in re.findall(r"(\d+):(\d\.\d+)", text)}
    told = figure.get_by_role("status")
    later = 0
    for digits in (1, 6, 20):
        drag(figure, "答案几位", digits)
        drag(figure, "第几步", 250)
        whole = curve[250] ** digits
        expect(told).to_contain_text(f"{digits}位全对{math.floor(100 * whole + 0.5)}%")
        half = min(step for step, share in curve.items() if share**digits > 0.5)
        expect(told).to_contain_text(f"过半，在第{half}步")
        assert half > later
        later = half


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES.values())
def test_nothing_for_axe_to_find(new_page, address, name, scheme):
    page = new_page(color_scheme=scheme, viewport={"width": 390, "height": 800})
    page.goto(f"{address}/book/{name}.html", wait_until="networkidle")
    kept = "document.querySelector('.bd-article').replaceChildren(document.querySelector('.play'))"
    page.evaluate(kept)
    rules = ["color-contrast", "label", "list", "aria-hidden-focus"]
    assert not violations(page, rules)
    assert all(url.startswith(address) for url in page.requested)


@pytest.mark.browser
def test_without_scripts_there_is_no_empty_box(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/book/06_t5.html")
    expect(page.locator("figure.play")).to_be_hidden()
    context.close()
