"""The book's own Sphinx extension: what Jupyter Book and its theme leave to do."""

import sys
from pathlib import Path


def configure(app, config):
    """One search box, and diagrams drawn by a copy of mermaid that the site carries itself."""
    config.html_theme_options[
        "navbar_persistent"
    ] = []  # by default a second search box
    scripts = Path(sys.prefix) / "js"  # put there by the Makefile
    if not (scripts / "mermaid").is_dir():
        raise FileNotFoundError(
            f"{scripts / 'mermaid'} is missing: build the book with `make book`"
        )
    config.html_static_path.append(str(scripts))
    config.mermaid_use_local = "mermaid/mermaid.esm.min.mjs"


def leave_out_thebe(app, pagename, templatename, context, doctree):
    """Jupyter Book adds thebe's scripts even when thebe is off; they would call another host."""
    context["script_files"] = [
        script for script in context["script_files"] if "thebe" not in str(vars(script))
    ]


def setup(app):
    app.connect("config-inited", configure)
    app.connect("html-page-context", leave_out_thebe, priority=900)
    app.add_js_file("search.mjs", type="module")
    app.add_css_file("book.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
