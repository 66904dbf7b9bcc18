"""To be found and shared: addresses that last, cards, a page for lost readers, a map, a feed."""

import datetime
import html
import importlib.util
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import yaml
from matplotlib import font_manager

HERE = Path(__file__).parents[1]
NAME = "两条路"
LOST = """<h1>没有这一页</h1>
<p>地址可能变过。从<a href="{start}">前言</a>进去，或者在上面搜一搜。</p>"""
CHANGE = re.compile(r"^## (\d{4}-\d\d-\d\d) +(.+)\n+((?:(?!## ).*\n?)*)", re.MULTILINE)


def configure(app, config):
    """All addresses follow from the repository's, which _config.yml tells."""
    url = config.html_theme_options["repository_url"]
    owner, name = url.split("/")[-2:]
    config.html_baseurl = config.ogp_site_url = f"https://{owner}.github.io/{name}/"
    config.ogp_site_name = NAME
    config.ogp_description_length = 120
    font = Path(importlib.util.find_spec("zhplot").origin).parent / "fonts"
    font_manager.fontManager.addfont(font / "NotoSansSC-Regular.ttf")
    # Chinese has no spaces, where it would break lines
    look = {"font": "Noto Sans SC", "line_color": "#0072B2", "description": False}
    config.ogp_social_cards = look | {"image_mini": "book/_static/icon.png"}
    config.notfound_urls_prefix = urlsplit(config.html_baseurl).path
    start = f"{config.notfound_urls_prefix}book/index.html"
    config.notfound_context = {"title": "没有这一页", "body": LOST.format(start=start)}


def addresses(app):
    """{page: its address}, as listed in the table of contents."""
    pages = sorted(name for name in app.env.found_docs if name.startswith("book/"))
    at = app.config.html_baseurl
    return {name: urljoin(at, app.builder.get_target_uri(name)) for name in pages}


def sitemap(app):
    rows = [f"<url><loc>{url}</loc></url>" for url in addresses(app).values()]
    spaces = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return "\n".join([head, f"<urlset {spaces}>", *rows, "</urlset>\n"])


def llms(app):
    """What a language model should know of the site.  llmstxt.org"""
    chapters = yaml.safe_load((HERE / "chapters.yml").read_text(encoding="utf-8"))
    lines = [f"# {NAME} (Two Roads)", ""]
    lines.append("> One Transformer, two roads: GPT and BERT. A book that runs:")
    lines += ["> what it claims is an assert, and each page holds its own outputs.", ""]
    nothing = {"en": ["", "", ""]}
    for page, url in addresses(app).items():
        told = chapters.get(page.removeprefix("book/"), nothing)
        _, builds, learns = told["en"]
        about = f": {builds}; {learns}" if builds else ""
        lines.append(f"- [{app.env.titles[page].astext()}]({url}){about}")
    return "\n".join([*lines, ""])


def feed(app):
    """CHANGELOG.md as an Atom feed, RFC 4287."""
    changes = CHANGE.findall((HERE.parent / "CHANGELOG.md").read_text(encoding="utf-8"))
    base = app.config.html_baseurl
    entries = [
        f"<entry><title>{html.escape(title)}</title><id>{base}#{day}</id>"
        f'<updated>{day}T00:00:00Z</updated><link href="{base}"/>'
        f"<summary>{html.escape(text.strip())}</summary></entry>"
        for day, title, text in changes
    ]
    newest = max(datetime.date.fromisoformat(day) for day, *_ in changes)
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            '<feed xmlns="http://www.w3.org/2005/Atom">',
            f"<title>{NAME}</title><id>{base}</id><updated>{newest}T00:00:00Z</updated>",
            f"<author><name>{app.config.author}</name></author>",
            *entries,
            "</feed>\n",
        ]
    )


def write(app, exception):
    if exception is None and app.builder.format == "html":
        made = {"sitemap.xml": sitemap, "llms.txt": llms, "changes.xml": feed}
        for name, make in made.items():
            (Path(app.outdir) / name).write_text(make(app), encoding="utf-8")


def tell_of_the_feed(app, pagename, templatename, context, doctree):
    where = urljoin(app.config.html_baseurl, "changes.xml")
    kind = 'rel="alternate" type="application/atom+xml"'
    tags = context.get("metatags", "")
    context["metatags"] = f'{tags}<link {kind} title="{NAME}" href="{where}"/>\n'


def setup(app):
    # Before the extensions read what it sets
    app.connect("config-inited", configure, priority=100)
    app.connect("html-page-context", tell_of_the_feed)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
