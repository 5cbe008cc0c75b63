"""Masks the key, should the endpoint echo it, in what was read from its replies, however the key is spelled there."""

import base64
import re
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar

from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.errors import AnswerError, EndpointError, WenwenError
from wenwen_magic.protocol import HttpCall, HttpReply, Pause, Step
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import CONTROLS, DIRECTIONS, mask_keys, replace_lone_surrogates

Result = TypeVar("Result")
SHORTEST = 8
"""Characters of a key that is looked for in texts; a shorter one, such as a classroom's, is in any text."""
SHORTEST_IN_BYTES = 16
"""Characters of a key that is looked for in a body as it comes, among the bytes of pictures."""
_BACKSLASH, _SLASH = b"\\/"
_ESCAPE = 6
"""Bytes of a letter's escape in JSON."""
_DEEPEST = 32
"""Levels of a value out of JSON that are kept; ordinary answers have three."""
_BETWEEN = rf"(?:\x1b\[[0-?]*[ -/]*[@-~]|[\\{CONTROLS}{DIRECTIONS}\u00ad\u200b-\u200f\u2060\ufeff])*"
"""What may be between two characters of a key and is not seen when it is shown: signs without width, escapes."""


def mask(text: str, key: Secret | None) -> str:
    r"""Replace the key by ``***`` wherever it occurs in a text, and each lone surrogate by U+FFFD.

    The key is found as it is, with escapes of JSON (``\u0073``), HTML (``&#115;``) and addresses (``%73``), with signs
    that are not seen between its characters, in base64 (also within a longer run) and in hexadecimal.

    Args:
        text: from an endpoint.
        key: the key that was sent to it; None for none.
    """
    text = replace_lone_surrogates(text)
    if key is None or len(key.reveal()) < SHORTEST:
        return text
    return _spellings(key).sub("***", text)


@cache
def _spellings(key: Secret) -> re.Pattern[str]:
    """Return the pattern of a key in all its spellings. No variable of a frame that may fail holds it."""
    letters = (
        rf"(?:{re.escape(letter)}|(?i:u00{code:02x}|%(?:25)?{code:02x}|&\#(?:0*{code}|x0*{code:x});))"
        for letter, code in ((letter, ord(letter)) for letter in key.reveal())
    )
    return re.compile("|".join([_BETWEEN.join(letters), *_encoded(key.reveal().encode())]))


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
    if b"\\u00" in piece or b"\\/" in piece:
        piece = _escaped(key).sub(b"***", piece)
    first = max(0, len(piece) - _ESCAPE * len(key.reveal()))
    begins = (key.reveal().encode()[0], _BACKSLASH)
    cut = next(
        (at for at in range(first, len(piece)) if piece[at] in begins and _may_begin(piece, at, key)), len(piece)
    )
    return piece[:cut], piece[cut:]


@cache
def _escaped(key: Secret) -> re.Pattern[bytes]:
    letters = (rf"(?:{re.escape(letter)}|(?i:\\u00{ord(letter):02x}))" for letter in key.reveal())
    return re.compile("".join(letters).replace("(?:/|", r"(?:\\?/|").encode())


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


def guarded(
    talk: Generator[Step, HttpReply | None, Result], key: Secret | None
) -> Generator[Step, HttpReply | None, Result]:
    """Run a conversation with the key masked in all that it reports, returns and raises.

    Masked is what was put together from the replies: there the key is whole again, though it came escaped, or in
    several pieces of a stream.

    Args:
        talk: of a wire format.
        key: the key that its calls carry; None for none.

    Raises:
        WenwenError: as the conversation.
        AnswerError: the conversation failed at an answer in a way that nobody foresaw; the reply was read to its end.
    """
    reply: HttpReply | None = None
    while True:
        error: WenwenError
        try:
            step = talk.send(reply)
            reply = yield step if isinstance(step, (HttpCall, Pause)) else _masked(step, key)
            continue
        except StopIteration as end:
            result: Result = _masked(end.value, key)
            return result
        except WenwenError as problem:
            error = problem
            for name, value in vars(problem).items():
                setattr(problem, name, _masked(value, key))
            problem.args = (problem.what,)
        except Exception as problem:  # whatever an answer does to its reader, it was paid for
            if reply is None:
                raise
            error = _unforeseen(problem, key)
            with suppress(EndpointError):
                for _piece in reply.chunks:
                    pass
        raise error.with_traceback(None) from None  # its frames hold the texts as they came


def _unforeseen(problem: Exception, key: Secret | None) -> AnswerError:
    return AnswerError(
        _("The answer cannot be read."),
        why=mask_keys(mask(f"{type(problem).__name__}: {problem}", key)),
        do=_("What came is kept in the history. Running the cell again asks again, which may cost again."),
        charged="yes",
        status=200,
    )


def _masked(value: Any, key: Secret | None, depth: int = 0) -> Any:
    """Return a value with the key masked in all its texts: those of dataclasses, and of values out of JSON."""
    if isinstance(value, str):
        return mask(value, key)
    if depth > _DEEPEST:
        return "…"
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _masked(getattr(value, f.name), key, depth + 1) for f in fields(value)})
    if isinstance(value, Mapping):
        return {mask(str(name), key): _masked(inner, key, depth + 1) for name, inner in value.items()}
    if type(value) in {list, tuple}:
        return type(value)(_masked(inner, key, depth + 1) for inner in value)
    return value
