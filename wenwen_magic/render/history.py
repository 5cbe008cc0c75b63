"""Show a page of the history: a table with a row for each generation, and how to turn the page."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wenwen_magic.errors import mask
from wenwen_magic.history.store import Page
from wenwen_magic.records import Generation
from wenwen_magic.render.generation import LONGEST_TEXT, model_words, prompt_of, take_mark
from wenwen_magic.render.markup import (
    Markup,
    bundle,
    cell,
    clipped,
    folded,
    join,
    lines,
    picture,
    small,
    stacked,
    table,
    tag,
    text_table,
)
from wenwen_magic.text.i18n import _

_THUMBNAIL = 104
_WIDTHS = (_THUMBNAIL, None, 124, 80, 62, 76)
"""Of the columns of a page, in pixels; the prompt has what is left."""
_OPEN, _OPEN_LINES = 300, 8
_LONGEST_REASON = 60
_MODEL_COLUMNS, _PROMPT_COLUMNS = 32, 60


def page_bundle(
    page: Page, *, thumbnails: Mapping[str, Path], command: str, price: Callable[[float], str]
) -> dict[str, Any]:
    """Make the bundle of one page of the history: a table with a row for each generation, and how to turn the page.

    Args:
        page: what was found.
        thumbnails: by a generation's id the file of a small picture of it: JPEG or PNG, at most 224 pixels a side.
        command: the line as it was typed, without the page.
        price: gives an amount with its unit.
    """
    if not page.rows:
        words = _nothing(page, command)
        return bundle(tag("p", lines(words)), words)
    heads = _("picture"), _("prompt"), _("model"), _("date"), _("id"), _("price")
    _shown, prompt, model, date, name, cost = heads
    rows, text = [], [[name, date, model, cost, "", prompt]]
    for generation in page.rows:
        row, line = _row(generation, thumbnails.get(generation.id), price)
        rows.append(row)
        text.append(line)
    header = [cell(word, scope="col", width=width) for word, width in zip(heads, _WIDTHS, strict=True)]
    footer = _footer(page, command)
    html = join(table(rows, head=[header], striped=True), tag("p", footer))
    return bundle(html, f"{text_table(text)}\n\n{footer}")


def _row(
    generation: Generation, thumbnail: Path | None, price: Callable[[float], str]
) -> tuple[list[Markup], list[str]]:
    """Lay out one generation as cells of HTML and as cells of plain text."""
    model, prompt, name = model_words(generation), prompt_of(generation), f"#{generation.id[:6]}"
    date, time = generation.created[:10], generation.created[11:16]
    take = take_mark(generation.take) if generation.take > 1 else ""
    marks = " ".join(mark for mark in ("★" if generation.star else "", take) if mark)
    cost = "–" if generation.charged == "no" or generation.price is None else price(generation.price)
    # Whether money is gone is said where it is not plain from the picture.
    plain = generation.has_result and generation.charged == "yes"
    charged = "" if plain else _("charged: ") + _(generation.charged)
    words = generation.text[:LONGEST_TEXT] if generation.request.wants_words else ""
    html = [
        _picture(generation, thumbnail),
        join(_beginning(prompt), tag("p", small(_beginning(words))) if words else ""),
        _stack(model[:200], "demo" if generation.demo else ""),
        stacked(tag("nobr", lines(date)), lines(time)),
        stacked(lines(name), marks),
        _stack(cost, charged),
    ]
    failed = "" if generation.has_result else "✗" if generation.error else "…" if generation.state == "sent" else ""
    line = [
        name,
        f"{date} {time}",
        clipped(mask(model), _MODEL_COLUMNS) + (" (demo)" if generation.demo else ""),
        f"{cost} {charged}",
        f"{marks} {failed}",
        clipped(prompt, _PROMPT_COLUMNS),
    ]
    return html, line


def _stack(first: str, second: str = "") -> Markup:
    """Put one text below another, the second one smaller."""
    return stacked(lines(first), small(lines(second)) if second else "")


def _picture(generation: Generation, thumbnail: Path | None) -> Markup:
    """Show the first picture of a generation, or why it has none, short."""
    if generation.images:
        image, *others = generation.images
        shown = picture(thumbnail, image.alt, width=_THUMBNAIL) or small(_("saved, no preview at hand"))
        return stacked(shown, small(f"+{len(others)}") if others else "")
    if generation.error:
        reasons = [str(generation.error.get(name, "")) for name in ("what", "why")]
        what, why = (text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…" for text in reasons)
        return _stack(f"✗ {what}", why)
    if generation.state == "sent":
        return _stack("… " + _("sent, no answer so far"))
    return _stack(_("words only") if generation.text else f"✗ {generation.state}")


def _beginning(text: str) -> Markup:
    """Show the beginning of a text and fold the rest, parted between words; what is hardly longer stays whole."""
    end = max(text.rfind(gap, _OPEN * 4 // 5, _OPEN) for gap in " \n，。、；,;")
    cut = min(end + 1 or _OPEN, len("\n".join(text.split("\n")[:_OPEN_LINES])))
    if len(text) <= max(cut, _OPEN * 6 // 5) and text.count("\n") < _OPEN_LINES:
        return lines(text)
    more = _("… {count} more characters", count=len(text) - cut)
    return join(lines(text[:cut]), folded(more, lines(text[cut:])))


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
