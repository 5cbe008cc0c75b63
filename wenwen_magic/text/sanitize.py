"""Make text safe to show or write: keys, lone surrogates, control characters, direction overrides, line breaks.

The classes of characters go between the brackets of a regular expression.
"""

import re

CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"
"""Control characters, except tab and line feed."""
SURROGATES = "\ud800-\udfff"
"""Surrogates: halves of characters, which no file and no page can hold."""
DIRECTIONS = "\u202a-\u202e\u2066-\u2069"
"""Marks that change the direction of all text after them."""

_TERMINAL = re.compile(rf"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)|[{CONTROLS}]")
_UNSHOWN = re.compile(f"[{CONTROLS}{SURROGATES}{DIRECTIONS}]")
_KEY_LIKE = re.compile(r"(?i)\b(?:sk|ak|key)-[\w*.-]{6,}|\bbearer\s+[\w.*-]{6,}|(?<=[?&]key=)[^&\s\"'<>]+")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")


def replace_lone_surrogates(text: str) -> str:
    """Join surrogate pairs into characters, and put a U+FFFD in place of each lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def drop_controls(text: str) -> str:
    """Drop control characters, except tab and line feed, and whole escape sequences of terminals."""
    return _TERMINAL.sub("", text)


def mask_keys(text: str, secret: str = "") -> str:
    """Replace a key, and anything that looks like one, by ``***``; drop terminal control characters.

    Args:
        text: text from outside, such as an endpoint's answer.
        secret: the key itself, replaced wherever it occurs; empty for none.
    """
    text = drop_controls(text)
    return _KEY_LIKE.sub("***", text.replace(secret, "***") if secret else text)


def replace_unshown(text: str, mark: str = " ") -> str:
    """Put a mark in place of control characters, surrogates and direction marks, so that a page can show the text."""
    return _UNSHOWN.sub(mark, text)


def in_lines(text: str) -> str:
    """Put a line feed at each line's end, and a U+FFFD in place of lone surrogates: no file could hold these."""
    return replace_lone_surrogates(text).replace("\r\n", "\n").replace("\r", "\n")


def xml_text(text: str) -> str:
    """Put a U+FFFD in place of what XML and PNG do not allow, and a line feed at each line's end; escape nothing."""
    return _NOT_IN_XML.sub("\ufffd", in_lines(text))


def one_line(text: str, longest: int | None = None, more: str = "") -> str:
    """Write a text in one line, with one space for each stretch of white space.

    A line of more than ``longest`` characters is cut, and followed by ``more``.
    """
    line = " ".join(text.split())
    return line if longest is None or len(line) <= longest else line[:longest] + more
