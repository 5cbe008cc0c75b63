"""Lays a page of the history out as a table: a row for each generation, and how to turn the page."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import Any

from wenwen_magic.errors import mask
from wenwen_magic.history.store import Page
from wenwen_magic.records import Generation
from wenwen_magic.render import generation as display
from wenwen_magic.render.gallery import LONGEST_PROMPT, PLACE, TABLE, bundle, img, prompt_of
from wenwen_magic.render.generation import lines_html
from wenwen_magic.text.i18n import _, padded

_THUMBNAIL = 104
_WIDTHS = (_THUMBNAIL, 0, 124, 80, 62, 76)
"""Of the columns of a page, in pixels; the prompt has what is left."""
_OPEN, _OPEN_LINES = 300, 8
_LONGEST_REASON = 60
_MODEL_COLUMNS, _PROMPT_COLUMNS = 32, 60


def page_bundle(
    page: Page, *, thumbnails: Mapping[str, Path], command: str, price: Callable[[float], str]
) -> dict[str, Any]:
    """The bundle of one page of the history: a table with a row for each generation, and how to turn the page.

    Args:
        page: what was found.
        thumbnails: by a generation's id the file of a small picture of it: JPEG or PNG, at most 224 pixels a side.
        command: the line as it was typed, without the page.
        price: says an amount with its unit.
    """
    if not page.rows:
        words = _nothing(page, command)
        return bundle(f"<p>{lines_html(words)}</p>", words)
    heads = zip(_heads(), (f'width="{width}"' if width else "" for width in _WIDTHS), strict=True)
    header = "".join(f'<th scope="col" {width} {PLACE}>{word}</th>' for word, width in heads)
    body = "".join(_history_row(generation, thumbnails.get(generation.id), price) for generation in page.rows)
    table = f"{TABLE}<thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
    footer = _footer(page, command)
    return bundle(f"{table}<p>{escape(footer)}</p>", f"{_text_table(page.rows, price)}\n\n{footer}")


def _heads() -> tuple[str, ...]:
    return _("picture"), _("prompt"), _("model"), _("date"), _("id"), _("price")


def _history_row(generation: Generation, thumbnail: Path | None, price: Callable[[float], str]) -> str:
    cells = [
        _thumbnail(generation, thumbnail),
        _folded(prompt_of(generation)) + _answered(generation),
        _stack([display.model_words(generation)[:200], "demo" if generation.demo else ""]),
        f"<nobr>{lines_html(generation.created[:10])}</nobr><br>{lines_html(generation.created[11:16])}",
        f"#{lines_html(generation.id[:6])}<br>{_marks(generation)}",
        _stack(_cost(generation, price)),
    ]
    return "<tr>" + "".join(f"<td {PLACE}>{cell}</td>" for cell in cells) + "</tr>"


def _stack(parts: Iterable[str]) -> str:
    """One thing above the other, the first one larger."""
    first, *others = map(lines_html, parts)
    return first + "".join(f"<br><small>{other}</small>" for other in others if other)


def _thumbnail(generation: Generation, path: Path | None) -> str:
    if not generation.images:
        return _stack(_no_picture(generation))
    image, *others = generation.images
    address = display.data_address(path)
    words = f"<small>{_('saved, no preview at hand')}</small>"
    shown = img(address, image.alt, _THUMBNAIL) if address else words
    return shown + (f"<br><small>+{len(others)}</small>" if others else "")


def _no_picture(generation: Generation) -> list[str]:
    """Why there is none, short."""
    if generation.error:
        reason = (str(generation.error.get(name, "")) for name in ("what", "why"))
        what, why = (text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…" for text in reason)
        return [f"✗ {what}", why]
    if generation.state == "sent":
        return ["… " + _("sent, no answer so far")]
    return [_("words only") if generation.text else f"✗ {generation.state}"]


def _answered(generation: Generation) -> str:
    """The beginning of the words that were wanted."""
    if not (generation.request.wants_words and generation.text):
        return ""
    return f"<p><small>{_folded(generation.text[:LONGEST_PROMPT])}</small></p>"


def _folded(text: str) -> str:
    """The beginning in the open and the rest folded, parted between words; what is hardly longer stays whole."""
    end = max(text.rfind(gap, _OPEN * 4 // 5, _OPEN) for gap in " \n，。、；,;")
    cut = min(end + 1 or _OPEN, len("\n".join(text.split("\n")[:_OPEN_LINES])))
    if len(text) <= max(cut, _OPEN * 6 // 5) and text.count("\n") < _OPEN_LINES:
        return lines_html(text)
    more = _("… {count} more characters", count=len(text) - cut)
    folded = f"<details><summary><small>{more}</small></summary>{lines_html(text[cut:])}</details>"
    return lines_html(text[:cut]) + folded


def _marks(generation: Generation) -> str:
    """Whether it is starred, and which take it is."""
    take = display.take_mark(generation.take) if generation.take > 1 else ""
    return " ".join(mark for mark in ("★" if generation.star else "", take) if mark)


def _cost(generation: Generation, price: Callable[[float], str]) -> list[str]:
    """The price, and whether money is gone where that is not plain from the picture."""
    plain = generation.has_result and generation.charged == "yes"
    cost = None if generation.charged == "no" else generation.price
    charged = "" if plain else _("charged: ") + display.charged_word(generation.charged)
    return ["–" if cost is None else price(cost), charged]


def _footer(page: Page, command: str) -> str:
    first = (page.number - 1) * page.size + 1
    last = first + len(page.rows) - 1
    parts = [_("{first}–{last} of {total}", first=first, last=last, total=page.total)]
    if page.pages > 1:
        parts.append(_("page {number} of {pages}", number=page.number, pages=page.pages))
    if page.number < page.pages:
        parts.append(_("next") + f": {command} --page {page.number + 1}")
    return " · ".join(parts)


def _nothing(page: Page, command: str) -> str:
    if page.total:
        return _("The last page: ") + f"{command} --page {page.pages}"
    if command.split() == ["%wenwen", "history"]:
        return _("Nothing is saved here yet: the first picture begins the history.")
    return _(
        "Nothing that is saved fits: {command}\nLeave out a word or a condition to find more; %wenwen "
        "history alone lists all that is saved here.",
        command=command,
    )


def _text_table(rows: Sequence[Generation], price: Callable[[float], str]) -> str:
    _, prompt, model, date, name, cost = _heads()
    lines = [(name, date, model, cost, "", prompt), *(_text_row(generation, price) for generation in rows)]
    widths = [max(sum(map(_column, cell)) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(_fitted, line, widths)).rstrip() for line in lines)


def _text_row(generation: Generation, price: Callable[[float], str]) -> tuple[str, ...]:
    demo = " (demo)" if generation.demo else ""
    failed = "" if generation.has_result else "✗" if generation.error else "…" if generation.state == "sent" else ""
    return (
        f"#{generation.id[:6]}",
        f"{generation.created[:10]} {generation.created[11:16]}",
        _fitted(mask(display.model_words(generation)), _MODEL_COLUMNS).rstrip() + demo,
        " ".join(part for part in _cost(generation, price) if part),
        f"{_marks(generation)} {failed}".strip(),
        _fitted(prompt_of(generation), _PROMPT_COLUMNS).rstrip(),
    )


def _column(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _fitted(text: str, columns: int) -> str:
    """The text in one line of so many columns: cut or filled."""
    text = " ".join(text[: 20 * columns].split())
    kept = sum(width <= columns for width in accumulate(map(_column, text)))
    return padded(text if kept == len(text) else text[: kept - 1] + "…", columns)
