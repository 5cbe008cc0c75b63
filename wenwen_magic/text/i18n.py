"""Choose the language of messages, and translate them with the gettext catalogues in ``locale/``."""

import gettext
import locale
import os
import re
import unicodedata
from contextvars import ContextVar
from functools import cache
from pathlib import Path

_DOMAIN = "wenwen_magic"
_CATALOGUES = {"zh": "zh_CN"}
"""The folder of each language that has a catalogue; messages stand in English in the code."""
_chosen: ContextVar[str] = ContextVar("wenwen_language", default="")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def _(message: str, /, **values: object) -> str:
    """Translate a message into the chosen language and fill in its values.

    Args:
        message: the English text, with ``{name}`` where a value goes in.
        **values: the values by name; without any the text is taken as it is, braces included.
    """
    text = _catalogue(spoken()).gettext(message)
    return text.format(**values) if values else text


def ngettext(one: str, many: str, /, count: int, **values: object) -> str:
    """Translate a message whose words depend on a count, which is also the value ``{count}``."""
    return _catalogue(spoken()).ngettext(one, many, count).format(count=count, **values)


def N_(message: str) -> str:  # noqa: N802  the usual name of gettext's mark
    """Mark a message of a table for the catalogue; it is translated by :func:`_` where it is shown."""
    return message


def in_every_language(message: str) -> tuple[str, ...]:
    """Return a message as it stands in the code and in each catalogue, for searches that know no language."""
    return (message, *(_catalogue(language).gettext(message) for language in _CATALOGUES))


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    names = [_CATALOGUES[language]] if language in _CATALOGUES else []
    return gettext.translation(_DOMAIN, Path(__file__).with_name("locale"), names, fallback=True)


def is_chinese(text: str) -> bool:
    """Tell whether a text holds at least one Chinese character."""
    return bool(_HAN.search(text))


def speak(language: str, *, prompt: str = "") -> None:
    """Choose the language of the messages to come, in this thread of work.

    Args:
        language: ``zh``, ``en``, or ``auto``: Chinese for a Chinese prompt, else what the system's locale says.
        prompt: the text whose language decides when ``auto`` is given.
    """
    _chosen.set(("zh" if is_chinese(prompt) else "") if language == "auto" else language)


def say(english: str, chinese: str) -> str:
    """Give one of two versions of a sentence, by the language chosen with :func:`speak`."""
    return chinese if spoken() == "zh" else english


def spoken() -> str:
    """Return the language of messages: ``zh`` for Chinese, anything else for English."""
    return _chosen.get() or _system_language()


def comma() -> str:
    """Return the separator of a list."""
    return _(", ")


def _system_language() -> str:
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = next((name for name in names if name), "") or (locale.getlocale()[0] or "")
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"


def padded(text: str, width: int) -> str:
    """Pad a text with spaces to a width in columns; a Chinese character takes two."""
    return text + " " * (width - columns(text))


def columns(text: str) -> int:
    """Return the width of a text in columns of a fixed-width font; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
