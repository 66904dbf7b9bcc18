"""The whole book as one PDF, printed from the rendered pages by the Chromium that the tests use.

    make pdf        # _build/two-roads.pdf

Wants a Chromium and a Chinese font (fonts-noto-cjk). Each page is printed once formulas and
diagrams are drawn; the contents and the numbers of the pages are printed last, and laid over them.
"""

import html
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import yaml
from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter

from tools.chromium import chromium
from tools.sync import ROOT, site

SITE = ROOT / "_build/html"
OUT = ROOT / "_build/two-roads.pdf"
PAPER = {"format": "A4", "print_background": True}
SCALE = 0.82  # of the screen: 88 columns of code in one line
MARGINS = {"top": "18mm", "bottom": "20mm", "left": "16mm", "right": "16mm"}

# Formulas are set, and each diagram has become a drawing
DRAWN = """async () => {
    if (window.MathJax) await MathJax.startup.promise;
    const diagrams = [...document.querySelectorAll("pre.mermaid")];
    return diagrams.every((diagram) => diagram.querySelector("svg"));
}"""
# What only a screen has use for; folded code stays folded, answers to guesses are told.
ON_PAPER = """
.bd-header, .bd-header-article, .bd-sidebar, .bd-sidebar-secondary, .prev-next-area, .bd-footer,
.headerlink, .copybtn, .playground button, .playground details { display: none !important; }
html, .bd-main .bd-content .bd-article-container { max-width: none !important; }
.bd-article img, table, div.highlight, .predict { break-inside: avoid; }
h1, h2, h3 { break-after: avoid; }
h1 { font-size: 20pt !important; }
h2 { font-size: 16pt !important; }
h3 { font-size: 13pt !important; }
pre { white-space: pre-wrap !important; }
body { font-size: 10.5pt; }
"""
# A link to another page of the site leads to where the book is read
OUTWARDS = """(address) => {
    for (const link of document.querySelectorAll("a[href]")) {
        const url = new URL(link.href);
        if (url.origin === location.origin && url.pathname !== location.pathname)
            link.href = address + url.pathname + url.hash;
    }
    for (const answer of document.querySelectorAll(".predict details"))
        Object.assign(answer, { hidden: false, open: true });
}"""
CONTENTS = """<!doctype html><meta charset="utf-8"><style>
body {{ font: 12pt "Noto Sans CJK SC", sans-serif; margin: 0; }}
h1 {{ font-size: 28pt; margin: 12mm 0 4mm; }}
p {{ display: flex; margin: 1.8mm 0; }} p.part {{ font-weight: bold; margin-top: 5mm; }}
i {{ flex: 1; border-bottom: 1px dotted #888; margin: 0 2mm 1.5mm; }}
</style><h1>两条路</h1><div>一块Transformer，两条路：GPT和BERT</div><div>{address}</div>{lines}"""
NUMBERS = """<!doctype html><style>@page {{ margin: 0; }} body {{ margin: 0; }}
div {{ height: 297mm; break-after: page; position: relative; font: 9pt sans-serif; }}
span {{ position: absolute; bottom: 10mm; width: 100%; text-align: center; }}</style>{pages}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def chapters():
    """[(part of the book, None) or (None, page)], in the order of the contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found = [(None, toc["root"])]
    for part in toc["parts"]:
        found.append((part["caption"], None))
        found += [(None, chapter["file"]) for chapter in part["chapters"]]
    return found


def has_chinese_font():
    """Where no one can tell, as on a Mac, there is one."""
    if not shutil.which("fc-list"):
        return True
    return bool(subprocess.run(["fc-list", ":lang=zh"], capture_output=True).stdout)


def printed(page, name, origin, address):
    """A page of the site → (its title, its PDF)."""
    page.goto(f"{origin}/{name}.html", wait_until="networkidle")
    page.wait_for_function(DRAWN)
    page.add_style_tag(content=ON_PAPER)
    page.evaluate(OUTWARDS, address)
    title = page.locator("h1").first.evaluate("h => h.firstChild.textContent")
    paper = page.pdf(margin=MARGINS, scale=SCALE, **PAPER)
    return title.strip(), PdfReader(BytesIO(paper))


def contents(page, lines, address):
    page.set_content(CONTENTS.format(lines="".join(lines), address=address))
    return PdfReader(BytesIO(page.pdf(margin=MARGINS, **PAPER)))


def line(title, number):
    """A line of the contents; a part of the book has no number."""
    title = html.escape(title)
    if number is None:
        return f'<p class="part">{title}</p>'
    return f"<p>{title}<i></i>{number}</p>"


def bind(page, origin, address, wanted):
    """The wanted parts and pages, the contents before them, bookmarks, a number on each page."""
    parts = []
    for caption, name in wanted:
        part = caption, None
        if name is not None:
            part = printed(page, name, origin, address)
        parts.append(part)
        print(parts[-1][0], flush=True)
    # The contents take as many pages whatever the numbers are
    heads = [line(title, None if pdf is None else 0) for title, pdf in parts]
    number = len(contents(page, heads, address).pages) + 1
    lines, starts = [], []
    for title, pdf in parts:
        if pdf is None:
            lines.append(line(title, None))
            continue
        lines.append(line(title, number))
        starts.append((title, number))
        number += len(pdf.pages)
    writer = PdfWriter()
    writer.append(contents(page, lines, address), import_outline=False)
    for _, pdf in parts:
        if pdf is not None:
            writer.append(pdf, import_outline=False)
    for title, start in starts:
        writer.add_outline_item(title=title, page_number=start - 1)
    numbers = range(1, len(writer.pages) + 1)
    numbered = "".join(f"<div><span>{n}</span></div>" for n in numbers)
    page.set_content(NUMBERS.format(pages=numbered))
    overlay = PdfReader(BytesIO(page.pdf(**PAPER)))
    for below, above in zip(writer.pages, overlay.pages, strict=False):
        below.merge_page(above)
        below.compress_content_streams()
    writer.add_metadata({"/Title": "两条路"})
    writer.compress_identical_objects()
    return writer


def main():
    browser = chromium()
    if browser is None:
        raise SystemExit("No Chromium: apt-get install chromium")
    if not has_chinese_font():
        raise SystemExit("No Chinese font: apt-get install fonts-noto-cjk")
    address = site()[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        how = {"executable_path": browser, "args": ["--no-sandbox"]}
        window = playwright.chromium.launch(**how)
        page = window.new_page(color_scheme="light")
        origin = f"http://127.0.0.1:{server.server_port}"
        writer = bind(page, origin, address, chapters())
    server.shutdown()
    writer.write(OUT)
    size = OUT.stat().st_size / 1e6
    print(f"{OUT.relative_to(ROOT)}: {len(writer.pages)} pages, {size:.1f} MB")


if __name__ == "__main__":
    main()
