"""Completes what is typed for our magics: options and their values, commands, variables and files; sends nothing."""

import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Number
from pathlib import Path
from types import ModuleType
from typing import Any

from wenwen_magic.notebook.cell_lines import magic_before
from wenwen_magic.notebook.commands.registry import by_name
from wenwen_magic.notebook.options import Option, folded, table_of
from wenwen_magic.records import Gallery
from wenwen_magic.settings import Settings

_OPEN = re.compile(r"\{\{((?:(?!\}\}).)*)$", re.DOTALL)
_PART = re.compile(r"([^\W\d]\w*)([.\[])")
_MOST = 200
"""Files of a folder, and parts of a list, that are offered."""
_LESSONS = (".zip", ".png", ".jpg", ".jpeg", ".webp")
"""The endings of files that commands take."""
Completion = tuple[str, list[str]]
"""The piece of text before the cursor that is replaced, and the words for its place."""


def complete(before: str, settings: Callable[[], Settings], names: Mapping[str, Any]) -> Completion | None:
    """Return what may stand at the end of a text; None where that belongs to no magic of ours.

    Args:
        before: the cell up to the cursor.
        settings: gives the settings; called only for values that depend on them.
        names: the notebook's variables.
    """
    if (found := magic_before(before)) is None:
        return None
    magic, typed = found
    if expression := _OPEN.search(typed):
        start = re.findall(r"[\w.]*$", expression[1])[0]
        return None if "." in start else _beginning(start, _variables(names))
    if "\n" in typed:  # the text of the cell
        return "", []
    if magic == "wenwen":
        return _command(typed, settings, names)
    return _option(typed, table_of(magic), settings, names)


def _command(typed: str, settings: Callable[[], Settings], names: Mapping[str, Any]) -> Completion:
    """Complete a command, or what it takes."""
    name, space, rest = typed.lstrip().partition(" ")
    commands = by_name()
    if not space:
        return _beginning(name, commands)
    if name not in commands:
        return "", []
    start = _last(rest)
    takes = set(re.findall(r"\w+", commands[name].usage or ""))
    if start.startswith("-") or not takes & {"ID", "NAME", "FILE", "off", "command"}:
        return _option(rest, commands[name].options, settings, names)
    words = [*(commands if "command" in takes else ()), *(["off"] if "off" in takes else ())]
    if takes & {"ID", "NAME", "FILE"}:
        words += [*_values(start, names), *_files(start, _LESSONS)]
    return _beginning(start, words)


def _option(
    typed: str, table: Sequence[Option], settings: Callable[[], Settings], names: Mapping[str, Any]
) -> Completion:
    """Complete an option, or a value of the option before the cursor."""
    options = {name: option for option in table for name in option.names}
    start = _last(typed)
    words = typed[: len(typed) - len(start)].split()
    name, sign, value = start.partition("=")
    option, short = None, options.get(start[:2])
    if sign and name in options:
        option, start = options[name], value
    elif re.match(r"-[A-Za-z].", start) and short and short.parse:  # a value that hangs on a short name
        option, start = short, start[2:]
    else:
        at = len(words) - 1
        while at > 0 and folded(words[at]).endswith(","):
            at -= 1  # a list continues after a comma and a space
        option = options.get(words[at]) if words else None
        if option and not option.listed and at < len(words) - 1:
            option = None
    if option is None or option.parse is None:
        return _beginning(start, options)
    start = re.split("[,，、]", start)[-1] if option.listed else start
    choices = option.choices(settings()) if callable(option.choices) else option.choices
    if option.files:
        choices = [*choices, *_values(start, names), *_files(start, option.files)]
    return _beginning(start, choices)


def _last(typed: str) -> str:
    return "" if not typed or typed[-1].isspace() else typed.rsplit(maxsplit=1)[-1]


def _beginning(start: str, words: Sequence[str] | Mapping[str, Any]) -> Completion:
    """Return the words that begin like a piece, in any case."""
    return start, [word for word in words if word.strip('"').casefold().startswith(start.strip("\"'").casefold())]


def _variables(names: Mapping[str, Any]) -> list[str]:
    return [name for name in names if not name.startswith("_")]


def _values(start: str, names: Mapping[str, Any]) -> list[str]:
    """Return the variables that may hold a picture or a list, or the parts of the one that is typed."""
    part = _PART.match(start)
    if part is None or part[1] not in names:
        others = (Number, ModuleType, type, type(None))
        return [name for name in _variables(names) if not isinstance(names[name], others) and not callable(names[name])]
    name, value = part[1], names[part[1]]
    if part[2] == ".":
        return [f"{name}.images[{place}]" for place in range(len(getattr(value, "images", ())))]
    if isinstance(value, Mapping):
        return [f"{name}[{key!r}]" for key in list(value)[:_MOST]]
    listed = isinstance(value, (list, tuple, Gallery))
    return [f"{name}[{place}]" for place in range(min(len(value), _MOST))] if listed else []


def _files(start: str, endings: tuple[str, ...]) -> list[str]:
    """Return the files and folders that begin so; in quotes where a space is in the name."""
    folder = start.strip("\"'").rpartition("/")[0] + "/" if "/" in start else ""
    try:
        entries = sorted(Path(folder or ".").expanduser().iterdir())[:_MOST]
        kept = [one for one in entries if one.is_dir() or one.suffix.lower() in endings]
    except (OSError, RuntimeError):  # no such folder, nobody's home
        return []
    paths = [f"{folder}{one.name}{'/' * one.is_dir()}" for one in kept if not one.name.startswith(".")]
    return [f'"{path}"' if " " in path else path for path in paths]
