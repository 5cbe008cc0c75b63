"""Show the models of an endpoint as a table, and warn of a name that is not among them."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from wenwen_magic.models import Model, ModelList, bare, makes_clips, meant_by, retired
from wenwen_magic.render import markup
from wenwen_magic.render.markup import Markup, bundle, join, lines, tag, text_table
from wenwen_magic.text.i18n import N_, _, in_every_language
from wenwen_magic.text.sanitize import mask_keys
from wenwen_magic.text.suggest import nearest

MOST = 120
"""Models that one table shows; a relay may list a thousand."""
_LONGEST_NAME, _WHOLE = 80, 40
_PICTURE, _CLIP, _OTHER = N_("picture"), N_("clip"), N_("other")
_SIGNS = {_PICTURE: "✓", _CLIP: "▶", _OTHER: "–"}
_UNITS = (86_400, N_("{count} d ago")), (3600, N_("{count} h ago")), (60, N_("{count} min ago"))


@dataclass(frozen=True)
class ModelTable:
    """Hold models that front ends show as a table.

    Args:
        rows: the models, for use in Python.
        bundle: the MIME bundle that front ends show.
    """

    rows: tuple[Model, ...]
    bundle: dict[str, Any] = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Model:
        return self.rows[index]

    def __iter__(self) -> Iterator[Model]:
        return iter(self.rows)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.bundle


def table(known: ModelList, words: str = "", *, age: float = 0.0, replay: bool = False) -> ModelTable:
    """Show the models that match all words as a table.

    Args:
        known: the endpoint's list.
        words: pieces of names, owners, endpoint types or aliases, in any letter case; ``picture`` (图片) or
            ``clip`` (短片) for those that make such.
        age: seconds since the endpoint named them.
        replay: whether no endpoint may be asked.
    """
    wanted = _folded(words).split()
    found = tuple(model for model in known.models if all(word in _searchable(model) for word in wanted))
    footer = _footer(known, found, age=age, replay=replay)
    if not found:
        footer = f"{_('No model matches.')} {footer}"
        return ModelTable(found, bundle(tag("p", footer), footer))
    heads = [_("model"), _("makes"), _("other names"), _("owner"), _("endpoint types")]
    rows = [_row(model) for model in found[:MOST]]
    shown = markup.table(
        [[*map(_whole, row[:2]), *map(_in_pieces, row[2:])] for row in rows], head=[heads], striped=True
    )
    return ModelTable(found, bundle(join(shown, tag("p", footer)), f"{text_table([heads, *rows])}\n\n{footer}"))


def model_warning(name: str, known: ModelList, today: date, *, words: bool = False) -> str:
    """Warn in one line of a model that is not in the endpoint's list, or that it shuts down; name the nearest it has.

    The nearest are those of the model that the name is an alias of, or that replaces it; else a name spelt like it,
    first of a model that draws (with ``words`` of one that does not), then of any.

    Returns:
        The warning; empty for a listed name that stays, and for any name where the list is empty.
    """
    called, listed = mask_keys(name)[:_LONGEST_NAME], known.find(name)
    if listed and listed.ends_soon(today):
        return _("{called} will be shut down on {day}.", called=called, day=listed.ends)
    if not known.lacks(name, today):
        return ""
    end, present = retired(name), [model for model in known.models if not model.is_gone(today)]
    ended = listed.ends if listed else end.day if end and end.day <= today.isoformat() else ""
    meant = {meant_by(name) or bare(name)}
    same = [model.id for model in present if meant & {bare(model.id), model.alias_of}]
    same = same or [model.id for model in present if end and end.use in {bare(model.id), model.alias_of}]
    fitting, all_names = ([one.id for one in present if one.picture != words or every] for every in (False, True))
    near = mask_keys(", ".join(same) or nearest(name, fitting) or nearest(name, all_names))
    if listed:
        what = _("{called} was shut down on {day}.", called=called, day=ended)
    elif ended:
        what = _("{called} is not in the model list: its maker shut it down on {day}.", called=called, day=ended)
    else:
        what = _("{called} is not in the model list.", called=called)
    return " ".join([what, *([_("Did you mean {near}?", near=near)] if near else []), _("Trying it anyway.")])


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _searchable(model: Model) -> str:
    """Return the text in which a search looks for its words."""
    names = (model.id, model.owner, *model.endpoint_types, *model.aliases, model.alias_of)
    return _folded("\n".join((*names, *in_every_language(_kind(model)))))


def _kind(model: Model) -> str:
    return _PICTURE if model.picture else _CLIP if makes_clips(model.id) else _OTHER


def _row(model: Model) -> list[str]:
    kind = f"{_SIGNS[_kind(model)]} {_(_kind(model))}"
    kind += f" · {_('ends {day}', day=model.ends)}" if model.ends else ""
    names = f"= {model.alias_of}" if model.alias_of else ", ".join(model.aliases)
    return [mask_keys(text) for text in (model.id, kind, names, model.owner, ", ".join(model.endpoint_types))]


def _whole(name: str) -> Markup:
    """Show a model's name, or a word, in one line if it is not too long."""
    return lines(name) if len(name) > _WHOLE else tag("nobr", name)


def _in_pieces(names: str) -> Markup:
    """Show names that may break at spaces and hyphens, so that a printed page holds all columns."""
    words = (join(*map(_whole, re.findall("[^-]+-*|-+", word))) for word in names.split(" "))
    return join(*words, between=" ")


def _footer(known: ModelList, found: Sequence[Model], *, age: float, replay: bool) -> str:
    draw = sum(model.picture for model in found)
    parts = [
        _(
            "{count} of {count2} models, {draw} for pictures (judged by their names)",
            count=len(found),
            count2=len(known.models),
            draw=draw,
        )
    ]
    if len(found) > MOST:
        parts.append(
            _("the first {most} are shown; add words to narrow the list: ", most=MOST) + "%wenwen models gemini"
        )
    if known.kept:
        parts.append(_("named by the endpoint {ago}", ago=_ago(age)))
        parts.append(_("replay mode is offline") if replay else _("%wenwen models --refresh asks again"))
    return " · ".join(parts)


def _ago(seconds: float) -> str:
    """Return how long ago it was, in whole minutes, hours or days."""
    for size, message in _UNITS:
        if seconds >= size:
            return _(message, count=int(seconds // size))
    return _("just now")
