"""Ask a model for JSON, and read the value in its words: alone, fenced, among words, as people write it, or broken off.

Takes time in proportion to the text, whatever that is. Libraries that mend JSON guess where this tells: of a list that
broke off they return half an item as a whole one, which ``--for`` would draw and pay for.
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
_SPACE = r"(?:\s|//[^\n]{0,300}+\n|/\*(?:[^*]|\*(?!/)){0,300}+\*/)*+"
"""What is passed over: a short comment too."""
_TOKEN = re.compile(
    rf"""{_SPACE}(?:(?<![\[{{])[,，、]{_SPACE}(?=[\]}}]))?"""  # a comma too many
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

    Its parts are rewritten as JSON, and ``json`` decides whether they form a value. A value that cannot be read gives a
    piece of no length; words and page numbers in brackets, which are no JSON, give None.

    Raises:
        ValueError: it is too deep.
    """
    parts, opened, complete, at = list[str](), "", 0, start  # ``complete``: parts of the outermost list's whole items
    is_more = bool(_FIELD.match(text, start))  # than words and pages in brackets have
    with suppress(ValueError):
        while len(opened) <= _DEEPEST and (token := _TOKEN.match(text, at)):
            kind, inner = token.lastgroup, opened[-1:]
            part = _AS_JSON.get(token[str(kind)], token[str(kind)])
            is_more |= part == ":" or (inner != "" and part in "[{") or inner + str(kind) == "[text"
            if inner == "{" and parts[-1] in "{," and part and part[0] not in "\"'“}":
                break  # no key
            if kind == "open":  # the text ends here
                items = parts[:complete] if "[" in opened else []
                value = _loads(" ".join([*items, "]", "}" * opened.find("[")])) if items else None
                return _Piece(value, start, len(text), whole=False), len(text)
            at = token.end()
            if part in "]}":
                if inner + part not in ("[]", "{}"):
                    break
                opened = opened[:-1]
            elif part in "[{":
                complete *= "[" in opened  # of an object that lacks fields nothing is complete
                opened += part
            parts.append(_text(part) if kind == "text" else part)
            if not opened:
                return _Piece(_loads(" ".join(parts)), start, at, whole=True), at
            if opened.find("[") == len(opened) - 1 and parts[-1] not in "[,":
                complete = len(parts)
    if len(opened) > _DEEPEST:
        raise ValueError(_("its lists and objects lie more than {most} deep", most=_DEEPEST))
    return _Piece(None, start, start, whole=False) if is_more else None, max(at, start + 1)


def _text(part: str) -> str:
    """Return a text as JSON has it."""
    if part[0] == "'":  # as Python writes it
        inside = re.sub(r'\\(.)|"', lambda sign: _REQUOTED.get(sign[0], sign[0]), part[1:-1], flags=re.DOTALL)
        part = f'"{inside}"'
    return json.dumps(replace_lone_surrogates(part[1:-1] if part[0] == "“" else json.loads(part, strict=False)))
