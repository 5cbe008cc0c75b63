"""Reads what a server says behind a picture's address in place of the picture: JSON, XML of object stores, a page."""

import html
import json
import re
from collections.abc import Mapping
from contextlib import suppress

from wenwen_magic.endpoint.failures import looks_like_html, read_problem
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import mask_keys, one_line, replace_unshown

MOST = 1 << 14
"""Bytes of an answer that are read for its words."""
_LONGEST = 300
"""Characters of the words that are shown."""
_LEAST_TEXT = 0.9
"""The share of characters that can be shown, below which bytes are no text."""
# Amazon S3, Aliyun OSS, Tencent COS, Google and Azure answer with such elements; the last two add why.
_ELEMENT = re.compile(
    r"<(?:[\w.-]+:)?(?:code|message|msg|details?|authenticationerrordetail|reason|description|faultstring)(?:\s[^<>]*)?>"
    r"\s*(?:<!\[CDATA\[)?([^<]+)",
    re.IGNORECASE,
)
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
    if text[:1] in {"{", "["}:
        said = _of_json(text)
    elif elements := _ELEMENT.findall(text) if text.startswith("<") else []:
        said = ": ".join(dict.fromkeys(words for element in elements if (words := element.removesuffix("]]>").strip())))
    elif text.startswith("<"):
        title = read_problem(text).message if looks_like_html(text) else ""
        said = title or _NO_WORDS.sub(" ", text)
    else:
        said = text
    return one_line(mask_keys(replace_unshown(html.unescape(said))), _LONGEST, " …")


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


def _of_json(text: str) -> str:
    try:
        body = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    if isinstance(body, list):
        body = next((member for member in body if isinstance(member, Mapping)), body)
    problem = read_problem(body)
    is_word = problem.code and not problem.code.lstrip("-").isdigit() and problem.code not in problem.message
    return f"{problem.code}: {problem.message}" if is_word and problem.message else problem.message or problem.code
