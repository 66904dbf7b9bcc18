"""The pages that compute, in Firefox: the same numbers as PyTorch's, nothing from elsewhere."""

import itertools
import json
import shutil
import socket
import subprocess
import time

import pytest
import torch

import export_playground as export
from parts.corpus import MASK, SEP

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PATIENCE = 120  # seconds; a busy machine is slow, not wrong
PREFERENCES = {"marionette.port": 0, "app.update.enabled": False}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not FIREFOX, reason="no Firefox here: .ci/run gets one"),
]


class Firefox:
    """Firefox without a window, told what to do through Marionette, the port it is tested with.

    A message is its length, a colon, and JSON: [0, number, command, parameters] there,
    [1, number, error, result] back.
    """

    def __init__(self, profile):
        lines = [
            f"user_pref({json.dumps(k)}, {json.dumps(v)});"
            for k, v in PREFERENCES.items()
        ]
        (profile / "user.js").write_text("\n".join(lines))
        command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile"]
        self.process = subprocess.Popen([*command, profile], stderr=subprocess.DEVNULL)
        until, port = time.monotonic() + PATIENCE, profile / "MarionetteActivePort"
        while not (port.exists() and port.read_text()):
            assert time.monotonic() < until and self.process.poll() is None
            time.sleep(0.1)
        self.stream = socket.create_connection(("127.0.0.1", int(port.read_text())))
        self.read = self.stream.makefile("rb").read
        self.numbers = itertools.count(1)
        self.receive()  # its greeting
        self("NewSession", capabilities={"alwaysMatch": {}})
        self("SetTimeouts", script=1000 * PATIENCE, pageLoad=1000 * PATIENCE)

    def receive(self):
        digits = b""
        while (digit := self.read(1)) != b":":
            digits += digit
        return json.loads(self.read(int(digits)))

    def __call__(self, command, **parameters):
        message = [0, next(self.numbers), f"WebDriver:{command}", parameters]
        data = json.dumps(message).encode()
        self.stream.sendall(str(len(data)).encode() + b":" + data)
        _, _, error, result = self.receive()
        assert not error, error
        return result

    def run(self, code, *arguments):
        """What an async function's body, with `arguments`, returns."""
        script = f"""const [...given] = arguments, done = given.pop();
            (async (...arguments) => {{ {code} }})(...given)
                .then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));"""
        told = self("ExecuteAsyncScript", script=script, args=list(arguments))["value"]
        assert "error" not in told, told["error"]
        return told.get("value")

    def wait(self, condition):
        """Until an expression of the page is true."""
        self.run(f"while (!({condition})) await new Promise(r => setTimeout(r, 20));")

    def close(self):
        self.stream.close()
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    firefox = Firefox(tmp_path_factory.mktemp("profile"))
    yield firefox
    firefox.close()


def only_from(firefox, address):
    entries = "performance.getEntriesByType('resource')"
    names = firefox.run(f"return {entries}.map((entry) => entry.name);")
    return all(name.startswith(address) for name in names)


def test_the_playground_computes_what_pytorch_does(firefox, address):
    firefox("Navigate", url=f"{address}/book/playground.html")
    firefox.run("document.querySelector('.playground .load').click();")
    firefox.wait("document.querySelector('.playground .app')")
    for road in export.ROADS:
        (path,) = export.PLACE.glob(f"{road}.*.safetensors")
        model, tokens = export.load(path)
        ids = [SEP, *map(tokens.index, export.EXAMPLE), SEP]
        if road == "bert":
            ids[export.HIDDEN + 1] = MASK
        found = firefox.run(
            """const { Transformer } = await import("/_static/playground/model.mjs");
            const bytes = async (name) =>
                (await fetch(`/_static/playground/${name}`)).arrayBuffer();
            const wasm = await WebAssembly.compile(await bytes("linear.wasm"));
            const model = new Transformer(await bytes(arguments[0]), wasm);
            model.read(arguments[1], arguments[2]);
            return arguments[1].map((_, t) => Array.from(model.head(t)));""",
            path.name,
            ids,
            road == "gpt",
        )
        with torch.no_grad():
            wanted = model(torch.tensor([ids]))[0]
        assert (torch.tensor(found) - wanted).abs().max() < 1e-3
    assert only_from(firefox, address)


def test_the_larger_pair_comes_when_asked_for(firefox, address):
    firefox("Navigate", url=f"{address}/book/playground.html")
    firefox.run("document.querySelector('.playground .load').click();")
    firefox.wait("document.querySelector('.playground .size')")
    firefox.run("document.querySelector('.playground .size').click();")
    firefox.wait("document.querySelector('.bert select').options.length === 6")
    firefox.wait("document.querySelectorAll('.playground .bars li').length > 10")
    assert only_from(firefox, address)


def test_bars_and_writing(firefox, address):
    firefox("Navigate", url=f"{address}/book/playground.html")
    firefox.run("document.querySelector('.playground .load').click();")
    firefox.wait("document.querySelectorAll('.playground .bars li').length > 10")
    firefox.run("document.querySelector('.gpt .buttons button').click();")
    firefox.wait("document.querySelector('.story ins').textContent.length > 0")


def test_t5_writes(firefox, address):
    firefox("Navigate", url=f"{address}/book/playground.html")
    firefox.run("document.querySelector('[data-app=pinyin] .load').click();")
    firefox.wait("document.querySelector('.t5 .characters')?.textContent")
    written = "return document.querySelector('.t5 .characters').textContent;"
    assert firefox.run(written) == "房间很干净早餐也不错"


@pytest.mark.parametrize("name", ["02_gpt", "03_bert", "05_scaling", "06_t5"])
def test_figures_to_play_with(firefox, address, name):
    firefox("Navigate", url=f"{address}/book/{name}.html")
    firefox.wait("document.querySelector('.play .told')?.textContent")
    before = firefox.run("return document.querySelector('.play .told').textContent;")
    firefox.run(
        """const slider = document.querySelector(".play input");
        slider.value = slider.max;
        slider.dispatchEvent(new Event("input"));"""
    )
    after = firefox.run("return document.querySelector('.play .told').textContent;")
    assert before != after
    assert only_from(firefox, address)


def test_a_guess_and_slides(firefox, address):
    firefox("Navigate", url=f"{address}/book/02_gpt.html")
    firefox.run(
        """const form = document.querySelector("form.predict");
        form.querySelector("[type=radio]").checked = true;
        form.querySelector("button").click();"""
    )
    firefox.wait("document.querySelector('form.predict .off').textContent")
    firefox("Navigate", url=f"{address}/slides/02_gpt.html")
    firefox.wait("document.querySelector('section.present h1')")
