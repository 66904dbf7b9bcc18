"""Figures one can play with: sliders beside what a cell of the chapter has printed.

    ```play temperature
    网页版里，拖动三个旋钮，看留下哪些字。
    ```

The name is that of a figure in play.mjs; what it draws is the text that the notebook's cell tagged
play:NAME has printed, or a formula. In Colab and in the repository's view the sentence is all
there is to read; without JavaScript and on paper there is nothing, and the chapter's own picture
stands above.
"""

import html
import json
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive

ONLINE = "网页版里，"  # said where there is nothing to drag


def printed(notebook, name):
    """What cells tagged play:NAME printed; "" where there is none: a formula needs no data."""
    found = []
    for cell in notebook["cells"]:
        if f"play:{name}" in cell["metadata"].get("tags", []):
            found += [
                line for output in cell["outputs"] for line in output.get("text", [])
            ]
    return "".join(found)


class Play(Directive):
    """A hidden figure with its data; play.mjs puts the sliders in and shows it."""

    has_content = True
    required_arguments = 1
    option_spec: ClassVar = {}

    def run(self):
        env = self.state.document.settings.env
        path = Path(env.doc2path(env.docname))
        notebook = json.loads(path.read_text(encoding="utf-8"))
        (name,), sentence = self.arguments, "".join(self.content).removeprefix(ONLINE)
        figure = (
            f'<figure class="play" data-figure="{name}" hidden>'
            f"<figcaption>{html.escape(sentence)}</figcaption>"
            f"<pre hidden>{html.escape(printed(notebook, name))}</pre></figure>"
        )
        return [nodes.raw("", figure, format="html")]


def setup(app):
    app.add_directive("play", Play)
    app.add_js_file("play.mjs", type="module")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
