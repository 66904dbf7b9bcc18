"""Predict first: each question has its answer, each answer its evidence, and the form works."""

import json
import re

import pytest
from playwright.sync_api import expect

from conftest import ROOT
from predict import answers, parse
from test_results import NUMBER, shown
from tools.sync import source_of

ANSWERS = answers()
FENCE = re.compile(r"^```predict (\S+)\n(.*?)\n```", re.MULTILINE | re.DOTALL)


def asked():
    """{name: (question, choices, unit, outputs of the chapter behind it)}."""
    found = {}
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for i, cell in enumerate(cells):
            for name, content in FENCE.findall(source_of(cell)):
                assert cell["cell_type"] == "markdown" and name not in found
                code = [later for later in cells[i:] if later["cell_type"] == "code"]
                behind = "".join(map(shown, code))
                found[name] = (*parse(content.split("\n")), behind)
    return found


ASKED = asked()


def rounded(text, digits):
    return {round(float(n.replace(",", "")), digits) for n in NUMBER.findall(text)}


def test_every_question_has_its_answer_in_the_book_s_order():
    assert list(ASKED) == list(ANSWERS)
    assert len(ASKED) >= 25


@pytest.mark.parametrize("name", ASKED)
def test_what_came_out_stands_in_the_outputs_behind_the_question(name):
    question, choices, unit, behind = ASKED[name]
    came_out = ANSWERS[name]
    assert question and len(choices) == len(set(choices))
    if choices:
        assert came_out["answer"] in choices
    else:
        assert unit and isinstance(came_out["answer"], int | float)
    given = {float(number) for number in came_out.get("given", [])}
    for number in NUMBER.findall(f"{came_out['answer']} {came_out['told']}"):
        digits = len(number.partition(".")[2])
        value = round(float(number.replace(",", "")), digits)
        assert value in given | rounded(behind, digits), (number, question)


def test_a_fence_asks_for_a_number_or_a_choice():
    assert parse(["几个？", "____ 个"]) == ("几个？", [], "个")
    assert parse(["哪个？", "- 甲", "- 乙"]) == ("哪个？", ["甲", "乙"], "")
    for wrong in (["几个？"], ["几个？", "- 甲", "____ 个"]):
        with pytest.raises(ValueError, match="not both"):
            parse(wrong)


@pytest.fixture
def forms(page, address):
    page.goto(f"{address}/book/02_gpt.html", wait_until="networkidle")
    return page.locator("form.predict")


@pytest.mark.browser
def test_what_came_out_is_told_after_the_guess_by_keyboard_alone(page, forms):
    expect(forms).to_have_count(5)
    form = forms.nth(2)
    told = form.locator("details")
    expect(told).to_be_hidden()
    form.get_by_role("button").press("Enter")  # nothing guessed yet
    expect(told).to_be_hidden()
    form.get_by_role("spinbutton").fill("4.5")
    form.get_by_role("spinbutton").press("Enter")
    expect(told).to_be_visible()
    expect(told).to_contain_text("3.88")
    status = form.get_by_role("status")
    expect(status).to_have_text("你猜4.5奈特，高了0.62。这一页猜了1题，中了0题。")
    expect(form.get_by_role("button")).to_be_disabled()


@pytest.mark.browser
def test_a_choice_is_right_or_wrong_and_counted(page, forms):
    first = forms.first
    first.get_by_label("一百多").check()
    first.get_by_role("button").click()
    expect(first.get_by_role("status")).to_have_text("猜中了。这一页猜了1题，中了1题。")
    second = forms.nth(1)
    second.get_by_role("spinbutton").fill("90")
    second.get_by_role("button").click()
    said = second.get_by_role("status")
    expect(said).to_have_text("你猜90奈特，很近。这一页猜了2题，中了2题。")


@pytest.mark.browser
def test_a_guess_is_neither_kept_nor_sent(page, forms, address):
    before = list(page.requested)
    forms.first.get_by_label("还是1").check()
    forms.first.get_by_role("button").click()
    expect(forms.first.get_by_role("status")).to_contain_text("没有猜中")
    stored = "() => [document.cookie, localStorage.length, location.href]"
    cookie, kept, place = page.evaluate(stored)
    # A page may still be loading fonts for its formulas
    later = page.requested[len(before) :]
    assert all(url.startswith(f"{address}/_static/") for url in later)
    assert not cookie and "?" not in place
    page.reload()
    expect(page.locator("form.predict details").first).to_be_hidden()
    assert page.evaluate(stored)[1] == kept


@pytest.mark.browser
def test_without_scripts_what_came_out_unfolds_by_hand(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/book/02_gpt.html")
    form = page.locator("form.predict").first
    expect(form.get_by_role("button")).to_be_hidden()
    form.locator("summary").click()
    expect(form.locator("details p")).to_be_visible()
    context.close()
