"""Reads the pages for users: the READMEs and docs/, with their headings, code blocks, tables and links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
PAGES = (*READMES, *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")))
IN_CHINESE = {"README.md": "README.zh-CN.md"} | {
    page.replace("docs/zh/", "docs/"): page for page in PAGES if page.startswith("docs/zh/")
}
"""The Chinese page by its English one."""

_FENCE = re.compile(r"^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- (.+?) -->")


@dataclass(frozen=True)
class Block:
    """A code block: its language, its text, and the remarks (HTML comments) between the block before and this one."""

    language: str
    text: str
    marks: tuple[str, ...]


def text_of(page):
    return (ROOT / page).read_text("utf-8")


def blocks(page):
    """The code blocks of a page; a directive of Sphinx is none."""
    found, end = [], 0
    text = text_of(page)
    for fence in _FENCE.finditer(text):
        if not fence[1].startswith("{"):
            found.append(Block(fence[1], fence[2], tuple(_MARK.findall(text[end : fence.start()]))))
        end = fence.end()
    return found


def prose(page):
    """The text of a page without its code blocks."""
    return _FENCE.sub("", text_of(page))


def headings(page):
    """The headings of a page, as level and words."""
    return [(len(sign), words) for sign, words in re.findall(r"^(#+) (.+)$", prose(page), re.MULTILINE)]


def links(page):
    """The targets of the links and pictures of a page that stay in the repository, as file and anchor."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [target.partition("#")[::2] for target in targets if ":" not in target]


def anchors(page):
    """The anchors that a page's headings have on GitHub and in the built pages."""
    return {re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-") for _, words in headings(page)}


def rows(page, title):
    """The cells of the table rows that begin with code, below a heading and above the next."""
    section = re.split(r"^#+ ", prose(page).split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
