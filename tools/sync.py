"""Write into the notebooks what has its source elsewhere: parts, results, the install cell.

    python -m tools.sync                    # bring all notebooks up to date
    python -m tools.sync --add judge 05     # chapter 5 carries the part `judge` from now on

A part is book/parts/NAME.py. A notebook carries it in the cells tagged part:NAME: their sources,
joined by two blank lines, are its text, but for what it imports from other parts: a notebook has
no modules, so those parts must be carried before it. results:NAME carries what
book/experiments/NAME.jsonl holds. The table tagged `names` tells where names come from. READMEs
and book/results.md get what stands between two marks: results, surprises, links, chapters.
"""

import argparse
import json
import re
import textwrap
from difflib import SequenceMatcher
from pathlib import Path

import yaml

from tools.names import names

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
GAP = "\n\n\n"
FROM_PARTS = re.compile(r"\n((?:from parts\.\w+ import (?:\([^)]*\)|[^\n(]*)\n)+)")
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}
HEAD = "| 零件 | 在哪里讲 | 这一章用到的名字 |\n|---|---|---|\n"


def load_parts():
    """{name: (text as notebooks carry it, without the last newline, parts it imports)}."""
    found = {}
    for path in sorted(BOOK.glob("parts/*.py")):
        text = path.read_text(encoding="utf-8")
        wanted = re.findall(r"^from parts\.(\w+) import", text, re.MULTILINE)
        found[path.stem] = FROM_PARTS.sub("", text).rstrip("\n"), wanted
    return found


def results_text(name):
    """A sweep's results as code: NAME = [one dictionary a run]."""
    lines = (BOOK / f"experiments/{name}.jsonl").read_text("utf-8").splitlines()
    runs = [json.loads(line) for line in lines]
    about = f"torch {runs[0]['torch']}; {runs[0]['machine']}"
    for run in runs:
        for key in ("torch", "machine", "code"):
            run.pop(key, None)
    rows = ",\n    ".join(map(str, runs))
    head = f'# fmt: off\n"""What book/experiments/{name}.py found: {about}."""'
    return f"{head}\n{name.upper()} = [\n    {rows},\n]"


def tags(cell):
    return cell["metadata"].get("tags", [])


def source_of(cell):
    return "".join(cell["source"])


def write_source(cell, text):
    cell["source"] = text.splitlines(keepends=True)


def carried_cells(notebook, kind="part"):
    """The cells that carry parts (or results), by name, in the notebook's order."""
    cells = {}
    for cell in notebook["cells"]:
        for tag in tags(cell):
            if tag.startswith(f"{kind}:"):
                cells.setdefault(tag.partition(":")[2], []).append(cell)
    return cells


def is_own(cell):
    """Is it code of the chapter itself, neither carried nor the installing cell?"""
    carried = any(tag.startswith(("part:", "results:")) for tag in tags(cell))
    return cell["cell_type"] == "code" and not carried and "install" not in tags(cell)


def spread(sources, text):
    """Cut `text` into pieces: each definition goes where it, or what it replaces, stood."""
    cut = enumerate(source.split(GAP) for source in sources)
    old = [(block, i) for i, blocks in cut for block in blocks]
    new = text.split(GAP)
    pieces = [[] for _ in sources]
    matcher = SequenceMatcher(a=[block for block, _ in old], b=new, autojunk=False)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        for j in range(j1, j2):
            neighbour = max(0, min(i1 + j - j1, i2 - 1))
            pieces[old[neighbour][1]].append(new[j])
    return [GAP.join(piece) for piece in pieces]


def install_text(source):
    """The installing cell: its packages, with the versions that requirements.txt pins."""
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    named = re.findall(r"([\w-]+)==", source)
    chosen = [pin for name in named for pin in pins if pin.startswith(f"{name}==")]
    template = (ROOT / "tools/install_cell.txt").read_text(encoding="utf-8")
    return template.rstrip("\n").replace("...", textwrap.fill(" ".join(chosen), 80))


def taught_in():
    """{part: a link to the chapter and section whose open cells build it}."""
    found = {}
    for path in sorted(BOOK.glob("*.ipynb")):
        section = ""
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                titles = re.findall(r"^#+ (.+)$", source_of(cell), re.M)
                section = titles[-1] if titles else section
            for tag in tags(cell):
                kind, _, name = tag.partition(":")
                if kind == "part" and "hide-input" not in tags(cell):
                    chapter = f"第{'一二三四五六七八九十'[int(path.name[:2]) - 1]}章"
                    found.setdefault(name, f"[{chapter}“{section}”]({path.name})")
    return found


def names_table(notebook, taught):
    """Which folded part gives the chapter which names, in the order of their definition."""
    used = set()
    for cell in filter(is_own, notebook["cells"]):
        found = names(source_of(cell))
        used |= found.needed.union(*found.later.values())
    rows = []
    for name, cells in carried_cells(notebook).items():
        if "hide-input" not in tags(cells[0]):
            continue
        defined = [n for cell in cells for n in defined_in(source_of(cell))]
        taken = "、".join(f"`{n}`" for n in defined if n in used) or "别的零件要用它"
        rows.append(f"| `{name}` | {taught.get(name, '上面，点开就是')} | {taken} |")
    return HEAD + "\n".join(rows)


def defined_in(code):
    """What a part defines at its top level, in order."""
    bound = names(code).bound
    return [n for n in dict.fromkeys(re.findall(r"\w+", code)) if n in bound]


def missing_parts(notebook, parts):
    """What is carried before something that it imports, or without it."""
    there, found = [], []
    for name in carried_cells(notebook):
        missing = [needed for needed in parts[name][1] if needed not in there]
        found += [f"{name} needs {needed} before it" for needed in missing]
        there.append(name)
    return found


def sync(path, parts, taught):
    """Bring one notebook up to date. Returns the names of what changed."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    if missing := missing_parts(notebook, parts):
        raise SystemExit(f"{path.name}: {'; '.join(missing)}")
    carried = carried_cells(notebook).items()
    wanted = [(cells, parts[name][0], name) for name, cells in carried]
    for name, cells in carried_cells(notebook, "results").items():
        wanted.append((cells, results_text(name), name))
    for cell in notebook["cells"]:
        if "install" in tags(cell):
            wanted.append(([cell], install_text(source_of(cell)), "install"))
        if "names" in tags(cell):
            wanted.append(([cell], names_table(notebook, taught), "names"))
    changed = []
    for cells, text, name in wanted:
        sources = [source_of(cell) for cell in cells]
        if GAP.join(sources) != text:
            changed.append(name)
            for cell, piece in zip(cells, spread(sources, text), strict=True):
                write_source(cell, piece)
    if changed:
        write(path, notebook)
    return changed


def write(path, notebook):
    text = json.dumps(notebook, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def read_yaml(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def as_table(*rows):
    head, *others = rows
    lines = [head, ["---"] * len(head), *others]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def results_table(language):
    """The headline numbers of book/results.yml."""
    head = {"zh": ("问的是什么", "结果"), "en": ("question", "answer")}[language]
    return as_table(head, *(row[language] for row in read_yaml("book/results.yml")))


def surprises(language):
    """The lines of book/results.yml that READMEs open with."""
    rows = read_yaml("book/results.yml")
    return "\n".join(f"- {row['line'][language]}" for row in rows if "line" in row)


def site():
    """(the repository's address, the address of its pages, its branch), from _config.yml."""
    repository = read_yaml("_config.yml")["repository"]
    owner, name = repository["url"].split("/")[-2:]
    return repository["url"], f"https://{owner}.github.io/{name}", repository["branch"]


def links(language):
    """Where to read, to try, and to see whether all of it ran."""
    url, pages, _ = site()
    names = {
        "zh": ("在线读", "玩一玩", "跑过没有"),
        "en": ("Read it", "Try it", "Did it run?"),
    }[language]
    targets = "index", "playground", "status"
    pairs = zip(names, targets, strict=True)
    found = [f"[{name}]({pages}/book/{target}.html)" for name, target in pairs]
    badge = f"[![CI]({url}/actions/workflows/book.yml/badge.svg)]({url}/actions)"
    return " · ".join([*found, badge])


def chapters_table(language):
    """Each chapter: what one builds and learns, how long it runs, and Colab's link."""
    url, _, branch = site()
    colab = f"https://colab.research.google.com/github{url.removeprefix('https://github.com')}"
    took = read_yaml("book/status.json")["notebooks"]
    head = {
        "zh": ["", "章", "做什么", "学什么", "分钟", ""],
        "en": ["", "chapter", "you build", "you learn", "minutes", ""],
    }[language]
    rows = []
    for name, told in read_yaml("book/chapters.yml").items():
        (path,) = BOOK.glob(f"{name}.*")
        title, builds, learns = told[language]
        minutes = f"{took[name]['seconds'] / 60:.0f}" if name in took else ""
        run = f"[Colab]({colab}/blob/{branch}/book/{path.name})"
        run = run if path.suffix == ".ipynb" else ""
        link = f"[{title}](book/{path.name})"
        rows.append([str(int(name[:2])), link, builds, learns, minutes, run])
    return as_table(head, *rows)


WRITERS = {
    "results": results_table,
    "surprises": surprises,
    "links": links,
    "chapters": chapters_table,
}
BETWEEN = re.compile(r"(<!-- (\w+): (\w+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def sync_pages():
    """Write what stands between two marks. Returns the names of the pages that changed."""
    changed = []
    for path in [*ROOT.glob("README*.md"), BOOK / "results.md"]:
        text = path.read_text(encoding="utf-8")
        new = BETWEEN.sub(lambda m: m[1] + WRITERS[m[2]](m[3]) + m[4], text)
        if new != text:
            path.write_text(new, encoding="utf-8")
            changed.append(path.name)
    return changed


def add(name, chapter, parts):
    """Put a folded cell that carries a part behind the last one at the notebook's beginning."""
    if name not in parts:
        raise SystemExit(f"no part {name}; there are: {', '.join(parts)}")
    (path,) = BOOK.glob(f"{int(chapter):02}_*.ipynb")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    there = carried_cells(notebook)
    if name in there:
        raise SystemExit(f"{path.name} carries {name} already")
    if missing := [needed for needed in parts[name][1] if needed not in there]:
        raise SystemExit(f"{name} needs {', '.join(missing)}: add that first")
    last = max(i for i, cell in enumerate(notebook["cells"]) if "names" in tags(cell))
    metadata = {**FOLDED, "tags": [f"part:{name}", "hide-input"]}
    cell = {"cell_type": "code", "execution_count": None, "id": f"part-{name}"}
    cell |= {"metadata": metadata, "outputs": [], "source": []}
    notebook["cells"].insert(last, cell)
    write_source(cell, parts[name][0])
    write(path, notebook)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--add", nargs=2, metavar=("PART", "CHAPTER"))
    told, parts = parser.parse_args(), load_parts()
    if told.add:
        add(*told.add, parts)
    taught = taught_in()
    for path in sorted(BOOK.glob("*.ipynb")):
        if changed := sync(path, parts, taught):
            told = f"{path.name}: {', '.join(changed)}"
            print(f"{told}. Now: make run CHAPTER={path.name[:2]}")
    for name in sync_pages():
        print(name)


if __name__ == "__main__":
    main()
