"""Reads what a server says behind a picture's address in place of the picture: JSON, XML of object stores, a page."""

import html
import re
from contextlib import suppress

from wenwen_magic.endpoint.failures import parsed, read_problem
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import mask_keys, one_line, replace_unshown

MOST = 1 << 14
"""Bytes of an answer that are read for its words."""
_LONGEST = 300
"""Characters of the words that are shown."""
_LEAST_TEXT = 0.9
"""The share of characters that can be shown, below which bytes are no text."""
_NO_WORDS = re.compile(r"(?i)<(?:script|style)\b[^<]*(?:<(?!/(?:script|style))[^<]*)*|<[^<>]*>")
_EXPIRED = re.compile(
    r"(?i)\bexpir(?:ed|y\b|ation)|not valid in the specified time|no longer (?:available|valid)"
    r"|过期|已失效|已到期|有效期"
)


def words_of(body: bytes) -> str:
    """Return what an error body says, in one line, masked and cut short; empty for bytes that are no text.

    Args:
        body: as it came, or its first :data:`MOST` bytes.
    """
    text = _text(body[:MOST])
    problem = read_problem(parsed(text))
    words, code = problem.message, problem.code
    if code and not code.lstrip("-").isdigit() and not re.search(rf"\b{re.escape(code)}\b", words):
        words = f"{code}: {words}" if words else code
    words = _NO_WORDS.sub(" ", words or text) if text.startswith("<") else words or code
    return one_line(mask_keys(replace_unshown(html.unescape(words))), _LONGEST, " …")


def advice_on(words: str) -> str:
    """Return what to do about an address whose server said so; empty where nothing better is known than to try again.

    Args:
        words: as :func:`words_of` returns them.
    """
    if not _EXPIRED.search(words):
        return ""
    return _("The address was valid for a limited time, which is over: --fresh draws a new picture, which costs again.")


def _text(body: bytes) -> str:
    """Decode what may be text; empty where it is none."""
    wide = body.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8", "gb18030"):
        for cut in range(4):  # the last character may be cut
            with suppress(UnicodeDecodeError):
                text = body[: len(body) - cut].decode(encoding).lstrip("\ufeff \t\r\n")
                shown = sum(map(str.isprintable, text)) + sum(map(text.count, "\r\n\t"))
                return text if shown >= _LEAST_TEXT * len(text) else ""
    return ""
