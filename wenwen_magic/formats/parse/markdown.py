"""Finds the pictures in Markdown as models write it; read with markdown-it-py, in time linear in its length."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes

from markdown_it import MarkdownIt
from markdown_it.token import Token

from wenwen_magic.formats.parse.base64_data import Payloads
from wenwen_magic.protocol import Source

LONGEST = 20_000
"""Characters that are parsed as Markdown, after pictures were cut out; an honest answer has a few thousand.

The parser is not linear on brackets; what stands behind is searched for pictures all the same, by plain patterns.
"""

_PARSER = MarkdownIt("commonmark", {"maxNesting": 20})
# Addresses are taken as they were written, and judged where they are fetched.
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
_PARSER.normalizeLink = lambda url: url  # type: ignore[method-assign]

# For showing: HTML in the text stays text, and a picture is a link, for a remote one would be fetched by the page.
_SHOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable("table").disable("image")
_SHOWN.validateLink = lambda url: url.lower().startswith(("http://", "https://"))  # type: ignore[method-assign]

_DATA_HEAD = re.compile(r"(?i)data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,")
_MAYBE_PICTURE = ("image/", "application/octet-stream")
_RUN = re.compile(r"[A-Za-z0-9+/_=%-]*+")
_RUN_IN_LINES = re.compile(r"[A-Za-z0-9+/_=%\s-]*+")
_NEED_CLOSING = {"(": ")", '"': '"', "'": "'", "<": ">"}
_CUT = re.compile(r"data:,cut(\d+)")

_LOOSE_IMAGE = re.compile(r"(?i)!\[([^\[\]\n]{0,2000}+)\]\([ \t]*<?((?:https?://|data:,cut|/)[^\n<>\"]*+)")
_BARE = re.compile(r"(?i)https?://[^\s<>\"'`\\^{}|，。；！？、（）【】《》“”]++|data:,cut\d+")
_MARKUP = re.compile(r"!\[[^\[\]\n]{0,2000}+\]\((?:[^()\n]|\([^()\n]*+\))*+\)|<img\b[^<>]{0,4000}+>|data:,cut\d+")
_DOWNLOAD = re.compile(
    r"(?i)^[>\s|·-]*+(?:\[[^\[\]\n]{0,200}?(?:下载|download|预览|原始数据|⏬)[^\[\]\n]*+\]\([^()\n]*+\)[\s|·]*+)++$"
)
_PICTURE = re.compile(r"(?i)\.(?:png|jpe?g|webp|gif|avif)(?:$|[?#!~&])")
_VIDEO = re.compile(r"(?i)\.(?:mp4|webm|mov|m4v)(?:$|[?#])")


def render(text: str) -> str:
    """Give a model's Markdown as HTML that is safe to show: no HTML of its own, no picture, no script behind a link.

    Args:
        text: at most :data:`LONGEST` characters of it are shown.
    """
    return str(_SHOWN.render(text[:LONGEST])).replace("<a href=", '<a rel="noopener noreferrer" href=')


@dataclass(frozen=True)
class Reading:
    """What a piece of Markdown holds.

    Args:
        images: what is written as a picture, in order, each address once.
        naked: data URIs that stand in the text by themselves.
        addresses: pictures' addresses that stand in the text by themselves.
        linked: pictures' addresses that are the targets of ordinary links.
        video: whether a video is linked, which makes the pictures beside it its thumbnails.
        words: the text without the pictures.
    """

    images: tuple[Source, ...] = ()
    naked: tuple[Source, ...] = ()
    addresses: tuple[Source, ...] = ()
    linked: tuple[Source, ...] = ()
    video: bool = False
    words: str = ""

    def pictures(self) -> tuple[Source, ...]:
        """The best kind that was found: pictures, naked data URIs, naked addresses, then links."""
        if self.video and len(self.images) < 2:  # noqa: PLR2004  it is the video's thumbnail
            return ()
        return self.images or self.naked or self.addresses or self.linked


@dataclass
class _Found:
    """Addresses as they are met, by the way they were written."""

    images: list[tuple[str, str]]
    naked: list[tuple[str, str]]
    bare: list[tuple[str, str]]
    links: list[tuple[str, str]]


def read(text: str, payloads: Payloads | None = None, *, whole: bool = True) -> Reading:
    """Read a piece of Markdown.

    Args:
        text: as the model wrote it; data URIs of any length.
        payloads: where runs that were cut out of the text before are kept.
        whole: whether the text came to its end; of one that broke off, the last word is not trusted.
    """
    payloads = payloads or Payloads()
    data: list[Source] = []
    short = _cut_data(text, payloads, data)
    short = short if whole else _up_to_last_end(short)
    found = _Found([], [], [], [])
    for token in _PARSER.parse(short[:LONGEST]):
        _visit(token, found)
    _visit_text(short[LONGEST:], found)

    def sources(pairs: list[tuple[str, str]]) -> tuple[Source, ...]:
        named = dict(reversed(pairs))
        ordered = dict.fromkeys(address for address, _ in pairs)
        made = (_source(address, named[address], data, payloads) for address in ordered)
        return tuple(source for source in made if source is not None)

    everything = [address for pairs in (found.bare, found.links) for address, _ in pairs]
    alone = short.strip()
    if alone.startswith("/") and not alone.startswith("//") and len(alone.split()) == 1:
        found.bare.append((alone, ""))
    return Reading(
        images=sources(found.images),
        naked=sources(found.naked),
        addresses=sources([pair for pair in found.bare if _PICTURE.search(pair[0]) or pair[0] == alone]),
        linked=sources([pair for pair in found.links if _PICTURE.search(pair[0])]),
        video=any(_VIDEO.search(address) for address in everything),
        words=payloads.hide(_words(short)),
    )


def _source(address: str, alt: str, data: list[Source], payloads: Payloads) -> Source | None:
    alt = payloads.hide(_CUT.sub("…", alt)).strip()
    if cut := _CUT.fullmatch(address):
        kept = data[int(cut.group(1))] if int(cut.group(1)) < len(data) else None
        return Source(kept.address, alt, data=kept.data) if kept else None
    address = payloads.restore_text(address.strip())
    return Source(address, alt) if address.lower().startswith(("http://", "https://", "/", "data:")) else None


def _cut_data(text: str, payloads: Payloads, data: list[Source]) -> str:
    """Replace every base64 data URI by ``data:,cut<number>`` and keep the picture in ``data``."""
    pieces, at = [], 0
    while head := _DATA_HEAD.search(text, at):
        end = _end_of_run(text, head)
        run = text[head.end() : end]
        mime = (head.group(1) or "image/png").lower()
        data.append(Source(f"data:{mime}", data=_payload(run, payloads) if mime.startswith(_MAYBE_PICTURE) else b""))
        pieces += [text[at : head.start()], f"data:,cut{len(data) - 1}" if data[-1].data else "…"]
        at = end
    return "".join([*pieces, text[at:]])


def _up_to_last_end(text: str) -> str:
    """A text that broke off, up to where its last address is certainly whole."""
    return text[: max(text.rfind(end) for end in ")>\"' \n") + 1]


def _end_of_run(text: str, head: re.Match[str]) -> int:
    """Where the base64 ends; inside brackets or quotes it may be broken into lines, and must be closed."""
    closing = _NEED_CLOSING.get(text[head.start() - 1 : head.start()])
    if closing:
        end = _RUN_IN_LINES.match(text, head.end()).end()  # type: ignore[union-attr]
        if text[end : end + 1] in (closing, '"'):
            return end
    return _RUN.match(text, head.end()).end()  # type: ignore[union-attr]


def _payload(run: str, payloads: Payloads) -> bytes:
    data = payloads.restore(run.strip())
    if b"%" in data:
        data = unquote_to_bytes(data)
    return data if not _has_space(data) else b"".join(data.split())


def _has_space(data: bytes) -> bool:
    return any(space in data for space in (b"\n", b" ", b"\r", b"\t"))


def _visit(token: Token, found: _Found) -> None:
    if token.type == "inline":
        _visit_inline(token.children or [], found)
    elif token.type == "html_block":
        _visit_html(token.content, found)


def _visit_inline(children: list[Token], found: _Found) -> None:
    target: str | None = None
    text: list[str] = []
    for token in children:
        if token.type == "link_open":
            target = str(token.attrs.get("href", ""))
            found.links.append((target, ""))
        elif token.type == "link_close":
            target = None
        elif token.type == "image":
            found.images.append((_full_size(str(token.attrs.get("src", "")), target), token.content))
        elif token.type == "html_inline":
            _visit_html(token.content, found)
        if token.type in {"text", "softbreak", "hardbreak"} and target is None:
            text.append(token.content or "\n")
        elif token.type not in {"text", "softbreak", "hardbreak"}:
            text.append(" ")
    _visit_text("".join(text), found)


def _full_size(address: str, target: str | None) -> str:
    """A picture that links to a picture is the thumbnail of it."""
    return target if target and _PICTURE.search(target) else address


def _visit_text(text: str, found: _Found) -> None:
    """What Markdown does not read as a picture and people do: an address with a space, a bracket never closed."""
    rest, at = [], 0
    for match in _LOOSE_IMAGE.finditer(text):
        address = match.group(2).split(")")[0].strip()
        found.images.append((address, match.group(1)))
        rest.append(text[at : match.start()])
        at = match.end()
    for bare in _BARE.findall("".join([*rest, text[at:]])):
        address = bare.rstrip(".,;:!?)]*_~")
        (found.naked if address.startswith("data:") else found.bare).append((address, ""))


def _visit_html(content: str, found: _Found) -> None:
    found.images.extend(_images_of_html(content))


class _ImgParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.images: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "img" and names.get("src"):
            self.images.append((names["src"] or "", names.get("alt") or ""))


def _images_of_html(content: str) -> Iterator[tuple[str, str]]:
    if "<img" in content.lower():
        parser = _ImgParser()
        parser.feed(content)
        yield from parser.images


def _words(text: str) -> str:
    lines = (line for line in text.splitlines() if not _DOWNLOAD.match(line))
    return re.sub(r"\n{3,}", "\n\n", _MARKUP.sub("", "\n".join(lines))).strip()
