"""Declares the options of the magics, reads them from a line in English and Chinese, and completes them."""

import json
import math
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from keyword import iskeyword
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.models import ModelList, default_model, suggested
from wenwen_magic.records import ASK, ASK_JSON, CLIP, DESCRIBE
from wenwen_magic.settings import MODES, Settings
from wenwen_magic.text import orientation
from wenwen_magic.text.i18n import N_, _, is_chinese, padded
from wenwen_magic.text.orientation import CHINESE, ORIENTATIONS, RATIOS, RESOLUTIONS, WORDS
from wenwen_magic.text.suggest import did_you_mean, nearest

# A piece of the line: words with no space outside quotes or {{...}}. A quote opens at a piece's beginning or behind
# `=`, anywhere else, or if it is never closed, it is a letter; a backslash keeps a space or a quote from its meaning.
_PIECE = re.compile(r"""(?:(?<![^\s=])"(?:[^"\\]|\\.)*"|(?<![^\s=])'[^']*'|\{\{.*?\}\}|\\[\s"']|\S)+""")
_PLAIN_PIECE = re.compile(_PIECE.pattern.replace(r"\{\{.*?\}\}|", ""))  # many `{{` without an end take long
_QUOTED = re.compile(r"""(?<![^\s=])"(?:[^"\\]|\\.)*"|(?<![^\s=])'[^']*'""")
_DASHES = re.compile(r"^[—–－―]{1,4}(?=[^\W\d_])")
_COMMA_AHEAD = re.compile(r"\s+[,，、]")
_QUOTES = str.maketrans(dict.fromkeys("“”‘’＂＇", ""))


@dataclass(frozen=True)
class Option:
    """An option of a magic or a command.

    Args:
        names: as it may be typed.
        help: a phrase on what it does, marked for translation.
        parse: reads its value; None for an option without one.
        repeat: whether it may be given several times.
        listed: whether its value is a list that continues after a comma.
        more: tells whether a word is a further value, by the value before it and the word.
        filled: whether ``{{...}}`` in its value is replaced while the line is read.
        choices: the words that complete its value, or what gives them by the settings; none for free text.
        files: the endings of files that may be its value; with any, a variable may be too.
        magics: those that take it, without ``%``; none where all do.
    """

    names: tuple[str, ...]
    help: str
    parse: Callable[[str], Any] | None = None
    repeat: bool = False
    listed: bool = False
    more: Callable[[str, str], bool] | None = None
    filled: bool = True
    choices: tuple[str, ...] | Callable[[Settings], Sequence[str]] = ()
    files: tuple[str, ...] = ()
    magics: tuple[str, ...] = ()

    @cached_property
    def destination(self) -> str:
        """Its long English name as a Python name; ``from_`` for a keyword."""
        long = next(name for name in self.names if name.startswith("--") and name.isascii())
        name = long[2:].replace("-", "_")
        return f"{name}_" if iskeyword(name) else name


def folded(value: str) -> str:
    """Return full-width letters and punctuation as their ordinary ones."""
    return unicodedata.normalize("NFKC", value.translate(_QUOTES)).replace("、", ",").strip()


# -- reading a line ----------------------------------------------------------------------------------------------------


def read_line(
    line: str, table: Sequence[Option], fill: Callable[[str], str] = str, taken: Sequence[Option] = ()
) -> tuple[dict[str, Any], str]:
    """Read the line of a magic or a command.

    Args:
        line: all that follows its name.
        table: the options there are.
        fill: puts values into an option's value.
        taken: those that may be suggested for an unknown one; empty for all.

    Returns:
        The value of every option that was given, by :attr:`Option.destination` (a tuple where it may be repeated, True
        where it has no value), and the rest of the line as typed.

    Raises:
        ConfigError: an unknown option (the text names the nearest) or an unusable value.
    """
    given: dict[str, Any] = {}
    words: list[str] = []
    end = 0
    for part in _parts(line, table, taken):
        if part.option is None:
            words.append(line[part.start if part.name == "--" else end : part.end])
        elif part.option.parse is None:
            given[part.option.destination] = True
        else:
            option = part.option
            for text in part.values:
                parsed = part.option.parse(_value(option, text, fill))
                before = given.get(option.destination, ())
                several = parsed if option.listed else (parsed,)
                given[option.destination] = (*before, *several) if option.repeat else parsed
        end = part.end
    return given, "".join(words).strip()


@dataclass(frozen=True)
class _Part:
    """A piece of a line: a word, or an option with its values, from a place in the line to another."""

    option: Option | None
    name: str
    values: tuple[str, ...]
    start: int
    end: int


def _pieces(line: str) -> Iterator[re.Match[str]]:
    return (_PIECE if "}}" in line else _PLAIN_PIECE).finditer(line)


def _parts(line: str, table: Sequence[Option], taken: Sequence[Option] = ()) -> Iterator[_Part]:
    """Split a line into its words and options; behind ``--`` all is one word."""
    by_name = {name: option for option in table for name in option.names}
    pieces = deque(_pieces(line))
    while pieces:
        piece = pieces.popleft()
        start = piece.start()
        if piece.group() == "--":
            yield _Part(None, "--", (), piece.end(), len(line))
            return
        name, sign, value = _as_option(piece.group(), by_name, taken or table)
        values: list[str] = []
        if (option := by_name.get(name)) is None:
            pass
        elif option.parse is None:
            if sign:
                raise ConfigError(_("{name} takes no value.", name=name), do=_("Write {name} alone.", name=name))
        else:
            if not sign:
                if not pieces or pieces[0].group() == "--" or pieces[0].group().partition("=")[0] in by_name:
                    raise ConfigError(_("{name} needs a value.", name=name), do=_("-h lists the options."))
                piece = pieces.popleft()
                value = piece.group()
            values, piece = _values(option, value, piece, pieces)
            values = values if option.repeat else [" ".join(values)]
        yield _Part(option, name, tuple(values), start, piece.end())


def written(name: str, value: str) -> str:
    """Write an option with a value as it is typed."""
    return f"{name}{value}" if value.startswith("=") else f"{name} {value}"


def with_options(line: str, table: Sequence[Option], changes: Mapping[str, str | None]) -> str:
    """Return a line with other values of some options; everything else stays as it was typed.

    Args:
        line: all that follows the name of a magic.
        table: the options there are.
        changes: the values as they are typed, by :attr:`Option.destination`, with ``=`` before one that cannot stand
            behind a space; None leaves the option out.

    Raises:
        ConfigError: as :func:`read_line`.
    """
    parts = list(_parts(line, table))
    pieces, end, left = list[str](), 0, {name: value for name, value in changes.items() if value is not None}
    for part in parts:
        if part.option is not None and part.option.destination in changes:
            value = left.pop(part.option.destination, None)
            gap = line[end : part.start]
            pieces += [gap, written(part.name, value)] if value is not None else [gap.rstrip()]
            end = part.end
    chinese = any(part.option and is_chinese(part.name) for part in parts)
    names = {option.destination: option.names[-1 if chinese else 0] for option in table}
    more = [" " + written(names[name], value) for name, value in left.items()]
    stop = next((part.start - len("--") for part in parts if part.name == "--"), len(line))
    head = "".join([*pieces, line[end:stop]]).rstrip()
    return "".join([head, *more, " " + line[stop:] if line[stop:] else ""])


def split_quoted(line: str) -> list[str]:
    """Split a line at spaces that are not in quotes."""
    return ["".join(piece) for piece in re.findall(r"""\"([^\"]*)\"|“([^”]*)”|'([^']*)'|(\S+)""", line)]


# An id, a colour (#ff0000, #0f0, #fff), a number.
_SIGN = re.compile(r"#(?:[0-9a-fA-F]{6,8}|(?=[a-fA-F]*[0-9])[0-9a-fA-F]+|([a-fA-F])\1\1)(?![0-9A-Za-z_])")
_RAW = {"--raw", "--原样"}


def split_comment(line: str, *, prompt: bool = False) -> tuple[str, str]:
    r"""Split a line and the comment of its author behind it: a word that begins with ``#`` behind two spaces.

    A ``#`` alone is one behind one space too, unless a prompt is before it. ``\#`` is such a ``#`` in the text;
    ``--raw`` before it keeps it too; and ``#`` with an id, a colour or a number is that.

    Args:
        line: all that follows a magic's name and the space behind that.
        prompt: whether the line may hold a prompt.
    """
    kept: list[str] = []
    end = 0
    for piece in _pieces(line):
        word, start = piece.group(), piece.start()
        if word in _RAW:
            return line, ""
        apart = len(f" {line[end:start]}" if end == 0 else line[end:start]) > 1
        if (apart and word.startswith("#") and not _SIGN.match(word)) or (word == "#" and not (prompt and kept)):
            return "".join(kept), line[start:]
        kept += [line[end:start], word[1:] if word.startswith("\\#") and (apart or not kept) else word]
        end = piece.end()
    return "".join(kept), ""


def comment_note(comment: str) -> str:
    """Return a line that says what was left out."""
    return _("Left out as a comment: {comment}   (\\# or --raw keeps it)", comment=comment)


def _as_option(word: str, by_name: dict[str, Option], taken: Sequence[Option]) -> tuple[str, str, str]:
    """Split a piece into an option's name, the sign after it, and its value; no name for a word that is no option."""
    name, sign, value = word.replace("？", "?").partition("=") if word == "-？" else word.partition("=")
    dashed = _DASHES.sub("--" if len(name) > len("—m") else "-", name)
    if dashed in by_name:
        return dashed, sign, value
    hangs = re.match(r"-[A-Za-z]", word) and f"-{name}" not in by_name
    if hangs and word[:2] in by_name and by_name[word[:2]].parse is not None:
        return word[:2], "=", word[2:]  # a value that hangs on a short name: -n3
    if re.match(r"--?[^\W\d_]", word):
        near = _near_option(name, taken)
        parameter = name[2:60] if name.isascii() else "quality"
        passed = "--param" in by_name and name.startswith("--")
        raise ConfigError(
            _("There is no option {name}.", name=name[:60]),
            do=(_("Did you mean {near}?", near=near) if near else _("-h lists the options."))
            + (_(" A parameter of the model: --param {name}=…", name=parameter) if passed else "")
            + _(" Put -- before words that begin with dashes."),
        )
    return "", "", ""


_ALSO = {
    "model": "modle 模形",
    "orientation": "ar aspect aspect-ratio aspect_ratio ratio shape 比例 宽高比 画幅",
    "size": "resolution width height 分辨率 大小",
    "count": "num number variations 数量 个数",
    "ref": "image img picture init input reference first-frame 图 图片 参考图 原图 首帧",
    "for_": "each foreach loop 循环",
    "from_": "form file csv 文件",
    "seconds": "duration length time 时长 长度",
}
"""What others call an option, by its destination."""
_ALIKE = 0.7
"""How alike, from 0 to 1, an option's name must be to be suggested; of two Chinese letters one is enough."""


def _near_option(name: str, taken: Sequence[Option]) -> str:
    """Return the name of the option that an unknown name means: one of its meaning, else one spelt like it."""
    word, chinese = name.lstrip("-").lower(), is_chinese(name)
    same = (option for option in taken if word in _ALSO.get(option.destination, "").split())
    if option := next(same, None):
        return option.names[-1] if chinese else f"--{option.destination.strip('_')}"
    known = {one.lstrip("-"): one for option in taken for one in option.names}
    return known.get(nearest(word, known, 0.5 if chinese else _ALIKE), "")


def _values(
    option: Option, value: str, piece: re.Match[str], pieces: deque[re.Match[str]]
) -> tuple[list[str], re.Match[str]]:
    """Take the rest of an option's value, and further values, from the pieces; return them and the last piece."""
    while pieces and option.listed and (folded(value).endswith(",") or _COMMA_AHEAD.match(piece.string, piece.end())):
        if _DASHES.sub("-", pieces[0].group()).startswith("-"):  # the next option
            break
        piece = pieces.popleft()
        value += piece.group()
    values = [value]
    while pieces and option.more is not None and option.more(" ".join(values), pieces[0].group()):
        piece = pieces.popleft()
        values.append(piece.group())
    return values, piece


def _value(option: Option, text: str, fill: Callable[[str], str]) -> str:
    """Return an option's value without quotes, expressions filled in where the option wants that."""
    if "{{" not in text:  # a backslash is a letter but before a space or a quote
        return re.sub(r"\\([\s\"'])", r"\1", _QUOTED.sub(lambda match: match.group()[1:-1], text))
    text = _unquoted(text)
    return fill(text) if option.filled else text


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


# -- what completes a value --------------------------------------------------------------------------------------------


def suggested_models(known: ModelList | None, *, clips: bool = False) -> list[str]:
    """Return models' names to suggest: those that the endpoint named, pictures first, else those known to draw.

    For ``clips`` those for clips, and none that the endpoint did not name.
    """
    if clips:
        return known.clips(datetime.now(UTC).date()) if known else []
    return list(known.names) if known and known.models else suggested()


def model_names(settings: Settings) -> list[str]:
    """Return the setting's model and those that are suggested for its endpoint; sends nothing."""
    return list(dict.fromkeys([settings.model or default_model(settings.format), *suggested_models(_listed(settings))]))


def _listed(settings: Settings) -> ModelList | None:
    from wenwen_magic.endpoint.transport import normalised  # noqa: PLC0415  heavy, and only Tab needs it
    from wenwen_magic.engine.limits import SESSION  # noqa: PLC0415  likewise

    with suppress(ConfigError):  # a wrong address is reported when a request is made
        return SESSION.models.read(normalised(settings.base_url))
    return None


def clip_models(settings: Settings) -> list[str]:
    """Return the setting's model for clips, and those for clips that its endpoint listed; sends nothing."""
    return list(dict.fromkeys(filter(None, [settings.video_model, *suggested_models(_listed(settings), clips=True)])))


def word_models(settings: Settings) -> list[str]:
    """Return the model that answers questions, and those that its endpoint listed for words; sends nothing."""
    form = settings.format
    own, known = settings.describe_model or default_model(form, words=True), _listed(settings)
    others = known.instead_of(own, form, datetime.now(UTC).date(), words=True) if known else []
    return list(dict.fromkeys([own, *others]))


def _format_names(_settings: Settings) -> list[str]:
    from wenwen_magic.formats import FORMATS  # noqa: PLC0415  heavy, and only Tab needs it

    return sorted(FORMATS)


# -- the options of the image magics -----------------------------------------------------------------------------------

_AXIS = re.compile(r"""["'“‘＂＇][^\W\d][\w.]*\s*[=＝].*["'”’＂＇]|[^\W\d][\w.]*[=＝][^;；]*[;；].*""", re.DOTALL)
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_PROMPTS = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson")
_AXIS_VALUES: dict[str, Any] = {
    "repeat": True,
    "more": lambda _before, word: _AXIS.fullmatch(word) is not None,
    "filled": False,
}
_RATIO_OR_PIXELS = re.compile(r"\d{1,2}[:：]\d{1,2}|\d{3,5}[x×]\d{3,5}")


def _word(value: str) -> str:
    """Return a single word without the punctuation of a sentence around it."""
    return folded(value).strip(",.;:!。")


def _orientation(value: str) -> str:
    return orientation.read(_word(value))


def _agrees(turn: str, word: str) -> bool:
    """Tell whether a word gives the ratio of the turn before it: ``-o 横屏 16:9``; any other belongs to the prompt."""
    if WORDS.get(_word(turn), "auto") == "auto" or not _RATIO_OR_PIXELS.fullmatch(word):
        return False
    with suppress(ConfigError):
        return bool(orientation.read(turn, word))
    return False


def _mode(value: str) -> str:
    if _word(value) not in MODES:
        raise ConfigError(_("No mode is called {value!r}.", value=value), do=did_you_mean(value, MODES))
    return _word(value)


def _above_zero(kind: type[int] | type[float]) -> Callable[[str], Any]:
    def parse(value: str) -> Any:
        try:
            number = kind(_word(value))
        except ValueError:
            number = kind(0)
        if not 0 < number < math.inf:
            any_number = N_("{value!r} is not a number above zero.")
            whole = N_("{value!r} is not a whole number above zero.")
            raise ConfigError(_(whole if kind is int else any_number, value=value[:40]), do=_("For example: 2"))
        return number

    return parse


def _length(value: str) -> float:
    """Read a clip's length, with or without its unit: ``8``, ``8s``, ``8秒``."""
    return float(_above_zero(float)(re.sub(r"(?<=\d)(?:[sS]|秒)$", "", _word(value))))


def _param(value: str) -> tuple[str, Any]:
    """Read ``name=value``, the value as :func:`typed` does."""
    name, sign, text = re.sub("^([^=＝]*)＝", r"\1=", value).partition("=")
    if not sign or not name.strip():
        raise ConfigError(_("--param {value} has no value.", value=value), do="--param seed=7")
    return name.strip(), typed(text)


def typed(text: str) -> Any:
    """Read a parameter's text: a number, true, false or null, a JSON list, object or text; else the text itself."""
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
        raise ConfigError(_("A name is missing."), do=_("-h lists the options."))
    return value.strip()


def _models(value: str) -> tuple[str, ...]:
    names = tuple(name for part in folded(value).split(",") if (name := part.strip()))
    if not names:
        raise ConfigError(_("The model's name is empty."), do=f"-m {default_model()}")
    return names


def _option(names: str, help: str, parse: Callable[[str], Any] | None = None, **how: Any) -> Any:
    """Declare an option as a field; when it is not given it is False, or, if it has a value, None or an empty tuple."""
    option = Option(tuple(names.split()), help, parse, **how)
    default: Any = () if option.repeat else False if parse is None else None
    return field(default=default, metadata={"option": option})


_IMAGE, _DESCRIBE, _ASK, _VIDEO = (("wenwen_image",), ("wenwen_describe",), ("wenwen_ask",), ("wenwen_video",))
_SHAPES = tuple(dict.fromkeys([*ORIENTATIONS, *CHINESE.values(), *RATIOS, *WORDS]))
_SIZES = (*RESOLUTIONS, "1024x1024", "1536x1024", "1024x1536")


@dataclass(frozen=True)
class Options:
    """The line of an image magic: the words that are no options, and every option.

    An option is declared here and nowhere else: its names, what it does, how its value is read and completed.
    """

    words: str = ""
    model: tuple[str, ...] = _option(
        "-m --model --模型",
        N_("the model; several (a,b) give one result each"),
        _models,
        repeat=True,
        listed=True,
        choices=model_names,
    )
    orientation: str | None = _option(
        "-o --orientation --方向",
        N_("auto, square, landscape, portrait, or a ratio: 16:9"),
        _orientation,
        more=_agrees,
        choices=_SHAPES,
        magics=(*_IMAGE, *_VIDEO),
    )
    size: str | None = _option(
        "--size --尺寸",
        N_("1K, 2K, 4K, or 1536x1024"),
        _orientation,
        choices=_SIZES,
        magics=(*_IMAGE, *_VIDEO),
    )
    count: int | None = _option("-n --count --张数", N_("how many versions; saved ones count"), _above_zero(int))
    ref: tuple[str, ...] = _option(
        "--ref --参考",
        N_("a picture to start from: variable, figure, id, path, address"),
        str,
        repeat=True,
        filled=False,
        files=_PICTURES,
    )
    mask: str | None = _option(
        "--mask --蒙版",
        N_("where --ref may be changed: variable, path"),
        _named,
        filled=False,
        files=_PICTURES,
        magics=_IMAGE,
    )
    task: str | None = _option("--task --任务", N_("what else the format can do, such as blend"), _word, magics=_IMAGE)
    json: bool = _option("--json --数据", N_("answer with JSON, for NAME as a list or an object"), magics=_ASK)
    improve: bool = _option(
        "--improve --改进",
        N_("let a text model rewrite the prompt; draws after Generate or -y"),
        magics=_IMAGE,
    )
    style: str | None = _option(
        "--style --风格",
        N_("a named template around the prompt"),
        _named,
        choices=lambda settings: sorted(settings.styles),
    )
    grid: tuple[str, ...] = _option(
        "--grid --网格",
        N_('"model=a;b" "orientation=16:9;9:16": every combination as a table'),
        str,
        **_AXIS_VALUES,
    )
    for_: tuple[str, ...] = _option(
        "--for --对", N_('"animal=cat;dog": one result for each {{animal}}'), str, **_AXIS_VALUES
    )
    blind: bool = _option(
        "--blind --盲评", N_("hide what is compared until a vote is cast"), magics=(*_IMAGE, *_ASK, *_DESCRIBE)
    )
    from_: str | None = _option(
        "--from --来自",
        N_("prompts from a file (txt, CSV, JSON Lines), a list or a table"),
        _named,
        filled=False,
        files=_PROMPTS,
    )
    seconds: float | None = _option(
        "--seconds --秒数", N_("how long the clip should be, in seconds"), _length, magics=_VIDEO
    )
    embed: bool = _option("--embed --内嵌", N_("keep a clip of up to 2 MiB in the notebook itself"), magics=_VIDEO)
    fresh: bool = _option("--fresh --重画", N_("make a new version (pays)"))
    take: int | None = _option("--take --第几张", N_("show a saved version by its number"), _above_zero(int))
    dry_run: bool = _option("--dry-run --预览", N_("show what would be sent; sends nothing"))
    mode: str | None = _option("--mode --模式", N_("cache, live or replay"), _mode, choices=MODES)
    format: str | None = _option(
        "--format --格式",
        N_("the API format: chat, images, gemini, midjourney or videos"),
        folded,
        choices=_format_names,
    )
    param: tuple[tuple[str, Any], ...] = _option(
        "--param --参数", N_("name=value, passed through to the endpoint"), _param, repeat=True
    )
    timeout: float | None = _option(
        "--timeout --超时", N_("timeout in seconds, until the next piece of the answer"), _above_zero(float)
    )
    stream: bool = _option("--stream --流式", N_("ask for a stream, with progress"))
    background: bool = _option("--background --后台", N_("return at once; the result comes when ready"))
    no_ui: bool = _option("--no-ui --无控件", N_("no controls under the result"))
    quiet: bool = _option("-q --quiet --安静", N_("show nothing"))
    raw: bool = _option("--raw --原样", N_("send the prompt untouched: no {{...}}"))
    budget: float | None = _option("--budget --预算", N_("what this cell may cost at most"), _above_zero(float))
    yes: bool = _option("-y --yes --确认", N_("do not ask before many results, or a clip"))
    help: bool = _option("-h --help -? --帮助", N_("this text"))


TABLE: tuple[Option, ...] = tuple(declared.metadata["option"] for declared in fields(Options) if declared.metadata)
"""The options of the image magics."""
_NOT_WITH_IMPROVE = ("for_", "grid", "from_", "blind", "take", "background")
_OF_A_QUESTION = ("fresh", "mode", "timeout", "quiet", "yes", "budget", "dry_run")
_BELOW = N_("The prompt goes below the first line.")


def table_of(magic: str) -> tuple[Option, ...]:
    """Return the options that a magic takes."""
    kept = (option for option in TABLE if not option.magics or magic in option.magics)
    models = clip_models if magic in _VIDEO else model_names if magic in _IMAGE else word_models
    own: dict[str, dict[str, Any]] = {"model": {"choices": models}}
    if magic in _VIDEO:
        own["ref"] = {"help": N_("the first frame, a picture; a second --ref: the last frame")}
        own["size"] = {"help": N_("width and height, such as 1280x720"), "choices": ("1280x720", "720x1280")}
    return tuple(replace(one, **own.get(one.destination, {})) for one in kept)


def help_lines(table: Sequence[Option]) -> list[str]:
    """Return a line on each option, in the reader's language."""
    return [f"  {padded(', '.join(option.names), 36)} {_(option.help)}" for option in table]


def help_text(called: str) -> str:
    """Return all options of a magic, a line each, in the reader's language.

    Args:
        called: the magic's name as it is typed, with ``%``.
    """
    head = _(
        "{magic} [NAME] [options]   the cell's text is the prompt; {{{{expression}}}} inserts a Python value",
        magic=called,
    )
    return "\n".join([head, *help_lines(table_of(called.lstrip("%")))])


def read(line: str, fill: Callable[[str], str] = str, magic: str = "") -> Options:
    """Read the line of a ``magic``, empty for any; other arguments and errors are those of :func:`read_line`."""
    given, words = read_line(line, TABLE, fill, table_of(magic) if magic else TABLE)
    return Options(words, **given)


def for_magic(magic: str, given: Options, cell: str | None) -> tuple[Options, str, str]:
    """Return the options as a magic means them, the variable's name and the prompt; a line magic has only the prompt.

    Args:
        magic: those that give words say the task, and have no controls.
        given: what was read from its line.
        cell: the text below the line; None for a line magic.

    Raises:
        ConfigError: an option that the magic does not take, a word on a cell magic's line that cannot be a variable's
            name, or no question where one is wanted; nothing was sent.
    """
    if magic in (*_ASK, *_DESCRIBE) and given.orientation == "auto":  # cells that earlier versions wrote say so
        given = replace(given, orientation=None)
    _check_taken(magic, given)
    if cell is None and given.words.endswith(";"):  # as anywhere in IPython, it quiets; a cell's text may end so
        given = replace(given, quiet=True, words=given.words.rstrip("; "))
    name, prompt = ("", _unquoted(given.words).strip()) if cell is None else (given.words, cell.strip())
    if name:
        check_variable(name, do=_BELOW)
    if given.improve:
        _check_improve(given)
    if magic in _ASK:
        if not (prompt or given.from_):
            raise ConfigError(
                _("There is no question."), do=_("Write it below %%wenwen_ask, or on one line: %wenwen_ask …")
            )
        return replace(given, task=ASK_JSON if given.json else ASK, no_ui=True), name, prompt
    usual = magic in _DESCRIBE and name.isascii()  # Chinese has no spaces: a prompt may be a name
    if name and not (prompt or given.from_ or usual):
        raise ConfigError(_("The prompt is empty."), do=_(_BELOW))
    if magic in _DESCRIBE:
        return replace(given, task=DESCRIBE, no_ui=True), name, prompt or _("What is in this picture?")
    return replace(given, task=CLIP) if magic in _VIDEO else given, name, prompt


def _check_taken(magic: str, given: Options) -> None:
    """Refuse an option that a magic does not take."""
    for option in TABLE:
        if option.magics and magic not in option.magics and getattr(given, option.destination):
            only = ", ".join(f"%%{one}" for one in option.magics)
            raise ConfigError(
                _("{name} goes with {magics} only.", name=option.names[0], magics=only),
                do=_("Leave it out."),
            )


def _check_improve(given: Options) -> None:
    """Refuse ``--improve`` where more than one prompt or model is meant."""
    others = [f"--{name.strip('_')}" for name in _NOT_WITH_IMPROVE if getattr(given, name)]
    others += ["-m a,b"] if len(given.model) > 1 else []
    if others:
        raise ConfigError(
            _("--improve does not go with {other}.", other=others[0]),
            why=_("It rewrites one prompt, for one model."),
            do=_("Improve first, then write the cell with the new prompt."),
        )


def for_question(given: Options) -> Options:
    """Return the options of the question that comes before a cell's picture."""
    return Options(task=ASK, raw=True, no_ui=True, **{name: getattr(given, name) for name in _OF_A_QUESTION})


def check_variable(name: str, *, do: str) -> str:
    """Return a word that can be the name of a variable.

    Raises:
        ConfigError: it cannot be one; ``do``, marked for translation, is what the error advises.
    """
    if not name.isidentifier() or iskeyword(name):
        raise ConfigError(_("{name!r} is not a variable's name.", name=name), do=_(do))
    return name
