"""Collect the addresses of pictures and videos in an answer's text, by the way each is written."""

import re
from collections.abc import Sequence
from html import unescape

from markdown_it.token import Token

from wenwen_magic.formats.parse import addresses

# What people write for a picture and Markdown does not read: white space in the address, no bracket at its end, wide
# brackets; then the pictures of forums, reStructuredText, AsciiDoc, LaTeX and wikis.
_LOOSE_IMAGE = re.compile(
    r"(?i)[!！] ?\[([^\[\]\n]{0,2000}+)\] ?[(（][ \t]*+<?((?:https?[:：]|data:,cut|/)(?:(?!!\[)[^\n<>\"])*+)"
)
_OTHER_IMAGE = re.compile(
    r"(?i)(?:\[img\b[^\]\n]{0,100}+\]|\.\. (?:image|figure)::|\bimage::?"
    r"|\\?includegraphics(?:\[[^\]\n]{0,200}+\])?\{|!\[\[)\s{0,9}+((?:https?:|data:,cut|//)[^\s<>\"|{}]*+)"
)
_TAG = re.compile(r"(?i)</?(?:img|image|amp-img|picture|video|audio|source|a)\b[^<>]{0,4000}+>?")
_TAG_NAME = re.compile(r"<(/?)([a-zA-Z][\w-]*+)")
_ATTRIBUTE = re.compile(r"""(?<![\w:-])([\w:-]++)\s*+=\s*+\{?(?:"([^"]*+)"?|'([^']*+)'?|([^\s"'<>]++))""")
_PICTURE_TAGS = {"img", "image", "amp-img"}
_CODE_TAGS = {"pre", "code", "script", "style", "textarea", "template", "kbd", "samp"}
_LATE = ("data-src", "data-original", "data-lazy-src")
"""Attributes that hold the picture where ``src`` holds what is shown until it is loaded."""
_WIDTH = re.compile(r"\s*+(\S++)\s++(\d{1,9}(?:\.\d{1,9})?)[wx]\s*+")
_SENT_ALONG = re.compile(
    r"""(?i)"(?:ref|(?:\w{1,40}_)?(?:references?|referenced|inputs?|init|mask))(?:[_a-z]\w{0,40})?"\s{0,9}:\s{0,9}"""
    r"""(?:"[^"\n]{0,4000}+"|\[[^\[\]]{0,8000}+\])"""
)
"""A field that names pictures sent along: models quote the request before they answer it."""
_KEYED = re.compile(
    r"""(?i)"(?:(?:image|img|picture)(?:_?ur[il]s?|s)?|url)"\s{0,9}+:\s{0,9}+\[?\s{0,9}+"(https?:[^"\s]++)"""
)
_SAYS_VIDEO = re.compile(r"(?i)视频|video|观看|播放|watch|\bplay")
_SAYS_PICTURE = re.compile(
    r"(?i)(?:图片|图像|生成|结果|链接|地址|网址|点击|查看|下载|download|image|picture|result|link|url|src|view|[\W_])*+"
)

Pairs = list[tuple[str, str]]


class Found:
    """Hold the addresses of a text by the way they are written, each with the words beside it.

    Args of the lists:
        images: written as a picture.
        naked: data URIs by themselves.
        bare: addresses by themselves.
        links: targets of links.
        videos: written as a video.
        alone: one that is all of the text.
        local: such as only the endpoint's own page can open, by themselves.
    """

    def __init__(self) -> None:
        self.images: Pairs = []
        self.naked: Pairs = []
        self.bare: Pairs = []
        self.links: Pairs = []
        self.videos: Pairs = []
        self.alone: Pairs = []
        self.local: Pairs = []
        self._target = self._medium = ""
        self._code = 0

    def add_inline(self, children: Sequence[Token]) -> None:
        """Take in the parts of one paragraph; the state of HTML tags goes on from the one before."""
        text: list[str] = []
        label: list[str] = []
        for token in children:
            if token.type in {"text", "softbreak", "hardbreak"}:
                if not self._code:
                    (label if self._target else text).append(token.content or "\n")
                continue
            text.append(" ")
            if token.type in {"image", "html_inline"} and not self._target:  # pictures are kept in order
                self.add_text("".join(text))
                text.clear()
            self._add_token(token, label)
        if self._target:  # a link that never ends: what follows is text
            text += label
            self._end_link("")
        self.add_text("".join(text))

    def _add_token(self, token: Token, label: list[str]) -> None:
        """Read one part of a paragraph that is not text; ``label`` holds the words of the link it is in."""
        if token.type == "link_open":
            self._target = addresses.clean(str(token.attrs.get("href", "")))
            label.clear()
        elif token.type == "link_close":
            self._end_link("".join(label))
        elif token.type == "image":
            self._add_image(str(token.attrs.get("src", "")), token.content)
        elif token.type == "html_inline":
            self._add_tag(token.content, "".join(label))
            if self._target and token.content[:2].lower() == "<a":
                label.clear()

    def add_text(self, text: str) -> None:
        """Take in text in which nothing is Markdown: what people write all the same, broken tags, bare addresses."""
        if self._code:
            return
        text = addresses.joined(_SENT_ALONG.sub(" ", text))
        rest, at = [], 0
        for match in _LOOSE_IMAGE.finditer(text):
            address = addresses.up_to_bracket(match[2])
            self.images.append((addresses.clean(address), match[1]))
            rest.append(text[at : match.start()])
            at = match.start(2) + len(address)
        text = "".join([*rest, text[at:]])
        for tag in _TAG.findall(text):
            self._add_tag(tag, "")
            if not tag.endswith(">"):
                self._end_link("")
        for match in _OTHER_IMAGE.finditer(text):
            self.images += [(address, "") for address in addresses.written_in(match[1])][:1]
        for address in addresses.written_in(_without_tags(text)):
            (self.naked if address.startswith("data:") else self.bare).append((address, ""))
        self.local += [(address, "") for address in addresses.local_in(text)]

    def add_raw(self, text: str) -> None:
        """Take in all of a text, whatever it is written in: also addresses with spaces, in JSON, or alone in it."""
        text = _SENT_ALONG.sub(" ", text)
        self.add_text(text)
        if not (self.images or self.naked or any(addresses.is_picture(pair[0]) for pair in self.bare)):
            self.bare += [(address, "") for address in addresses.spread_in(_without_tags(text))]
        self.images += [(addresses.clean(match[1]), "") for match in _KEYED.finditer(text)]
        alone = list(dict.fromkeys(addresses.written_in(text)))
        if len(alone) == 1 and "](" not in text and _SAYS_PICTURE.fullmatch(text.replace(alone[0], "")):
            self.alone += [(address, "") for address in alone if not addresses.is_other(address)]

    def pictures_linked(self) -> Pairs:
        """The links that lead to a picture, by their suffixes."""
        return [pair for pair in self.links if addresses.is_picture(pair[0])]

    def all_videos(self) -> Pairs:
        """What is written as a video, and every address with the suffix of one."""
        seen = (*self.images, *self.links, *self.bare)
        return [*self.videos, *(pair for pair in seen if addresses.is_video(pair[0]))]

    def videos_by_words(self) -> Pairs:
        """The links whose words say that a video is there."""
        return [pair for pair in self.links if _SAYS_VIDEO.search(pair[1]) and not addresses.is_other(pair[0])]

    def _add_image(self, address: str, alt: str) -> None:
        """Add a picture; one that links to a picture is the thumbnail of it, and words may hold the address."""
        address = addresses.clean(address)
        if addresses.is_picture(self._target):
            address = self._target
        elif len(address) < 2:  # noqa: PLR2004  nothing, or a lone sign that leads nowhere
            address = next(addresses.written_in(alt), address)
        if not self._code:
            self.images.append((address, alt))

    def _end_link(self, label: str) -> None:
        if not self._code and self._target:
            self.links.append((self._target, label))
            if ":" not in self._target:  # it leads nowhere by itself; the words may
                self.bare += [(address, "") for address in addresses.written_in(label)]
        self._target = ""

    def _add_tag(self, tag: str, label: str) -> None:
        """Read one HTML tag: a picture, a video, a link, code, or another one with an address in it."""
        match = _TAG_NAME.match(tag)
        if not match:
            return
        closing, name = bool(match[1]), match[2].lower()
        if name in _CODE_TAGS:
            self._code = max(0, self._code + (-1 if closing else 0 if tag.endswith("/>") else 1))
        if name == "a":
            self._end_link(label)
        if closing:
            self._medium = "" if name == self._medium else self._medium
        elif not self._code:
            values = {
                key.lower(): unescape(a or b or c)
                for key, a, b, c in reversed(_ATTRIBUTE.findall(tag.removesuffix("/>")))
            }
            self._add_element(name, values, tag)

    def _add_element(self, name: str, values: dict[str, str], tag: str) -> None:
        source = addresses.clean(values.get("src", ""))
        if name == "a" and "href" in values:
            self._target = addresses.clean(values.get("href", ""))
        elif name in _PICTURE_TAGS:
            late = next((values[key] for key in _LATE if values.get(key)), "")
            address = late or source or values.get("href") or values.get("xlink:href") or _largest(values)
            if address:
                self._add_image(address, values.get("alt", ""))
        elif name in {"video", "audio", "picture"}:
            self._medium = name
            self.videos += [(source, "")] if source and name == "video" else []
        elif name == "source":
            is_video = self._medium == "video" or values.get("type", "").lower().startswith("video/")
            if is_video:
                self.videos += [(source, "")] if source else []
            elif self._medium != "audio":
                self.links.append((addresses.clean(source or _largest(values)), ""))
        else:
            self.bare += [(address, "") for address in addresses.written_in(unescape(tag))]


def _without_tags(text: str) -> str:
    """Return a text without the tags that are read; one that never ends may be none."""
    return _TAG.sub(lambda tag: " " if tag[0][-1] == ">" else tag[0], text)


def _largest(values: dict[str, str]) -> str:
    """Return the address with the greatest width or density of a ``srcset``; a comma may be in an address, too."""
    listed = re.split(r"(?<=[wx]),\s*+|,\s++", values.get("srcset") or values.get("data-srcset") or "")
    sized = [(float(match[2]), match[1]) for match in map(_WIDTH.fullmatch, listed) if match]
    return max(sized, key=lambda pair: pair[0])[1] if sized else listed[0].strip()
