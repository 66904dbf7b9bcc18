"""Slides: the notebooks' own figures, every page fits, keys turn them, nothing from elsewhere."""

import re

import pytest
from playwright.sync_api import expect

from conftest import ROOT
from slides import PICTURE, output_of, slides
from test_results import NUMBER

DECKS = sorted((ROOT / "book/slides").glob("*.md"))
NAMES = [path.stem for path in DECKS]


@pytest.mark.parametrize("path", DECKS, ids=NAMES)
def test_pictures_are_of_its_chapter_and_said_in_words(path, tmp_path):
    text = path.read_text(encoding="utf-8")
    found = PICTURE.findall(text)
    assert len(found) >= 7 and all(len(alt) > 5 for alt, *_ in found)
    assert {notebook for _, notebook, _ in found} == {f"{path.stem}.ipynb"}
    page = slides(path.stem, tmp_path)
    assert page.count("<section>") == text.count("\n---\n") + 1 >= 10
    drawn = {source for source in re.findall(r'src="(\S+\.png)"', page)}
    assert drawn == {picture.name for picture in tmp_path.glob("*.png")}


@pytest.mark.parametrize("path", DECKS, ids=NAMES)
def test_results_come_from_the_notebook_not_from_the_hand(path):
    """In the text only what a reader could count or was told: shares of a recipe, sizes."""
    text = PICTURE.sub("", path.read_text(encoding="utf-8"))
    assert not [n for n in NUMBER.findall(text) if "." in n]


def test_a_cell_that_is_gone_is_an_error(notebooks):
    with pytest.raises(ValueError, match="no cell"):
        output_of("gone", notebooks[1])


@pytest.mark.browser
@pytest.mark.parametrize("name", NAMES)
def test_every_page_fits_and_keys_turn_them(page, address, name):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{address}/slides/{name}.html", wait_until="networkidle")
    pages = page.locator(".slides > section")
    for i in range(pages.count()):
        expect(pages.nth(i)).to_have_class(re.compile("present"))
        high, wide = pages.nth(i).evaluate("s => [s.scrollHeight, s.scrollWidth]")
        assert high <= 720 and wide <= 1280, i
        page.keyboard.press("ArrowRight")
    assert all(url.startswith(address) for url in page.requested)
    assert not page.errors and not page.complaints
