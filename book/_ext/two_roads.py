"""The book's own Sphinx extension: what Jupyter Book and its theme leave to do."""

import hashlib
import html
import json
import re
import sys
from pathlib import Path
from typing import ClassVar

import yaml
from docutils import nodes
from docutils.parsers.rst import Directive, directives
from pybtex.database import parse_file
from pypinyin import lazy_pinyin
from sphinx.search.zh import SearchChinese

HERE = Path(__file__).parents[1]
PLAYGROUND = "_static/playground"
EXAMPLE = (
    "三张条形图。GPT接着写“房间很干净，”，最看好“服”10%；BERT填“房间很干净，▢”，"
    "只看左边，最看好“床”22%；再看见右边的“餐也不错。”，最看好“早”97%。"
)
VERDICTS = ("成立", "有条件成立", "过时", "不成立", "无法核实")
GROUNDS = ("实验", "勘误", "文献", "定义")
DECIDES, SHOWS = "■", "□"
PLACES = {
    "Kaggle": "https://kaggle.com/kernels/welcome?src=https://github.com/",
    "PAI-DSW": "https://gallery.pai-ml.com/#/import/https://github.com/",
}
WORDS = {
    "Link to this heading": "这一节的链接",
    "Link to this term": "这个词的链接",
    "Link to this table": "这张表的链接",
    "Link to this equation": "这个公式的链接",
    "Link to this image": "这张图的链接",
    "Toggle hidden content": "展开或收起",
    "Toggle primary sidebar": "全书目录",
    "Toggle secondary sidebar": "本页目录",
    "System Settings": "跟随系统",
    "Color mode": "明暗",
    "Source repositories": "仓库",
    "Launch interactive content": "换个地方跑",
    "Search this book...": "搜索全书",
    "Close fullscreen": "退出全屏",
    "Page": "本页",
    "Main": "全书",
}
# Of MathJax's 24 MB, what a page loads, and what its menu may: to hear formulas read
MATHJAX = (
    "tex-chtml.js",
    "output/chtml/",
    "input/tex/",
    "a11y/",
    "sre/mathmaps/base.json",
)
MATHJAX += ("sre/mathmaps/en.json",)
ROLES = {"claim": DECIDES, "shows": SHOWS}  # tags of cells: claim:2-1, shows:2-1


class LatinTerms(set):
    """Words met so far. Sphinx keeps them in a list and looks through all of it for each word:
    two thirds of the time that rendering took.
    """

    extend = set.update


def configure(app, config):
    """One search box; diagrams and slides by scripts that the site carries itself."""
    # By default a second search box
    config.html_theme_options["navbar_persistent"] = []
    scripts = Path(sys.prefix) / "js"  # put there by the Makefile
    for needed in ("mermaid", "reveal"):
        if not (scripts / needed).is_dir():
            repair = "build the book with make book"
            raise FileNotFoundError(f"{scripts / needed} is missing: {repair}")
    config.html_static_path.append(str(scripts))
    config.mermaid_use_local = "mermaid/mermaid.esm.min.mjs"


def more_places_to_run(app, pagename, templatename, context, doctree):
    """Beside Colab's, buttons that open the notebook elsewhere, from the same address."""
    for group in context.get("header_buttons", []):
        if group.get("label") == "launch-buttons":
            (colab,) = group["buttons"]
            notebook = colab["url"].partition("/github/")[2]
            colab["tooltip"] = "在Colab里打开"
            for name, address in PLACES.items():
                button = {"type": "link", "text": name, "tooltip": f"在{name}里打开"}
                button |= {"icon": "fas fa-play", "url": address + notebook}
                group["buttons"].append(button)


def say_it_in_chinese(app, exception):
    """What the theme leaves in English: names of buttons and parts of the page, for all readers."""
    if exception is not None or app.builder.format != "html":
        return
    words = "|".join(map(re.escape, WORDS))
    english = re.compile(f'((?:title|aria-label|data-bs-title)=")({words})"')
    for path in Path(app.outdir).glob("**/*.html"):
        text = path.read_text(encoding="utf-8")
        said = english.sub(lambda found: f'{found[1]}{WORDS[found[2]]}"', text)
        if said != text:
            path.write_text(said, encoding="utf-8")


def leave_out_thebe(app, pagename, templatename, context, doctree):
    """Jupyter Book adds thebe's scripts even when thebe is off; they would call another host."""
    scripts = context["script_files"]
    context["script_files"] = [s for s in scripts if "thebe" not in str(vars(s))]


def leave_out_what_nobody_loads(app, exception):
    """The package brings all of MathJax, three times as much as the book itself."""
    folder = Path(app.outdir) / "_static/mathjax"
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(MATHJAX):
            path.unlink()


def anchor(claim):
    """claim: an id as 2.5-1 → what a link to it ends in."""
    return f"claim-{claim.replace('.', '-').lower()}"


def roles(tags):
    """[(mark, claim)] of a cell's tags claim:2-1 and shows:2-1."""
    parts = (tag.partition(":") for tag in tags)
    return [(ROLES[kind], claim) for kind, _, claim in parts if kind in ROLES]


def name_tagged_cells(app, doctree):
    """What a cell decides (tag claim:2-1) or shows (shows:2-1) stands below it, with a link.

    It can be linked to as #claim-2-1; of several, the first, and rather one that decides.
    """
    cells = [
        (cell, roles(cell.get("cell_metadata", {}).get("tags", [])))
        for cell in doctree.findall(nodes.container)
        if "cell" in cell.get("classes", [])
    ]
    named = set()
    for wanted in ROLES.values():
        for cell, found in cells:
            for mark, claim in found:
                if mark == wanted and claim not in named:
                    named.add(claim)
                    cell["ids"].append(anchor(claim))
    for cell, found in cells:
        for mark, word in ((DECIDES, "判定"), (SHOWS, "演示")):
            of = [claim for each, claim in found if each == mark]
            if of:
                ledger = [link(c, f"08_verdicts.html#{anchor(c)}") for c in of]
                told = nodes.paragraph("", f"{mark}{word}原文", classes=["claims"])
                for i, address in enumerate(ledger):
                    told += [nodes.Text("、")] * (i > 0)
                    told += address
                cell += told


def name_headings(app, doctree):
    """A Chinese heading gets an id that stays: 谁能看见谁 → shui-neng-kan-jian-shui.

    Of itself it is id1, id2 … or the Latin letters in it; those are kept for old links.
    """
    taken = {name for node in doctree.findall(nodes.Element) for name in node["ids"]}
    for section in doctree.findall(nodes.section):
        title = section.next_node(nodes.title).astext().lower()
        if re.search("[\u4e00-\u9fff]", title):
            words = lazy_pinyin(title)
            slug = first = "-".join(re.findall(r"[a-z0-9]+", " ".join(words)))
            for again in range(2, len(taken)):
                if slug in taken:
                    slug = f"{first}-{again}"
            taken.add(slug)
            section["ids"].insert(0, slug)


def name_terms(app, doctree):
    """A word of the glossary gets an id that stays, too: 词元（token） → term-ci-yuan-token."""
    for term in doctree.findall(nodes.term):
        words = re.findall(r"[a-z0-9]+", " ".join(lazy_pinyin(term.astext().lower())))
        term["ids"].insert(0, f"term-{'-'.join(words)}")


def glossary(app):
    """{word: (id of its entry, what it means)}, names and abbreviations; none of one letter."""
    if not hasattr(app, "glossary_words"):
        found = {}
        page = app.env.get_doctree("book/glossary")
        for item in page.findall(nodes.definition_list_item):
            term, meaning = item.next_node(nodes.term), item.next_node(nodes.definition)
            name, _, others = term.astext().rstrip("）").partition("（")
            words = [*name.split("，"), *re.findall(r"[A-Z][A-Za-z]*[A-Z]\w*", others)]
            told = meaning.astext().rpartition("。")[0] + "。"
            found |= {word: (term["ids"][0], told) for word in words if len(word) > 1}
        app.glossary_words = found
    return app.glossary_words


NOT_THERE = (
    nodes.reference,
    nodes.literal,
    nodes.title,
    nodes.raw,
    nodes.math,
    nodes.table,
)


def in_a_sentence(text):
    """Is a piece of text prose, and neither a link, nor a title, nor what a cell printed?"""
    above, node = [], text
    while node.parent is not None:
        node = node.parent
        above.append(node)
    printed = any("cell" in node.get("classes", []) for node in above[:-1])
    in_prose = any(isinstance(node, nodes.paragraph) for node in above)
    return in_prose and not printed and not any(isinstance(n, NOT_THERE) for n in above)


# A hint to an exercise is no prompt; to make numbers sum to one is no LayerNorm
MEANT = {"提示": "提示(?!：)(?<!一句提示)", "归一化": "(?<!再)归一化"}


def word_pattern(words):
    """Any of them, the longest first; of Latin letters only where they stand alone."""
    longest = sorted(words, key=len, reverse=True)
    found = [MEANT.get(word, re.escape(word)) for word in longest]
    start, end = "(?<![A-Za-z0-9-])", "(?![A-Za-z0-9-])"
    alone = [f"{start}{word}{end}" if word.isascii() else word for word in found]
    return re.compile(f"({'|'.join(alone)})")


def link_terms(app, doctree, docname):
    """In a chapter, a word of the glossary links there the first time, with what it means."""
    if not re.fullmatch(r"book/\d\d_\w+", docname):
        return
    left = dict(glossary(app))
    to_glossary = app.builder.get_relative_uri(docname, "book/glossary")
    for text in list(doctree.findall(nodes.Text)):
        if not left or not in_a_sentence(text):
            continue
        new = []
        for piece in word_pattern(left).split(str(text)):
            if piece in left:
                place, told = left.pop(piece)
                others = left.items()
                left = {word: told for word, told in others if told[0] != place}
                how = {"internal": True, "reftitle": told, "classes": ["term"]}
                how["refuri"] = f"{to_glossary}#{place}"
                new.append(nodes.reference("", piece, **how))
            elif piece:
                new.append(nodes.Text(piece))
        text.parent.replace(text, new)


def show_tips(app, pagename, templatename, context, doctree):
    """What a term means: not as a browser's title, which comes late, but as book.css draws it."""
    titled = re.compile(r'(<a class="term reference internal" href="[^"]*") title=')
    if "body" in context:
        context["body"] = titled.sub(r"\1 data-tip=", context["body"])


def leave_numbers_plain(app, doctree):
    """A sweep's results are not coloured as code: 20,000 coloured words stall a page."""
    for cell in doctree.findall(nodes.container):
        tags = cell.get("cell_metadata", {}).get("tags", [])
        if any(tag.startswith("results:") for tag in tags):
            for block in cell.findall(nodes.literal_block):
                block["language"] = "none"


def say_what_is_folded(app, doctree):
    """A bar that unfolds a cell says what is in it: a part, an answer, how a figure is drawn."""
    for cell in doctree.findall(
        lambda node: "prompt_show" in getattr(node, "attributes", {})
    ):
        kinds = dict(
            tag.partition(":")[::2] for tag in cell["cell_metadata"].get("tags", [])
        )
        code = cell.astext().lstrip()
        if "part" in kinds:
            cell["prompt_show"] = f"零件：{kinds['part']}"
        elif "results" in kinds:
            cell["prompt_show"] = f"长实验的结果：{kinds['results']}"
        elif "solution" in kinds:
            cell["prompt_show"] = "解答"
        elif "plt.show()" in code:
            cell["prompt_show"] = "画图的代码"


def name_empty_heads(app, doctree, docname):
    """The corner of a table is empty to the eye; a screen reader hears what stands below it."""
    for head in doctree.findall(nodes.thead):
        for place in head.findall(nodes.entry):
            if not place.astext().strip():
                said = nodes.inline("", "项目", classes=["visually-hidden"])
                place.children = []
                place += nodes.paragraph("", "", said)


def link(text, address):
    return nodes.reference("", text, refuri=address, internal=False)


def entry(*children, classes=()):
    """A cell of a table; children are set side by side."""
    paragraph = nodes.paragraph("", "")
    for i, child in enumerate(children):
        paragraph += [nodes.Text("，")] * (i > 0)
        paragraph += nodes.Text(child) if isinstance(child, str) else child
    return nodes.entry("", paragraph, classes=list(classes))


def table(widths, head, body, classes=()):
    """head: entries; body: rows of entries."""
    group = nodes.tgroup(cols=len(widths))
    group += [nodes.colspec(colwidth=width) for width in widths]
    group += nodes.thead("", nodes.row("", *head))
    group += nodes.tbody("", *body)
    return nodes.table("", group, classes=list(classes))


class Claims(Directive):
    """Common to both: the ledger, read anew, and remembered as what the page is made from."""

    def claims(self):
        path = HERE / "claims.yml"
        self.state.document.settings.env.note_dependency(str(path))
        return yaml.safe_load(path.read_text(encoding="utf-8"))

    def tested(self):
        """{claim: {notebook: DECIDES or SHOWS}}: what its cells do for it."""
        found = {}
        for path in sorted(HERE.glob("*.ipynb")):
            self.state.document.settings.env.note_dependency(str(path))
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
                for mark, claim in roles(cell["metadata"].get("tags", [])):
                    marks = found.setdefault(claim, {})
                    if marks.get(path.stem) != DECIDES:
                        marks[path.stem] = mark
        return found


class Counts(Claims):
    """How many claims got which verdict: by chapter of the article, or by their ground."""

    option_spec: ClassVar = {"by-ground": directives.flag}

    def run(self):
        claims = self.claims()
        if "by-ground" in self.options:
            title, of = "靠什么", lambda claim: claim["ground"]
            names = GROUNDS
        else:
            title, of = (
                "原文的节",
                lambda claim: claim["section"][0].replace("P", "时间线"),
            )
            names = dict.fromkeys(map(of, claims))
        groups = {name: [c for c in claims if of(c) == name] for name in names}
        body = []
        for name, group in [*groups.items(), ("合计", claims)]:
            verdicts = [claim["verdict"] for claim in group]
            counts = [str(verdicts.count(verdict)) for verdict in VERDICTS]
            body.append(nodes.row("", *map(entry, [name, *counts, str(len(group))])))
        head = [entry(text) for text in (title, *VERDICTS, "条数")]
        return [table([1] * len(head), head, body)]


class Ledger(Claims):
    """All claims as one table; ledger.mjs lets the reader search and filter it."""

    def run(self):
        sources = parse_file(HERE / "references.bib").entries
        body, tested = [], self.tested()
        for claim in self.claims():
            evidence = [
                link(f"{mark}第{int(name[:2])}章", f"{name}.html#{anchor(claim['id'])}")
                for name, mark in tested.get(claim["id"], {}).items()
            ]
            evidence += [
                link(f"{DECIDES}勘误{code}", f"errata.html#{code.lower()}")
                for code in claim.get("errata", [])
            ]
            evidence += [cited(sources[key]) for key in claim.get("sources", [])]
            verdict = claim["verdict"]
            row = nodes.row("", ids=[anchor(claim["id"])])
            row += entry(claim["id"])
            row += entry(claim["claim"])
            row += entry(verdict, classes=[f"verdict-{VERDICTS.index(verdict)}"])
            row += entry(claim["ground"])
            row += entry(claim["reason"])
            row += entry(*evidence or [claim["ground"]])
            body.append(row)
        head = ("编号", "原文的说法", "判决", "靠什么", "理由", "哪里试的，谁说的")
        return [table([8, 26, 12, 8, 30, 20], map(entry, head), body, ["ledger"])]


class Status(Directive):
    """What the last full test ran on, and how long each notebook took."""

    def run(self):
        path = HERE / "status.json"
        self.state.document.settings.env.note_dependency(str(path))
        status = json.loads(path.read_text(encoding="utf-8"))
        packages = "，".join(f"{n} {v}" for n, v in status["packages"].items())
        told = f"{status['date']}，{status['machine']}，Python {status['python']}，{packages}。"
        body = []
        for name, run in status["notebooks"].items():
            row = nodes.row("", entry(link(name, f"{name}.html")))
            seeds = f"{run['held']}/{run['seeds']}" if run.get("seeds") else "—"
            row += [
                entry(str(run["cells"])),
                entry(f"{run['seconds'] / 60:.1f}"),
                entry(seeds),
            ]
            body.append(row)
        head = map(entry, ("笔记本", "代码格", "分钟", "种子"))
        return [nodes.paragraph("", told), table([3, 1, 1, 1], head, body)]


def file_to_load(env, pattern):
    """A list item with the one file of the playground that matches: its link, size and SHA-256.

    One of the larger pair is marked as such: it is loaded when asked for.
    """
    up = "../" * env.docname.count("/")
    (path,) = (HERE / PLAYGROUND).glob(pattern)
    env.note_dependency(str(path))
    data = path.read_bytes()
    sha = hashlib.sha256(data).hexdigest()
    larger = " data-larger" * path.name.startswith("larger-")
    return (
        f'<li><a href="{up}{PLAYGROUND}/{path.name}?{sha[:12]}" download="{path.name}"{larger} '
        f'data-bytes="{len(data)}" data-sha256="{sha}">{path.name}</a>，'
        f"{len(data):,}字节，SHA-256 <code>{sha}</code></li>"
    )


class Playground(Directive):
    """Both models of chapter 4 in the reader's browser; the content is the text to begin with.

    Without :whole: a small one, with no attention maps and nothing to turn, and no larger pair.
    With :pinyin: it is chapter 6's T5, and the content is pinyin.

    Without JavaScript, in print and from file:// there is a picture of an example instead.
    What the button loads stands below it, each file with its size and SHA-256.
    """

    has_content = True
    option_spec: ClassVar = {"whole": directives.flag, "pinyin": directives.flag}

    def run(self):
        env, text = self.state.document.settings.env, html.escape("".join(self.content))
        pinyin = "pinyin" in self.options
        names = ["gpt.*.safetensors", "bert.*.safetensors", "linear.wasm"]
        app, offer = "app", "载入两个模型，自己试"
        if "whole" in self.options:
            names += ["larger-gpt.*", "larger-bert.*"]
        if pinyin:
            names, app, offer = ["pinyin.*.safetensors"], "pinyin", "载入T5，自己试"
        files = [file_to_load(env, name) for name in names]
        small = " small" * ("whole" not in self.options)
        before = (
            f'<figure class="playground{small}" data-app="{app}" data-offer="{offer}" '
            f'data-text="{text}">'
        )
        after = (
            "<figcaption><details><summary>载入的文件和它们的指纹</summary>"
            f"<ul>{''.join(files)}</ul></details></figcaption></figure>"
        )
        if pinyin:
            return [nodes.raw("", before + after, format="html")]
        example = nodes.image("", uri=f"/book/{PLAYGROUND}/example.png", alt=EXAMPLE)
        return [
            nodes.raw("", before, format="html"),
            example,
            nodes.raw("", after, format="html"),
        ]


def cited(source):
    """A link to a paper, named by its first author and year."""
    people = source.persons["author"]
    name = " ".join(people[0].prelast_names + people[0].last_names).strip("{}")
    return link(f"{name}{source.fields['year']}", source.fields["url"])


def setup(app):
    SearchChinese.latin_terms = LatinTerms()
    app.connect("config-inited", configure)
    # Before the table of contents takes the first id of each section
    app.connect("doctree-read", name_headings, priority=100)
    app.connect("doctree-read", name_terms, priority=100)
    app.connect("doctree-read", name_tagged_cells)
    app.connect("doctree-read", leave_numbers_plain)
    app.connect("doctree-read", say_what_is_folded)
    app.connect("doctree-resolved", name_empty_heads)
    app.connect("doctree-resolved", link_terms)
    app.connect("html-page-context", leave_out_thebe, priority=900)
    # After the theme's own button
    app.connect("html-page-context", more_places_to_run, priority=502)
    app.connect("html-page-context", show_tips)
    app.connect("build-finished", say_it_in_chinese)
    # Sphinx copies static files in a handler of its own
    app.connect("build-finished", leave_out_what_nobody_loads, priority=900)
    app.add_directive("verdict-counts", Counts)
    app.add_directive("ledger", Ledger)
    app.add_directive("status", Status)
    app.add_directive("playground", Playground)
    app.add_js_file("search.mjs", type="module")
    app.add_js_file("ledger.mjs", type="module")
    app.add_js_file("playground.mjs", type="module")
    app.add_js_file("terms.mjs", type="module")
    app.add_css_file("book.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
