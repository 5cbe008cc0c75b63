"""Reads the axes of a comparison and lays out every combination of their values."""

import itertools
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wenwen_magic.errors import ConfigError
from wenwen_magic.records import ORIENTATION_WORDS, Label
from wenwen_magic.text.i18n import _
from wenwen_magic.text.suggest import did_you_mean

Kind = Literal["model", "orientation", "style", "param", "name"]
_WORDS: Mapping[str, Kind] = {
    "model": "model",
    "模型": "model",
    "orientation": "orientation",
    "方向": "orientation",
    "style": "style",
    "风格": "style",
}
_PARAM = "param."
_WHOLE_EXPRESSION = re.compile(r"\s*\{\{((?:(?!\}\}).)+)\}\}\s*", re.DOTALL)
_PART = re.compile(r"(?:\{\{.*?\}\}|[^;；])+", re.DOTALL)
MOST = 400
"""Combinations that one cell may ask for."""


@dataclass(frozen=True)
class Axis:
    """One thing that is varied.

    Args:
        kind: what it is: a field of the request, a style, a parameter that is passed through, or a name in the prompt.
        name: what its header says; a parameter's or a prompt's name.
        values: at least one, all different.
    """

    kind: Kind
    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Combination:
    """One cell of the grid: a value on every axis.

    Args:
        axes: in their order.
        values: one each.
    """

    axes: tuple[Axis, ...]
    values: tuple[Any, ...]

    def of(self, kind: Kind) -> Any:
        """The value on the axis of a kind that stands once: model, orientation, style; None for no such axis."""
        return next((value for axis, value in self._pairs() if axis.kind == kind), None)

    def all_of(self, kind: Kind) -> dict[str, Any]:
        """The values on the axes of a kind that may stand several times, by name: param, name."""
        return {axis.name: value for axis, value in self._pairs() if axis.kind == kind}

    @property
    def label(self) -> Label:
        """Where in the table it stands."""
        return tuple((axis.name, str(value)) for axis, value in self._pairs())

    def _pairs(self) -> Iterator[tuple[Axis, Any]]:
        return zip(self.axes, self.values, strict=True)


@dataclass(frozen=True)
class Names:
    """What stands in for expressions between braces.

    Args:
        value_of: evaluates one.
        fill: replaces those in a text.
    """

    value_of: Callable[[str], Any]
    fill: Callable[[str], str]


def axes(models: Sequence[str], grid: Sequence[str], names: Sequence[str], known: Names) -> tuple[Axis, ...]:
    """The axes of a comparison, in the order they were given.

    Args:
        models: of ``-m``; one alone is no axis.
        grid: texts like ``model=a;b``, ``方向=横屏；竖屏``, ``param.quality=low;high``.
        names: texts like ``animal=猫;狗``, or ``animal={{a_list}}``: values for ``{{animal}}`` in the prompt.
        known: what stands in for expressions between braces.

    Raises:
        ConfigError: an unknown axis, one without values, one given twice, or too many combinations.
    """
    found = [Axis("model", "model", _different(models))] if len(models) > 1 else []
    found += [_axis(text, _grid_kind, known) for text in grid]
    found += [_axis(text, _name_kind, known) for text in names]
    given = [axis.name for axis in found]  # a header and a vote know an axis by its name alone
    if twice := next((name for name in given if given.count(name) > 1), ""):
        raise ConfigError(
            _("The axis {twice} is given twice.", twice=twice),
            do=_("Put all its values into one."),
        )
    if (count := math.prod(len(axis.values) for axis in found)) > MOST:
        raise ConfigError(
            _("{count} combinations are more than {most}.", count=count, most=MOST),
            do=_("Nothing was sent. Leave some values out."),
        )
    return tuple(found)


def combinations(found: Sequence[Axis]) -> list[Combination]:
    """Every combination, the last axis changing fastest; of no axes there is one."""
    return [Combination(tuple(found), values) for values in itertools.product(*(axis.values for axis in found))]


def _axis(text: str, kind_of: Callable[[str], tuple[Kind, str]], known: Names) -> Axis:
    name, sign, values = re.sub("＝", "=", text, count=1).partition("=")
    if not sign or not name.strip():
        raise ConfigError(
            _("{text!r} names no values.", text=text[:60]),
            do='--grid "model=a;b"   --for "animal=猫;狗"',
        )
    kind, name = kind_of(unicodedata.normalize("NFKC", name).strip())
    found = _values(values, known)
    if kind == "orientation":  # square and 方形 are one
        found = [ORIENTATION_WORDS.get(value, value) for value in found]
    return Axis(kind, name, _different(found))


def _values(text: str, known: Names) -> Sequence[Any]:
    """What stands between the semicolons; a single expression may be a list of its own."""
    if expression := _WHOLE_EXPRESSION.fullmatch(text):
        value = known.value_of(expression.group(1).strip())
        several = hasattr(value, "__iter__") and not isinstance(value, str)
        parts = [str(one) for one in (value if several else [value])]
    else:
        parts = [known.fill(part) for part in _PART.findall(text)]
    parts = [part.strip() for part in parts if part.strip()]
    if not parts:
        raise ConfigError(_("{text!r} holds no values.", text=text[:60]), do='--grid "model=a;b"')
    return parts


def _different(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _grid_kind(name: str) -> tuple[Kind, str]:
    if name.startswith(_PARAM) and len(name) > len(_PARAM):
        return "param", name[len(_PARAM) :]
    if name.lower() not in _WORDS:
        raise ConfigError(
            _("There is no axis {name!r}.", name=name[:60]),
            do=did_you_mean(name, [*_WORDS, "param.NAME"]) + _(' Words in the prompt vary with --for "name=a;b".'),
        )
    return _WORDS[name.lower()], _WORDS[name.lower()]


def _name_kind(name: str) -> tuple[Kind, str]:
    if not name.isidentifier():
        raise ConfigError(
            _("{name!r} cannot be a name in the prompt.", name=name[:60]),
            do='--for "animal=猫;狗"',
        )
    return "name", name
