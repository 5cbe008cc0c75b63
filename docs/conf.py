"""Build these pages into a site: ``sphinx-build -W docs build/docs``."""

import re
from pathlib import Path
from typing import Any

from ipython_pygments_lexers import IPython3Lexer

import wenwen_magic

project = html_title = "wenwen-magic"
author = "The wenwen-magic developers"
version = release = wenwen_magic.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]  # %%writefile is taken for Python, whatever is written
html_theme = "furo"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True


def _without_links_that_leave(app: Any, page: str, source: list[str]) -> None:
    """Keep the words of a link to a file of the repository that is no page of the site."""
    pages = Path(app.srcdir)

    def resolved(link: re.Match[str]) -> str:
        target = (pages / page).parent.joinpath(link[2].partition("#")[0]).resolve()
        return link[0] if ":" in link[2] or target.is_relative_to(pages) else link[1]

    source[0] = re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", resolved, source[0])


def _in_its_language(_app: Any, page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """Say which language a page is in, for what reads it aloud and breaks its lines."""
    context["language"] = "zh-CN" if page.startswith("zh/") else "en"


def setup(app: Any) -> None:
    """Have ``python`` mean a notebook's cell, magics included, and join in while pages are read and written."""
    app.add_lexer("python", IPython3Lexer)
    app.connect("source-read", _without_links_that_leave)
    app.connect("html-page-context", _in_its_language)
