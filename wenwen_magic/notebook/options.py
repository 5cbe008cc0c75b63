"""Declares the options of an image magic, in English and Chinese, and reads their values."""

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook import option_line
from wenwen_magic.notebook.option_line import Option, Options, folded
from wenwen_magic.text.i18n import padded, say
from wenwen_magic.text.suggest import did_you_mean
from wenwen_magic.text.vocabulary import MODES, ORIENTATION_WORDS

_AXIS = re.compile(r"""["'][^\W\d][\w.]*\s*[=＝].*["']|[^\W\d][\w.]*[=＝][^;；]*[;；].*""", re.DOTALL)


def _word(value: str) -> str:
    """A single word, without the punctuation of the sentence it may stand in."""
    return folded(value).strip(",.;:!。")


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
    """``name=value``, the value as :func:`typed` reads it."""
    name, sign, text = re.sub("^([^=＝]*)＝", r"\1=", value).partition("=")
    if not sign or not name.strip():
        raise ConfigError(say(f"--param {value} has no value.", f"--param {value} 没有值。"), do="--param seed=7")
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
        raise ConfigError(
            say("A name is missing.", "缺少名称。"), do=say("See %%wenwen_image -h", "参见 %%wenwen_image -h")
        )
    return value.strip()


def _models(value: str) -> list[str]:
    names = [name for part in folded(value).split(",") if (name := part.strip())]
    if not names:
        raise ConfigError(say("The model's name is empty.", "模型名为空。"), do="-m gpt-4o-image")
    return names


_TABLE = (
    Option(
        ("-m", "--model", "--模型"),
        ("the model; several (a,b) draw one picture each", "模型；多个 (a,b) 各画一张"),
        _models,
        repeat=True,
        listed=True,
    ),
    Option(
        ("-o", "--orientation", "--方向"), ("auto, square, landscape, portrait", "自动、方形、横屏、竖屏"), _orientation
    ),
    Option(("-n", "--count", "--张数"), ("wanted takes; saved ones count", "需要的张数；已保存的也算"), _number(int)),
    Option(
        ("--ref", "--参考"),
        ("a picture to start from: variable, id, path, address", "参考图片：变量、编号、路径或地址"),
        str,
        repeat=True,
    ),
    Option(("--mask", "--蒙版"), ("where --ref may be changed: variable, path", "可修改区域：变量或路径"), _named),
    Option(("--task", "--任务"), ("what else the format can do, such as blend", "格式的其他任务，如 blend"), _word),
    Option(("--style", "--风格"), ("a named template around the prompt", "套用命名的提示词模板"), _named),
    Option(
        ("--grid", "--网格"),
        (
            '"model=a;b" "orientation=横屏;竖屏": every combination as a table',
            '"模型=a;b" "方向=横屏;竖屏"：所有组合成表',
        ),
        str,
        repeat=True,
        more=_AXIS,
        filled=False,
    ),
    Option(
        ("--for", "--对"),
        ('"animal=猫;狗": one picture for each {{animal}}', '"animal=猫;狗"：每个 {{animal}} 一张'),
        str,
        repeat=True,
        more=_AXIS,
        filled=False,
    ),
    Option(("--blind", "--盲评"), ("hide what is compared until a vote is cast", "投票之前隐藏比较的内容")),
    Option(
        ("--from", "--来自"),
        ("prompts from a file (txt, CSV, JSON Lines), a list or a table", "从文件、列表或表格读取多个提示词"),
        _named,
        filled=False,
    ),
    Option(("--fresh", "--重画"), ("draw a new take (pays)", "重新画一张（付费）")),
    Option(("--take", "--第几张"), ("show a saved take by its number", "显示已保存的第几张"), _number(int)),
    Option(("--dry-run", "--预览"), ("show what would be sent; sends nothing", "只显示将要发送的内容")),
    Option(("--mode", "--模式"), ("cache, live or replay", "cache、live 或 replay"), _mode),
    Option(("--format", "--格式"), ("the wire format", "接口格式"), folded),
    Option(
        ("--param", "--参数"),
        ("name=value, passed through to the endpoint", "name=value，原样传给服务端"),
        _param,
        repeat=True,
    ),
    Option(("--timeout", "--超时"), ("seconds to wait for the next byte", "等待下一个字节的秒数"), _number(float)),
    Option(("--stream", "--流式"), ("ask for a stream, with progress", "流式请求，显示进度")),
    Option(("--background", "--后台"), ("return at once; the picture comes when ready", "立即返回，画好后显示")),
    Option(("--no-ui", "--无控件"), ("no controls under the picture", "图片下方不显示控件")),
    Option(("-q", "--quiet", "--安静"), ("show nothing", "不显示")),
    Option(("--raw", "--原样"), ("send the prompt untouched: no {{...}}", "提示词原样发送，不处理 {{...}}")),
    Option(("--budget", "--预算"), ("what this cell may cost at most", "此单元格最多花费"), _number(float)),
    Option(("-y", "--yes", "--确认"), ("do not ask before many pictures", "张数多时不询问")),
    Option(("-h", "--help", "--帮助"), ("this text", "显示帮助")),
)
NAMES = tuple(name for option in _TABLE for name in option.names)
"""Every option as it may be typed."""
DESTINATIONS = {option.destination: option for option in _TABLE}


def help_text(magic: str) -> str:
    """All options, a line each, in the reader's language."""
    head = say(
        f"{magic} [NAME] [options]   the cell's text is the prompt; {{{{expression}}}} inserts a Python value",
        f"{magic} [变量名] [选项]   单元格内容是提示词；{{{{表达式}}}} 插入 Python 的值",
    )
    return "\n".join([head, *(f"  {padded(', '.join(option.names), 36)} {say(*option.help)}" for option in _TABLE)])


def read(line: str, fill: Callable[[str], str] = str) -> Options:
    """Read the line of an image magic.

    Args:
        line: all that follows the magic's name.
        fill: puts values into an option's value.

    Raises:
        ConfigError: an unknown option (the text names the nearest) or a value that cannot be.
    """
    return option_line.read(line, _TABLE, fill)
