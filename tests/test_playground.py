"""The playground in a real browser: PyTorch's numbers, faults that are told, all by keyboard."""

import pytest
import torch
import wasmtime
from playwright.sync_api import expect

import export_larger
import export_pinyin
import export_playground as export
from conftest import SITE, Handler, violations
from parts.cloze import flipped
from parts.corpus import MASK, SEP, load_corpus
from parts.gpt import generate, next_probabilities
from two_roads import EXAMPLE

PAGE, STATIC = "/book/playground.html", "/_static/playground/"
LOAD = """async ([name, simd]) => {
    const { Transformer, Writer, chances } = await import("/_static/playground/model.mjs");
    const { unzipped } = await import("/_static/playground/app.mjs");
    const bytes = async (name) => (await fetch(`/_static/playground/${name}`)).arrayBuffer();
    const wasm = simd ? await WebAssembly.compile(await bytes("linear.wasm")) : null;
    const file = await bytes(name);
    const model = new Transformer(name.endsWith("gzip") ? await unzipped(file) : file, wasm);
    Object.assign(globalThis, { model, Writer, chances });
}"""

DRAWN = {"§": "[SEP]", "？": "[UNK]", "▢": "[MASK]", "␣": " "}

pytestmark = pytest.mark.browser


@pytest.fixture
def page(new_page):
    page = new_page()
    yield page
    assert not page.errors


@pytest.fixture
def opened(page, address):
    page.goto(address + PAGE)
    page.locator(".playground[data-app=app] .load").click()
    page.locator(".playground[data-app=app] .app").wait_for()
    return page


@pytest.fixture(scope="module")
def roads():
    """{road: (file name, model, tokens)}"""
    found = {}
    for road in export.ROADS:
        (path,) = export.PLACE.glob(f"{road}.*.safetensors")
        found[road] = path.name, *export.load(path)
    return found


@pytest.fixture(scope="module")
def sentences():
    """Twenty of the test split, as ids."""
    splits, vocab = load_corpus()
    return [[SEP, *vocab.encode(r.text[:60]), SEP] for r in splits["test"][:20]]


def tell(page, text):
    page.get_by_label("写一句话").fill(text)


def wait_written(page, least, most=None):
    """Until GPT has written so many characters: exactly `least`, or from `least` to `most`."""
    page.wait_for_function(
        """([least, most]) => {
            const { length } = document.querySelector(".story ins").textContent;
            return least <= length && length <= most;
        }""",
        arg=[least, most or least],
    )


def two_frames(page):
    """Whatever still runs has its turn."""
    page.evaluate(
        "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
    )


def bars(page, selector):
    """[(character, shown chance)] of the last list of bars that the selector finds."""
    items = page.locator(selector).last.locator("li")
    tokens = items.locator(".token").all_text_contents()
    texts = items.all_text_contents()
    shares = [text.removeprefix(t) for t, text in zip(tokens, texts, strict=True)]
    chances = [float(share.rstrip("%")) / 100 for share in shares]
    return list(zip(tokens, chances, strict=True))


def test_kernel_is_what_its_text_says():
    text = (export.PLACE / "linear.wat").read_text(encoding="utf-8")
    assert wasmtime.wat2wasm(text) == (export.PLACE / "linear.wasm").read_bytes()


def test_example_is_what_the_models_say(roads):
    """The picture's alternative text names each list's first character and chance."""
    for pairs in export.examples(export.PLACE).values():
        token, chance = pairs[0]
        assert f"“{token}”{chance:.0%}" in EXAMPLE


def test_all_of_it_is_small():
    files = [*export.PLACE.glob("*.safetensors"), *export.PLACE.glob("*.mjs")]
    files.append(export.PLACE / "linear.wasm")
    assert sum(path.stat().st_size for path in files) < 6e6
    larger = [path.stat().st_size for path in export.PLACE.glob("larger-*")]
    assert len(larger) == 2 and sum(larger) < 6e6


def test_nothing_is_loaded_before_the_click(page, address):
    page.goto(address + PAGE, wait_until="networkidle")
    assert not [url for url in page.requested if STATIC in url and "png" not in url]
    expect(page.locator(".playground[data-app=app] img")).to_be_visible()
    page.locator(".playground[data-app=app] .load").click()
    page.locator(".playground[data-app=app] .app").wait_for()
    assert len([url for url in page.requested if "safetensors" in url]) == 2
    assert all(url.startswith(address) for url in page.requested)
    said = page.locator(".playground[data-app=app] > .message")
    expect(said).to_contain_text("每秒写")


def hold_to_pytorch(page, model, sentences):
    """What the browser has loaded scores as `model` does: either mask, every eighth position."""
    for mask in (True, False):
        other = model if model.config.causal == mask else flipped(model)
        found = page.evaluate(
            """([sentences, mask]) => sentences.map((ids) => {
                model.read(ids, mask);
                return ids.flatMap((_, t) => t % 8 ? [] : [Array.from(model.head(t))]);
            })""",
            [sentences, mask],
        )
        for ids, scores in zip(sentences, found, strict=True):
            with torch.no_grad():
                wanted = other(torch.tensor([ids]))[0, ::8]
            assert (torch.tensor(scores) - wanted).abs().max() < 1e-3


@pytest.mark.parametrize("simd", [True, False])
@pytest.mark.parametrize("road", export.ROADS)
def test_scores_are_pytorchs(page, address, roads, sentences, road, simd):
    name, model, _ = roads[road]
    page.goto(address + PAGE)
    page.evaluate(LOAD, [name, simd])
    hold_to_pytorch(page, model, sentences)


@pytest.mark.parametrize("road", export.ROADS)
def test_scores_of_int8_rows_are_pytorchs(page, address, sentences, road):
    (path,) = export.PLACE.glob(f"larger-{road}.*")
    page.goto(address + PAGE)
    page.evaluate(LOAD, [path.name, True])
    hold_to_pytorch(page, export_larger.load(path)[0], sentences[:5])


@pytest.mark.parametrize("simd", [True, False])
def test_greedy_text_is_pytorchs(page, address, roads, sentences, simd):
    """Past the context's end, where the older half is forgotten."""
    name, model, _ = roads["gpt"]
    page.goto(address + PAGE)
    page.evaluate(LOAD, [name, simd])
    for ids in sentences[:5]:
        begun = ids[:10]
        written = page.evaluate(
            """(ids) => {
                const writer = new Writer(model, ids);
                const next = () => chances(writer.scores(), 0).indexOf(1);
                while (writer.ids.length < 160) writer.ids.push(next());
                return writer.ids;
            }""",
            begun,
        )
        wanted = generate(model, torch.tensor([begun]), 150, temperature=0)
        assert written == wanted[0].tolist()


def test_chances_are_ours(page, address, roads):
    page.goto(address + PAGE)
    page.evaluate(LOAD, [roads["gpt"][0], False])
    scores = torch.randn(2000, generator=torch.Generator().manual_seed(0))
    for temperature, top_k in [(1, 2000), (0.5, 40), (2, 1), (0, 40)]:
        found = page.evaluate(
            "([scores, ...how]) => Array.from(chances(Float32Array.from(scores), ...how))",
            [scores.tolist(), temperature, top_k],
        )
        wanted = next_probabilities(scores[None], temperature, top_k)[0]
        assert (torch.tensor(found) - wanted).abs().max() < 1e-6


def test_lists_are_the_models(opened, roads):
    (_, gpt, tokens), (_, bert, _) = roads["gpt"], roads["bert"]
    text = "房间很干净，早餐也不错。"
    tell(opened, text)
    opened.get_by_label("只从前几名里抽").fill("2000")
    ids = torch.tensor([[SEP, *map(tokens.index, text)]])
    with torch.no_grad():
        chance = gpt(ids)[0, -1].softmax(-1)
        hidden = torch.cat([ids, torch.tensor([[SEP]])], 1)
        hidden[0, 7] = MASK  # the middle is hidden to begin with
        both = bert(hidden)[0, 7].softmax(-1)
        left = bert(hidden[:, :8])[0, 7].softmax(-1)
    sides = ".bert .sides > div:nth-child({}) .bars"
    for selector, wanted in [
        (".gpt .bars", chance),
        (sides.format(1), left),
        (sides.format(2), both),
    ]:
        for token, shown in bars(opened, selector):
            token = DRAWN.get(token, token)
            assert abs(shown - wanted[tokens.index(token)]) < 0.0051


def squares(page, road):
    """[(row, column)] of the squares with weight in a road's map."""
    return page.eval_on_selector_all(
        f".{road} svg rect:not(.seen)",
        "rs => rs.map(r => [(r.getAttribute('y') - 20) / 20, (r.getAttribute('x') - 20) / 20])",
    )


def test_the_switch_hides_the_future_and_nothing_else(opened):
    above = {}
    for road in ("gpt", "bert"):
        switch = opened.locator(f".{road}").get_by_role("switch")
        caption = opened.locator(f".{road} [role=status]")
        list_of_bars = opened.locator(f".{road} .bars").last
        for causal in (road == "gpt", road != "gpt"):
            expect(switch).to_have_attribute("aria-checked", str(causal).lower())
            strange = causal != (road == "gpt")
            expect(caption).to_contain_text("没练过" if strange else "")
            if not strange:
                expect(caption).to_have_text("")
            future = [column > row for row, column in squares(opened, road)]
            above[road, causal] = sum(future)
            before = list_of_bars.inner_text()
            switch.click()
            expect(list_of_bars).not_to_have_text(before, use_inner_text=True)
    assert above["gpt", True] == above["bert", True] == 0
    assert above["gpt", False] > 0 and above["bert", False] > 0


def test_the_map_can_be_read_as_a_table(opened):
    tell(opened, "房间干净")
    opened.locator(".bert summary").click()
    rows = opened.locator(".bert table tbody tr")
    expect(rows).to_have_count(6)  # four characters between two [SEP]
    for cells in [row.locator("td").all_inner_texts() for row in rows.all()]:
        assert 97 <= sum(map(int, cells)) <= 103
    first = opened.locator(".bert table").inner_text()
    opened.locator(".bert select").first.select_option("2")  # the third layer
    expect(opened.locator(".bert table")).not_to_have_text(first, use_inner_text=True)
    opened.locator(".gpt summary").click()
    expect(opened.locator(".gpt table td", has_text="—")).to_have_count(10)


def test_by_keyboard_alone(page, address):
    page.goto(address + PAGE, wait_until="networkidle")

    def tab_to(selector):
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        pytest.fail(f"no way to {selector} by Tab")

    tab_to(".playground[data-app=app] .load")
    page.keyboard.press("Enter")
    page.locator(".playground[data-app=app] .app").wait_for()
    tab_to(".playground[data-app=app] textarea")
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text("屏幕很清楚")
    tab_to(".gpt .buttons button")
    page.keyboard.press("Enter")
    wait_written(page, 1)
    expect(page.locator(".spoken")).to_contain_text("接下来")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # writes on, and 停 has the focus
    page.keyboard.press("Space")
    expect(page.locator(".gpt .buttons button").nth(1)).to_be_focused()
    tab_to(".gpt [role=switch]")
    page.keyboard.press("Space")
    switch = page.locator(".gpt [role=switch]")
    expect(switch).to_have_attribute("aria-checked", "false")
    one_stop = page.locator(".bert .characters [tabindex='0']")
    expect(one_stop).to_have_count(1)
    tab_to(".bert .characters button")
    for key in ("Home", "ArrowRight", "Space"):
        page.keyboard.press(key)
    second = page.locator(".bert .characters button").nth(1)
    expect(second).to_be_focused()
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".spoken")).to_contain_text("挖掉的是“幕”")
    expect(one_stop).to_have_count(1)


def test_writing_runs_stops_and_is_wiped(opened):
    buttons = opened.locator(".gpt .buttons button")
    opened.get_by_label("温度").fill("0")
    tell(opened, "")
    buttons.nth(1).click()
    wait_written(opened, 4, 200)
    opened.evaluate("document.querySelectorAll('.gpt .buttons button')[2].click()")
    expect(buttons.nth(1)).to_be_enabled()
    written = opened.locator(".story ins").text_content()
    two_frames(opened)
    assert opened.locator(".story ins").text_content() == written
    opened.locator(".gpt .bars button").first.click()  # a press on a bar writes it
    wait_written(opened, len(written) + 1)
    expect(opened.locator(".gpt .bars button").first).to_be_focused()
    buttons.nth(3).click()
    expect(buttons.first).to_be_focused()
    wait_written(opened, 0)


def test_text_is_never_markup(opened):
    hostile = "<img src=x onerror=\"document.title='taken'\">&amp;{{7*7}}"
    tell(opened, hostile)
    opened.locator(".gpt .buttons button").first.click()
    opened.locator(".gpt summary").click()
    two_frames(opened)
    assert opened.title() != "taken"
    expect(opened.locator(".playground[data-app=app] .app img")).to_have_count(0)
    begun = opened.locator(".story").evaluate("p => p.firstChild.nextSibling.data")
    assert begun.startswith("<") or "？" in begun


def test_no_text(opened):
    tell(opened, "")
    expect(opened.locator(".bert .characters button")).to_have_count(0)
    expect(opened.locator(".bert")).to_contain_text("先写几个字")
    opened.locator(".gpt .buttons button").first.click()
    wait_written(opened, 1)


def test_unknown_characters(opened):
    tell(opened, "房间𠮷\n很好龘")
    expect(opened.locator(".app > .message")).to_contain_text('"𠮷"、"\\n"、"龘"')
    shown = opened.locator(".bert .characters button")
    expect(shown).to_have_text(["房", "间", "？", "▢", "很", "好", "？"])


def test_a_space_can_be_seen(opened):
    tell(opened, "房间 很好")
    shown = opened.locator(".bert .characters button")
    expect(shown).to_have_text(["房", "间", "▢", "很", "好"])
    expect(opened.locator(".bert")).to_contain_text("挖掉的是“␣”")
    shown.nth(2).click()
    expect(shown.nth(2)).to_have_text("␣")
    expect(opened.locator(".story")).to_have_text("房间␣很好")


def test_an_address_carries_a_sentence_and_its_blanks(page, address):
    page.goto(f"{address}{PAGE}#text=早餐 很一般&mask=1,4,99,x")
    page.locator(".playground[data-app=app] .load").click()
    page.locator(".playground[data-app=app] .app").wait_for()
    expect(page.get_by_label("写一句话")).to_have_value("早餐 很一般")
    shown = page.locator(".bert .characters button")
    expect(shown).to_have_text(["▢", "餐", "␣", "▢", "一", "般"])
    shown.nth(3).click()
    tell(page, "<b>&服务=很好")
    shown.first.click()
    told = page.evaluate("[...new URLSearchParams(location.hash.slice(1)).values()]")
    assert told == ["<b>&服务=很好", "5,1"]
    page.reload()
    page.locator(".playground[data-app=app] .load").click()
    expect(shown).to_have_text([*"▢b>&▢务=很好"])
    assert not any("text=" in url for url in page.requested)


def test_until_something_is_changed_the_address_stays(opened):
    assert "#" not in opened.url


def test_ten_thousand_characters(opened):
    tell(opened, "房间很干净，" * 1666 + "早餐一般")
    expect(opened.locator(".app > .message")).to_contain_text("一共10000个字")
    expect(opened.locator(".bert .characters button")).to_have_count(62)
    opened.locator(".gpt .buttons button").first.click()
    wait_written(opened, 1)


def test_pinyin_is_read_when_it_has_become_characters(opened):
    tell(opened, "房间")
    opened.get_by_label("写一句话").focus()
    client = opened.context.new_cdp_session(opened)
    for text in ("g", "gan"):
        client.send(
            "Input.imeSetComposition",
            {"text": text, "selectionStart": len(text), "selectionEnd": len(text)},
        )
    two_frames(opened)
    expect(opened.locator(".bert .characters button")).to_have_count(2)
    client.send("Input.insertText", {"text": "干净"})
    expect(opened.locator(".bert .characters button")).to_have_count(4)


@pytest.mark.parametrize(
    "spoil, told",
    [
        (("missing", "gpt."), "503"),
        (("cut", "bert."), "字节"),
        (("altered", "bert."), "指纹"),
        (("missing", "app.mjs"), "没有载入成"),
    ],
)
def test_a_failed_download_is_told(page, address, monkeypatch, spoil, told):
    page.goto(address + PAGE, wait_until="networkidle")
    monkeypatch.setattr(Handler, "spoil", spoil)
    button = page.locator(".playground[data-app=app] .load")
    button.click()
    expect(page.locator(".playground[data-app=app] > .message")).to_contain_text(told)
    expect(button).to_have_text("再试一次")
    expect(button).to_be_focused()
    expect(page.locator(".playground[data-app=app] img")).to_be_visible()
    monkeypatch.setattr(Handler, "spoil", None)
    button.click()
    page.locator(".playground[data-app=app] .app").wait_for()


def larger_requested(page):
    return [url for url in page.requested if "larger-" in url]


def test_the_larger_pair_is_fetched_when_asked_for(opened):
    """The sentence and its blank stay, there and on the way back."""
    both = ".bert .sides > div:nth-child(2) .bars"
    layers = opened.locator(".bert select").first.locator("option")
    tell(opened, "屏幕很清楚，声音也好")
    opened.locator(".bert .characters button").nth(2).click()
    small = bars(opened, both)
    assert not larger_requested(opened)
    opened.get_by_role("button", name="换成大一号的两个").click()
    back = opened.get_by_role("button", name="换回小的两个")
    expect(back).to_be_focused()
    expect(layers).to_have_count(6)
    expect(opened.get_by_label("写一句话")).to_have_value("屏幕很清楚，声音也好")
    expect(opened.locator(".bert .characters button").nth(2)).to_have_text("▢")
    assert bars(opened, both) != small
    for _ in range(2):  # and once more, from memory
        back.click()
        expect(layers).to_have_count(3)
        assert bars(opened, both) == small
        opened.get_by_role("button", name="换成大一号的两个").click()
        expect(layers).to_have_count(6)
    assert len(larger_requested(opened)) == 2


def test_a_larger_pair_that_does_not_come_leaves_the_small_one(opened, monkeypatch):
    monkeypatch.setattr(Handler, "spoil", ("missing", "larger-bert."))
    change = opened.get_by_role("button", name="换成大一号的两个")
    change.click()
    said = opened.locator(".playground[data-app=app] > .message")
    expect(said).to_contain_text("503")
    expect(change).to_be_focused()
    expect(opened.locator(".gpt .bars li")).to_have_count(8)
    monkeypatch.setattr(Handler, "spoil", None)
    change.click()
    expect(opened.get_by_role("button", name="换回小的两个")).to_be_focused()


def test_without_webassembly(page, address):
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(address + PAGE, wait_until="networkidle")
    page.locator(".playground[data-app=app] .load").click()
    page.locator(".playground[data-app=app] .app").wait_for()
    said = page.locator(".playground[data-app=app] > .message")
    expect(said).to_contain_text("普通的JavaScript")


def test_without_javascript_in_print_and_from_a_file(browser, address, opened):
    opened.emulate_media(media="print")
    expect(opened.locator(".playground[data-app=app] img")).to_be_visible()
    expect(opened.locator(".playground[data-app=app] .app")).to_be_hidden()
    context = browser.new_context(java_script_enabled=False)
    for place in (address + PAGE, (SITE / PAGE[1:]).as_uri()):
        still = context.new_page() if "http" in place else browser.new_page()
        still.goto(place)
        expect(still.locator(".playground[data-app=app] img")).to_be_visible()
        expect(still.locator(".playground button")).to_have_count(0)
        still.close()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible_when_open(opened, scheme):
    opened.emulate_media(color_scheme=scheme)
    for summary in opened.locator(".app summary").all():
        summary.click()
    assert not violations(opened)


@pytest.mark.parametrize("width", [390, 768])
def test_open_it_is_no_wider_than_the_screen(opened, width):
    opened.set_viewport_size({"width": width, "height": 800})
    tell(opened, "房间很干净，早餐也不错。" * 8)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture
def third(page, address):
    """The page with its T5 open."""
    page.goto(address + PAGE)
    page.locator(".playground[data-app=pinyin] .load").click()
    page.locator(".t5 .characters button").first.wait_for()
    return page


def test_t5_is_pytorchs(page, address):
    """Scores of each step, and what is looked at, of 20 of the test split; greedy text."""
    (path,) = export.PLACE.glob("pinyin.*.safetensors")
    model, _ = export_pinyin.load(path)
    _, pairs = export_pinyin.exercises()
    page.goto(address + PAGE)
    for source, target in pairs["test"][:20]:
        given = [SEP, *target]
        steps = page.evaluate(
            """async ([name, source, given]) => {
                const { T5 } = await import("/_static/playground/t5.mjs");
                const file = await (await fetch(`/_static/playground/${name}`)).arrayBuffer();
                const decoding = (globalThis.t5 ??= new T5(file)).read(source);
                return given.map((id) => {
                    const [scores, maps] = decoding.step(id);
                    return [Array.from(scores), maps.map((heads) => heads.map((row) => [...row]))];
                });
            }""",
            [path.name, source, given],
        )
        maps, rows = [], (torch.tensor([source]), torch.tensor([given]))
        with torch.no_grad():
            wanted = model(*rows, maps=maps)[0]
        scores, looked = zip(*steps, strict=True)
        assert (torch.tensor(scores) - wanted).abs().max() < 1e-3
        of_pytorch = torch.stack(maps)[:, 0].permute(2, 0, 1, 3)  # (T, layers, H, S)
        assert (torch.tensor(looked) - of_pytorch).abs().max() < 1e-4


def test_t5_writes_looks_and_writes_again(third):
    expect(third.locator(".t5 .characters")).to_have_text("房间很干净早餐也不错")
    expect(third.locator(".t5 .map rect.seen")).to_have_count(10 * 13)
    third.locator(".t5 .characters button").nth(2).click()
    bars_of = third.locator(".t5 .bars button")
    expect(bars_of).to_have_count(5)
    second = bars_of.nth(1).locator(".token")
    other = second.text_content()
    bars_of.nth(1).click()
    expect(third.locator(".t5 .characters button").nth(2)).to_have_text(other)
    third.get_by_label("写拼音").fill("wo xiang zhu xyz")
    expect(third.locator(".t5 .characters button")).not_to_have_count(0)
    note = third.locator(".playground[data-app=pinyin] .app .message")
    expect(note).to_have_text("词表里没有xyz，当作[UNK]。不带声调，ü写作v。")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_t5_is_accessible_and_narrow_enough(third, scheme):
    third.emulate_media(color_scheme=scheme)
    third.set_viewport_size({"width": 390, "height": 800})
    assert third.evaluate("document.documentElement.scrollWidth") <= 390
    assert not violations(third)


def test_chapter_4_has_a_small_one(page, address):
    page.goto(address + "/book/04_comparison.html", wait_until="networkidle")
    page.locator(".playground[data-app=app] .load").click()
    page.locator(".playground[data-app=app] .app").wait_for()
    expect(page.get_by_role("switch")).to_have_count(2)
    expect(page.locator(".playground svg, .playground input")).to_have_count(0)
