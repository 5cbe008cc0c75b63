"""Declares the options of ``%wenwen history``: pages, and days in the words that people use."""

import re
from datetime import datetime, timedelta

from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.options import Option
from wenwen_magic.text.i18n import N_, _


def page_number(text: str) -> int:
    """A page's number, from 1.

    Raises:
        ConfigError: it is none.
    """
    if not re.fullmatch(r"0*[1-9]\d{0,8}", text.strip()):
        raise ConfigError(_("There is no page {text!r}.", text=text), do="--page 2")
    return int(text)


_AGO = re.compile(r"(\d{1,4})\s*(h|d|w|小时|天|日|周)")
_HOURS = {"h": 1, "小时": 1, "d": 24, "天": 24, "日": 24, "w": 168, "周": 168}
_DAYS = {"today": 0, "今天": 0, "yesterday": 1, "昨天": 1}


def moment_of(text: str, *, end: bool = False) -> float:
    """A day (2026-11-22), a moment, ``today``, or a time ago (3d, 2w, 12h), in seconds since 1970.

    Args:
        text: as it was typed.
        end: whether the end of a day is meant, and not its beginning.

    Raises:
        ConfigError: it is no day.
    """
    now = datetime.now().astimezone()
    word = text.strip().lower()
    if ago := _AGO.fullmatch(word):
        return (now - timedelta(hours=int(ago.group(1)) * _HOURS[ago.group(2)])).timestamp()
    try:
        day = now.date() - timedelta(days=_DAYS[word]) if word in _DAYS else datetime.fromisoformat(word)
        at = datetime.fromisoformat(day.isoformat()).astimezone()
        whole_day = end and (word in _DAYS or len(word) <= len("2026-11-22"))
        return (at + timedelta(days=1 if whole_day else 0)).timestamp()
    except (ValueError, OverflowError):
        raise ConfigError(
            _("{text!r} is no day.", text=text[:40]),
            do=_("For example: 2026-11-22, today, 3d, 2w"),
        ) from None


HISTORY = (
    Option(("-m", "--model", "--模型"), N_("a piece of the model's name"), str),
    Option(("--since", "--自"), N_("from a day on: 2026-11-22, 3d"), moment_of),
    Option(("--until", "--至"), N_("up to a day"), lambda text: moment_of(text, end=True)),
    Option(("--star", "--星标"), N_("only marked ones")),
    Option(("--failed", "--失败"), N_("only those without a picture")),
    Option(("--page", "--页"), N_("which page"), page_number),
)
