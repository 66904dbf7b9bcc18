"""What several test files need: the book's files, and a browser that shows its pages."""

import http.server
import json
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from tools.chromium import chromium

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("book/*.ipynb"))
SITE = ROOT / "_build/html"
AXE = Path(sys.prefix) / "axe.min.js"
CHROMIUM = chromium()
PATIENCE = 120_000  # milliseconds; a busy machine is slow, not wrong

# What others draw, not we: the theme's brand stands outside every landmark, and the
# bibliography's entries have roles that ARIA has retired since.
NOT_OURS = [[".sidebar-primary-item"], [".citation-list"]]

# A page draws its random numbers from a seed, as everything else here does (mulberry32).
SEEDED = """let state = 1;
Math.random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};"""


def pytest_generate_tests(metafunc):
    if "notebook" in metafunc.fixturenames:
        loaded = [json.loads(path.read_text(encoding="utf-8")) for path in NOTEBOOKS]
        metafunc.parametrize("notebook", loaded, ids=[path.name for path in NOTEBOOKS])


def pytest_collection_modifyitems(items):
    if CHROMIUM:
        return
    missing = pytest.mark.skip(reason="no Chromium on this machine: .ci/run gets one")
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker(missing)


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def notebooks():
    return [json.loads(path.read_text(encoding="utf-8")) for path in NOTEBOOKS]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site; what `spoil` names comes cut, altered, or not at all."""

    spoil = None

    def do_GET(self):
        kind, part = self.spoil or (None, "\n")
        if part not in self.path:
            return super().do_GET()
        if kind == "missing":
            return self.send_error(503)
        data = bytearray(Path(self.translate_path(self.path)).read_bytes())
        if kind == "cut":
            data = data[: len(data) // 2]
        if kind == "altered":
            data[-1] ^= 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def address():
    handler = partial(Handler, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    quiet = ["background-networking", "component-update", "sync"]
    arguments = ["--no-sandbox", *(f"--disable-{name}" for name in quiet)]
    with sync_playwright() as playwright:
        chromium = playwright.chromium
        browser = chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser):
    """Makes pages that remember what they asked for and what they complained about."""
    made = []

    def make(**options):
        page = browser.new_page(locale="zh-CN", **options)
        made.append(page)
        page.set_default_timeout(PATIENCE)
        page.add_init_script(SEEDED)
        page.requested, page.errors, page.complaints = [], [], []
        page.on("request", lambda request: page.requested.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))

        def listen(message):
            if message.type in ("error", "warning"):
                page.complaints.append(message.text)

        page.on("console", listen)
        return page

    yield make
    for page in made:
        page.close()


@pytest.fixture
def page(new_page):
    return new_page()


# Thousands of words of code have a few dozen colours: two of each kind are enough to judge.
FEW_WORDS = """() => {
    const seen = {};
    const rare = (word) => (seen[word.className] = (seen[word.className] || 0) + 1) < 3;
    for (const code of document.querySelectorAll(".highlight pre")) {
        const words = [...code.querySelectorAll("span[class]")].filter(rare);
        code.replaceChildren(...words.flatMap((word) => [word, "\\n"]));
    }
}"""


def violations(page, rules=None):
    """{rule: places} that axe finds wrong with a page once its diagrams are drawn.

    rules: only these.
    """
    drawn = "[...document.querySelectorAll('pre.mermaid')].every(d => d.querySelector('svg'))"
    page.wait_for_function(drawn)
    page.evaluate(FEW_WORDS)
    page.add_script_tag(path=AXE)
    only = {"runOnly": rules} if rules else {}
    run = "([exclude, only]) => axe.run({exclude}, only).then(result => result.violations)"
    found = page.evaluate(run, [NOT_OURS, only])
    return {v["id"]: [n["html"][:200] for n in v["nodes"][:3]] for v in found}
