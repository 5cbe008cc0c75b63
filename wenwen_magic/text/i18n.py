"""Choose the language of messages, and translate them with the gettext catalogues in ``locale/``."""

import gettext
import locale
import os
import re
import unicodedata
from contextlib import suppress
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path

_DOMAIN = "wenwen_magic"
_LOCALE = Path(__file__).with_name("locale")
_CATALOGUES = {folder.name.partition("_")[0]: folder.name for folder in sorted(_LOCALE.glob("[a-z]*"))}
"""The folder of each language that has a catalogue, by its code, such as ``zh``: ``zh_CN``."""
LANGUAGES = ("en", *_CATALOGUES)
"""The languages of messages; those of the code itself are English."""
_chosen: ContextVar[str] = ContextVar("wenwen_language", default="")
_decided = ""
"""The language that ``auto`` means in this process; empty until it is known."""
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
    """Return a message as it is in the code and in each catalogue, for searches that know no language."""
    return (message, *(_catalogue(language).gettext(message) for language in _CATALOGUES))


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    names = [_CATALOGUES[language]] if language in _CATALOGUES else []
    return gettext.translation(_DOMAIN, _LOCALE, names, fallback=True)


@lru_cache(64)  # several parts of a cell ask about the same prompt
def is_chinese(text: str) -> bool:
    """Tell whether a text holds at least one Chinese character."""
    return bool(_HAN.search(text))


def speak(language: str, *, prompt: str = "") -> None:
    """Choose the language of the messages to come, in this context and the threads that inherit it.

    ``auto`` is decided once for the process: the reader's own language where the system or JupyterLab names one, else
    that of the first prompt.

    Args:
        language: ``auto``, or one of :data:`LANGUAGES`.
        prompt: what the reader typed.
    """
    global _decided  # noqa: PLW0603  one kernel has one reader
    if language == "auto" and not _decided:
        _decided = _readers_language() or _language_of(prompt)
    _chosen.set(_decided if language == "auto" else language)


def _language_of(prompt: str) -> str:
    """Return the language of a prompt; empty for one without letters of its own, such as ``{{prompt}}``."""
    if is_chinese(prompt):
        return "zh"
    return "en" if any(map(str.isalpha, re.sub(r"\{\{.*?\}\}", "", prompt, flags=re.DOTALL))) else ""


def spoken() -> str:
    """Return the language of messages, one of :data:`LANGUAGES`."""
    return _chosen.get() or _decided or _readers_language() or "en"


def comma() -> str:
    """Return the separator of a list."""
    return _(", ")


def _readers_language() -> str:
    """Return the language that JupyterLab or the locale names, English for an unknown one; empty where none is."""
    name = _jupyterlab_locale() if "JPY_SESSION_NAME" in os.environ else ""  # a Jupyter server started this kernel
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        name = name or os.environ.get(variable, "")
    name = name or locale.setlocale(locale.LC_CTYPE)  # not getlocale(), which calls C.UTF-8 en_US
    if name.partition(".")[0].upper() in {"", "C", "POSIX", "UTF-8"}:
        return ""
    code = re.split(r"[_\W]", name.lower().replace("chinese", "zh"))[0]  # Windows spells the language out
    return code if code in LANGUAGES else "en"


def _jupyterlab_locale() -> str:
    """Return the display language chosen in JupyterLab's settings; empty where none is, or it cannot be read.

    Source: https://jupyterlab.readthedocs.io/en/stable/user/directories.html (user-settings) and the schema of
    @jupyterlab/translation-extension, whose value ``default`` leaves the choice to the system.
    """
    with suppress(OSError, ValueError, RuntimeError):
        config = Path(os.environ.get("JUPYTER_CONFIG_DIR") or Path.home() / ".jupyter")
        folder = Path(os.environ.get("JUPYTERLAB_SETTINGS_DIR") or config / "lab" / "user-settings")
        path = folder / "@jupyterlab" / "translation-extension" / "plugin.jupyterlab-settings"
        # The file is JSON with comments.
        chosen = re.search(r'^\s*"locale"\s*:\s*"(\w+)"', path.read_text("utf-8"), re.MULTILINE)
        return chosen[1] if chosen and chosen[1] != "default" else ""
    return ""


def padded(text: str, width: int) -> str:
    """Pad a text with spaces to a width in columns; a Chinese character takes two."""
    return text + " " * (width - text_width(text))


def text_width(text: str) -> int:
    """Return the width of a text in columns of a fixed-width font; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
