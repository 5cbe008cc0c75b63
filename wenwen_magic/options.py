"""Reads the line of a magic: options in English and Chinese, and the words that are left."""

import argparse
import re
import shlex
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from wenwen_magic.errors import ConfigError
from wenwen_magic.language import padded, say
from wenwen_magic.nearest import did_you_mean
from wenwen_magic.records import MODES

ORIENTATION_WORDS = {
    **dict.fromkeys(("auto", "自动", "随意"), "auto"),
    **dict.fromkeys(("square", "方", "方形", "方图", "正方形"), "square"),
    **dict.fromkeys(("landscape", "横", "横屏", "横版", "横图"), "landscape"),
    **dict.fromkeys(("portrait", "竖", "竖屏", "竖版", "竖图"), "portrait"),
}
# A piece of the line: words with no space outside quotes or {{...}}; a quote that is never closed is a letter.
_PIECE = re.compile(r"""(?:\{\{.*?\}\}|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']|["'])+""")


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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(
            say("The options cannot be read.", "无法读懂选项。"),
            why=message,
            do=say("See %%wenwen_image -h", "参见 %%wenwen_image -h"),
        )


def _folded(value: str) -> str:
    """Full-width letters and punctuation as their ordinary ones."""
    return unicodedata.normalize("NFKC", value).replace("、", ",").strip()


def _orientation(value: str) -> str:
    word = _folded(value).lower()
    if word not in ORIENTATION_WORDS:
        raise ConfigError(
            say(f"No orientation is called {value!r}.", f"没有名为 {value!r} 的方向。"),
            do=did_you_mean(
                word, ORIENTATION_WORDS, named=say("auto square landscape portrait", "自动 方形 横屏 竖屏").split()
            ),
        )
    return ORIENTATION_WORDS[word]


def _mode(value: str) -> str:
    if _folded(value) not in MODES:
        raise ConfigError(say(f"No mode is called {value!r}.", f"没有模式 {value!r}。"), do=did_you_mean(value, MODES))
    return _folded(value)


def _number(kind: type[int] | type[float]) -> Callable[[str], Any]:
    def parse(value: str) -> Any:
        try:
            number = kind(_folded(value))
        except ValueError:
            number = kind(0)
        if number <= 0:
            raise ConfigError(
                say(f"{value!r} is not a number above zero.", f"{value!r} 不是大于零的数。"),
                do=say("For example: 2", "例如：2"),
            )
        return number

    return parse


def _param(value: str) -> tuple[str, Any]:
    """``name=value``; a value that reads as a number, true or false is sent as one."""
    name, sign, text = value.partition("=")
    if not sign or not name.strip():
        raise ConfigError(say(f"--param {value} has no value.", f"--param {value} 没有值。"), do="--param seed=7")
    constants = {"true": True, "false": False, "null": None}
    for read in (int, float):
        try:
            return name.strip(), read(text)
        except ValueError:
            continue
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
_BY_NAME = {name: option for option in _TABLE for name in option.names}


def help_text(magic: str) -> str:
    """All options, a line each, in the reader's language."""
    head = say(
        f"{magic} [NAME] [options]   the cell's text is the prompt; {{{{expression}}}} inserts a Python value",
        f"{magic} [变量名] [选项]   单元格内容是提示词；{{{{表达式}}}} 插入 Python 的值",
    )
    return "\n".join([head, *(f"  {padded(', '.join(option.names), 36)} {say(*option.help)}" for option in _TABLE)])


def _parser() -> _Parser:
    parser = _Parser(prog="wenwen_image", add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for option in _TABLE:
        how: dict[str, Any] = {"type": option.parse, "action": "append" if option.repeat else "store"}
        if option.parse is None:
            how = {"action": "store_true"}
        parser.add_argument(*option.names, dest=option.destination, **how)
    return parser


def read(line: str, fill: Callable[[str], str] = str) -> Options:
    """Read a magic's line.

    Args:
        line: all that follows the magic's name.
        fill: puts values into an option's value.

    Raises:
        ConfigError: an unknown option (the text names the nearest) or a value that cannot be.
    """
    taken, words = _sorted_pieces(line, fill)
    given = vars(_parser().parse_args(taken))
    if "model" in given:
        given["model"] = [name for names in given["model"] for name in names]
    return Options(given, words)


def _sorted_pieces(line: str, fill: Callable[[str], str]) -> tuple[list[str], str]:
    """The options with their values, quotes removed, and the rest of the line as typed."""
    taken: list[str] = []
    kept: list[str] = []
    end, waiting = 0, False
    for piece in _PIECE.finditer(line):
        word = piece.group()
        name = word.partition("=")[0]
        if word == "--":
            return taken, "".join([*kept, line[piece.end() :]]).strip()
        if waiting or _is_option(name):
            taken.append(_filled(word, fill) if "{{" in word else _unquoted(word))
            waiting = not waiting and "=" not in word and _BY_NAME[name].parse is not None
        else:
            kept.append(line[end : piece.start()] + word)
        end = piece.end()
    return taken, "".join(kept).strip()


def _is_option(name: str) -> bool:
    if name in _BY_NAME:
        return True
    if re.match(r"--[^\W\d_]", name):
        raise ConfigError(
            say(f"There is no option {name}.", f"没有选项 {name}。"),
            do=did_you_mean(name, NAMES)
            + say(" Put -- before words that begin with dashes.", " 以横线开头的文字前请加 --。"),
        )
    return False


def _filled(word: str, fill: Callable[[str], str]) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return fill(word[1:-1] if quoted else word)


def _unquoted(word: str) -> str:
    try:
        return "".join(shlex.split(word))
    except ValueError:
        return word
