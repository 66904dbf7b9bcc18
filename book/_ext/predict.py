"""Predict first: a question before the figure that settles it. What came out is in predictions.yml.

    ```predict kneser-ney
    数到五元，不用网络，验证集每个字几奈特？
    ____ 奈特
    ```

The name, the question, and what is to be guessed: a number with its unit, or lines "- …" to choose
from. In Colab and in the repository's view that is all there is to read. Without JavaScript what
came out is unfolded by hand; predict.mjs keeps it folded until the reader has guessed.
"""

import html
from pathlib import Path
from typing import ClassVar

import yaml
from docutils import nodes
from docutils.parsers.rst import Directive

ANSWERS = Path(__file__).parents[1] / "predictions.yml"
NUMBER = "____"


def parse(content):
    """The lines of a fence → (question, choices, unit); no choices where a number is asked for."""
    question = [line for line in content if not line.startswith(("- ", NUMBER))]
    choices = [line[2:].strip() for line in content if line.startswith("- ")]
    units = [line.removeprefix(NUMBER).strip() for line in content if NUMBER in line]
    if len(units) + bool(choices) != 1:
        raise ValueError("a number to fill in, or lines to choose from, not both")
    return "".join(question), choices, units[0] if units else ""


def answers():
    return yaml.safe_load(ANSWERS.read_text(encoding="utf-8"))


class Predict(Directive):
    """A form: the question, what can be answered, and what came out, folded."""

    has_content = True
    required_arguments = 1
    option_spec: ClassVar = {}

    def run(self):
        self.state.document.settings.env.note_dependency(str(ANSWERS))
        (name,) = self.arguments
        question, choices, unit = parse(self.content)
        if not (came_out := answers().get(name)):
            raise self.error(f"what came out of {name} is not in {ANSWERS.name}")
        answer = html.escape(str(came_out["answer"]))
        if choices:
            fields = "".join(
                f'<label><input type="radio" name="{name}" value="{html.escape(choice)}" required>'
                f" {html.escape(choice)}</label>"
                for choice in choices
            )
        else:
            fields = (
                f'<label><input type="number" step="any" required aria-label="你猜的数">'
                f" {html.escape(unit)}</label>"
            )
        form = (
            f'<form class="predict" data-answer="{answer}" data-unit="{html.escape(unit)}">'
            f"<fieldset><legend>先猜一猜</legend><p>{html.escape(question)}</p>"
            f'<div class="fields">{fields}<button type="submit" hidden>就猜它</button></div>'
            '<p class="off" role="status"></p>'
            f"<details><summary>量出来是多少</summary><p>{html.escape(came_out['told'])}</p></details>"
            "</fieldset></form>"
        )
        return [nodes.raw("", form, format="html")]


def setup(app):
    app.add_directive("predict", Predict)
    app.add_js_file("predict.mjs", type="module")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
