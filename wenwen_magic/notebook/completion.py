"""Completes a magic's line: options, and the values of those that have a fixed set."""

from collections.abc import Callable, Sequence

from wenwen_magic.notebook.options import NAMES
from wenwen_magic.text.vocabulary import MODES, ORIENTATION_WORDS

_VALUES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("-o", "--orientation", "--方向"): tuple(ORIENTATION_WORDS),
    ("--mode", "--模式"): MODES,
}
_MODEL = ("-m", "--model", "--模型")
_STYLE = ("--style", "--风格")
_FORMAT = ("--format", "--格式")
_FREE = (
    *("-n", "--count", "--张数", "--take", "--第几张", "--timeout", "--超时", "--param", "--参数", "--ref", "--参考"),
    *("--grid", "--网格", "--for", "--对", "--from", "--来自", "--budget", "--预算"),
)


def complete(
    line: str, models: Sequence[str], styles: Sequence[str] = (), formats: Callable[[], Sequence[str]] = tuple
) -> list[str]:
    """Words that could stand at the end of a magic's line.

    Args:
        line: the line up to the cursor, the magic's name included.
        models: known models' names.
        styles: known styles' names.
        formats: gives the formats' names; called only when one is wanted, for that loads them.
    """
    words = line.split()
    start = words.pop() if words and not line[-1:].isspace() else ""
    name, sign, value = start.partition("=")
    before, start = (name, value) if sign else (words[-1] if words else "", start)
    if before in _MODEL:
        known: Sequence[str] = models
        start = start.rpartition(",")[2]
    elif before in _STYLE:
        known = styles
    elif before in _FORMAT:
        known = formats()
    elif before in _FREE:
        known = ()
    else:
        known = next((values for names, values in _VALUES.items() if before in names), NAMES)
    return [word for word in known if word.startswith(start)]
