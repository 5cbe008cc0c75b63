"""Reads the rows of many prompts, finished requests among them, from whatever a person hands over."""

from collections.abc import Iterator, Mapping
from typing import Any

from wenwen_magic import promptlist
from wenwen_magic.errors import ConfigError
from wenwen_magic.language import say
from wenwen_magic.records import ImageRequest


def is_lasting(source: Any) -> bool:
    """Whether a source can be read twice: a file, a list or a table can, a generator cannot."""
    return not isinstance(source, Iterator)


def rows(source: Any) -> Iterator[Any]:
    """The rows of a source; requests as they are."""
    mixed = isinstance(source, Iterator) or (
        isinstance(source, (list, tuple)) and any(isinstance(item, ImageRequest) for item in source)
    )
    if not mixed:
        yield from promptlist.read(source)
        return
    for item in source:
        yield from [item] if isinstance(item, ImageRequest) else promptlist.read([item])


def prompt_of(row: Mapping[str, str]) -> str:
    """The prompt of a row that is no template's.

    Raises:
        ConfigError: it has none.
    """
    if not row.get("prompt"):
        raise ConfigError(
            say("There is no column called prompt.", "没有名为 prompt（提示词）的列。"),
            why=", ".join(row),
            do=say("Name it so, or write a prompt with {{column}}.", "请如此命名，或在提示词中写 {{列名}}。"),
        )
    return row["prompt"]
