"""Put Python values into a prompt: ``{{expression}}``, once; every other brace stays as typed."""

import ast
import builtins
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import _
from wenwen_magic.text.suggest import nearest

_SHORT = 2
# Braces that are never closed take the rest of the text, so that it is read once.
_BRACES = re.compile(r"\{\{(.*?)(\}\}|\Z)", re.DOTALL)
_EXPRESSION = re.compile(r"([^\W\d]\w*)(?:\[[^\[\]]+\]|\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Unseen:
    """Stands in the place of a name that belongs to a function (empty: nobody knows which) and cannot be read."""

    name: str
    function: str


def interpolate(text: str, names: Mapping[str, Any]) -> str:
    """Replace each ``{{expression}}`` by its value; inserted values are not expanded again.

    Args:
        text: the text as the user typed it.
        names: the notebook's variables by name.

    Raises:
        ConfigError: a name is not defined (the message names the nearest one) or is an :class:`Unseen`, the
            expression fails, or its value has no text but what Python writes for objects, such as a picture's.
    """

    def filled(found: re.Match[str]) -> str:
        return _as_text(found[1].strip(), names) if found[1] and found[2] else found[0]

    return _BRACES.sub(filled, text)


def expressions_in(text: str) -> list[str]:
    """Return the expressions in a text, without outer spaces."""
    return [expression.strip() for expression, closed in _BRACES.findall(text) if expression and closed]


def is_expression(text: str) -> bool:
    """Tell whether a text is an expression of Python."""
    return _tree(text) is not None


def names_in(text: str) -> set[str]:
    """Return the names that the expressions in a text use; an expression that is not Python has none."""
    return set().union(*map(_names_of, expressions_in(text)))


def _names_of(expression: str) -> set[str]:
    tree = _tree(expression)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if tree else set()


def _tree(expression: str) -> ast.AST | None:
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.parse(expression, mode="eval")
    return None


def _as_text(expression: str, names: Mapping[str, Any]) -> str:
    value = value_of(expression, names)
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001  an object's own code makes its text
        raise _failed(expression, error) from None
    if text.startswith("<") and text == repr(value):  # a picture, a function: no model should read that
        raise ConfigError(
            _("{{{{{expression}}}}} is no text; nothing was sent.", expression=expression),
            why=text[:120],
            do=_("Put in a text. A picture goes along with --ref."),
        )
    return text


def value_of(expression: str, names: Mapping[str, Any]) -> Any:
    """Evaluate an expression with the notebook's variables; ConfigError as for :func:`interpolate`."""
    for name in sorted(_names_of(expression)):
        if isinstance(value := names.get(name), Unseen):
            raise _unseen(value)
    if expression in names:  # a column's name may be no Python
        return names[expression]
    try:
        return eval(expression, dict(names))  # noqa: S307  the user's own expression and variables
    except NameError as error:
        missing = error.name or expression
        raise ConfigError(
            _("{missing!r} is not defined; nothing was sent.", missing=missing),
            do=_nearest(missing, names),
        ) from None
    except Exception as error:  # noqa: BLE001  an expression may raise anything; nothing may be sent
        raise _failed(expression, error) from None


def known_value(word: str, names: Mapping[str, Any]) -> Any:
    """Return the value of a variable or a part of one; None for any other word, ConfigError for a part it lacks."""
    expression = _EXPRESSION.fullmatch(word)
    known = expression is not None and expression.group(1) in names
    return value_of(word, names) if known else None


def _unseen(hidden: Unseen) -> ConfigError:
    if not hidden.function:
        return ConfigError(
            _("It cannot be seen here whose {name!r} is meant; nothing was sent.", name=hidden.name),
            why=_("A thread or a callback runs the magic directly: there is no function around it and no cell."),
            do=_("Give it a function that runs the magic: lambda: get_ipython().run_line_magic(…)"),
        )
    return ConfigError(
        _("{name!r} of {function} cannot be seen here; nothing was sent.", name=hidden.name, function=hidden.function),
        why=_("It has no value yet, or belongs to a function around this one whose code here does not use it."),
        do=_("Give it a value above, or hand it to this function as an argument."),
    )


def _failed(expression: str, error: Exception) -> ConfigError:
    return ConfigError(
        _("{{{{{expression}}}}} cannot be evaluated; nothing was sent.", expression=expression),
        why=f"{type(error).__name__}: {error}",
        do=_("Correct it, or send the text as it is: --raw"),
    )


def _nearest(missing: str, names: Mapping[str, Any]) -> str:
    also = dir(builtins) if len(missing) > _SHORT else ()  # almost any name is near to one or two letters
    known = [name for name in (*names, *also) if not name.startswith("_")]
    if near := nearest(missing, known):
        return _("Did you mean {{{{{near}}}}}?", near=near)
    return _("Define it in a cell above, or send the text as it is: --raw")
