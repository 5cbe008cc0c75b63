"""Prepare the JSON text of an answer for parsing: take long base64 out, and parse a text that broke off."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from string import ascii_letters, digits
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from wenwen_magic.errors import WenwenError
from wenwen_magic.text.sanitize import replace_lone_surrogates

Fault = TypeVar("Fault", bound=WenwenError)
SHORTEST = 1024
"""A run of fewer bytes than this stays in the text."""
_DEEPEST = 32
"""Levels of a value that are kept."""

# Possessive: one pass, no going back. `\/` is how some servers write a slash in JSON; the letters of another escape,
# such as the n of `\n`, belong to the escape and not to the run behind it.
_RUN = re.compile(rb"(?<!\\)(?<!\\u)(?<!\\u.)(?<!\\u..)(?<!\\u...)(?:[A-Za-z0-9+/_-]++|\\/)++={0,2}")
# What may hold one: found by itself, for a call for each word of a long text takes seconds.
_LONG = re.compile(rb"(?<![A-Za-z0-9+/_\\-])[A-Za-z0-9+/_\\-]{%d,}+={0,2}" % SHORTEST)
_REST = re.compile(rb"(?:[A-Za-z0-9+/_-]++|\\/)*+={0,2}")
_LETTERS = f"{ascii_letters}{digits}+/_-".encode()
_MARK = b";base64,"
_BLOCK = 1 << 16
_SPACES = (b"\n", b" ", b"\r", b"\t")


class Payloads:
    """Hold the long base64 runs of one answer, each replaced by a token that is itself made of base64 letters.

    A token may so be in the middle of a run: a picture that comes in several pieces is joined by joining the text.
    Tokens hold 64 random bits, so an answer cannot name one by itself.
    """

    def __init__(self) -> None:
        self._head = f"wwcut{secrets.token_hex(8)}n"
        self._runs: list[bytes] = []

    @cached_property
    def _token(self) -> re.Pattern[str]:
        return re.compile(self._head + r"(\d+)n")

    def extract(self, body: bytes | bytearray) -> bytes | bytearray:
        """Return the body with every run of at least :data:`SHORTEST` bytes replaced by its token.

        Takes time in proportion to the body, and the memory of the runs themselves.
        """
        pieces, at = list[bytes | bytearray](), 0
        while len(body) - at >= SHORTEST and (mark := body.find(_MARK, at)) >= 0:
            start = mark + len(_MARK)
            end = _end_of_run(body, start)
            with memoryview(body) as whole:  # one copy of a picture, not two
                pieces += [self._without_runs(body[at:start]), self._kept(bytes(whole[start:end]))]
            at = end
        if not pieces:
            return self._without_runs(body)
        return b"".join([*pieces, self._without_runs(body[at:])])

    def _without_runs(self, body: bytes | bytearray) -> bytes | bytearray:
        if len(body) < SHORTEST:
            return body
        if not body.translate(None, _LETTERS):  # a run alone, told many times faster than by the pattern
            return self._kept(bytes(body))
        return _LONG.sub(self._without_run, body)

    def _without_run(self, found: re.Match[Any]) -> bytes:
        run = bytes(found.group())
        return _RUN.sub(lambda match: self._kept(match.group()), run) if b"\\" in run else self._kept(run)

    def _kept(self, run: bytes) -> bytes:
        if len(run) < SHORTEST:
            return run
        self._runs.append(run.replace(b"\\/", b"/") if b"\\" in run else run)
        return f"{self._head}{len(self._runs) - 1}n".encode()

    def restore(self, text: str) -> bytes:
        """Return a piece of text as bytes, every token in it replaced by its run."""
        if not self._runs:
            return _encoded(text)
        if alone := self._token.fullmatch(text):  # no copy is made
            return self._runs[int(alone[1])]
        pieces = enumerate(self._token.split(text))
        return b"".join(self._runs[int(piece)] if index % 2 else _encoded(piece) for index, piece in pieces)

    def restore_text(self, text: str) -> str:
        """Return a piece of text with every token in it replaced by its run."""
        return self.restore(text).decode("utf-8", "replace") if self._head in text else text

    def restore_base64(self, text: str) -> bytes:
        """Return the base64 of a picture, without percent-encoding and white space."""
        data = self.restore(text.strip())
        if b"%" in data:
            data = unquote_to_bytes(data)
        return b"".join(data.split()) if any(space in data for space in _SPACES) else data

    def redact(self, value: Any) -> str:
        """Return a piece of text for reading; empty for what is not a text.

        Every run is an ellipsis, and half characters, which no file and no page can hold, are replaced.
        """
        if not isinstance(value, str):
            return ""
        text = self._token.sub("…", value) if self._runs else value
        return text if text.isascii() else replace_lone_surrogates(text)

    def redact_within(self, value: Any, depth: int = _DEEPEST) -> Any:
        """Return a value out of JSON with each text in it as :meth:`redact` has it, so many levels deep."""
        if not isinstance(value, (dict, list)):
            return self.redact(value) if isinstance(value, str) else value
        if not depth:
            return "…"
        if isinstance(value, list):
            return [self.redact_within(item, depth - 1) for item in value]
        return {self.redact(name): self.redact_within(item, depth - 1) for name, item in value.items()}

    def redact_error(self, error: Fault) -> Fault:
        """Return an error that quotes the answer, every run in it an ellipsis."""
        for name in ("why", "text", "request_id"):
            setattr(error, name, self.redact(getattr(error, name)))
        return error


def _encoded(text: str) -> bytes:
    return (text if text.isascii() else replace_lone_surrogates(text)).encode()


def _end_of_run(body: bytes | bytearray, at: int) -> int:
    """Return where a run ends: a long one block by block, as the pattern takes three times as long."""
    short = _REST.match(body, at, at + SHORTEST)
    if short and short.end() < at + SHORTEST:
        return short.end()
    while (block := body[at : at + _BLOCK]) and not block.translate(None, _LETTERS):
        at += len(block)
    rest = _REST.match(body, at)
    return rest.end() if rest else at


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],:"]', re.DOTALL)
_OPEN_STRING = re.compile(r'"(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*+', re.DOTALL)
_CLOSING = {"{": "}", "[": "]"}


def parse_partial_json(text: str, open_fields: tuple[str, ...] = ("text", "content")) -> Any:
    """Parse the complete part of a JSON text; None when that is nothing, or the text is not JSON.

    Takes time in proportion to the text.

    Args:
        text: what broke off.
        open_fields: the fields whose text counts though it never ends; half an address or picture is worth nothing.
    """
    closing: list[str] = []
    end, tail, key, before = 0, "", "", ""
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign == '"':  # a string that never ends: nothing can follow
            open_string = _OPEN_STRING.match(text, token.start()) if before == ":" and key in open_fields else None
            end, tail = (open_string.end(), '"') if open_string else (end, "")
            break
        if sign in _CLOSING:
            closing.append(_CLOSING[sign])
        elif sign in {"}", "]"} and (not closing or closing.pop() != sign):
            return None
        is_value = sign[0] == '"' and (before == ":" or closing[-1:] == ["]"])
        key = sign[1:-1] if sign[0] == '"' and not is_value else key
        end = token.start() if sign == "," else token.end() if is_value or sign in "{}[]" else end
        before = sign
        if not closing:
            break
    try:
        return json.loads(text[:end] + tail + "".join(reversed(closing)), strict=False)
    except (ValueError, RecursionError):
        return None


_FENCE = re.compile(r"(?ms)^[ \t>]*```[ \t]*\w*[ \t]*\n(.{2,100000}?)^[ \t>]*```")
_MOST_FENCES = 20


def json_in(text: str) -> Any:
    """Return the JSON value in a text that is nothing else; None for none."""
    text = text.strip("\ufeff \t\r\n")
    if text[:1] not in {"{", "[", '"'} or text[-1:] not in {"}", "]", '"'}:
        return None
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def json_within(text: str) -> Iterator[tuple[int, int, Any]]:
    """Yield the JSON values in a text, with where they begin and end: the whole, fenced, between brackets."""
    if "{" not in text and "[" not in text:
        return
    places = [(0, len(text), text)]
    places += [(match.start(), match.end(), match[1]) for match in islice(_FENCE.finditer(text), _MOST_FENCES)]
    places.append((text.find("{"), text.rfind("}") + 1, text[text.find("{") : text.rfind("}") + 1]))
    for start, end, piece in places:
        value = json_in(piece)
        if isinstance(value, (Mapping, list)):
            yield start, end, value
