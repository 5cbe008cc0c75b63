"""Show what the history holds: a page of generations as small pictures, and a family of edits as a tree."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wenwen_magic.history.store import History, Page
from wenwen_magic.records import Generation
from wenwen_magic.render.generation import (
    LONGEST_TEXT,
    alt_of,
    amount,
    model_words,
    pressed,
    prompt_of,
    size_of,
    take_mark,
)
from wenwen_magic.render.markup import (
    Cell,
    Markup,
    bundle,
    cell,
    clipped,
    folded,
    in_rows,
    join,
    lines,
    picture,
    small,
    stacked,
    table,
    tag,
    text_table,
)
from wenwen_magic.text.i18n import N_, _
from wenwen_magic.text.sanitize import mask_keys, one_line

# -- a page ------------------------------------------------------------------------------------------------------------

_THUMBNAIL, _COLUMN = 160, 174
"""Pixels: of the longer side of a small picture, and of a column's width."""
_OPEN_COLUMNS = 64
"""Columns of a prompt that are in the open; a Chinese letter takes two."""
_LONGEST_REASON = 60
_MODEL_COLUMNS, _PROMPT_COLUMNS = 32, 60
KINDS: Mapping[str, Callable[[Generation], bool]] = {
    N_("Results"): lambda row: row.has_result and not row.demo,
    N_("Demo"): lambda row: row.has_result and row.demo,
    N_("Without a result"): lambda row: not row.has_result,
}
"""What is shown apart on a page, in this order: by its name, which generations."""


def apart(rows: Sequence[Generation]) -> dict[str, list[Generation]]:
    """Sort the generations of a page into those of each kind that it has; pictures alone have no name."""
    sorted_rows = {name: list(filter(is_of, rows)) for name, is_of in KINDS.items()}
    kinds = {name: found for name, found in sorted_rows.items() if found}
    return {"": list(rows)} if set(kinds) == {next(iter(KINDS))} else kinds


def page_bundle(page: Page, *, thumbnails: Mapping[str, Path], command: str, currency: str) -> dict[str, Any]:
    """Make the bundle of one page of the history: small pictures, the demo's and failures apart, and how to turn it.

    Args:
        page: the generations, and which page they are.
        thumbnails: by a generation's id the file of a small picture of it: JPEG or PNG, at most 224 pixels a side.
        command: the line as it was typed, without the page.
        currency: the unit of the prices.
    """
    if not page.rows:
        message = _nothing(page, command)
        return bundle(tag("p", lines(message)), message)
    made = {row.id: _shown(row, thumbnails.get(row.id), currency) for row in page.rows}
    shown = list[Markup]()
    for name, rows in apart(page.rows).items():
        if name:
            shown.append(tag("p", tag("b", _(name))))
        shown.append(table(in_rows([made[row.id][0] for row in rows])))
    head = [_("id"), _("date"), _("model"), _("price"), "", _("prompt")]
    text = text_table([head, *(made[row.id][1] for row in page.rows)])
    footer = _footer(page, command)
    return bundle(join(*shown, tag("p", footer)), f"{text}\n\n{footer}")


def _shown(row: Generation, thumbnail: Path | None, currency: str) -> tuple[Cell, list[str]]:
    """Show one generation in a cell, with its small picture, and as the cells of a line of text."""
    name, date, marked = f"#{row.id[:6]}", f"{row.created[:10]} {row.created[11:16]}", marks(row)
    failed = "" if row.has_result else "✗" if row.error else "…" if row.state == "sent" else ""
    video = video_words(row) if row.kept_videos and not row.images else ""
    model, prompt, cost = model_words(row), prompt_of(row), _cost(row, currency)
    answer = row.text[:LONGEST_TEXT] if row.request.wants_words else ""
    known = filter(None, [f"{name} {marked}", model[:200], date, cost])
    shown = cell(
        _picture(row, thumbnail),
        tag("div", *map(_beginning, filter(None, (prompt, answer)))),
        tag("div", stacked(*map(small, map(lines, known)))),
        width=_COLUMN,
    )
    model = clipped(mask_keys(model), _MODEL_COLUMNS) + (" (demo)" if row.demo else "")
    return shown, [name, date, model, cost or "–", f"{marked} {failed or video}", clipped(prompt, _PROMPT_COLUMNS)]


def video_words(row: Generation) -> str:
    """Say of a generation without pictures that it is a clip, or a video that came in place of a picture."""
    return size_of(row.clips[0]) or _("clip") if row.clips else _("a video, not a picture")


def marks(row: Generation) -> str:
    """Return the star of a generation, which take of several it is, and its tags."""
    take = take_mark(row.take) if row.take > 1 else ""
    return " ".join(filter(None, ("★" if row.star else "", take, *(f"#{word}" for word in row.tags))))


def _cost(row: Generation, currency: str) -> str:
    """Return what a generation cost; of one without a paid result, whether money is gone."""
    cost = "" if row.charged == "no" or row.price is None else amount(row.price, currency)
    # A result that was paid is the rule.
    paid = row.has_result and row.charged == "yes"
    return " ".join(filter(None, (cost, "" if paid or row.demo else _("charged: ") + _(row.charged))))


def _picture(generation: Generation, thumbnail: Path | None) -> Markup:
    """Show the first picture of a generation, or shortly why it has none."""
    if generation.images:
        image, *others = generation.images
        width = _THUMBNAIL * min(image.width, image.height) // image.height if image.height else _THUMBNAIL
        shown = picture(thumbnail, image.alt, width=max(1, width)) or small(_("saved, no preview"))
        return stacked(shown, small(f"+{len(others)}") if others else "")
    if generation.kept_videos:
        return stacked(picture(thumbnail, alt_of(generation), width=_THUMBNAIL), small(video_words(generation)))
    if generation.error:
        reasons = [str(generation.error.get(name, "")) for name in ("what", "why")]
        what, why = (text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…" for text in reasons)
        return stacked(lines(f"✗ {what}"), small(lines(why)) if why else "")
    if generation.state == "sent":
        return lines("… " + _("sent, no answer so far"))
    return lines(_("text only") if generation.text else f"✗ {generation.state}")


def _beginning(text: str) -> Markup:
    """Show a text; of a long one its beginning, which unfolds to the whole."""
    start = clipped(text, _OPEN_COLUMNS)
    return tag("div", lines(text)) if start == one_line(text) else folded(start, tag("div", lines(text)))


def place(page: Page) -> str:
    """Say which generations of all are on a page."""
    first = (page.number - 1) * page.size + 1
    last = first + len(page.rows) - 1
    return _("{first}–{last} of {total}", first=first, last=last, total=page.total)


def _footer(page: Page, command: str) -> str:
    parts = [place(page)]
    if page.pages > 1:
        parts.append(_("page {number} of {pages}", number=page.number, pages=page.pages))
    if page.number < page.pages:
        parts.append(_("next: ") + f"{command} --page {page.number + 1}")
    return " · ".join(parts)


def _nothing(page: Page, command: str) -> str:
    if page.total:
        return _("The last page: ") + f"{command} --page {page.pages}"
    if command.split() == ["%wenwen", "history"]:
        return _("Nothing is saved here yet. Every picture that you draw appears here.")
    return _(
        "Nothing saved matches: {command}\nLeave out a word or a condition to find more; %wenwen history alone "
        "shows everything.",
        command=command,
    )


# -- a family ----------------------------------------------------------------------------------------------------------

MOST_RELATED = 200
"""Generations of one family that are shown."""
_SMALLER_THUMBNAIL, _INDENT, _MODEL = 88, 26, 128  # pixels, which a long prompt leaves the other columns
_LONGEST_PROMPT = 400


def family(history: History, generation: Generation) -> list[tuple[Generation, int]]:
    """Find the first picture that a generation goes back to, and all edits of it, each after its parent.

    Args:
        history: where the records are; a missing parent ends the way back.
        generation: any of the family.

    Returns:
        At most :data:`MOST_RELATED` generations, each with the number of edits it is after the first picture.
    """
    # Records may be edited by hand or come from others: a circle of parents must end, in both directions.
    seen = {generation.id}
    while (parent := history.find(generation.parent) if generation.parent else None) and parent.id not in seen:
        seen.add(parent.id)
        generation = parent
    members: dict[str, tuple[Generation, int]] = {}
    waiting = [(generation, 0)]
    while waiting and len(members) < MOST_RELATED:
        member, depth = waiting.pop()
        if member.id not in members:
            members[member.id] = member, depth
            waiting += [(child, depth + 1) for child in reversed(history.children(member.id))]
    return list(members.values())


def family_bundle(
    members: Sequence[tuple[Generation, int]], shown: Generation, thumbnails: Mapping[str, Path]
) -> dict[str, Any]:
    """Make the bundle of a family: a tree as a table, a row for each member.

    Args:
        members: what :func:`family` returns.
        shown: the generation that was asked for; it is marked.
        thumbnails: by a generation's id the file of a small picture of it.
    """
    by_id = {member.id: member for member, _depth in members}
    rows, text = [], []
    for member, depth in members:
        marked, name, model = member.id == shown.id, f"#{member.id[:6]}", model_words(member)
        # The branch is drawn with signs too, for places without styles.
        branch = "─" * depth + " " * bool(depth)
        label = pressed(member.request, by_id.get(member.parent))
        prompt = (f"{label}: " if label else "") + prompt_of(member)
        prompt = prompt[:_LONGEST_PROMPT] + " …" * (len(prompt) > _LONGEST_PROMPT)
        shown_prompt = join(tag("b", lines(prompt)), " ← ", _("this one")) if marked else lines(prompt)
        thumbnail = _member_picture(member, thumbnails.get(member.id))
        indent = depth * _INDENT
        indented = cell(tag("div", thumbnail, style=f"margin-left:{indent}px"), width=_SMALLER_THUMBNAIL + indent)
        told = cell(lines(model), width=_MODEL)
        rows.append([indented, join(branch, shown_prompt), told, cell(name, style="white-space:nowrap;")])
        parts = [name, one_line(prompt), model, *(["←"] if marked else [])]
        text.append("  " * depth + branch + "  ".join(parts))
    return bundle(table(rows, head=[[_("picture"), _("what was asked"), _("model"), _("id")]]), "\n".join(text))


def _member_picture(generation: Generation, thumbnail: Path | None) -> Markup:
    """Show a generation's small picture, or in a few words why it has none."""
    alt = generation.images[0].alt if generation.images else alt_of(generation)
    if shown := picture(thumbnail, alt, width=_SMALLER_THUMBNAIL):
        return shown
    if generation.has_result:
        return small(video_words(generation) if generation.kept_videos else _("text"))
    return small("✗ ", str((generation.error or {}).get("what", generation.state))[:_LONGEST_REASON])
