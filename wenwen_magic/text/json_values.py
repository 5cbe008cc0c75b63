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
    r"""(?:(?P<text>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|“[^“”]*+”)|(?P<open>["'“])|(?P<sign>[\[\]{},:，、：])|(?P<word>[-+.\w]++))""",
    re.DOTALL,
)
_CHINESE = {"，": ",", "、": ",", "：": ":"}
"""Signs of a Chinese keyboard between values, and what they stand for."""
_SIGN = re.compile(r"\S")
_FIELD = re.compile(r"\{\s*[\w$]+\s*:")
_WORDS = {"True": True, "False": False, "None": None}
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
        value = json.loads(text.strip("\ufeff \t\r\n"), strict=False, parse_constant=_refuse)
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
    """Read the list or object that begins at a place; return it, None for none, and where to go on."""
    nest, at = _Nest(), start
    while token := _TOKEN.match(text, at):
        kind, sign = str(token.lastgroup), token[str(token.lastgroup)]
        if kind == "open" or (kind == "word" and token.end() == len(text)):  # more of it may have been to come
            if nest.due == "value" or (nest.due == "key" and kind == "open"):
                break
            return nest.wrong(text, start), token.end()
        if not nest.takes(kind, sign):
            return nest.wrong(text, start), max(token.start(kind), start + 1)
        at = token.end()
        if not nest.open:
            return _Piece(nest.closed, start, at, whole=True), at
    if token is None and _SIGN.search(text, at):  # one that JSON has not
        return nest.wrong(text, start), max(at, start + 1)
    return _Piece(nest.whole_items(), start, len(text), whole=False), len(text)


class _Nest:
    """The lists and objects that are open at a place in a text.

    Attributes:
        open: the outermost first.
        due: what is next: a ``value``, a ``key``, the ``colon`` behind one, or what is ``next`` to a value.
        closed: what was closed last.
    """

    def __init__(self) -> None:
        self.open: list[Any] = []
        self._keys: list[str] = []
        self.due = "value"
        self.closed: Any = None

    def takes(self, kind: str, sign: str) -> bool:
        """Take a token in, and tell whether it fits where it stands; ValueError where that is too deep."""
        if kind in ("text", "word"):
            return self._takes_scalar(sign)
        sign = _CHINESE.get(sign, sign)
        if sign in "[{":
            if len(self.open) == _DEEPEST:
                raise ValueError(_("its lists and objects lie more than {most} deep", most=_DEEPEST))
            fits = self.due == "value"
            self.open.append([] if sign == "[" else {})
            self._keys.append("")
        elif sign in "]}":  # behind a comma too many another item is due
            fits = isinstance(self.open[-1], list if sign == "]" else dict) and self.due in ("next", self._item)
            if fits:
                self._close()
            return fits
        else:
            fits = self.due == ("next" if sign == "," else "colon")
        self.due = "value" if sign == ":" else self._item
        return fits

    @property
    def _item(self) -> str:
        """What the items of the innermost one begin with."""
        return "value" if isinstance(self.open[-1], list) else "key"

    def _close(self) -> None:
        self.closed = self.open.pop()
        self._keys.pop()
        if self.open:
            self._put(self.closed)

    def _put(self, value: Any) -> None:
        if isinstance(self.open[-1], list):
            self.open[-1].append(value)
        else:
            self.open[-1][self._keys[-1]] = value
        self.due = "next"

    def _takes_scalar(self, token: str) -> bool:
        if self.due not in ("value", "key"):
            return False
        try:
            value = _scalar(token)
        except ValueError:
            return False
        if self.due == "value":
            self._put(value)
            return True
        self._keys[-1], self.due = value, "colon"
        return isinstance(value, str)

    def wrong(self, text: str, start: int) -> _Piece | None:
        """Return a mark, of no length, for one that is wrong inside; None for words and pages in brackets."""
        outer = self.open[0] if self.open else []
        begun = len(self.open) > 1 or any(not isinstance(one, (int, float)) for one in outer)
        return _Piece(None, start, start, whole=False) if begun or _FIELD.match(text, start) else None

    def whole_items(self) -> Any:
        """Return what is left where the text broke off: the outermost list, with its complete items; or None.

        An object that lacks fields is no answer, and no item of a list either.
        """
        outer = next((depth for depth, value in enumerate(self.open) if isinstance(value, list)), -1)
        if outer < 0 or not self.open[outer]:
            return None
        for depth in range(outer, 0, -1):
            self.open[depth - 1][self._keys[depth - 1]] = self.open[depth]
        return self.open[0]


def _scalar(token: str) -> Any:
    """Return a text, a number or a word; ValueError for anything else."""
    if token[0] == "“":
        return replace_lone_surrogates(token[1:-1])
    if token[0] == "'":  # as Python writes it
        inside = re.sub(r'\\(.)|"', lambda sign: _REQUOTED.get(sign[0], sign[0]), token[1:-1], flags=re.DOTALL)
        token = f'"{inside}"'
    if token in _WORDS:
        return _WORDS[token]
    value = json.loads(token, strict=False, parse_constant=_refuse)
    return replace_lone_surrogates(value) if isinstance(value, str) else value
