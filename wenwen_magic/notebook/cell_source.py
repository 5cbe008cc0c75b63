"""Writes the notebook cell that repeats a request exactly, so that its saved take is free.

What no cell can express is refused: a cell that means something slightly different would be paid for. Its counterpart,
which reads the line, is ``options.py``; tests hold the two together.
"""

import json
import math
import re
import unicodedata
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from wenwen_magic.client import Client
from wenwen_magic.engine.build_request import refuse_stripped, usual_format
from wenwen_magic.errors import ConfigError, WenwenError
from wenwen_magic.notebook.options import TABLE, check_variable, split_comment, typed, with_options, written
from wenwen_magic.records import ASK, ASK_JSON, CLIP, DESCRIBE, DRAW, QUESTIONS, Generation, ImageRequest, Reference
from wenwen_magic.text import improving
from wenwen_magic.text.i18n import N_, _, is_chinese
from wenwen_magic.text.orientation import CHINESE, RATIOS

# Characters that end a line for IPython, or that editors and notebook files change or drop; "\n" is what they keep.
_FRAGILE = "\0\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029\ud800-\udfff"
_OFF_THE_LINE = re.compile(f"[\n{_FRAGILE}]")
# IPython empties lines of spaces, and takes ">>>" in front of any line for a Python prompt ...
_SPACES, _CHEVRONS = r"^[^\S\n]+$", r"^[^\S\n]*>>>"
_CHANGED = re.compile(f"(?m)[{_FRAGILE}]|{_SPACES}|{_CHEVRONS}")
_AS_EXPRESSION = re.compile(rf"(?m)(?:\{{*[{_FRAGILE}]+)+|\{{{{2,}}|{_SPACES}|{_CHEVRONS}")
# ... and these for one on the second line of a cell only: an empty line before them is enough.
_CHINESE = {name: option.names[-1] for option in TABLE for name in option.names}
_MAGICS = {
    DRAW: "wenwen_image",
    DESCRIBE: "wenwen_describe",
    CLIP: "wenwen_video",
    **dict.fromkeys(QUESTIONS, "wenwen_ask"),
}
_FIRST_LINE_ONLY = re.compile(r"\.\.\.|(?:\[(?:nav|ins)\] )?In \[")
_FOLDED_AWAY = re.compile("[“”‘’、,]")  # the others that options forgive change under NFKC
_PLAIN = re.compile(r"(?![-=])[^\s\"']*[^\s\"'\\]")


def cell(
    request: ImageRequest,
    *,
    take: int = 0,
    name: str = "",
    usual: str = ImageRequest.format,
    count: int = 1,
    chinese: bool = False,
) -> str:
    """Write the cell that repeats a request.

    Model and orientation are always named, as the defaults may be others where the cell is run. Of a reference that is
    not a web address the label is written; whether it still leads to the same picture is not known here.

    Args:
        request: what was asked.
        take: the number of the saved take to show; 0 for none.
        name: the variable that also receives the result; empty for none.
        usual: the format that needs no naming where the cell is run.
        count: how many takes the cell wants.
        chinese: whether to write the options' Chinese names.

    Raises:
        ConfigError: no cell can express it exactly: a prompt that begins or ends with spaces, a model with a comma in
            its name, a reference without a name, and the like.
    """
    body, raw = _body(request.prompt)
    seconds = _seconds(request)
    shape = request.orientation.split()
    if request.task in (DESCRIBE, *QUESTIONS):
        if shape != ["auto"]:
            raise _unwritable(_("{name} goes with {magics} only.", name="-o", magics="%%wenwen_image, %%wenwen_video"))
        shape = []
    words = [
        *([check_variable(name, do=N_("Use letters, digits and _: cat_1"))] if name else []),
        _option("-m", _folding(request.model)),
        *([_option("--format", _folding(request.format))] if request.format != usual else []),
        *([f"--seconds {seconds}"] if seconds else []),
        *(_option("--param", text) for text in _params(request, without={"seconds"} if seconds else set())),
        *(_option("--ref", _pointer(reference)) for reference in request.references),
        *([_option("--mask", _pointer(request.mask))] if request.mask else []),
        *([_option("--task", request.task)] if request.task not in _MAGICS else []),
        *map(written, ("-o", "--size"), shape),
        *(["--json"] if request.task == ASK_JSON else []),
        *([f"-n {count}"] if count > 1 else []),
        *(["--raw"] if raw else []),
        *([f"--take {take}"] if take > 0 else []),
    ]
    if words[-1][-1].isspace():  # IPython drops it at the end of the line
        words.append("-n 1")
    words = _in_chinese(words) if chinese else words
    return f"%%{_MAGICS.get(request.task, _MAGICS[DRAW])} {' '.join(words)}\n{body}"


def _body(prompt: str) -> tuple[str, bool]:
    """Return the text of the cell, and whether it has to be kept from interpolation."""
    if prompt != prompt.strip():
        raise _unwritable(_("the prompt begins or ends with spaces or empty lines"))
    text, changed = prompt, bool(_CHANGED.search(prompt))
    if changed:  # what would be changed on its way is an expression in ASCII, for the cell to fill in
        text = _AS_EXPRESSION.sub(lambda fragile: f"{{{{{json.dumps(fragile.group())}}}}}", prompt)
    return ("\n" if _FIRST_LINE_ONLY.match(text) else "") + text, "{{" in prompt and not changed


def _folding(word: str) -> str:
    """Check a model's or a format's name: options fold full-width letters there and split names at commas."""
    if _FOLDED_AWAY.search(word) or unicodedata.normalize("NFKC", word).strip() != word:
        raise _unwritable(_("{word!r} has commas, full-width letters or outer spaces", word=word[:80]))
    return word


def _pointer(reference: Reference) -> str:
    """Return the value of ``--ref``."""
    if reference.is_link:
        return reference.address
    if not reference.label:
        raise _unwritable(_("a reference picture has no name"))
    return reference.label


def _seconds(request: ImageRequest) -> str:
    """Return a clip's length where the option for it writes it just so; else it is a parameter like the others."""
    value = request.params.get("seconds") if request.wants_clip else None
    with suppress(ValueError, TypeError):
        return value if isinstance(value, str) and f"{float(value):g}" == value and 0 < float(value) < math.inf else ""
    return ""


def _params(request: ImageRequest, *, without: Container[str] = ()) -> Iterator[str]:
    for name, value in request.params.items():
        if name in without:
            continue
        text = _typed(value)
        named = isinstance(name, str) and name and name == name.strip() and "=" not in name
        if text is None or not named or "＝" in name:
            raise _unwritable(_("--param {name} cannot be written on a line", name=str(name)[:80]))
        yield f"{name}={text}"


def _typed(value: Any) -> str | None:
    """Return a param's value as it is typed: a text unchanged unless it would be read as another value, else JSON."""
    if isinstance(value, str) and typed(value) == value and not _OFF_THE_LINE.search(value) and "{{" not in value:
        return value
    with suppress(OverflowError, ValueError, TypeError, RecursionError):
        text = json.dumps(value, allow_nan=False)  # in ASCII: no line breaks in it
        if isinstance(value, int) and not math.isfinite(value):
            return None
        return re.sub(r"\{(?=\{)", r"\\u007b", text)
    return None


def _option(option: str, value: str) -> str:
    """Write an option with its value, quoted where necessary."""
    return written(option, _quoted(option, value))


def _quoted(option: str, value: str) -> str:
    """Write an option's value, quoted where necessary; it begins with ``=`` where only that works."""
    if _OFF_THE_LINE.search(value) or "{{" in value:
        raise _unwritable(_("the value of {option} holds a line break, a control character or {{{{", option=option))
    if _PLAIN.fullmatch(value):
        return value
    kept = re.sub(r"\\+(?=[\s\"'])", r"\g<0>\\", value)  # a backslash before a space or a quote is taken away
    if "'" not in value:
        return f"'{kept}'"
    if value.endswith("\\"):
        raise _unwritable(_("the value of {option} holds ' and ends with \\", option=option))
    if '"' not in value:
        return f'"{kept}"'
    return "=" + re.sub(r"[\s\"']", r"\\\g<0>", value)


def _unwritable(why: str) -> ConfigError:
    return ConfigError(
        _("This request cannot be written as a cell."), why=why, do=_("Repeat it from Python: client.generate(request)")
    )


_TYPED = re.compile(r"(%%?wenwen_(?:image|video))(.*)", re.DOTALL)


def retyped(text: str, *, model: str = "", orientation: str = "", count: int = 0, take: int = 0) -> str:
    """Return a cell as it was typed, name, options and language included, with the given values in place of its own.

    Args:
        text: the cell, or the line, of an image magic.
        model: who draws; empty for as typed.
        orientation: of the picture; empty for as typed.
        count: how many; 0 for as typed.
        take: the number of the saved take to show; 0 for none.

    Raises:
        ConfigError: no cell can express it.
    """
    magic, rest = _TYPED.fullmatch(text).groups()  # type: ignore[union-attr]
    line, feed, body = rest.partition("\n") if magic.startswith("%%") else (rest, "", "")
    comment = split_comment(line, prompt=not feed)[1]
    line = line.removesuffix(comment).rstrip() if comment else line  # as typed: with the backslash of \#
    changes: dict[str, str | None] = {"take": str(take) if take else None, **({"fresh": None} if take else {})}
    if model:
        changes["model"] = _quoted("-m", _folding(model))
    if orientation:
        shape, _space, size = orientation.partition(" ")
        shape = CHINESE.get(shape, shape) if _is_in_chinese(text) else shape
        changes |= {"orientation": shape, "size": size or None}
    if count:
        changes["count"] = str(count)
    return f"{magic}{with_options(line, TABLE, changes)}{'  ' + comment if comment else ''}{feed}{body}"


def cell_of(client: Client, made: ImageRequest | Generation, *, name: str = "", like: str = "") -> str:
    """Write the cell that repeats a request, or shows a saved generation again for free.

    Of a question that was to improve a prompt it is the cell with the prompt, where that asks the same.

    Args:
        client: knows what is saved.
        made: the request or the generation.
        name: the variable that also receives the result; empty for none.
        like: a cell whose language its options have; empty for English.

    Raises:
        ConfigError: no cell can express it exactly.
    """
    chinese = _is_in_chinese(like)
    request, take, count = (made, 0, made.count) if isinstance(made, ImageRequest) else (made.request, 0, 1)
    refuse_stripped(request)
    if isinstance(made, Generation) and len(client.takes(request)) > 1:
        take = client.history.take_of(made)
    improved = improving.asked_in(request.prompt) if not take else ""
    if improved and client.request(improving.with_request(improved), task=ASK).fingerprint == request.fingerprint:
        body, raw = _body(improved)
        words = ["--improve", *(["--raw"] if raw else [])]
        return f"%%{_MAGICS[DRAW]} {' '.join(_in_chinese(words) if chinese else words)}\n{body}"
    by_id = replace(request, references=tuple(_by_id(client, one) for one in request.references))
    usual = usual_format(request.model, client.settings, request.task)
    return cell(by_id, take=take, name=name, usual=usual, count=count, chinese=chinese)


def animated(take: Generation, *, model: str = "", like: str = "") -> str:
    """Write the cell that makes a clip which begins with a saved picture; its text is the picture's, to be changed.

    Args:
        take: has the picture.
        model: for clips; empty where a setting names it.
        like: a cell whose language its options have; empty for English.

    Raises:
        ConfigError: no cell can have this text.
    """
    refuse_stripped(take.request)
    body, raw = _body(take.request.prompt)
    shape = take.request.shape
    # Models for clips have sizes of their own: of pixels the usual ratio or the turn stays.
    turn = shape.in_words if shape.named or shape.in_words in RATIOS else shape.turn
    words = [
        f"--ref {take.id}",
        *([_option("-m", _folding(model))] if model else []),
        *([f"-o {turn}"] if turn != "auto" else []),
        *(["--raw"] if raw else []),
    ]
    return f"%%{_MAGICS[CLIP]} {' '.join(_in_chinese(words) if _is_in_chinese(like) else words)}\n{body}"


def _is_in_chinese(text: str) -> bool:
    """Tell whether the options of a cell have Chinese names."""
    return is_chinese("".join(re.findall(r"\s--\S+", text.partition("\n")[0])))


def _in_chinese(words: list[str]) -> list[str]:
    shapes = {f"-o {shape}": f"-o {chinese}" for shape, chinese in CHINESE.items()}
    return [re.sub(r"^-[^\s=]+", lambda name: _CHINESE[name.group()], shapes.get(word, word)) for word in words]


def _by_id(client: Client, reference: Reference) -> Reference:
    """Name a reference by its id where it has one: a variable may be gone, or hold another picture now."""
    with suppress(WenwenError):  # a picture that is gone keeps the name that it was given
        if reference.origin and client.reference(client.history.get(reference.origin)).digest == reference.digest:
            return replace(reference, label=reference.origin)
    return reference
