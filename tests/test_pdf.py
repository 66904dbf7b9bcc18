"""The book as one file: contents, bookmarks, numbers; links that lead to where it is read."""

import pytest

from tools.pdf import bind, chapters

ADDRESS = "https://example.org/two-roads"
WANTED = [("附录", None), (None, "book/teaching"), (None, "book/data")]


@pytest.fixture(scope="module")
def bound(browser, address):
    return bind(browser.new_page(color_scheme="light"), address, ADDRESS, WANTED)


@pytest.mark.browser
def test_contents_bookmarks_and_numbers_agree(bound):
    titles = [mark.title for mark in bound.outline]
    assert titles == ["怎样教", "数据"]
    contents = bound.pages[0].extract_text()
    assert ADDRESS in contents
    for mark, title in zip(bound.outline, titles, strict=True):
        place = bound.get_destination_page_number(mark)
        text = bound.pages[place].extract_text()
        assert title in text and text.rstrip().endswith(str(place + 1))
        (told,) = [line for line in contents.split("\n") if line.startswith(title)]
        assert told.endswith(str(place + 1))


@pytest.mark.browser
def test_no_link_leads_to_the_machine_that_printed(bound):
    actions = [
        note.get_object()["/A"].get("/URI", "")
        for page in bound.pages
        for note in page.get("/Annots", [])
        if "/A" in note.get_object()
    ]
    assert any(uri.startswith(f"{ADDRESS}/book/") for uri in actions)
    assert not any("127.0.0.1" in uri for uri in actions)


def test_all_pages_of_the_book_are_printed(root):
    names = {name for _, name in chapters() if name}
    pages = {
        path.with_suffix("")
        for path in root.glob("book/*")
        if path.suffix in (".md", ".ipynb")
    }
    assert names == {str(path.relative_to(root)) for path in pages}
