"""Reads a magic's line: options with their values, by a table of options, and the words that are left."""

import re
import unicodedata
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import say
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
        help: a phrase on what it does, in English and Chinese.
        parse: reads its value; None for an option without one.
        repeat: whether it may be given several times.
        listed: whether its value is a list that goes on behind its commas.
        more: what further values look like, that may follow the first.
        filled: whether ``{{...}}`` in its value is replaced while the line is read.
    """

    names: tuple[str, ...]
    help: tuple[str, str]
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


def read(line: str, table: Sequence[Option], fill: Callable[[str], str] = str) -> Options:
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
        raise ConfigError(
            say(f"{name} takes no value.", f"{name} 不带值。"), do=say(f"Write {name} alone.", f"请只写 {name}。")
        )
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
                say(f"{self.name} needs a value.", f"{self.name} 需要一个值。"),
                do=say("See %%wenwen_image -h", "参见 %%wenwen_image -h"),
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
            say(f"There is no option {name[:60]}.", f"没有选项 {name[:60]}。"),
            do=did_you_mean(name, by_name)
            + say(" Put -- before words that begin with dashes.", " 以横线开头的文字前请加 --。"),
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
