"""Reads the line of a magic: options in English and Chinese, and the words that are left."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.language import padded, say
from wenwen_magic.nearest import did_you_mean
from wenwen_magic.vocabulary import MODES, ORIENTATION_WORDS

# A piece of the line: words with no space outside quotes or {{...}}. A quote opens at a piece's beginning or behind
# `=`, anywhere else, or if it is never closed, it is a letter; a backslash keeps a space or a quote from its meaning.
_PIECE = re.compile(r"""(?:(?<![^\s=])"(?:[^"\\]|\\.)*"|(?<![^\s=])'[^']*'|\{\{.*?\}\}|\\[\s"']|\S)+""")
_PLAIN_PIECE = re.compile(_PIECE.pattern.replace(r"\{\{.*?\}\}|", ""))
_QUOTED = re.compile(r"""(?<![^\s=])"(?:[^"\\]|\\.)*"|(?<![^\s=])'[^']*'""")
_QUOTES = str.maketrans(dict.fromkeys("“”‘’＂＇", ""))
_DASHES = re.compile(r"^[—–－―]{1,4}(?=[^\W\d_])")


@dataclass(frozen=True)
class Options:
    """What stood on a magic's line.

    Args:
        given: every option that was given, by its long English name.
        words: the rest of the line as typed.
    """

    given: dict[str, Any]
    words: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in DESTINATIONS:
            raise AttributeError(name)
        return self.given.get(name)


def _folded(value: str) -> str:
    """Full-width letters and punctuation as their ordinary ones."""
    return unicodedata.normalize("NFKC", value.translate(_QUOTES)).replace("、", ",").strip()


def _word(value: str) -> str:
    """A single word, without the punctuation of the sentence it may stand in."""
    return _folded(value).strip(",.;:!。")


def _orientation(value: str) -> str:
    word = _word(value).lower()
    if word not in ORIENTATION_WORDS:
        raise ConfigError(
            say(f"No orientation is called {value!r}.", f"没有名为 {value!r} 的方向。"),
            do=did_you_mean(
                word, ORIENTATION_WORDS, named=say("auto square landscape portrait", "自动 方形 横屏 竖屏").split()
            ),
        )
    return ORIENTATION_WORDS[word]


def _mode(value: str) -> str:
    if _word(value) not in MODES:
        raise ConfigError(say(f"No mode is called {value!r}.", f"没有模式 {value!r}。"), do=did_you_mean(value, MODES))
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
                say(f"{value!r} is not a number above zero.", f"{value!r} 不是大于零的数。"),
                do=say("For example: 2", "例如：2"),
            )
        return number

    return parse


def _param(value: str) -> tuple[str, Any]:
    """``name=value``; a value that reads as a number, true or false is sent as one."""
    name, sign, text = re.sub("＝", "=", value, count=1).partition("=")
    if not sign or not name.strip():
        raise ConfigError(say(f"--param {value} has no value.", f"--param {value} 没有值。"), do="--param seed=7")
    constants = {"true": True, "false": False, "null": None}
    for read in (int, float):
        with suppress(ValueError):
            if math.isfinite(number := read(text)):  # JSON has no word for the others
                return name.strip(), number
    return name.strip(), constants.get(text, text)


def _models(value: str) -> list[str]:
    names = [name for part in _folded(value).split(",") if (name := part.strip())]
    if not names:
        raise ConfigError(say("The model's name is empty.", "模型名为空。"), do="-m gpt-4o-image")
    return names


@dataclass(frozen=True)
class _Option:
    names: tuple[str, ...]
    help: tuple[str, str]
    parse: Callable[[str], Any] | None = None
    repeat: bool = False

    @property
    def destination(self) -> str:
        long = next(name for name in self.names if name.startswith("--") and name.isascii())
        return long[2:].replace("-", "_")


_TABLE = (
    _Option(
        ("-m", "--model", "--模型"),
        ("the model; several (a,b) draw one picture each", "模型；多个 (a,b) 各画一张"),
        _models,
        repeat=True,
    ),
    _Option(
        ("-o", "--orientation", "--方向"), ("auto, square, landscape, portrait", "自动、方形、横屏、竖屏"), _orientation
    ),
    _Option(("-n", "--count", "--张数"), ("wanted takes; saved ones count", "需要的张数；已保存的也算"), _number(int)),
    _Option(
        ("--ref", "--参考"),
        ("a picture to start from: variable, id, path, address", "参考图片：变量、编号、路径或地址"),
        str,
        repeat=True,
    ),
    _Option(("--fresh", "--重画"), ("draw a new take (pays)", "重新画一张（付费）")),
    _Option(("--take", "--第几张"), ("show a saved take by its number", "显示已保存的第几张"), _number(int)),
    _Option(("--dry-run", "--预览"), ("show what would be sent; sends nothing", "只显示将要发送的内容")),
    _Option(("--mode", "--模式"), ("cache, live or replay", "cache、live 或 replay"), _mode),
    _Option(("--format", "--格式"), ("the wire format", "接口格式"), _folded),
    _Option(
        ("--param", "--参数"),
        ("name=value, passed through to the endpoint", "name=value，原样传给服务端"),
        _param,
        repeat=True,
    ),
    _Option(("--timeout", "--超时"), ("seconds to wait for the next byte", "等待下一个字节的秒数"), _number(float)),
    _Option(("--stream", "--流式"), ("ask for a stream, with progress", "流式请求，显示进度")),
    _Option(("--background", "--后台"), ("return at once; the picture comes when ready", "立即返回，画好后显示")),
    _Option(("--no-ui", "--无控件"), ("no controls under the picture", "图片下方不显示控件")),
    _Option(("-q", "--quiet", "--安静"), ("show nothing", "不显示")),
    _Option(("--raw", "--原样"), ("send the prompt untouched: no {{...}}", "提示词原样发送，不处理 {{...}}")),
    _Option(("-y", "--yes", "--确认"), ("do not ask before many pictures", "张数多时不询问")),
    _Option(("-h", "--help", "--帮助"), ("this text", "显示帮助")),
)
NAMES = tuple(name for option in _TABLE for name in option.names)
"""Every option as it may be typed."""
DESTINATIONS = {option.destination: option for option in _TABLE}
_BY_COMMAS = ("-m", "--model", "--模型")
_COMMA_AHEAD = re.compile(r"\s+[,，、]")
_BY_NAME = {name: option for option in _TABLE for name in option.names}


def help_text(magic: str) -> str:
    """All options, a line each, in the reader's language."""
    head = say(
        f"{magic} [NAME] [options]   the cell's text is the prompt; {{{{expression}}}} inserts a Python value",
        f"{magic} [变量名] [选项]   单元格内容是提示词；{{{{表达式}}}} 插入 Python 的值",
    )
    return "\n".join([head, *(f"  {padded(', '.join(option.names), 36)} {say(*option.help)}" for option in _TABLE)])


def read(line: str, fill: Callable[[str], str] = str) -> Options:
    """Read a magic's line.

    Args:
        line: all that follows the magic's name.
        fill: puts values into an option's value.

    Raises:
        ConfigError: an unknown option (the text names the nearest) or a value that cannot be.
    """
    taken, words = _sorted_pieces(line, fill)
    given: dict[str, Any] = {}
    for name, value in taken:
        option = _BY_NAME[name]
        parsed = option.parse(value) if option.parse else True
        if option.repeat:
            given.setdefault(option.destination, []).extend(parsed if name in _BY_COMMAS else [parsed])
        else:
            given[option.destination] = parsed
    return Options(given, words)


def _sorted_pieces(line: str, fill: Callable[[str], str]) -> tuple[list[tuple[str, str]], str]:
    """The options with their values, quotes removed, and the rest of the line as typed."""
    taken: list[tuple[str, str]] = []
    kept: list[str] = []
    end = 0
    pieces = iter((_PIECE if "}}" in line else _PLAIN_PIECE).finditer(line))
    for piece in pieces:
        if piece.group() == "--":
            return taken, "".join([*kept, line[piece.end() :]]).strip()
        name, sign, value = _as_option(piece.group())
        if name is None:
            kept.append(line[end : piece.start()] + piece.group())
        elif _BY_NAME[name].parse is None:
            taken.append((_flag(name, sign), ""))
        else:
            value, piece = _whole_value(name, value if sign else None, piece, pieces)  # noqa: PLW2901
            taken.append((name, _filled(value, fill) if "{{" in value else _unquoted(value)))
        end = piece.end()
    return taken, "".join(kept).strip()


def _flag(name: str, sign: str) -> str:
    if sign:
        raise ConfigError(
            say(f"{name} takes no value.", f"{name} 不带值。"), do=say(f"Write {name} alone.", f"请只写 {name}。")
        )
    return name


def _whole_value(
    name: str, value: str | None, piece: re.Match[str], pieces: Iterator[re.Match[str]]
) -> tuple[str, re.Match[str]]:
    """An option's value, taken from the next piece if it is not there yet; a list goes on behind its commas."""
    if value is None:
        piece = _value_piece(name, next(pieces, None))
        value = piece.group()
    while name in _BY_COMMAS and (_folded(value).endswith(",") or _COMMA_AHEAD.match(piece.string, piece.end())):
        following = next(pieces, None)
        if following is None:
            break
        piece, value = following, value + following.group()
    return value, piece


def _value_piece(name: str, piece: re.Match[str] | None) -> re.Match[str]:
    if piece is None or piece.group() == "--" or piece.group().partition("=")[0] in _BY_NAME:
        raise ConfigError(
            say(f"{name} needs a value.", f"{name} 需要一个值。"),
            do=say("See %%wenwen_image -h", "参见 %%wenwen_image -h"),
        )
    return piece


def _as_option(word: str) -> tuple[str | None, str, str]:
    """A piece as an option's name, the sign behind it, and its value; no name for a word that is none."""
    name, sign, value = word.partition("=")
    dashed = _DASHES.sub("--" if len(name) > len("—m") else "-", name)
    if dashed in _BY_NAME:
        return dashed, sign, value
    if re.match(r"-[A-Za-z]", word) and word[:2] in _BY_NAME and _BY_NAME[word[:2]].parse is not None:
        return word[:2], "=", word[2:]  # a value that hangs on a short name: -n3
    if re.match(r"--?[^\W\d_]", word):
        raise ConfigError(
            say(f"There is no option {name[:60]}.", f"没有选项 {name[:60]}。"),
            do=did_you_mean(name, NAMES)
            + say(" Put -- before words that begin with dashes.", " 以横线开头的文字前请加 --。"),
        )
    return None, "", ""


def _filled(word: str, fill: Callable[[str], str]) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return fill(word[1:-1] if quoted else word)


def _unquoted(word: str) -> str:
    """A piece without its quotes; a backslash is a letter but before a space or a quote."""
    return re.sub(r"\\([\s\"'])", r"\1", _QUOTED.sub(lambda match: match.group()[1:-1], word))
