"""Puts Python values into a prompt: ``{{expression}}``, once; every other brace stays as typed."""

import builtins
import re
from collections.abc import Mapping
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.language import say
from wenwen_magic.nearest import nearest

_EXPRESSION = re.compile(r"([^\W\d]\w*)(?:\[[^\[\]]+\]|\.[^\W\d]\w*)*")


def interpolate(text: str, names: Mapping[str, Any]) -> str:
    """Replace each ``{{expression}}`` by its value; inserted values are not looked at again.

    Args:
        text: as the user typed it.
        names: the notebook's names.

    Raises:
        ConfigError: a name is not defined (the text names the nearest one), or the expression fails.
    """
    pieces: list[str] = []
    at = 0
    while (start := text.find("{{", at)) >= 0 and (end := text.find("}}", start + 2)) >= 0:
        expression = text[start + 2 : end].strip()
        pieces += [text[at:start], _as_text(expression, names) if end > start + 2 else "{{}}"]
        at = end + 2
    return "".join([*pieces, text[at:]])


def _as_text(expression: str, names: Mapping[str, Any]) -> str:
    value = value_of(expression, names)
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  whatever an object raises when it is asked for its text
        raise _failed(expression, error) from None


def value_of(expression: str, names: Mapping[str, Any]) -> Any:
    """The value of an expression in the notebook's names.

    Raises:
        ConfigError: as :func:`interpolate`.
    """
    try:
        return eval(expression, dict(names))  # noqa: S307  the user's own expression in the user's own names
    except NameError as error:
        missing = error.name or expression
        raise ConfigError(
            say(f"{missing!r} is not defined; nothing was sent.", f"{missing!r} 没有定义；没有发送任何请求。"),
            do=_nearest(missing, names),
        ) from None
    except Exception as error:  # noqa: BLE001  whatever the expression raises, nothing may be sent
        raise _failed(expression, error) from None


def known_value(word: str, names: Mapping[str, Any]) -> Any:
    """What a word is in the notebook's names: a variable or a part of one; None for anything else.

    Raises:
        ConfigError: as :func:`interpolate`, for a part that is not there.
    """
    expression = _EXPRESSION.fullmatch(word)
    known = expression is not None and expression.group(1) in names
    return value_of(word, names) if known else None


def _failed(expression: str, error: Exception) -> ConfigError:
    return ConfigError(
        say(
            f"{{{{{expression}}}}} cannot be evaluated; nothing was sent.",
            f"无法计算 {{{{{expression}}}}}；没有发送任何请求。",
        ),
        why=f"{type(error).__name__}: {error}",
        do=say("Correct it, or send the text as it is: --raw", "请改正它，或原样发送：--raw"),
    )


def _nearest(missing: str, names: Mapping[str, Any]) -> str:
    known = [name for name in (*names, *dir(builtins)) if not name.startswith("_")]
    if near := nearest(missing, known):
        return say(f"Did you mean {{{{{near}}}}}?", f"是不是 {{{{{near}}}}}？")
    return say(
        "Define it in a cell above, or send the text as it is: --raw", "请先在上面的单元格中定义它，或原样发送：--raw"
    )
