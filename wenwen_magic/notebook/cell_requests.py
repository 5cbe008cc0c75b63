"""Makes the requests of a cell from its line, its text and the notebook's names: one, a comparison, or many prompts."""

import itertools
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import Any

from wenwen_magic.client import ID, Client
from wenwen_magic.engine.build_request import REQUEST_OPTIONS
from wenwen_magic.engine.prompt_rows import is_missing
from wenwen_magic.errors import AnswerError, ConfigError
from wenwen_magic.media.reference import pictures_in
from wenwen_magic.notebook.options import TABLE, Options, typed
from wenwen_magic.records import Gallery, Generation, ImageRequest, Label, Words
from wenwen_magic.text import orientation
from wenwen_magic.text.i18n import _
from wenwen_magic.text.json_values import value_in
from wenwen_magic.text.suggest import did_you_mean, nearest
from wenwen_magic.text.template import interpolate, known_value, names_in, value_of

_FIELDS = ("model", "orientation", "size", "style")
_KINDS = {
    name[2:]: option.destination
    for option in TABLE
    for name in option.names
    if option.destination in _FIELDS and name.startswith("--")
}
"""The options that may be an axis, by their long names in both languages."""
_WHOLE_EXPRESSION = re.compile(r"\s*\{\{((?:(?!\}\}).)+)\}\}\s*", re.DOTALL)
_PART = re.compile(r"(?:\{\{.*?\}\}|[^;；])+", re.DOTALL)
_IN_CHINESE_QUOTES = re.compile("^[“”‘’＂＇](.*)[“”‘’＂＇]$", re.DOTALL)
# The beginning of a text that is JSON and nothing else; an item in a list as models write it.
_JSON = re.compile(r"""[\s\ufeff]*(?:```\w*\s*)?[\[{]\s*(?:["'\[{\]}]|[-\d.]+\s*,)""")
_LISTED = re.compile(r"(?m)^[^\S\n]*(?:[-*•·][^\S\n]+|\d{1,3}(?:[.)][^\S\n]+|[、．）][^\S\n]*))(\S.*)")
_NOT_WITH_FROM = ("grid", "for_", "blind", "take", "background", "raw")
MOST = 400
"""Combinations that one cell may ask for."""


@dataclass(frozen=True)
class Axis:
    """What a comparison varies in one direction.

    Args:
        kind: ``model``, ``orientation``, ``size`` or ``style``; ``param`` for a parameter that is passed through,
            ``name`` for a name in the prompt.
        name: what its header says; a parameter's or a prompt's name.
        values: at least one, all different.
    """

    kind: str
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class CellRequests:
    """What a cell asks for by the options of its line, made with the names that it sees."""

    client: Client
    options: Options
    names: MutableMapping[str, Any]

    def all(self, prompt: str) -> tuple[tuple[ImageRequest, ...], tuple[Label, ...]]:
        """Return a request for every combination of the axes, and its place in the comparison.

        The last axis changes fastest. Without axes there is one request and no label.

        Raises:
            ConfigError: an axis or an option is wrong, or they contradict one another; nothing was sent.
        """
        options = self.options
        if options.take and (options.fresh or (options.count or 1) > 1):
            other = "--fresh" if options.fresh else f"-n {options.count}"
            raise ConfigError(
                _("--take does not go with {other}.", other=other),
                do=_("--take shows one saved version; leave one of them out."),
            )
        axes = self._axes()
        self._check_axes(prompt, axes)
        combinations = list(itertools.product(*(axis.values for axis in axes)))
        if options.blind and len(combinations) < 2:  # noqa: PLR2004  to compare takes two
            raise ConfigError(
                _("There is only one picture: nothing to compare."), do=_("Name several models: -m a,b --blind")
            )
        chosen = [tuple(zip(axes, values, strict=True)) for values in combinations]
        labels = (
            tuple(tuple((axis.name, value) for axis, value in combination) for combination in chosen) if axes else ()
        )
        shared = self._shared()
        return tuple(self._request(prompt, combination, shared) for combination in chosen), labels

    def _request(self, prompt: str, chosen: Iterable[tuple[Axis, str]], shared: dict[str, Any]) -> ImageRequest:
        """Make the request of one combination."""
        own, params, names = dict(shared), dict(shared["params"]), dict[str, Any]()
        for axis, value in chosen:
            if axis.kind == "param":
                params[axis.name] = typed(value)
            elif axis.kind == "name":
                names[axis.name] = value
            else:
                own[axis.kind] = value
        text = prompt
        if "{{" in prompt and not self.options.raw:
            text = interpolate(prompt, {**self.names, **names} if names else self.names)
        return self.client.request(text, **{**own, "params": params or None})

    def _shared(self) -> dict[str, Any]:
        """Return what is the same for all requests of a cell, unless an axis varies it."""
        options = self.options
        same = {name: getattr(options, name) for name in REQUEST_OPTIONS if hasattr(options, name)}
        return {
            **same,
            "model": next(iter(options.model), None),
            "params": dict(options.param),
            "references": [
                self.client.reference(value, name)
                for word in options.ref
                for value, name in pictures_in(self._meant(word), word)
            ],
            "mask": self.client.reference(self._meant(options.mask), options.mask) if options.mask else None,
            "stream": options.stream or None,
        }

    def many(self, template: str, source: str) -> Callable[[], Iterator[ImageRequest]]:
        """Return what makes the requests of many prompts, one at a time.

        Args:
            template: a prompt with the columns' names in braces; empty for the column ``prompt``.
            source: a file's path, or the name of a list or a table.

        Raises:
            ConfigError: an option does not go with many prompts.
        """
        if useless := next((name for name in _NOT_WITH_FROM if getattr(self.options, name)), ""):
            raise ConfigError(
                _("--{useless} does not go with --from.", useless=useless.strip("_")),
                do=_("Put it into a column, or use --grid without --from.")
                if useless in ("grid", "for_")
                else _("Leave it out."),
            )
        if len(self.options.model) > 1:
            raise ConfigError(_("Several models do not go with --from."), do=_("Put a column called model into it."))
        things = self._things(source)
        shared = self._shared()
        shared["params"] = shared["params"] or None
        return lambda: self.client.requests_from(things, template=template, names=self.names, **shared)

    def _things(self, source: str) -> Any:
        """Return what ``--from`` names: a path as it is, or the value of a variable or an expression."""
        whole = _WHOLE_EXPRESSION.fullmatch(source)
        if Path(source).is_file():
            return source
        things = value_of(whole[1], self.names) if whole else known_value(source, self.names)
        if things is None:
            if source.isidentifier() and source not in self.names:
                raise self._unknown(source, _("Name a list, a table or a file: --from prompts.txt"))
            return source
        return list(things) if isinstance(things, Iterator) else things

    def _meant(self, word: str) -> Any:
        """Return what a word after ``--ref`` means: a variable's or an expression's value, or an id's, or itself."""
        if whole := _WHOLE_EXPRESSION.fullmatch(word):
            return value_of(whole[1].strip(), self.names)
        word = interpolate(word, self.names)
        if Path(word).is_file():
            return word
        if (value := known_value(word, self.names)) is not None or word in self.names:
            return value
        if ID.fullmatch(word):
            return self.client.history.get(word)
        if word.isidentifier():
            raise self._unknown(word, _("Name a picture: --ref fox, --ref cat.png"))
        parts = [part.strip() for part in re.split("[,，、]", word)]
        if len(parts) > 1 and all(part in self.names or Path(part).is_file() for part in parts):
            raise self._unknown(word, " ".join(f"--ref {part}" for part in parts))
        return word

    def _unknown(self, word: str, do: str) -> ConfigError:
        names = [name for name, value in self.names.items() if not (name.startswith("_") or callable(value))]
        near = nearest(word, names) if word.isidentifier() else ""
        return ConfigError(
            _("There is no variable and no file called {word!r}.", word=word[:80]),
            do=_("Did you mean {near}?", near=near) if near else do,
        )

    # -- axes ----------------------------------------------------------------------------------------------------------

    def _axes(self) -> list[Axis]:
        """Return the axes in the order they were given; one model alone is no axis."""
        options = self.options
        axes = [Axis("model", "model", tuple(dict.fromkeys(options.model)))] if len(options.model) > 1 else []
        axes += [self._axis(text, _grid_kind) for text in options.grid]
        axes += [self._axis(text, _name_kind) for text in options.for_]
        names = [axis.name for axis in axes]  # a header and a vote know an axis by its name alone
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ConfigError(_("The axis {twice} is given twice.", twice=twice), do=_("Put all its values into one."))
        if (count := math.prod(len(axis.values) for axis in axes)) > MOST:
            raise ConfigError(
                _("{count} combinations are more than {most}.", count=count, most=MOST),
                do=_("Nothing was sent. Leave some values out."),
            )
        return axes

    def _axis(self, text: str, kind_of: Callable[[str], tuple[str, str]]) -> Axis:
        """Read an axis: ``model=a;b``, ``方向=横屏；竖屏``, ``param.quality=low;high``, ``animal={{a_list}}``."""
        text = _IN_CHINESE_QUOTES.sub(r"\1", text)
        name, sign, values = re.sub("＝", "=", text, count=1).partition("=")
        if not sign or not name.strip():
            raise ConfigError(
                _("{text!r} has no values.", text=text[:60]), do='--grid "model=a;b"   ' + _('--for "animal=cat;dog"')
            )
        kind, name = kind_of(unicodedata.normalize("NFKC", name).strip())
        parts: list[str] = []
        for part in _PART.findall(values):
            if expression := _WHOLE_EXPRESSION.fullmatch(part):  # it may be a list of its own
                written = expression.group(1).strip()
                parts += _several(value_of(written, self.names), name, written)
            else:
                parts.append(interpolate(part, self.names) if "{{" in part else part)
        parts = [part.strip() for part in parts if part.strip()]
        if not parts:
            do = _('--for "animal=cat;dog"') if kind == "name" else '--grid "model=a;b"'
            raise ConfigError(_("{text!r} has no values.", text=values[:60]), do=do)
        if kind == "orientation":  # square and 方形 are one
            parts = [orientation.read(part) for part in parts]
        return Axis(kind, name, tuple(dict.fromkeys(parts)))

    def _check_axes(self, prompt: str, axes: Sequence[Axis]) -> None:
        """Refuse an axis that changes nothing, and an option whose values are an axis already."""
        options = self.options
        used = names_in(prompt) if options.for_ and not options.raw else set()
        several = len(options.model) > 1  # they are an axis themselves
        given = {(name, name) for name in _FIELDS if getattr(options, name) and not (several and name == "model")}
        given |= {("param", name) for name, _value in options.param}
        for axis in axes:
            if axis.kind == "name" and axis.name not in used:
                word = "{{" + axis.name + "}}"
                raise ConfigError(
                    _("The prompt does not contain {word}.", word=word),
                    why=_("All pictures would have the same request."),
                    do=did_you_mean("{{" + axis.name, ["{{" + name + "}}" for name in used])
                    if used
                    else _("Write {word} where its values belong.", word=word),
                )
            if (axis.kind, axis.name) in given:
                raise ConfigError(
                    _("{name} is given twice: as an option and as an axis.", name=axis.name),
                    do=_("Put all its values into --grid."),
                )


def _several(value: Any, name: str, written: str) -> list[str]:
    """Return the values of an axis that an expression gives: all items of a list, of an answer, of several answers.

    Raises:
        ConfigError: an item is no word and no number, and would be drawn as Python writes it.
    """
    items = _items(value, name)
    odd = next((item for item in items if not _is_word(item)), items)
    if odd is items:
        return list(map(str, items))
    example = "['fox', 'owl']"
    if isinstance(odd, (Mapping, list, tuple)):
        key = repr(next(iter(odd), "name")) if isinstance(odd, Mapping) else "0"
        of_object = f"{written}[{key}]" if odd is value else example
        example = of_object if isinstance(value, Mapping) else f"[one[{key}] for one in {written}]"
    raise ConfigError(
        _("The values of {name} are not all words or numbers; nothing was sent.", name=name),
        why=repr(odd)[:200],
        do=_("Take a part of each, or give words: {example}", example=f'--for "{name}={{{{{example}}}}}"'),
    )


def _items(value: Any, name: str) -> list[Any]:
    """Return what there is of a value: a list's items, also those of an object's only list; a text's lines."""
    if isinstance(value, Gallery):  # several answers
        return [item for row in value for item in _items(row, name)]
    try:
        value = value.said if isinstance(value, Generation) else value
        value = value_in(value).value if isinstance(value, str) and _JSON.match(value) else value
    except (AnswerError, ValueError) as error:
        what = _("The JSON in the values of {name} cannot be read; nothing was sent.", name=name)
        raise ConfigError(what, why=getattr(error, "what", str(error)), do=_("Ask again, or give a list.")) from None
    if isinstance(value, str):
        if not isinstance(value, Words):
            return [value]
        listed: list[Any] = _LISTED.findall(value)
        return listed if len(listed) > 1 else value.splitlines()
    if isinstance(value, Mapping):  # what else the object has is about the list
        lists = [one for one in value.values() if isinstance(one, list)]
        if value and all(one is None for one in value.values()):  # dict.fromkeys, for words that are all different
            return list(value)
        return lists[0] if len(lists) == 1 else [value]
    flat = hasattr(value, "__iter__") and not isinstance(value, bytes) and getattr(value, "ndim", 1) == 1
    return list(value) if flat else [value]


def _is_word(item: Any) -> bool:
    """Tell whether an item has a text of its own: a word, a number, a day, a path, an answer in words."""
    if isinstance(item, Generation):
        return item.request.wants_words and item.has_result
    makes_text: Any = type(item).__str__
    own = isinstance(item, Number) or makes_text is not object.__str__
    return own and not (
        is_missing(item) or isinstance(item, bytes) or (hasattr(item, "__iter__") and not isinstance(item, str))
    )


def _grid_kind(name: str) -> tuple[str, str]:
    if name.startswith("param.") and name != "param.":
        return "param", name.removeprefix("param.")
    if name.lower() not in _KINDS:
        raise ConfigError(
            _("There is no axis {name!r}.", name=name[:60]),
            do=did_you_mean(name, [*_KINDS, "param.NAME"]) + _(' Words in the prompt vary with --for "name=a;b".'),
        )
    return _KINDS[name.lower()], _KINDS[name.lower()]


def _name_kind(name: str) -> tuple[str, str]:
    if not name.isidentifier():
        raise ConfigError(_("{name!r} cannot be a name in the prompt.", name=name[:60]), do=_('--for "animal=cat;dog"'))
    return "name", name
