"""Slides: book/slides/NAME.md, pages parted by ---, becomes slides/NAME.html of the site.

A picture's address is a cell, ![what it shows](02_gpt.ipynb#ca4b58f8): what that cell drew, or its
table, as the notebook has it. No number is typed a second time. reveal.js, local, turns the pages.
"""

import base64
import html
import json
import re
from pathlib import Path

from markdown_it import MarkdownIt

HERE = Path(__file__).parents[1]
PICTURE = re.compile(r"!\[(.*?)\]\((\S+?\.ipynb)#(\S+?)\)")
PAGE = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · 幻灯片</title>
<link rel="icon" href="../_static/icon.svg">
<link rel="stylesheet" href="../_static/reveal/reveal.css">
<link rel="stylesheet" href="../_static/slides.css">
<main class="reveal"><div class="slides">
{sections}
</div></main>
<script type="module" src="../_static/slides.mjs"></script>
</html>
"""


def output_of(cell, notebook):
    """The data of the one output that is a picture or a table; none or several: ValueError."""
    for each in notebook["cells"]:
        if each["id"] == cell:
            data = [output.get("data", {}) for output in each["outputs"]]
            (shown,) = (d for d in data if {"image/png", "text/markdown"} & d.keys())
            return shown
    raise ValueError(f"no cell {cell}")


def slides(name, folder):
    """The page for book/slides/NAME.md; pictures go to `folder`, beside it."""
    markdown = MarkdownIt().enable("table")

    def drawn(found):
        alt, path, cell = found.groups()
        notebook = json.loads((HERE / path).read_text(encoding="utf-8"))
        data = output_of(cell, notebook)
        if "text/markdown" in data:
            table = markdown.render("".join(data["text/markdown"]))
            length = "long" if table.count("<tr>") > 12 else "short"
            label = f'aria-label="{html.escape(alt)}"'
            return table.replace("<table>", f'<table class="{length}" {label}>')
        picture = f"{Path(path).stem}-{cell}.png"
        png = base64.b64decode("".join(data["image/png"]))
        (folder / picture).write_bytes(png)
        return f"![{alt}]({picture})"

    text = (HERE / f"slides/{name}.md").read_text(encoding="utf-8")
    pages = [PICTURE.sub(drawn, page) for page in text.split("\n---\n")]
    sections = [f"<section>\n{markdown.render(page)}</section>" for page in pages]
    return PAGE.format(title=text.split("\n")[0][2:], sections="\n".join(sections))


def write_slides(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "slides"
    folder.mkdir(exist_ok=True)
    for path in sorted((HERE / "slides").glob("*.md")):
        page = slides(path.stem, folder)
        (folder / f"{path.stem}.html").write_text(page, encoding="utf-8")


def setup(app):
    app.connect("build-finished", write_slides)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
