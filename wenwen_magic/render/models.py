"""Shows the models of an endpoint as a table, and says so when a name is not among them."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from wenwen_magic.errors import mask
from wenwen_magic.models import Model, ModelList, meant_by
from wenwen_magic.render.gallery import PLACE, TABLE, bundle
from wenwen_magic.render.generation import lines_html
from wenwen_magic.text.i18n import N_, _, columns, in_every_language, padded
from wenwen_magic.text.suggest import nearest

MOST = 120
"""Models that one table shows; a relay may list a thousand."""
_LONGEST_NAME, _WHOLE = 80, 40
_KINDS = N_("picture"), N_("other")
_UNITS = (86_400, N_("{count} d ago")), (3600, N_("{count} h ago")), (60, N_("{count} min ago"))


@dataclass(frozen=True)
class ModelTable:
    """Models with a way of showing them.

    Args:
        models: those that were found, pictures first.
        bundle: what front ends show.
    """

    models: tuple[Model, ...]
    bundle: dict[str, Any] = field(repr=False)

    def __len__(self) -> int:
        return len(self.models)

    def __getitem__(self, index: int) -> Model:
        return self.models[index]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.bundle


def table(known: ModelList, words: str = "", *, age: float = 0.0, replay: bool = False) -> ModelTable:
    """The models that hold all the words, as a table.

    Args:
        known: what the endpoint named.
        words: pieces of names, owners, endpoint types or aliases, in any letter case; ``picture`` (图片) for those
            that draw.
        age: seconds since the endpoint named them.
        replay: whether nobody may be asked.
    """
    wanted = _folded(words).split()
    found = tuple(model for model in known.models if all(word in _haystack(model) for word in wanted))
    footer = _footer(known, found, age=age, replay=replay)
    shown = found[:MOST]
    if not found:
        footer = f"{_('No model has such a name.')} {footer}"
    html = f"{_html(shown) if shown else ''}<p>{escape(footer)}</p>"
    text = f"{_text(shown)}\n\n{footer}" if shown else footer
    return ModelTable(found, bundle(html, text))


def doubt(name: str, known: ModelList) -> str:
    """One line on a model's name that is not in the endpoint's list, with the nearest that is; else nothing.

    An empty list says nothing of any name.
    """
    if name in known.names or not known.models:
        return ""
    called, near = mask(name)[:_LONGEST_NAME], mask(_nearest(name, known))
    if not near:
        return _("{called} is unknown to the endpoint's list. It is sent as typed.", called=called)
    return _(
        "{called} is unknown to the endpoint's list; nearest: {near}. It is sent as typed.", called=called, near=near
    )


def _nearest(name: str, known: ModelList) -> str:
    """The listed names of the model that is meant; else the nearest name of one that draws, else of any."""
    meant = meant_by(name) or name
    same = [model.id for model in known.models if meant in {model.id, model.alias_of}]
    drawing = [model.id for model in known.models if model.picture]
    return ", ".join(same) or nearest(name, drawing) or nearest(name, known.names)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _haystack(model: Model) -> str:
    """All that a search looks through."""
    kind = _KINDS[0] if model.picture else _KINDS[1]
    names = (model.id, model.owner, *model.endpoint_types, *model.aliases, model.alias_of)
    return _folded("\n".join((*names, *in_every_language(kind))))


def _heads() -> tuple[str, ...]:
    return _("model"), _("draws"), _("other names"), _("owner"), _("endpoint types")


def _row(model: Model) -> tuple[str, ...]:
    kind = "✓ " + _("picture") if model.picture else "– " + _("other")
    names = f"= {model.alias_of}" if model.alias_of else ", ".join(model.aliases)
    return tuple(map(mask, (model.id, kind, names, model.owner, ", ".join(model.endpoint_types))))


def _html(models: Sequence[Model]) -> str:
    head = "".join(f'<th scope="col" {PLACE}>{word}</th>' for word in _heads())
    lines = (map(_cell, _row(model)) for model in models)
    body = "".join(f"<tr>{''.join(f'<td {PLACE}>{cell}</td>' for cell in line)}</tr>" for line in lines)
    return f"{TABLE}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str) -> str:
    """A cell's words as HTML: broken between two names, and inside one only where it is long."""
    names = text.split(", ")
    return ", ".join(lines_html(name) if len(name) > _WHOLE else f"<nobr>{escape(name)}</nobr>" for name in names)


def _text(models: Sequence[Model]) -> str:
    lines = [_heads(), *map(_row, models)]
    widths = [max(map(columns, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(padded, line, widths)).rstrip() for line in lines)


def _footer(known: ModelList, found: Sequence[Model], *, age: float, replay: bool) -> str:
    draw = sum(model.picture for model in found)
    parts = [
        _(
            "{count} of {count2} models, {draw} for pictures (told by their names)",
            count=len(found),
            count2=len(known.models),
            draw=draw,
        )
    ]
    if len(found) > MOST:
        parts.append(_("the first {most} are shown; words narrow it: ", most=MOST) + "%wenwen models gemini")
    if known.kept:
        parts.append(_("named by the endpoint {ago}", ago=_ago(age)))
        parts.append(_ask_again(replay=replay))
    return " · ".join(parts)


def _ask_again(*, replay: bool) -> str:
    if replay:
        return _("in mode replay nobody is asked")
    return _("%wenwen models --refresh asks again")


def _ago(seconds: float) -> str:
    """How long ago, in whole minutes, hours or days."""
    for size, words in _UNITS:
        if seconds >= size:
            return _(words, count=int(seconds // size))
    return _("just now")
