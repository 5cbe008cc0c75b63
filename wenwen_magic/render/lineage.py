"""Follows edits of edits: from which picture one came, and what was made of it, drawn as a tree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from wenwen_magic.history.store import History
from wenwen_magic.records import Generation
from wenwen_magic.render import generation as display
from wenwen_magic.render.gallery import PLACE, TABLE, bundle, img, prompt_of
from wenwen_magic.render.generation import lines_html
from wenwen_magic.text.i18n import _

MOST = 200
"""Generations of one family that are shown."""
_THUMBNAIL = 88
_INDENT = 26
_LONGEST = 400


@dataclass(frozen=True)
class Member:
    """One generation of a family.

    Args:
        generation: it.
        depth: how many edits after the first picture.
    """

    generation: Generation
    depth: int


def family(history: History, generation: Generation) -> list[Member]:
    """All that came of the picture a generation goes back to, each behind what it came from.

    Args:
        history: where the records are; one that is gone ends the way back.
        generation: any of the family.
    """
    found: dict[str, Member] = {}
    for member in _below(history, _first(history, generation), 0, found):
        if len(found) >= MOST:
            break
        found[member.generation.id] = member
    return list(found.values())


def _first(history: History, generation: Generation) -> Generation:
    """The generation at the beginning; records may come from a stranger, so a circle must not keep us."""
    seen = {generation.id}
    while (parent := history.find(generation.parent) if generation.parent else None) and parent.id not in seen:
        seen.add(parent.id)
        generation = parent
    return generation


def _below(history: History, generation: Generation, depth: int, found: Mapping[str, Member]) -> Iterator[Member]:
    waiting = [Member(generation, depth)]
    while waiting:
        member = waiting.pop()
        if member.generation.id in found:
            continue
        yield member
        children = reversed(history.children(member.generation.id))
        waiting += [Member(child, member.depth + 1) for child in children]


def family_bundle(members: list[Member], shown: Generation, thumbnails: Mapping[str, Path]) -> dict[str, Any]:
    """The bundle of a family: a tree as a table, a line each.

    Args:
        members: as :func:`family` gives them.
        shown: the one that was asked for; it is marked.
        thumbnails: small pictures by id.
    """
    heads = _("picture,what was asked,model,id").split(",")
    header = "".join(f'<th scope="col" {PLACE}>{word}</th>' for word in heads)
    pressed = {one.generation.id: _pressed(one.generation, members) for one in members}
    body = "".join(
        _row(one, pressed[one.generation.id], thumbnails.get(one.generation.id), here=one.generation.id == shown.id)
        for one in members
    )
    table = f"{TABLE}<thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
    lines = [_line(one, pressed[one.generation.id], here=one.generation.id == shown.id) for one in members]
    return bundle(table, "\n".join(lines))


def _pressed(generation: Generation, members: list[Member]) -> str:
    """The label of the button that made a generation, with a colon; empty for one that no button made."""
    parent = next((one.generation for one in members if one.generation.id == generation.parent), None)
    offered = parent.buttons if parent else ()
    label = next((one.label for one in offered if dict(one.params) == dict(generation.request.params)), "")
    return f"{label}: " if label else ""


def _row(member: Member, pressed: str, thumbnail: Path | None, *, here: bool) -> str:
    generation = member.generation
    address = display.data_address(thumbnail)
    alt = generation.images[0].alt if generation.images else ""
    picture = img(address, alt, _THUMBNAIL) if address else f"<small>{escape(_without(generation))}</small>"
    branch = f'<div style="margin-left:{member.depth * _INDENT}px">{picture}</div>'
    words = lines_html(pressed + prompt_of(generation)[:_LONGEST])
    mark = f"<b>{words}</b> ← {_('this one')}" if here else words
    # The branch is said by signs too, for places without styles.
    model, name = (lines_html(text) for text in (display.model_words(generation), f"#{generation.id[:6]}"))
    cells = (branch, _sign(member.depth) + mark, model, name)
    return '<tr style="background:none">' + "".join(f"<td {PLACE}>{cell}</td>" for cell in cells) + "</tr>"


def _sign(depth: int) -> str:
    return f"{'─' * depth} " if depth else ""


def _without(generation: Generation) -> str:
    if generation.has_result:
        return _("words")
    return "✗ " + str((generation.error or {}).get("what", generation.state))[:60]


def _line(member: Member, pressed: str, *, here: bool) -> str:
    generation = member.generation
    words = pressed + " ".join(prompt_of(generation)[:_LONGEST].split())
    parts = [f"#{generation.id[:6]}", words, display.model_words(generation), *(["←"] if here else [])]
    return "  " * member.depth + _sign(member.depth) + "  ".join(parts)
