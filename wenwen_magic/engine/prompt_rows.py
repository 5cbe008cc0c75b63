"""A row of many prompts: its cells by the names of their columns, found by these names and read as texts.

A cell that nobody asks for may hold anything.
"""

import builtins
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from numbers import Number, Real
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import _
from wenwen_magic.text.suggest import did_you_mean
from wenwen_magic.text.template import expressions_in, interpolate, is_expression, names_in

_ALIASES = {"提示词": "prompt", "模型": "model", "方向": "orientation", "风格": "style"}
_MEANINGS = _ALIASES | {name: name for name in _ALIASES.values()}
_MISSING = ("NoneType", "NAType", "NaTType")  # recognized by name: those of pandas do not compare equal
_BOOLS = ("bool", "bool_")  # recognized by name: those of numpy are not instances of bool
_LARGEST_WHOLE = 1e15  # larger floats cannot represent every whole number
_NOTHING = object()
_TWO_WORDS = re.compile(r"[\w \-/.]+")


def wrong(where: str, why: str, *, do: str = "") -> ConfigError:
    """Make the error of prompts that cannot be read; ``where`` names a source, or its row or line."""
    what = _("The prompts cannot be read: {where}.", where=where)
    return ConfigError(what, why=why, do=do or _("Correct it and run again."))


def meaning(column: str) -> str:
    """Return what a column is for every row: ``prompt`` for 提示词 and Prompt; empty for a column of its own."""
    return _MEANINGS.get(column.strip().casefold(), "")


def heads(names: Iterable[Any], where: str) -> tuple[str, ...]:
    """Return the names of columns without outer spaces; an empty one is of a column that is not used.

    Raises:
        ConfigError: none has a name.
    """
    columns = tuple("" if is_missing(name) else str(name).strip() for name in names)
    if not any(columns):
        raise wrong(where, _("it names no column"), do="prompt,model,orientation")
    return columns


@dataclass(frozen=True)
class Row:
    """A row. Its methods raise ``ConfigError`` where two columns are called so, or the one that is used has no text.

    Args:
        where: says where it is, such as ``a.csv, line 3``.
        columns: their own names; empty for one that is not used.
        cells: as they are in the source, one for each column.
    """

    where: str
    columns: tuple[str, ...]
    cells: tuple[Any, ...]

    @classmethod
    def of_table(cls, where: str, columns: Sequence[str], cells: Sequence[Any]) -> "Row":
        """Make a row of a table; cells that it lacks are empty, and what is behind the last name has to be.

        Raises:
            ConfigError: there are more cells than names, as behind a comma that is not quoted.
        """
        named = max(place for place, name in enumerate(columns, start=1) if name)
        if not all(map(is_empty, cells[named:])):
            more, quote = _("there are more cells than named columns"), _('Put a text with commas in quotes: "a, b"')
            raise wrong(where, more, do=quote)
        return cls(where, tuple(columns[:named]), (*cells[:named], *[""] * (named - len(cells))))

    @property
    def names(self) -> list[str]:
        """The names of the columns that have one."""
        return [name for name in self.columns if name]

    def listing(self) -> str:
        """Return the names of the columns as a part of a sentence."""
        return _("columns: ") + ", ".join(self.names)

    @property
    def empty(self) -> bool:
        """Whether no column with a name holds anything."""
        return all(is_empty(cell) for name, cell in zip(self.columns, self.cells, strict=True) if name)

    def meant(self, kind: str) -> str:
        """Return the text of the column for a prompt, a model, an orientation or a style; empty for none."""
        place = self._only(kind, _SPELLINGS[-1:])
        return "" if place is None else self._text(self.cells[place], self.columns[place])

    def place(self, word: str) -> int | None:
        """Return the place of the column that a word names; in its own spelling, in any case, or in both languages."""
        return self._only(word, _SPELLINGS)

    def holds(self, word: str) -> bool:
        """Tell whether a column is called so and is not empty."""
        place = self.place(word)
        return place is not None and not is_empty(self.cells[place])

    def text(self, word: str) -> str | None:
        """Return the text of a column, or with dots in the word of a part of its object; None if there is none."""
        value = self._value(word)
        return None if value is _NOTHING else self._text(value, word)

    def fill(self, template: str, names: Mapping[str, Any]) -> tuple[str, set[str]]:
        """Put the row into a prompt; return it, and the words in it that name columns.

        ``{{column}}`` is a column by its name, whatever letters and spaces are in that; in any other expression, as in
        ``{{tags[0]}}``, a column's name is the cell: a text, or the list or object that is there.

        Args:
            template: with ``{{column}}``.
            names: further names; the row's columns win over them.

        Raises:
            ConfigError: also as :func:`~wenwen_magic.text.template.interpolate`.
        """
        own: dict[str, Any] = {}
        expressions, words, odd = _parts(template)
        for word in expressions:
            if (text := self.text(word)) is not None:
                own[word] = text
            elif word in odd:
                what = _("No column is called {word!r}; nothing was sent.", word=word[:80])
                raise ConfigError(what, why=self.listing(), do=did_you_mean(word, self.names))
        for word in words - own.keys():
            # A column called Max or ID is no function in an expression.
            function = word not in self.columns and hasattr(builtins, word)
            if not function and (value := self._value(word)) is not _NOTHING:
                own[word] = _as_text(value)
        known = {**names, **dict.fromkeys(self.names), **own}  # the other columns: to name the nearest
        return interpolate(template, known), set(own)

    def _value(self, word: str) -> Any:
        place = self.place(word)
        if place is not None:
            return self.cells[place]
        return _within(dict(zip(self.columns, self.cells, strict=True)), word) if "." in word else _NOTHING

    def _only(self, word: str, spellings: tuple[Callable[[str], str], ...]) -> int | None:
        places = _called(self.columns, word, spellings)
        if len(places) > 1:
            raise wrong(self.where, _("two columns are called {twice!r}", twice=word[:80]))
        return next(iter(places), None)

    def _text(self, value: Any, column: str) -> str:
        try:
            text = _as_text(value)
        except (ValueError, OverflowError) as error:  # more digits than Python converts
            raise wrong(self.where, str(error)) from None
        if isinstance(text, str):
            return text
        name = column[:80]
        raise wrong(
            self.where,
            _("{name!r} holds {kind}, which is not text", name=name, kind=type(value).__name__),
            do=_(
                "Name the part that is meant: {{{{{name}[0]}}}} of a list, {{{{{name}.part}}}} of an object", name=name
            ),
        )


# All rows of a table have the same columns, and a cell has one template: what is found in them is kept.


@lru_cache(maxsize=64)
def _parts(template: str) -> tuple[list[str], set[str], set[str]]:
    """Return the expressions in a template, the names in them, and those that are no Python and may be columns."""
    expressions = expressions_in(template)
    odd = {one for one in expressions if _TWO_WORDS.fullmatch(one) and not is_expression(one)}
    return expressions, names_in(template), odd


_SPELLINGS: tuple[Callable[[str], str], ...] = (str, str.casefold, lambda name: meaning(name) or name)
"""How a name of a column is compared with a word: as it is written, in any case, in both languages."""


@lru_cache(maxsize=256)
def _called(columns: tuple[str, ...], word: str, spellings: tuple[Callable[[str], str], ...]) -> list[int]:
    """Return the places of the columns that are called so in the first spelling in which any is."""
    for spelled in spellings:
        if places := [place for place, name in enumerate(columns) if name and spelled(name) == spelled(word)]:
            return places
    return []


def _within(value: Any, path: str) -> Any:
    """Return what is in an object under names with dots between them."""
    for name in value if isinstance(value, Mapping) else ():
        typed, wanted = str(name).casefold(), path.casefold()
        if typed == wanted:
            return value[name]
        if typed and wanted.startswith(f"{typed}."):
            found = _within(value[name], path[len(typed) + 1 :])
            if found is not _NOTHING:
                return found
    return _NOTHING


def is_missing(value: Any) -> bool:
    """Tell whether a value stands for none: None, NaN, or what pandas has for them."""
    return type(value).__name__ in _MISSING or (isinstance(value, Number) and bool(value != value))  # noqa: PLR0124  NaN


def is_empty(value: Any) -> bool:
    """Tell whether a cell holds nothing: no value, spaces, or a list or object without content."""
    content = value.strip() if isinstance(value, str) else value
    return is_missing(value) or (isinstance(content, (str, list, dict)) and not content)


def _as_text(value: Any) -> Any:
    """Return the text of a text, a number, a date or nothing; anything else as it is."""
    if is_missing(value):
        return ""
    if type(value).__name__ in _BOOLS:
        return str(value).lower()
    if not isinstance(value, (str, Number, date, time)):
        return value
    whole = False
    with suppress(OverflowError):  # pandas gives the whole numbers of a column with gaps as 7.0
        whole = isinstance(value, Real) and abs(float(value)) < _LARGEST_WHOLE and float(value).is_integer()
    return (f"{float(value):.0f}" if whole else str(value)).strip()  # type: ignore[arg-type]
