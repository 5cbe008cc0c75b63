"""Find the pictures in Markdown as models write it; read with markdown-it-py, in time linear in its length."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import chain

from markdown_it import MarkdownIt
from markdown_it.token import Token

from wenwen_magic.formats.parse.json_text import Payloads
from wenwen_magic.kinds import DATA_HEAD, PICTURES, PNG
from wenwen_magic.protocol import Source

LONGEST = 20_000
"""Characters that are parsed as Markdown, after pictures were taken out; an ordinary answer has a few thousand.

The parser is not linear on brackets; what comes behind is searched for pictures all the same, by plain patterns.
"""

_PARSER = MarkdownIt("commonmark", {"maxNesting": 20})
# Addresses are taken as they were written, and judged where they are fetched.
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
_PARSER.normalizeLink = lambda url: url  # type: ignore[method-assign]

# For showing: HTML in the text stays text, and a picture is a link, for a remote one would be fetched by the page.
_SHOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable("table").disable("image")
_SHOWN.validateLink = lambda url: url.lower().startswith(("http://", "https://"))  # type: ignore[method-assign]

PICTURE_TYPES = ("image/", "application/octet-stream")
"""Beginnings of the types that an answer may name for a picture."""
_RUN = re.compile(r"[A-Za-z0-9+/_=%-]*+")
_RUN_IN_LINES = re.compile(r"[A-Za-z0-9+/_=%\s-]*+")
_NEED_CLOSING = {"(": ")", '"': '"', "'": "'", "<": ">"}
_CLOSED = re.compile(r"[)>\"']|\s+[\"']")
_CUT = re.compile(r"data:,cut(\d+)")

_LOOSE_IMAGE = re.compile(r"(?i)!\[([^\[\]\n]{0,2000}+)\]\([ \t]*<?((?:https?://|data:,cut|/)[^\n<>\"]*+)")
_BARE = re.compile(r"(?i)https?://[^\s<>\"'`\\^{}|，。；！？、（）【】《》“”]++|data:,cut\d+")
_MARKUP = re.compile(r"!\[[^\[\]\n]{0,2000}+\]\((?:[^()\n]|\([^()\n]*+\))*+\)|<img\b[^<>]{0,4000}+>|data:,cut\d+")
_DOWNLOAD = re.compile(
    r"(?i)^[>\s|·-]*+(?:\[[^\[\]\n]{0,200}?(?:下载|download|预览|原始数据|⏬)[^\[\]\n]*+\]\([^()\n]*+\)[\s|·]*+)++$"
)
_PICTURE = re.compile(rf"(?i)(?:{'|'.join(map(re.escape, chain(*(kind.suffixes for kind in PICTURES))))})(?:$|[?#!~&])")
_VIDEO = re.compile(r"(?i)\.(?:mp4|webm|mov|m4v)(?:$|[?#])")


def render(text: str) -> str:
    """Return a model's Markdown as HTML that is safe to show: no HTML of its own, no picture, no script behind a link.

    Args:
        text: at most :data:`LONGEST` characters of it are shown.
    """
    return str(_SHOWN.render(text[:LONGEST])).replace("<a href=", '<a rel="noopener noreferrer" href=')


@dataclass(frozen=True)
class Reading:
    """Hold what was read from a piece of Markdown.

    Args:
        images: what is written as a picture, in order, each address once.
        naked: data URIs that are in the text by themselves.
        addresses: pictures' addresses that are in the text by themselves.
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
        """Return the best kind that was found: pictures, naked data URIs, naked addresses, then links."""
        if self.video and len(self.images) < 2:  # noqa: PLR2004  it is the video's thumbnail
            return ()
        return self.images or self.naked or self.addresses or self.linked


def read(text: str, payloads: Payloads, *, whole: bool = True) -> Reading:
    """Read a piece of Markdown.

    Args:
        text: as the model wrote it; data URIs of any length.
        payloads: where runs that were taken out of the text before are kept.
        whole: whether the text came to its end; of one that broke off, the last word is not trusted.
    """
    data: list[Source] = []
    short = _without_data(text, payloads, data, whole=whole)
    if not whole:  # up to where its last address is certainly whole
        short = short[: max(short.rfind(end) for end in ")>\"' \n") + 1]
    addresses = _Addresses()
    for token in _PARSER.parse(short[:LONGEST]):
        if token.type == "inline":
            addresses.add_inline(token.children or [])
        elif token.type == "html_block":
            addresses.add_html(token.content)
    addresses.add_text(short[LONGEST:])
    video = any(_VIDEO.search(address) for address, _ in (*addresses.bare, *addresses.links))
    alone = short.strip()
    path = [(alone, "")] if re.fullmatch(r"/(?!/)\S*", alone) else []

    def sources(pairs: list[tuple[str, str]]) -> tuple[Source, ...]:
        alts = dict(reversed(pairs))  # each address once, with the words of its first place
        made = (_source(address, alts[address], data, payloads) for address in dict.fromkeys(pair[0] for pair in pairs))
        return tuple(source for source in made if source is not None)

    return Reading(
        images=sources(addresses.images),
        naked=sources(addresses.naked),
        addresses=sources([pair for pair in addresses.bare if _PICTURE.search(pair[0])] + path),
        linked=sources([pair for pair in addresses.links if _PICTURE.search(pair[0])]),
        video=video,
        words=_words(short),
    )


def _source(address: str, alt: str, data: list[Source], payloads: Payloads) -> Source | None:
    alt = payloads.redact(_CUT.sub("…", alt)).strip()
    if cut := _CUT.fullmatch(address):
        kept = data[int(cut.group(1))] if int(cut.group(1)) < len(data) else None
        return Source(kept.address, alt, data=kept.data) if kept else None
    address = payloads.restore_text(address.strip())
    return Source(address, alt) if address.lower().startswith(("http://", "https://", "/", "data:")) else None


def _without_data(text: str, payloads: Payloads, data: list[Source], *, whole: bool) -> str:
    """Replace every base64 data URI by ``data:,cut<number>`` and keep the picture in ``data``."""
    pieces, at = [], 0
    while head := DATA_HEAD.search(text, at):
        closing = _NEED_CLOSING.get(text[head.start() - 1 : head.start()])
        end = _end_of_run(text, head, closing)
        mime = (head[1] or PNG.mime).lower()
        taken = mime.startswith(PICTURE_TYPES) and (whole or not closing or _CLOSED.match(text, end))
        run = payloads.restore_base64(text[head.end() : end]) if taken else b""
        data.append(Source(f"data:{mime}", data=run))
        pieces += [text[at : head.start()], f"data:,cut{len(data) - 1}" if run else "…"]
        at = end
    return "".join([*pieces, text[at:]])


def _end_of_run(text: str, head: re.Match[str], closing: str | None) -> int:
    """Return where the base64 ends; inside brackets or quotes it may be broken into lines, and must be closed."""
    if closing:
        end = _RUN_IN_LINES.match(text, head.end()).end()  # type: ignore[union-attr]
        if text[end : end + 1] in (closing, '"'):
            return end
    return _RUN.match(text, head.end()).end()  # type: ignore[union-attr]


class _Addresses:
    """Collect addresses, with the texts beside them, by the way they are written."""

    def __init__(self) -> None:
        self.images: list[tuple[str, str]] = []
        self.naked: list[tuple[str, str]] = []
        self.bare: list[tuple[str, str]] = []
        self.links: list[tuple[str, str]] = []

    def add_inline(self, children: list[Token]) -> None:
        target = ""
        text: list[str] = []
        for token in children:
            if token.type in {"text", "softbreak", "hardbreak"}:
                text += [] if target else [token.content or "\n"]
                continue
            text.append(" ")
            if token.type == "link_open":
                target = str(token.attrs.get("href", ""))
                self.links.append((target, ""))
            elif token.type == "link_close":
                target = ""
            elif token.type == "image":  # one that links to a picture is the thumbnail of it
                address = target if _PICTURE.search(target) else str(token.attrs.get("src", ""))
                self.images.append((address, token.content))
            elif token.type == "html_inline":
                self.add_html(token.content)
        self.add_text("".join(text))

    def add_text(self, text: str) -> None:
        """Read what people take for a picture and Markdown does not: an address with a space, an open bracket."""
        rest, at = [], 0
        for match in _LOOSE_IMAGE.finditer(text):
            address = match.group(2).split(")")[0].strip()
            self.images.append((address, match.group(1)))
            rest.append(text[at : match.start()])
            at = match.end()
        for bare in _BARE.findall("".join([*rest, text[at:]])):
            address = bare.rstrip(".,;:!?)]*_~")
            (self.naked if address.startswith("data:") else self.bare).append((address, ""))

    def add_html(self, content: str) -> None:
        if "<img" in content.lower():
            _ImgParser(self.images).feed(content)


class _ImgParser(HTMLParser):
    def __init__(self, images: list[tuple[str, str]]) -> None:
        super().__init__(convert_charrefs=True)
        self._images = images

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "img" and names.get("src"):
            self._images.append((names["src"] or "", names.get("alt") or ""))


def _words(text: str) -> str:
    lines = (line for line in text.splitlines() if not _DOWNLOAD.match(line))
    return re.sub(r"\n{3,}", "\n\n", _MARKUP.sub("", "\n".join(lines))).strip()
