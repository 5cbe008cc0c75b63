"""Build HTML that is escaped by default, and the tables, pictures and bundles of all output."""

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from wenwen_magic.kinds import JPEG, PNG, data_uri, kind_of
from wenwen_magic.text.i18n import padded, text_width
from wenwen_magic.text.sanitize import one_line, replace_unshown

_Item = TypeVar("_Item")
COLUMNS = 4
"""The most cells side by side in a table of pictures."""
# Front ends centre and stripe tables. Where styles are stripped, the attributes still apply.
_TABLE: dict[str, str | int | None] = {"cellpadding": 6, "style": "table-layout:auto;margin-left:0"}
_PLACE = {"align": "left", "valign": "top"}
_STYLE = "text-align:left;vertical-align:top;overflow-wrap:"
_LARGEST_STILL = 4 << 20
"""Bytes of a small picture at most: four times those of a preview that compresses badly."""
_NARROWEST = 128
"""Pixels of a player's width below which it has no button to play: a table of players scrolls instead."""
_VOID = {"br", "img", "wbr"}
# Formulas as models write them, which the page typesets, and the sign of a sum of money, which it should not.
_FORMULA = re.compile(
    r"(?<!\\)(?:\\\[(?![\d, –-]*\\\]).{1,2000}?\\\]|\\\(.{1,500}?\\\)|\$\$.{1,2000}?\$\$"
    r"|(?<![\w$/])\$(?![\s$])[^$\n`]{0,500}[^$\n`\s\\]\$(?![\w$])|(?<![a-z\d_$/=&?])\$(?=\d))",
    re.DOTALL | re.ASCII,
)
_LONG_WORD = re.compile("[!-~]{20}(?=[!-~])")


class Markup(str):
    """Mark a text as HTML: it is taken as it is, where every other text is escaped."""

    __slots__ = ()


class Cell(Markup):
    """Mark HTML as a whole cell of a table."""

    __slots__ = ()


def tag(name: str, *content: str, **attributes: str | int | None) -> Markup:
    """Build an element.

    Args:
        name: of the element.
        *content: what is in it; all but :class:`Markup` is escaped.
        **attributes: values by name, escaped; ``class_`` is written ``class``, ``aria_label``
            ``aria-label``, and None leaves the attribute out.
    """
    given = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    start = " ".join([name, *(f'{key}="{escape(str(value))}"' for key, value in given)])
    return Markup(f"<{start}>" if name in _VOID else f"<{start}>{join(*content)}</{name}>")


def join(*content: str, between: str = "") -> Markup:
    """Put pieces of HTML one after another; all but :class:`Markup` is escaped, the separator too."""
    pieces = [piece if isinstance(piece, Markup) else _escaped(piece) for piece in (between, *content)]
    return Markup(pieces[0].join(pieces[1:]))


def _escaped(text: str) -> str:
    """Escape a text; between two dollars that are elements of their own no page sees a formula."""
    return escape(text).replace("$", "<span>$</span>")


BR = tag("br")


def stacked(*content: str) -> Markup:
    """Put pieces of HTML one below another, leaving out empty ones; all but :class:`Markup` is escaped."""
    return join(*filter(None, content), between=BR)


def lines(text: str) -> Markup:
    """Show a text in its lines; a word as long as a line may break, with styles or without."""
    text = _LONG_WORD.sub("\\g<0>\0", text.replace("\0", " "))
    return Markup(_escaped(text).replace("\0", tag("wbr")).replace("\n", BR))


def with_formulas(text: str, render: Callable[[str], str]) -> Markup:
    """Show a text as a function renders it, but its formulas as they were written, for the page to typeset."""
    held: dict[str, str] = {}

    def hold(formula: re.Match[str]) -> str:
        place = f"\ue000{len(held)}\ue001"
        held[place] = _escaped("$") if formula[0] == "$" else escape(formula[0])
        return place

    html = render(_FORMULA.sub(hold, re.sub("[\ue000\ue001]", "", text)))
    return Markup(re.sub("\ue000\\d+\ue001", lambda place: held.get(place[0], ""), html))


def small(*content: str) -> Markup:
    """Build an element of small letters."""
    return tag("small", *content)


def folded(head: str, *content: str) -> Markup:
    """Build a line that unfolds its content."""
    return tag("details", tag("summary", small(head)), *content)


def picture(path: Path | None, alt: str, *, width: int | None = None, height: int | None = None) -> Markup:
    """Put a small picture's file, JPEG or PNG, inside the HTML; empty when it cannot be read.

    Args:
        path: the file; None for none.
        alt: alternative text.
        width: in pixels, with styles or without; None for the picture's own.
        height: the most pixels where styles apply; None for no limit.
    """
    style = "max-width:100%" + (f";max-height:{height}px" if height else "")
    file = _small_file(path)
    return tag("img", src=data_uri(*file), alt=alt, width=width, style=style) if file else Markup()


def clip(video: Path, mime: str, *, source: str, still: Path | None, alt: str, **size: int | None) -> Markup:
    """Build a player for a clip; empty when there is neither its file nor a picture of it.

    No front end but JupyterLab plays one; those without players show the picture that is in it. A ``source`` element
    stays empty in a notebook that is not trusted.

    Args:
        video: its file.
        mime: the file's type.
        source: the file's address as the page sees it; empty to put the file inside the HTML.
        still: a small picture of it.
        alt: alternative text.
        **size: ``width`` and ``height`` as for :func:`picture`.
    """
    shown, file = picture(still, alt, **size), _small_file(still)
    style = f"max-width:100%;min-width:{min(_NARROWEST, size.get('width') or _NARROWEST)}px"
    style += f";max-height:{size['height']}px" if size.get("height") else ""
    try:
        source = source or data_uri(mime, video.read_bytes())
    except OSError:
        return shown
    poster = data_uri(*file) if file else None
    more: dict[str, str | int | None] = {"width": size.get("width"), "style": style, "aria-label": alt}
    return tag("video", shown, controls="", preload="metadata", poster=poster, src=source, **more)


def _small_file(path: Path | None) -> tuple[str, bytes] | None:
    """Read a small picture; None for what is none: a folder that came from others may have anything in its place."""
    try:
        with path.open("rb") as file:  # type: ignore[union-attr]
            data = file.read(_LARGEST_STILL + 1)
    except (OSError, AttributeError):
        return None
    kind = kind_of(data, (PNG, JPEG))
    return (kind.mime, data) if kind and len(data) <= _LARGEST_STILL else None


def cell(*content: str, scope: str | None = None, style: str = "", **attributes: str | int | None) -> Cell:
    """Build a cell of a table.

    Args:
        *content: what is in it; all but :class:`Markup` is escaped.
        scope: of a header ``col``, ``row`` or ``colgroup``; None for no header.
        style: declarations beside those of every cell, each ending in a semicolon.
        **attributes: ``width`` in pixels or per cent, ``colspan``, ``rowspan``.
    """
    name, wraps = ("th", "break-word") if scope else ("td", "anywhere")  # a head is no narrower than its words
    return Cell(tag(name, *content, scope=scope, **attributes, **_PLACE, style=style + _STYLE + wraps))


def table(rows: Iterable[Iterable[str]], *, head: Iterable[Iterable[str]] = (), striped: bool = False) -> Markup:
    """Build a table that is legible without styles too; empty when it has no rows.

    Args:
        rows: the content of the cells, row by row; a :class:`Cell` is taken as it is.
        head: the same for the rows of column headers.
        striped: whether front ends may colour every second row.
    """
    style = None if striped else "background:none"

    def section(name: str, rows: Iterable[Iterable[str]], scope: str | None) -> Markup:
        cells = ([item if isinstance(item, Cell) else cell(item, scope=scope) for item in row] for row in rows)
        built = [tag("tr", *row, style=style) for row in cells]
        return tag(name, *built) if built else Markup()

    body = section("tbody", rows, None)
    return tag("table", section("thead", head, "col"), body, **_TABLE) if body else body


def in_rows(items: Sequence[_Item], most: int = COLUMNS) -> list[Sequence[_Item]]:
    """Cut a sequence into rows of at most ``most`` items."""
    return [items[start : start + most] for start in range(0, len(items), most)]


def even_columns(count: int) -> int:
    """Choose the number of columns for some pictures: four as two by two, others up to four in a row."""
    return COLUMNS // 2 if count == COLUMNS else max(1, min(COLUMNS, count))


def text_table(rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table as plain text, a line for each row, padded for letters that take two columns."""
    lined = [[one_line(text) for text in row] for row in rows]
    widths = [max(map(text_width, column)) for column in zip(*lined, strict=True)]
    return "\n".join("  ".join(map(padded, row, widths)).rstrip() for row in lined)


def clipped(text: str, most: int) -> str:
    """Cut a text to one line of at most ``most`` columns; a Chinese letter takes two."""
    text = one_line(text[: 20 * most])
    kept = sum(width <= most for width in accumulate(map(text_width, text)))
    return text if kept == len(text) else text[: max(0, kept - 1)] + "…"


def bundle(html: str, plain: str, image: Path | None = None) -> dict[str, Any]:
    """Make a MIME bundle of HTML, plain text and a small picture of all, which every front end accepts.

    Args:
        html: what most front ends show.
        plain: what a terminal shows.
        image: the picture's file, JPEG or PNG; left out when it cannot be read.
    """
    file = _small_file(image)
    still = {file[0]: base64.b64encode(file[1]).decode()} if file else {}
    return {**still, "text/html": replace_unshown(html), "text/plain": replace_unshown(plain)}
