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


def setup(app: Any) -> None:
    """Have ``python`` mean what a notebook's cell holds, magics included."""
    app.add_lexer("python", IPython3Lexer)
    app.connect("source-read", _without_links_that_leave)
