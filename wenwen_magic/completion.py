"""Completes a magic's line: options, and the values of those that have a fixed set."""

from collections.abc import Sequence

from wenwen_magic.options import NAMES, ORIENTATION_WORDS
from wenwen_magic.records import MODES

_VALUES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("-o", "--orientation", "--方向"): tuple(ORIENTATION_WORDS),
    ("--mode", "--模式"): MODES,
    ("--format", "--格式"): ("chat",),
}
_MODEL = ("-m", "--model", "--模型")


def complete(line: str, models: Sequence[str]) -> list[str]:
    """Words that could stand at the end of a magic's line.

    Args:
        line: the line up to the cursor, the magic's name included.
        models: known models' names.
    """
    words = line.split()
    start = "" if line[-1:].isspace() else words.pop()
    before = words[-1] if words else ""
    if before in _MODEL:
        known: Sequence[str] = models
        start = start.rpartition(",")[2]
    else:
        known = next((values for names, values in _VALUES.items() if before in names), NAMES)
    return [word for word in known if word.startswith(start)]
