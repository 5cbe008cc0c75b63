"""Masks the key, should the endpoint echo it, in what was read from its replies, however the key is spelled there."""

import base64
import json
import operator
import re
import secrets
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from functools import cache
from itertools import compress
from typing import Any, TypeVar

from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.errors import WenwenError
from wenwen_magic.text.sanitize import CONTROLS, DIRECTIONS, replace_lone_surrogates

Text = TypeVar("Text", str, bytes)
SHORTEST = 8
"""Characters of a key that is looked for in texts; a shorter one, such as a classroom's, is in any text."""
SHORTEST_IN_BYTES = 16
"""Characters of a key that is looked for in a body as it comes, among the bytes of pictures."""
_SLASH = ord("/")
_ESCAPE = 6
"""Bytes of a letter's escape in JSON."""
_DEEPEST = 32
"""Levels of a value out of JSON that are kept; ordinary answers have three."""
_UNSEEN = r"\\u(?i:00(?:[01][0-9a-f]|7f|[89][0-9a-f]|ad)|061c|20(?:0[b-f]|2[a-e]|6[06-9])|feff)"
_BETWEEN = rf"(?:\x1b\[[0-?]*[ -/]*[@-~]|{_UNSEEN}|[\\{CONTROLS}{DIRECTIONS}\u00ad\u200b-\u200f\u2060\ufeff])*"
"""What may be between two characters of a key and is not seen when it is shown: signs without width, escapes.

In JSON such a sign may be written as an escape (``_UNSEEN``).
"""

_SIGNS_BETWEEN = re.compile(_BETWEEN.removesuffix("*") + "+")
"""Runs of these signs: without them the letters of a key stand side by side."""
_NAMED = {'"': "|quot", "&": "|amp", "'": "|apos", "<": "|lt", ">": "|gt"}


def mask(text: str, key: Secret | None) -> str:
    r"""Replace the key by ``***`` wherever it occurs in a text, and each lone surrogate by U+FFFD.

    The key is found as it is, with escapes of JSON (``\u0073``), HTML (``&#115;``) and addresses (``%73``), with signs
    that are not seen between its characters, in base64 (also within a longer run) and in hexadecimal.

    Args:
        text: from an endpoint.
        key: the key that was sent to it; None for none.
    """
    text = text if text.isascii() else replace_lone_surrogates(text)
    if key is None or len(key.reveal()) < SHORTEST or len(text) < len(key.reveal()):  # no spelling is shorter
        return text
    return _spellings(key).sub("***", text) if _may_hold(text, key) else text


def _may_hold(text: str, key: Secret) -> bool:
    """Tell whether a text may hold the key; nearly all hold none, and the pattern of its places takes long to make."""
    if "\x1b" in text or "\\" in key.reveal():  # what seems to be between two letters may be one
        return True
    seen = text if text.isprintable() and "\\" not in text else _SIGNS_BETWEEN.sub("", text)
    return _letters(key).search(seen) is not None


@cache
def _letters(key: Secret) -> re.Pattern[str]:
    """Return the pattern of a key in all its spellings, with nothing between its letters."""
    return re.compile("|".join(["".join(map(_spelled, key.reveal())), *_encoded(key.reveal().encode())]))


@cache
def _spellings(key: Secret) -> re.Pattern[str]:
    """Return the pattern of a key in all its spellings. No variable of a frame that may fail holds it."""
    letters = map(_spelled, key.reveal())
    return re.compile("|".join([_BETWEEN.join(letters), *_encoded(key.reveal().encode())]))


def _spelled(letter: str) -> str:
    code, named = ord(letter), _NAMED.get(letter, "")
    entity = rf"&(?:\#0*{code}|\#x0*{code:x}{named});"
    return rf"(?:{re.escape(letter)}|(?i:u00{code:02x}|%(?:25)?{code:02x}|{entity}))"


def _encoded(value: bytes) -> list[str]:
    """Return patterns of bytes in hexadecimal, and of those characters of base64 that they alone decide."""
    patterns = [f"(?i:{value.hex()})"]
    for before in range(3):
        run = base64.b64encode(bytes(before) + value).decode().rstrip("=")
        first, last = -(-before * 8 // 6), (before + len(value)) * 8 // 6
        patterns.append("".join({"+": "[+-]", "/": r"\\?[/_]"}.get(sign, sign) for sign in run[first:last]))
    return patterns


def mask_bytes(piece: bytes, key: Secret | None) -> tuple[bytes, bytes]:
    """Split bytes into those without the key, as it is or with escapes of JSON, and an end that may be its beginning.

    Args:
        piece: of a body, behind the end that the call before returned.
        key: as for :func:`mask`; one below :data:`SHORTEST_IN_BYTES` characters is left in.
    """
    if key is None or len(key.reveal()) < SHORTEST_IN_BYTES:
        return piece, b""
    piece = piece.replace(key.reveal().encode(), b"***")
    if b"\\" in piece and (b"\\u00" in piece or b"\\/" in piece):  # one byte is looked for many times faster
        piece = _escaped(key).sub(b"***", piece)
    first = max(0, len(piece) - _ESCAPE * len(key.reveal()))
    begins = (match.start() for match in _first_letters(key).finditer(piece, first))
    cut = next((at for at in begins if _may_begin(piece, at, key)), len(piece))
    return piece[:cut], piece[cut:]


@cache
def _escaped(key: Secret) -> re.Pattern[bytes]:
    letters = (rf"(?:{re.escape(letter)}|(?i:\\u00{ord(letter):02x}))" for letter in key.reveal())
    return re.compile("".join(letters).replace("(?:/|", r"(?:\\?/|").encode())


@cache
def _first_letters(key: Secret) -> re.Pattern[bytes]:
    first, second = (re.escape(key.reveal()[at : at + 1].encode()) for at in range(2))
    return re.compile(rb"%b(?=[%b\\]|\Z)|\\" % (first, second))


def _may_begin(piece: bytes, at: int, key: Secret) -> bool:
    """Tell whether bytes from a place to their end can be the beginning of the key."""
    for letter in key.reveal().encode():
        if at >= len(piece):
            return True
        escape = b"\\u00%02x" % letter
        rest = piece[at : at + _ESCAPE].lower()
        if piece[at] == letter:
            at += 1
        elif rest == escape or (at + len(rest) == len(piece) and escape.startswith(rest)):
            at += _ESCAPE
        elif letter == _SLASH and b"\\/".startswith(rest[:2]):
            at += 2
        else:
            return False
    return at > len(piece)


# -- a whole body ------------------------------------------------------------------------------------------------------

LONGEST_TEXT = 1 << 20
"""Bytes of a body without its pictures that are looked through once more when it is whole."""
SHORTEST_PICTURE = 4096
"""Bytes of a run of base64 that only a picture has."""
_PICTURE = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{%d,}+" % SHORTEST_PICTURE)  # from the first letter only
_BASE64 = string.ascii_letters.encode() + string.digits.encode() + b"+/_-"


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object out of JSON; one with a name twice, which cannot be written again as it came, is an error."""
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("a name stands twice")
    return named


_DECODER = json.JSONDecoder(object_pairs_hook=_each_name_once)
_Text = tuple[dict[str, Any] | list[Any], Any, str]
"""A text in a value: the object or list that holds it, its name or number there, the text itself."""


def mask_reply(pieces: Sequence[bytes], key: Secret | None) -> bytes | None:
    """Return a body without the key in any spelling; None where it holds none.

    In a stream of events the key is also found where the events cut it in pieces. Runs of base64 that only a picture
    has are left as they are, and so are the last event if it broke off, and a body of more than :data:`LONGEST_TEXT`
    beside its pictures. Takes time in proportion to the body.

    Args:
        pieces: the whole body, in order.
        key: as for :func:`mask`.
    """
    if key is None or len(key.reveal()) < SHORTEST:
        return None
    token = secrets.token_hex(8)
    small = b"".join(_without_pictures(pieces, token.encode(), lambda _: None))
    if len(small) > LONGEST_TEXT:
        return None
    text = small.decode("utf-8", "surrogateescape")
    clean = _mask_events(_mask_text(text, key), key)
    if clean == text:
        return None
    pictures = list[bytes]()  # they are held once more only where they have to be put back
    list(_without_pictures(pieces, token.encode(), pictures.append))
    texts = [part.encode("utf-8", "surrogateescape") for part in clean.split(token)]
    return b"".join(part for pair in zip(texts, [*pictures, b""], strict=True) for part in pair)


def _without_pictures(pieces: Sequence[bytes], token: bytes, taken: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield pieces with a token for each run of base64 that only a picture has; a function is given the run."""

    def without(match: re.Match[bytes]) -> bytes:
        taken(match.group())
        return token

    for piece in pieces:
        parts = piece.split(b'"') if b'"' in piece else [piece]  # what stands in quotes is most often one run
        for number, part in _longest(parts, SHORTEST_PICTURE):
            if part.translate(None, _BASE64):
                parts[number] = _PICTURE.sub(without, part)
            else:  # told many times faster than by the expression
                taken(part)
                parts[number] = token
        yield b'"'.join(parts)


def _longest(parts: Sequence[Text], size: int) -> list[tuple[int, Text]]:
    """Return the parts of at least a size, with their numbers; the thousands of short ones are passed at a glance."""
    sizes = list(map(len, parts))
    return [(number, parts[number]) for number, one in enumerate(sizes) if one >= size] if max(sizes) >= size else []


def _mask_text(text: str, key: Secret) -> str:
    """Mask the key in JSON; what is too short to hold it, as most texts of a stream are, is not searched."""
    if '"' in key.reveal() or "\x1b" in text:  # only then a quote can be within a key
        return _in_reply(key).sub("***", text)
    parts = text.split('"')
    for number, part in _longest(parts, len(key.reveal())):
        parts[number] = _in_reply(key).sub("***", part) if _may_hold(part, key) else part
    return '"'.join(parts)


@cache
def _in_reply(key: Secret) -> re.Pattern[str]:
    """Return the pattern of a key in JSON, with the backslashes before it: half an escape would be left."""
    return re.compile(rf"(?<!\\)\\*+(?:{_spellings(key).pattern})")


def _mask_events(body: str, key: Secret) -> str:
    """Mask the key where the texts of one field hold it together, as events bring them one after the other."""
    lines = body.split("\n")
    lines[0] = lines[0].removeprefix("\ufeff")
    if not any(_hold(texts, key) for texts in _texts_of(lines).values()):
        return body
    events: dict[int, Any] = {}
    fields: dict[str, list[tuple[int, _Text]]] = {}
    for number, line in enumerate(lines):
        events[number] = _event_in(line)
        for path, text in _texts_in(events[number]):
            fields.setdefault(path, []).append((number, text))
    lines, changed = body.split("\n"), set()
    for texts in fields.values():
        rest = _mask_joined([text for _number, (_holder, _place, text) in texts], key)
        for (number, (holder, place, before)), after in zip(texts, rest, strict=True):
            if after != before:
                holder[place] = after
                changed.add(number)
    for number in changed:
        with suppress(RecursionError):  # what can just be read may be too deep to be written
            lines[number] = f"data: {json.dumps(events[number])}"  # ASCII, for no file holds half a character
    return "\n".join(lines)


def _event_in(line: str) -> Any:
    """Return the list or object that a line of a stream holds; None for none."""
    if line.startswith("data:"):
        with suppress(ValueError, RecursionError):
            value, end = _DECODER.raw_decode(line, len(line) - len(line[5:].lstrip()))
            if isinstance(value, (dict, list)) and not line[end:].strip():
                return value
    return None


def _texts_of(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return the texts of the fields of events, in order.

    Most events of a stream differ in their texts alone: one of them is parsed, and of the others what stands in quotes
    is taken. So there may be more: of an event with a control character in a text, which is no JSON.
    """
    fields: dict[str, list[str]] = {}
    shapes: dict[tuple[str, ...], tuple[list[int], list[int]]] = {}
    paths: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str] | None] = {}
    for line in lines:
        if not line.startswith("data:"):
            continue
        parts = line.split('"')
        marks = tuple(parts[::2])
        if marks not in shapes:
            is_name = [mark.lstrip().startswith(":") for mark in marks[1:]]
            places = range(1, len(parts), 2)
            shapes[marks] = list(compress(places, is_name)), list(compress(places, map(operator.not_, is_name)))
        names, texts = shapes[marks]
        form = marks, tuple(map(parts.__getitem__, names))
        if form not in paths:
            paths[form] = _paths_of(parts, texts)
        own = paths[form]
        if own is None or "\\" in line:  # what stands in quotes may go on behind a quotation mark
            for path, (_holder, _place, text) in _texts_in(_event_in(line)):
                fields.setdefault(path, []).append(text)
            continue
        for path, at in zip(own, texts, strict=True):
            fields.setdefault(path, []).append(parts[at])
    return fields


def _paths_of(parts: Sequence[str], texts: Sequence[int]) -> list[str] | None:
    """Return the fields of the texts at some places of an event; None where it has them not all, or is none."""
    numbered = list(parts)
    for number, at in enumerate(texts):
        numbered[at] = str(number)
    found = {text: path for path, (_holder, _place, text) in _texts_in(_event_in('"'.join(numbered)))}
    numbers = list(map(str, range(len(texts))))
    return list(map(found.__getitem__, numbers)) if found.keys() == set(numbers) else None


def _texts_in(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, _Text]]:
    """Yield the texts in a value with their fields, which go by the names on the way to them.

    Choices that take turns are told apart by their ``index``.
    """
    named = isinstance(value, dict)
    path = f"{path}/{value['index']}" if named and isinstance(value.get("index"), int) else path
    for place, item in value.items() if named else enumerate(value or ()):
        field = f"{path}/{place}" if named else path
        if isinstance(item, str):
            yield field, (value, place, item)
        elif isinstance(item, (dict, list)) and item and depth < _DEEPEST:
            yield from _texts_in(item, field, depth + 1)


def _mask_joined(texts: Sequence[str], key: Secret) -> Iterator[str]:
    """Yield texts without the parts of the key that they hold; the text with its beginning gets the mask."""
    hits = [match.span() for match in _spellings(key).finditer("".join(texts))][::-1] if _hold(texts, key) else []
    start = 0
    for text in texts:
        end, kept, at = start + len(text), "", start
        while hits and hits[-1][0] < end:
            first, last = hits[-1]
            kept += text[at - start : max(first, start) - start] + ("***" if first >= start else "")
            at = min(last, end)
            if last > end:
                break
            hits.pop()
        yield kept + text[at - start :]
        start = end


def _hold(texts: Sequence[str], key: Secret) -> bool:
    """Tell whether texts that belong together hold the key; without a search where it cannot be."""
    shortest = len(key.reveal())
    if texts[0] == texts[-1] and len(set(texts)) == 1:
        # The number of an answer is in each of its events; no escape of a letter is longer.
        whole = texts[0] * min(len(texts), 8 * shortest)
    else:
        whole = "".join(texts)
        if "\x1b" not in whole and max(map(len, whole.split(" "))) < shortest:  # no other spelling has a space
            return False
    return _may_hold(whole, key) and _spellings(key).search(whole) is not None


def masked(value: Any, key: Secret | None, depth: int = 0) -> Any:
    """Return a value with the key masked in all its texts: those of dataclasses, of values out of JSON, and of errors.

    Args:
        value: any; an error is changed itself.
        key: as for :func:`mask`.
        depth: how many values it is within.
    """
    if value is None or isinstance(value, (str, int, float, bytes)):
        return mask(value, key) if isinstance(value, str) else value
    if isinstance(value, WenwenError):
        for name, inner in vars(value).items():
            setattr(value, name, masked(inner, key, depth + 1))
        value.args = (value.what,)
    if depth > _DEEPEST:
        return "…"
    if is_dataclass(value) and not isinstance(value, type):
        before = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        after = {name: masked(inner, key, depth + 1) for name, inner in before.items()}
        return replace(value, **after) if any(after[name] is not before[name] for name in before) else value
    if isinstance(value, Mapping):
        return {mask(str(name), key): masked(inner, key, depth + 1) for name, inner in value.items()}
    if type(value) in {list, tuple}:
        items = [masked(inner, key, depth + 1) for inner in value]
        return type(value)(items) if any(map(operator.is_not, items, value)) else value
    return value
