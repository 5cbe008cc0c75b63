"""Know the lines of an answer's text that only report progress.

The words are those of servers of the relay's family (not seen on wenwen's pages).
"""

import re

from wenwen_magic.protocol import Progress

_PROGRESS = re.compile(
    r"(?i)^\s*>?\s*[^\w\s>]*\s*.{0,12}?(?:进度|progress|排队|queue|生成中|generating|生成完成)"
    r"\W*(\d{1,3}(?:\.\d+)?)?.{0,24}$"
)
_PROGRESS_ID = re.compile(r"^\s*>\s*(?:ID|sid)\s*:", re.IGNORECASE)
_EMPTY_FENCE = re.compile(r"(?m)^```\w*\s*^```$")


def progress_in(line: str) -> Progress | None:
    """Read one line of text as a report of progress; None when it is none."""
    match = _PROGRESS.match(line) if len(line) < 200 else None  # noqa: PLR2004  a longer line is not a status line
    if not match or "![" in line or "](" in line:
        return None
    text = line.strip().lstrip("> ").strip().replace("**", "")
    return Progress(text, min(float(match[1]), 100.0) if match[1] else None)


def without_progress(text: str, *, quoted_only: bool = False) -> str:
    """Return the text without the lines that only reported progress.

    Args:
        text: an answer's words.
        quoted_only: drop only lines marked as quotations; without a picture, "the queue is long" explains why.
    """
    kept = [
        line
        for line in text.splitlines()
        if not _PROGRESS_ID.match(line)
        and (not progress_in(line) or (quoted_only and not line.lstrip().startswith(">")))
    ]
    return re.sub(r"\n{3,}", "\n\n", _EMPTY_FENCE.sub("", "\n".join(kept))).strip()
