"""Says a sentence in the language of the person at the notebook: Chinese or English."""

import locale
import os
import re
import unicodedata
from contextvars import ContextVar

_chosen: ContextVar[str] = ContextVar("wenwen_language", default="")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


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
    """The language of the messages to come: ``zh`` for Chinese, anything else for English."""
    return _chosen.get() or _system_language()


def comma() -> str:
    """What stands between the members of a list."""
    return "，" if spoken() == "zh" else ", "


def _system_language() -> str:
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = next((name for name in names if name), "") or (locale.getlocale()[0] or "")
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"


def padded(text: str, width: int) -> str:
    """The text with spaces after it up to a width in columns; a Chinese character takes two."""
    return text + " " * (width - columns(text))


def columns(text: str) -> int:
    """How wide a text is where all letters are as wide as one another; a Chinese character takes two columns."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
