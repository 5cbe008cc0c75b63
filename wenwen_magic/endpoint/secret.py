"""Holds the key so that nothing shows it by accident."""

import logging
import re

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import say


class Secret:
    """A key that prints as ``***``, cannot be pickled, and gives itself only when asked by name.

    Args:
        value: the key; white space around it is dropped.

    Raises:
        ConfigError: it holds spaces, line breaks or letters that cannot stand in an HTTP header; the text does not
            repeat the key.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        value = value.strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            del value  # the frame of an error may be shown
            raise ConfigError(
                say("The key cannot be used as it is.", "这个密钥无法使用。"),
                why=say(
                    "It is empty, or holds spaces, line breaks or letters outside ASCII.",
                    "它是空的，或含有空格、换行或非 ASCII 字符。",
                ),
                do=say(
                    "Copy it again from the relay's site, then: %wenwen key", "请从网站重新复制，然后运行：%wenwen key"
                ),
            )
        self._value = value

    def reveal(self) -> str:
        """Give the key itself; only for the header of a request to the endpoint, and for masking."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a key is not written anywhere")


class _WithoutKeys(logging.Filter):
    """Takes the value of ``key=`` out of the addresses in what is logged."""

    _KEY = re.compile(r"(?<=[?&]key=)[^&\s]+")

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(self._KEY.sub("***", one) if isinstance(one, str) else one for one in record.args)
        return True


def hide_in_log(name: str) -> None:
    """Let a logger tell addresses without the key that a format puts into them.

    Args:
        name: the logger's.
    """
    logging.getLogger(name).addFilter(_WithoutKeys())
