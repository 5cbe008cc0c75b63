"""Declares the options of an image magic, in English and Chinese, and reads their values."""

import json
import math
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.records import ORIENTATION_WORDS
from wenwen_magic.settings import MODES
from wenwen_magic.text.i18n import N_, _, padded
from wenwen_magic.text.suggest import did_you_mean

# A piece of the line: words with no space outside quotes or {{...}}. A quote opens at a piece's beginning or behind
# `=`, anywhere else, or if it is never closed, it is a letter; a backslash keeps a space or a quote from its meaning.
_PIECE = re.compile(r"""(?:(?<![^\s=])"(?:[^"\\]|\\.)*"|(?<![^\s=])'[^']*'|\{\{.*?\}\}|\\[\s"']|\S)+""")
_PLAIN_PIECE = re.compile(_PIECE.pattern.replace(r"\{\{.*?\}\}|", ""))
_QUOTED = re.compile(r"""(?<![^\s=])"(?:[^"\\]|\\.)*"|(?<![^\s=])'[^']*'""")
_DASHES = re.compile(r"^[—–－―]{1,4}(?=[^\W\d_])")
_COMMA_AHEAD = re.compile(r"\s+[,，、]")
_QUOTES = str.maketrans(dict.fromkeys("“”‘’＂＇", ""))


@dataclass(frozen=True)
class Options:
    """What stood on a magic's line.

    Args:
        given: every option that was given, by its long English name.
        words: the rest of the line as typed.
        known: the options that could have been given; empty for any.
    """

    given: dict[str, Any]
    words: str
    known: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or (self.known and name not in self.known):
            raise AttributeError(name)
        return self.given.get(name)


@dataclass(frozen=True)
class Option:
    """An option of a magic.

    Args:
        names: as it may be typed.
        help: a phrase on what it does, marked for translation.
        parse: reads its value; None for an option without one.
        repeat: whether it may be given several times.
        listed: whether its value is a list that goes on behind its commas.
        more: what further values look like, that may follow the first.
        filled: whether ``{{...}}`` in its value is replaced while the line is read.
    """

    names: tuple[str, ...]
    help: str
    parse: Callable[[str], Any] | None = None
    repeat: bool = False
    listed: bool = False
    more: re.Pattern[str] | None = None
    filled: bool = True

    @property
    def destination(self) -> str:
        """Its long English name, as Python spells it."""
        long = next(name for name in self.names if name.startswith("--") and name.isascii())
        return long[2:].replace("-", "_")


def folded(value: str) -> str:
    """Full-width letters and punctuation as their ordinary ones."""
    return unicodedata.normalize("NFKC", value.translate(_QUOTES)).replace("、", ",").strip()


def read_line(line: str, table: Sequence[Option], fill: Callable[[str], str] = str) -> Options:
    """Read a magic's line.

    Args:
        line: all that follows the magic's name.
        table: the options there are.
        fill: puts values into an option's value.

    Raises:
        ConfigError: an unknown option (the text names the nearest) or a value that cannot be.
    """
    by_name = {name: option for option in table for name in option.names}
    taken, words = _sorted_pieces(line, by_name, fill)
    given: dict[str, Any] = {}
    for option, value in taken:
        parsed = option.parse(value) if option.parse else True
        if option.repeat:
            given.setdefault(option.destination, []).extend(parsed if option.listed else [parsed])
        else:
            given[option.destination] = parsed
    return Options(given, words, frozenset(option.destination for option in table))


def _sorted_pieces(
    line: str, by_name: dict[str, Option], fill: Callable[[str], str]
) -> tuple[list[tuple[Option, str]], str]:
    """The options with their values, quotes removed, and the rest of the line as typed."""
    taken: list[tuple[Option, str]] = []
    kept: list[str] = []
    end = 0
    pieces = deque((_PIECE if "}}" in line else _PLAIN_PIECE).finditer(line))
    while pieces:
        piece = pieces.popleft()
        if piece.group() == "--":
            return taken, "".join([*kept, line[piece.end() :]]).strip()
        name, sign, value = _as_option(piece.group(), by_name)
        option = by_name.get(name)
        if option is None:
            kept.append(line[end : piece.start()] + piece.group())
        elif option.parse is None:
            taken.append((option, _flag(name, sign)))
        else:
            values, piece = _Values(name, option, by_name).take(value if sign else None, piece, pieces)
            taken += [(option, _as_read(option, one, fill)) for one in values]
        end = piece.end()
    return taken, "".join(kept).strip()


def _flag(name: str, sign: str) -> str:
    if sign:
        raise ConfigError(_("{name} takes no value.", name=name), do=_("Write {name} alone.", name=name))
    return ""


@dataclass(frozen=True)
class _Values:
    """Takes the values of one option from the pieces behind its name."""

    name: str
    option: Option
    by_name: dict[str, Option]

    def take(
        self, value: str | None, piece: re.Match[str], pieces: deque[re.Match[str]]
    ) -> tuple[list[str], re.Match[str]]:
        """The values as typed, and the piece that ends them."""
        value, piece = self._whole(value, piece, pieces)
        values, more = [value], self.option.more
        while more is not None and pieces and more.fullmatch(pieces[0].group()):
            piece = pieces.popleft()
            values.append(piece.group())
        return values, piece

    def _whole(
        self, value: str | None, piece: re.Match[str], pieces: deque[re.Match[str]]
    ) -> tuple[str, re.Match[str]]:
        """A value, taken from the next piece if it is not there yet; a list goes on behind its commas."""
        if value is None:
            piece = self._next(pieces)
            value = piece.group()
        while pieces and self.option.listed and (folded(value).endswith(",") or _comma_ahead(piece)):
            piece = pieces.popleft()
            value += piece.group()
        return value, piece

    def _next(self, pieces: deque[re.Match[str]]) -> re.Match[str]:
        if not pieces or pieces[0].group() == "--" or pieces[0].group().partition("=")[0] in self.by_name:
            raise ConfigError(
                _("{name} needs a value.", name=self.name),
                do=_("See %%wenwen_image -h"),
            )
        return pieces.popleft()


def _comma_ahead(piece: re.Match[str]) -> bool:
    return bool(_COMMA_AHEAD.match(piece.string, piece.end()))


def _as_option(word: str, by_name: dict[str, Option]) -> tuple[str, str, str]:
    """A piece as an option's name, the sign behind it, and its value; no name for a word that is none."""
    name, sign, value = word.partition("=")
    dashed = _DASHES.sub("--" if len(name) > len("—m") else "-", name)
    if dashed in by_name:
        return dashed, sign, value
    if re.match(r"-[A-Za-z]", word) and word[:2] in by_name and by_name[word[:2]].parse is not None:
        return word[:2], "=", word[2:]  # a value that hangs on a short name: -n3
    if re.match(r"--?[^\W\d_]", word):
        raise ConfigError(
            _("There is no option {name}.", name=name[:60]),
            do=did_you_mean(name, by_name) + _(" Put -- before words that begin with dashes."),
        )
    return "", "", ""


def _as_read(option: Option, value: str, fill: Callable[[str], str]) -> str:
    """An option's value without quotes, expressions put in where the option wants that."""
    if "{{" not in value:
        return _unquoted(value)
    return _filled(value, fill if option.filled else str)


def _filled(word: str, fill: Callable[[str], str]) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return fill(word[1:-1] if quoted else word)


def _unquoted(word: str) -> str:
    """A piece without its quotes; a backslash is a letter but before a space or a quote."""
    return re.sub(r"\\([\s\"'])", r"\1", _QUOTED.sub(lambda match: match.group()[1:-1], word))


_AXIS = re.compile(r"""["'][^\W\d][\w.]*\s*[=＝].*["']|[^\W\d][\w.]*[=＝][^;；]*[;；].*""", re.DOTALL)


def _word(value: str) -> str:
    """A single word, without the punctuation of the sentence it may stand in."""
    return folded(value).strip(",.;:!。")


def _orientation(value: str) -> str:
    word = _word(value).lower()
    if word not in ORIENTATION_WORDS:
        raise ConfigError(
            _("No orientation is called {value!r}.", value=value),
            do=did_you_mean(word, ORIENTATION_WORDS, named=_("auto square landscape portrait").split()),
        )
    return ORIENTATION_WORDS[word]


def _mode(value: str) -> str:
    if _word(value) not in MODES:
        raise ConfigError(_("No mode is called {value!r}.", value=value), do=did_you_mean(value, MODES))
    return _word(value)


def _number(kind: type[int] | type[float]) -> Callable[[str], Any]:
    def parse(value: str) -> Any:
        try:
            number = kind(_word(value))
        except ValueError:
            number = kind(0)
        if not 0 < number < math.inf:
            value = value[:40]
            raise ConfigError(
                _("{value!r} is not a number above zero.", value=value),
                do=_("For example: 2"),
            )
        return number

    return parse


def _param(value: str) -> tuple[str, Any]:
    """``name=value``, the value as :func:`typed` reads it."""
    name, sign, text = re.sub("^([^=＝]*)＝", r"\1=", value).partition("=")
    if not sign or not name.strip():
        raise ConfigError(_("--param {value} has no value.", value=value), do="--param seed=7")
    return name.strip(), typed(text)


def typed(text: str) -> Any:
    """What a parameter's text stands for: a number, true, false or null, a JSON list, object or text; else itself."""
    if text.startswith(("{", "[", '"')):
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    for read in (int, float):
        with suppress(ValueError, OverflowError):
            if math.isfinite(number := read(text)):  # JSON has no word for the others
                return number
    return {"true": True, "false": False, "null": None}.get(text, text)


def _named(value: str) -> str:
    if not value.strip():
        raise ConfigError(_("A name is missing."), do=_("See %%wenwen_image -h"))
    return value.strip()


def _models(value: str) -> list[str]:
    names = [name for part in folded(value).split(",") if (name := part.strip())]
    if not names:
        raise ConfigError(_("The model's name is empty."), do="-m gpt-4o-image")
    return names


_TABLE = (
    Option(
        ("-m", "--model", "--模型"),
        N_("the model; several (a,b) draw one picture each"),
        _models,
        repeat=True,
        listed=True,
    ),
    Option(("-o", "--orientation", "--方向"), N_("auto, square, landscape, portrait"), _orientation),
    Option(("-n", "--count", "--张数"), N_("wanted takes; saved ones count"), _number(int)),
    Option(
        ("--ref", "--参考"),
        N_("a picture to start from: variable, id, path, address"),
        str,
        repeat=True,
    ),
    Option(("--mask", "--蒙版"), N_("where --ref may be changed: variable, path"), _named),
    Option(("--task", "--任务"), N_("what else the format can do, such as blend"), _word),
    Option(("--style", "--风格"), N_("a named template around the prompt"), _named),
    Option(
        ("--grid", "--网格"),
        N_('"model=a;b" "orientation=横屏;竖屏": every combination as a table'),
        str,
        repeat=True,
        more=_AXIS,
        filled=False,
    ),
    Option(
        ("--for", "--对"),
        N_('"animal=猫;狗": one picture for each {{animal}}'),
        str,
        repeat=True,
        more=_AXIS,
        filled=False,
    ),
    Option(("--blind", "--盲评"), N_("hide what is compared until a vote is cast")),
    Option(
        ("--from", "--来自"),
        N_("prompts from a file (txt, CSV, JSON Lines), a list or a table"),
        _named,
        filled=False,
    ),
    Option(("--fresh", "--重画"), N_("draw a new take (pays)")),
    Option(("--take", "--第几张"), N_("show a saved take by its number"), _number(int)),
    Option(("--dry-run", "--预览"), N_("show what would be sent; sends nothing")),
    Option(("--mode", "--模式"), N_("cache, live or replay"), _mode),
    Option(("--format", "--格式"), N_("the wire format"), folded),
    Option(
        ("--param", "--参数"),
        N_("name=value, passed through to the endpoint"),
        _param,
        repeat=True,
    ),
    Option(("--timeout", "--超时"), N_("seconds to wait for the next byte"), _number(float)),
    Option(("--stream", "--流式"), N_("ask for a stream, with progress")),
    Option(("--background", "--后台"), N_("return at once; the picture comes when ready")),
    Option(("--no-ui", "--无控件"), N_("no controls under the picture")),
    Option(("-q", "--quiet", "--安静"), N_("show nothing")),
    Option(("--raw", "--原样"), N_("send the prompt untouched: no {{...}}")),
    Option(("--budget", "--预算"), N_("what this cell may cost at most"), _number(float)),
    Option(("-y", "--yes", "--确认"), N_("do not ask before many pictures")),
    Option(("-h", "--help", "--帮助"), N_("this text")),
)
NAMES = tuple(name for option in _TABLE for name in option.names)
"""Every option as it may be typed."""
DESTINATIONS = {option.destination: option for option in _TABLE}


def help_text(magic: str) -> str:
    """All options, a line each, in the reader's language."""
    head = _(
        "{magic} [NAME] [options]   the cell's text is the prompt; {{{{expression}}}} inserts a Python value",
        magic=magic,
    )
    return "\n".join([head, *(f"  {padded(', '.join(option.names), 36)} {_(option.help)}" for option in _TABLE)])


def read(line: str, fill: Callable[[str], str] = str) -> Options:
    """Read the line of an image magic.

    Args:
        line: all that follows the magic's name.
        fill: puts values into an option's value.

    Raises:
        ConfigError: an unknown option (the text names the nearest) or a value that cannot be.
    """
    return read_line(line, _TABLE, fill)


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
