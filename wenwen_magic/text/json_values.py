"""Ask a model for JSON, and read the value in its words: alone, fenced, among words, as people write it, or broken off.

Takes time in proportion to the text, whatever that is.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from wenwen_magic.text.i18n import _, is_chinese
from wenwen_magic.text.sanitize import replace_lone_surrogates

_REQUEST = (
    "Answer with JSON only: no words around it, no code fence.",
    "只用 JSON 回答：前后不要有别的文字，也不要用代码块。",
)
_DEEPEST = 100
"""Lists and objects within each other that are read; what is deeper is no answer, and could not be shown."""
_OPENING = re.compile(r"[\[{]")
_TOKEN = re.compile(
    r"""(?:\s|//[^\n]{0,300}+\n|/\*(?:[^*]|\*(?!/)){0,300}+\*/)*+"""  # short comments are passed over
    r"""(?:(?P<text>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|“[^“”]*+”)|(?P<open>["'“]|[-+.\w]*+\Z)"""
    r"""|(?P<sign>[\[\]{},:，、：])|(?P<word>-?\d[-+.\deE]*+|(?:true|false|null|True|False|None)\b))""",
    re.DOTALL,
)
"""A part of JSON, and what is before it; of one that is ``open`` there may have been more to come."""
_AS_JSON = {"，": ",", "、": ",", "：": ":", "True": "true", "False": "false", "None": "null"}
"""Signs of a Chinese keyboard, and words of Python, as JSON has them."""
_FIELD = re.compile(r"\{\s*[\w$]+\s*:")
_REQUOTED = {'"': r"\"", r"\'": "'"}
"""Signs of a text in single quotes, and how one in double quotes has them."""
_FENCED = re.compile(r"```[^\S\n]*\w*\s*\Z")
_BETWEEN = re.compile(r"```\w*|[\s,\ufeff]+")


class Found(NamedTuple):
    """Hold a value that was read.

    Args:
        value: a list or an object; of a text that is nothing else any JSON value.
        whole: whether it is complete; of a list that broke off, ``value`` holds the complete items.
    """

    value: Any
    whole: bool


class _Piece(NamedTuple):
    """A list or an object in a text, and where it begins and ends."""

    value: Any
    start: int
    end: int
    whole: bool


def with_request(prompt: str) -> str:
    """Return a question with a line, in its language, that asks for nothing but JSON."""
    return f"{prompt}\n{_REQUEST[is_chinese(prompt)]}"


def value_in(text: str) -> Found:
    """Return the JSON value that a text gives.

    Objects that follow each other without words between are a list. Where there are several among words, the one in a
    code fence counts, and a number in brackets, which cites a page, does not.

    Raises:
        ValueError: there is none, there are several, or the only one broke off before anything of it was whole; the
            words are for a person.
    """
    with suppress(ValueError, RecursionError):
        value = _loads(text.strip("\ufeff \t\r\n"))
        if not isinstance(value, (list, dict)):
            return Found(replace_lone_surrogates(value) if isinstance(value, str) else value, whole=True)
    found = list(_pieces(text))
    pieces = [piece for piece in found if piece.start < piece.end]
    if len(pieces) > 1 and len(pieces) == len(found) and not _BETWEEN.sub("", _outside(text, pieces)):
        kept = [piece.value for piece in pieces if piece.whole]
        return Found(kept, whole=len(kept) == len(pieces))
    every = pieces
    pieces = [piece for piece in pieces if not _cites(piece.value)] or pieces
    fenced = [piece for piece in pieces if _FENCED.search(text[max(piece.start - 40, 0) : piece.start])]
    wrong = len(found) > len(every) and len(fenced) != 1  # what was read may be a part of what could not be
    pieces = fenced if len(fenced) == 1 else pieces
    if wrong or not pieces:
        raise ValueError(_("it is no JSON list and no JSON object"))
    first = pieces[0]
    if any(piece.value != first.value or piece.whole != first.whole for piece in pieces[1:]):
        raise ValueError(_("it holds {count} JSON values, and which is meant is not clear", count=len(pieces)))
    if not (first.whole or first.value):
        raise ValueError(_("it broke off before anything of it was whole"))
    return Found(first.value, first.whole)


def _loads(text: str) -> Any:
    return json.loads(text, strict=False, parse_constant=_refuse)


def _refuse(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _cites(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 1 and type(value[0]) is int


def _outside(text: str, pieces: list[_Piece]) -> str:
    """Return what is around pieces."""
    ends = [0, *(piece.end for piece in pieces)]
    starts = [*(piece.start for piece in pieces), len(text)]
    return "\n".join(text[end:start] for end, start in zip(ends, starts, strict=True))


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield the lists and objects of a text that are in no other; one that broke off is the last.

    What seems to begin one and is none, such as words in brackets, is passed over up to where that shows.
    """
    at = 0
    while opening := _OPENING.search(text, at):
        piece, at = _read(text, opening.start())
        if piece is not None:
            yield piece


def _read(text: str, start: int) -> tuple[_Piece | None, int]:
    """Read the list or object that begins at a place, and tell where to go on.

    What is wrong inside gives a mark of no length, but for words and pages in brackets: these give None.

    Raises:
        ValueError: it is too deep.
    """
    copy, at = _Copy(), start
    with suppress(ValueError):
        while len(copy.opened) <= _DEEPEST and (token := _TOKEN.match(text, at)):
            kind, part = str(token.lastgroup), token[str(token.lastgroup)]
            if kind == "open" and copy.may_break_off(part):
                return _Piece(copy.complete_items(), start, len(text), whole=False), len(text)
            if not copy.takes(kind, _AS_JSON.get(part, part)):
                break
            at = token.end()
            if not copy.opened:
                return _Piece(copy.value(), start, at, whole=True), at
    if len(copy.opened) > _DEEPEST:
        raise ValueError(_("its lists and objects lie more than {most} deep", most=_DEEPEST))
    is_more = copy.is_more or _FIELD.match(text, start)
    return _Piece(None, start, start, whole=False) if is_more else None, max(at, start + 1)


class _Copy:
    """A list or an object as far as a text was read, its parts as JSON has them; ``json`` reads it.

    Attributes:
        opened: the brackets that are open, the outermost first.
        is_more: whether it has more in it than words and pages in brackets have.
    """

    def __init__(self) -> None:
        self.opened, self.is_more = "", False
        self._parts, self._before = list[str](), ","
        self._complete = 0  # how many parts the complete items of the outermost list take

    def may_break_off(self, part: str) -> bool:
        """Tell whether a part at the end of the text, which may be empty, is the beginning of one that fits."""
        return not part or (self._before in "[{,:" and not (self._wants_key and part not in "\"'“"))

    @property
    def _wants_key(self) -> bool:
        return self._before in "{," and self.opened[-1:] == "{"

    def takes(self, kind: str, part: str) -> bool:
        """Take a part in, and tell whether it fits where it stands; of keys and values ``json`` tells more.

        Raises:
            ValueError: a text has an escape that JSON has not.
        """
        inner = self.opened[-1:]
        self.is_more |= inner != "" and part in "[{"
        if self._wants_key and kind != "text" and part != "}":
            return False
        if part in "]}":
            if self._before == ":" or inner + part not in ("[]", "{}"):
                return False
            if self._before == ",":  # one too many
                self._parts.pop()
            self.opened = self.opened[:-1]
        elif (self._before in "[{,:") is (part in ",:") or (inner == "[" and part == ":"):
            return False
        elif part in "[{":
            self._complete *= "[" in self.opened
            self.opened += part
        self._parts.append(_text(part) if kind == "text" else part)
        self.is_more |= part == ":" or (kind == "text" and inner == "[")
        self._before = part if part in "[{,:" else "value"
        if len(self.opened) == self.opened.find("[") + 1 and self._before in {"value", ","}:
            self._complete = len(self._parts) - (part == ",")
        return True

    def value(self) -> Any:
        """Return the whole one; ValueError where it is no JSON."""
        return _loads("".join(self._parts))

    def complete_items(self) -> Any:
        """Return what is left where it broke off: the outermost list, with its complete items; None for nothing.

        An object that lacks fields is no answer, and no item of a list either.

        Raises:
            ValueError: it is no JSON.
        """
        around = self.opened.find("[")  # objects
        if around < 0 or not self._complete:
            return None
        return _loads("".join([*self._parts[: self._complete], "]", "}" * around]))


def _text(part: str) -> str:
    """Return a text as JSON has it."""
    if part[0] == "'":  # as Python writes it
        inside = re.sub(r'\\(.)|"', lambda sign: _REQUOTED.get(sign[0], sign[0]), part[1:-1], flags=re.DOTALL)
        part = f'"{inside}"'
    return json.dumps(replace_lone_surrogates(part[1:-1] if part[0] == "“" else json.loads(part, strict=False)))
