"""Mends JSON that broke off: what had come whole of it is kept, and its brackets are closed."""

import json
import re
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],:"]', re.DOTALL)
_AS_FAR_AS_IT_CAME = re.compile(r'"(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*+', re.DOTALL)
_CLOSING = {"{": "}", "[": "]"}
_OPEN = ("text", "content")


def mend(text: str, open_words: tuple[str, ...] = _OPEN) -> Any:
    """Read as much of a JSON text as came whole; None when that is nothing, or the text is no JSON.

    Takes time in proportion to the text.

    Args:
        text: what broke off.
        open_words: the fields whose words count though they never end; half an address or picture is worth nothing.
    """
    closing: list[str] = []
    kept, good, key, before = "", 0, "", ""
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign == '"':  # words that never end: nothing can follow
            kept = _open_words(text, token.start()) if before == ":" and key in open_words else ""
            break
        if sign in _CLOSING:
            closing.append(_CLOSING[sign])
        elif sign in {"}", "]"} and (not closing or closing.pop() != sign):
            return None
        is_value = sign[0] == '"' and (before == ":" or closing[-1:] == ["]"])
        key = sign[1:-1] if sign[0] == '"' and not is_value else key
        good = token.start() if sign == "," else token.end() if is_value or sign in "{}[]" else good
        before = sign
        if not closing:
            break
    return _parsed((kept or text[:good]) + "".join(reversed(closing)))


def _open_words(text: str, start: int) -> str:
    """The text up to the end of words that never end, closed."""
    came = _AS_FAR_AS_IT_CAME.match(text, start)
    return text[: came.end()] + '"' if came else ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
