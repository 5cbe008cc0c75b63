"""Show what the history holds: a page of generations as a table, and a family of edits as a tree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wenwen_magic.history.store import History, Page
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
from wenwen_magic.text.sanitize import mask_keys, one_line

# -- a page ------------------------------------------------------------------------------------------------------------

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
        page: the generations, and which page they are.
        thumbnails: by a generation's id the file of a small picture of it: JPEG or PNG, at most 224 pixels a side.
        command: the line as it was typed, without the page.
        price: gives an amount with its unit.
    """
    if not page.rows:
        message = _nothing(page, command)
        return bundle(tag("p", lines(message)), message)
    prompt, model, date, name, cost = _("prompt"), _("model"), _("date"), _("id"), _("price")
    heads = [_("picture"), prompt, model, date, name, cost]
    header = [cell(head, scope="col", width=width) for head, width in zip(heads, _WIDTHS, strict=True)]
    rows = [_row(generation, thumbnails.get(generation.id), price) for generation in page.rows]
    footer = _footer(page, command)
    html = join(table([html for html, _text in rows], head=[header], striped=True), tag("p", footer))
    text = text_table([[name, date, model, cost, "", prompt], *(text for _html, text in rows)])
    return bundle(html, f"{text}\n\n{footer}")


def _row(
    generation: Generation, thumbnail: Path | None, price: Callable[[float], str]
) -> tuple[list[Markup], list[str]]:
    """Lay out one generation as cells of HTML and as cells of plain text."""
    model, prompt, name = model_words(generation), prompt_of(generation), f"#{generation.id[:6]}"
    date, time = generation.created[:10], generation.created[11:16]
    take = take_mark(generation.take) if generation.take > 1 else ""
    marks = " ".join(mark for mark in ("★" if generation.star else "", take) if mark)
    cost = "–" if generation.charged == "no" or generation.price is None else price(generation.price)
    # A result that was paid is the rule; everything else says whether money is gone.
    paid = generation.has_result and generation.charged == "yes"
    charged = "" if paid else _("charged: ") + _(generation.charged)
    answer = generation.text[:LONGEST_TEXT] if generation.request.wants_words else ""
    html = [
        _picture(generation, thumbnail),
        join(_beginning(prompt), tag("p", small(_beginning(answer))) if answer else ""),
        _stack(model[:200], "demo" if generation.demo else ""),
        stacked(tag("nobr", lines(date)), lines(time)),
        stacked(lines(name), marks),
        _stack(cost, charged),
    ]
    failed = "" if generation.has_result else "✗" if generation.error else "…" if generation.state == "sent" else ""
    video = _("a video, not a picture") if generation.kept_videos and not generation.images else ""
    text = [
        name,
        f"{date} {time}",
        clipped(mask_keys(model), _MODEL_COLUMNS) + (" (demo)" if generation.demo else ""),
        f"{cost} {charged}",
        f"{marks} {failed or video}",
        clipped(prompt, _PROMPT_COLUMNS),
    ]
    return html, text


def _stack(first: str, second: str = "") -> Markup:
    """Put one text below another, the second one smaller."""
    return stacked(lines(first), small(lines(second)) if second else "")


def _picture(generation: Generation, thumbnail: Path | None) -> Markup:
    """Show the first picture of a generation, or shortly why it has none."""
    if generation.images:
        image, *others = generation.images
        shown = picture(thumbnail, image.alt, width=_THUMBNAIL) or small(_("saved, no preview at hand"))
        return stacked(shown, small(f"+{len(others)}") if others else "")
    if generation.kept_videos:
        return small(_("a video, not a picture"))
    if generation.error:
        reasons = [str(generation.error.get(name, "")) for name in ("what", "why")]
        what, why = (text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…" for text in reasons)
        return _stack(f"✗ {what}", why)
    if generation.state == "sent":
        return _stack("… " + _("sent, no answer so far"))
    return _stack(_("text only") if generation.text else f"✗ {generation.state}")


def _beginning(text: str) -> Markup:
    """Show the beginning of a text and fold the rest, split between words; do not split what is hardly longer."""
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


# -- a family ----------------------------------------------------------------------------------------------------------

MOST_RELATED = 200
"""Generations of one family that are shown."""
_SMALLER_THUMBNAIL, _INDENT = 88, 26  # pixels
_LONGEST_PROMPT = 400


@dataclass(frozen=True)
class Member:
    """Hold one generation of a family.

    Args:
        generation: the generation.
        depth: how many edits it is after the first picture.
    """

    generation: Generation
    depth: int


def family(history: History, generation: Generation) -> list[Member]:
    """Find the first picture that a generation goes back to, and all edits of it, each after its parent.

    Args:
        history: where the records are; a missing parent ends the way back.
        generation: any of the family.

    Returns:
        At most :data:`MOST_RELATED` members.
    """
    # Records may be edited by hand or come from others: a circle of parents must end, in both directions.
    seen = {generation.id}
    while (parent := history.find(generation.parent) if generation.parent else None) and parent.id not in seen:
        seen.add(parent.id)
        generation = parent
    members: dict[str, Member] = {}
    waiting = [Member(generation, 0)]
    while waiting and len(members) < MOST_RELATED:
        member = waiting.pop()
        if member.generation.id not in members:
            members[member.generation.id] = member
            children = reversed(history.children(member.generation.id))
            waiting += [Member(child, member.depth + 1) for child in children]
    return list(members.values())


def family_bundle(members: list[Member], shown: Generation, thumbnails: Mapping[str, Path]) -> dict[str, Any]:
    """Make the bundle of a family: a tree as a table, a row for each member.

    Args:
        members: what :func:`family` returns.
        shown: the generation that was asked for; it is marked.
        thumbnails: by a generation's id the file of a small picture of it.
    """
    by_id = {member.generation.id: member.generation for member in members}
    rows, text = [], []
    for member in members:
        generation = member.generation
        marked, name, model = generation.id == shown.id, f"#{generation.id[:6]}", model_words(generation)
        # The branch is drawn with signs too, for places without styles.
        branch = "─" * member.depth + " " * bool(member.depth)
        prompt = _pressed(generation, by_id.get(generation.parent)) + prompt_of(generation)[:_LONGEST_PROMPT]
        shown_prompt = join(tag("b", lines(prompt)), " ← ", _("this one")) if marked else lines(prompt)
        thumbnail = _member_picture(generation, thumbnails.get(generation.id))
        indented = tag("div", thumbnail, style=f"margin-left:{member.depth * _INDENT}px")
        rows.append([indented, join(branch, shown_prompt), lines(model), lines(name)])
        parts = [name, one_line(prompt), model, *(["←"] if marked else [])]
        text.append("  " * member.depth + branch + "  ".join(parts))
    return bundle(table(rows, head=[[_("picture"), _("what was asked"), _("model"), _("id")]]), "\n".join(text))


def _pressed(generation: Generation, parent: Generation | None) -> str:
    """Give the label of the button that made a generation, with a colon; empty for one that no button made."""
    offered = parent.buttons if parent else ()
    label = next((button.label for button in offered if dict(button.params) == dict(generation.request.params)), "")
    return f"{label}: " if label else ""


def _member_picture(generation: Generation, thumbnail: Path | None) -> Markup:
    """Show a generation's small picture, or in a few words why it has none."""
    alt = generation.images[0].alt if generation.images else ""
    if shown := picture(thumbnail, alt, width=_SMALLER_THUMBNAIL):
        return shown
    if generation.has_result:
        return small(_("a video, not a picture") if generation.kept_videos else _("text"))
    return small("✗ ", str((generation.error or {}).get("what", generation.state))[:_LONGEST_REASON])
