"""Follow edits of edits: what a picture came from and what was made of it, shown as a tree."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wenwen_magic.history.store import History
from wenwen_magic.records import Generation
from wenwen_magic.render.generation import model_words, prompt_of
from wenwen_magic.render.markup import Markup, bundle, join, lines, picture, small, table, tag
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import one_line

MOST = 200
"""Generations of one family that are shown."""
_THUMBNAIL, _INDENT = 88, 26  # pixels
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
    """Find all that was made from the picture a generation goes back to, each after what it came from.

    Args:
        history: where the records are; a missing one ends the way back.
        generation: any of the family.

    Returns:
        At most :data:`MOST` members.
    """
    # Records may have been edited or sent by anybody: a circle of parents must end, in both directions.
    seen = {generation.id}
    while (parent := history.find(generation.parent) if generation.parent else None) and parent.id not in seen:
        seen.add(parent.id)
        generation = parent
    members: dict[str, Member] = {}
    waiting = [Member(generation, 0)]
    while waiting and len(members) < MOST:
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
        shown: the one that was asked for; it is marked.
        thumbnails: small pictures by id.
    """
    known = {member.generation.id: member.generation for member in members}
    rows, text = [], []
    for member in members:
        generation = member.generation
        here, name, model = generation.id == shown.id, f"#{generation.id[:6]}", model_words(generation)
        # The branch is drawn with signs too, for places without styles.
        branch = "─" * member.depth + " " * bool(member.depth)
        prompt = _pressed(generation, known.get(generation.parent)) + prompt_of(generation)[:_LONGEST]
        words = join(tag("b", lines(prompt)), f" ← {_('this one')}") if here else lines(prompt)
        indented = tag("div", _picture(generation, thumbnails), style=f"margin-left:{member.depth * _INDENT}px")
        rows.append([indented, join(branch, words), lines(model), lines(name)])
        parts = [name, one_line(prompt), model, *(["←"] if here else [])]
        text.append("  " * member.depth + branch + "  ".join(parts))
    return bundle(table(rows, head=[_("picture,what was asked,model,id").split(",")]), "\n".join(text))


def _pressed(generation: Generation, parent: Generation | None) -> str:
    """Give the label of the button that made a generation, with a colon; empty for one that no button made."""
    offered = parent.buttons if parent else ()
    label = next((button.label for button in offered if dict(button.params) == dict(generation.request.params)), "")
    return f"{label}: " if label else ""


def _picture(generation: Generation, thumbnails: Mapping[str, Path]) -> Markup:
    alt = generation.images[0].alt if generation.images else ""
    if shown := picture(thumbnails.get(generation.id), alt, width=_THUMBNAIL):
        return shown
    error = generation.error or {}
    reason = _("words") if generation.has_result else f"✗ {str(error.get('what', generation.state))[:60]}"
    return small(reason)
