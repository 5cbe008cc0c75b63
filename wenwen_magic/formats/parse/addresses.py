"""Find the addresses of pictures and videos in text, tell where each ends, and keep them by the way each is written.

All takes time linear in the text's length.
"""

import re
from collections.abc import Iterator, Sequence
from html import unescape
from itertools import chain

from markdown_it.token import Token

from wenwen_magic.kinds import PICTURES, VIDEOS

_VIDEOS = tuple(chain(*(kind.suffixes for kind in VIDEOS)))
_PICTURES = tuple(chain(*(kind.suffixes for kind in PICTURES)))
_SUFFIX = "|".join(map(re.escape, _PICTURES))
_ANY_SUFFIX = "|".join(map(re.escape, (*_PICTURES, *_VIDEOS)))
_PICTURE = re.compile(rf"(?i)(?:{_SUFFIX})(?:$|[?#!~&@:;])")  # object stores write a size behind the suffix
_VIDEO = re.compile(rf"(?i)(?:{'|'.join(map(re.escape, _VIDEOS))})(?:$|[?#])")
_FRAME = re.compile(r"(?i)snapshot|vframe")
_OTHER = re.compile(r"(?i)^\w+://[^/]*+/?$|\.(?:html?|php|aspx?|pdf|zip|txt|md|json|mp3|wav|m3u8|svg)(?:$|[?#])")
_QUESTION = re.compile(r"(?i)^https?://(?:[\w-]+\.)*asyncdata\.net/|/(?:source|web)/[\w.%-]+(?::|%3A)[\w-]+/?$")
"""Where relays tell how far a task is: a service of others (asyncdata.net), whose paths hold model and number."""
_ELSEWHERE = re.compile(
    r"(?i)(?:blob|sandbox|attachment|cid|file|content|asset|filesystem|file-service|base64):|(?!https?://)[a-z][a-z0-9+.-]*+://"
)
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f"))

_HEAD = r"https?[:：](?:\\?/|／){2}"
# No Chinese punctuation, quotes or brackets of other kinds; a backslash only as an escape of Markdown or JSON.
# An atomic group, not a possessive one: before Python 3.11.5 a repeat of such ends one sign early (gh-106052).
_INSIDE = r"(?>(?:\\(?:u0026|[_/&=~.*()#?!+-])|[^\s<>\"`\\^{}|，。；！？、（）【】《》〈〉「」『』〔〕“”‘’…]++)+)"
_ITS_HEAD = re.compile(r"(?i)(https?)[:：](?:\\?/|／){2}")
_ADDRESS = re.compile(
    rf"(?i)(?P<address>(?<!blob:)(?<!filesystem:){_HEAD}{_INSIDE})|(?P<cut>data:,cut\d+)"
    rf"|(?P<short>(?<![\w:/\\.*])//[a-z0-9-]+(?>(?:\.[a-z0-9-]+)+)(?::\d+)?/{_INSIDE})"
)
_GLUED = re.compile(
    rf"(?i)(?:{'|'.join(f'(?<={re.escape(suffix)})' for suffix in (*_PICTURES, *_VIDEOS))}"
    r"|(?<=[,;*'()\[\]]|[^ -~]))(?=https?[:：])"
)
"""Where a second address follows the first directly, or behind a sign that ends the first."""
_LOCAL = re.compile(
    rf"(?i)\b(?:blob:https?:|sandbox:/|file:///|content://|attachment:|cid:(?=\S*@)|file-service://)(?=\S){_INSIDE}"
)
"""Addresses that only the endpoint's own page can open, such as ``sandbox:/mnt/a.png``."""
_ENDING = re.compile(rf"(?i)(?:{_ANY_SUFFIX})(?:(?![a-z0-9])|(?=https?[:：]))")
_BEHIND_ENDING = re.compile(r"(?!https?:)(?:[?#!~&@:;/%._-](?>(?:[!-~]++|(?<==)[^\W\x00-\x7f]++)*))?")
_NEXT = re.compile(r"\[(?!\w*\]=)")
_ENDED = re.compile(r"[^!-~]|[|\"'<>*`\]]")
"""What follows a suffix in brackets or quotes, and does not belong to the address."""
_TAIL = re.compile(r"(?i)(?:(?<=\.\w{3})|(?<=\.\w{4}))(?:[*_~-]|%20|%0[ad])+$")
_AMPERSAND = re.compile(r"&(?:amp;)+|&#(?:38|[xX]26);|\\u0026")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_SIZE_OR_TITLE = re.compile(r"(?<=\S)\s++[\"'“”‘’「『=].*", re.DOTALL)
_WRAPPED = re.compile(r"[\"'“”‘’「『【《<({\[\s]+")

_SPACED = re.compile(
    r"(?im)(?:^|(?<=[(<\"“「『'：: ]))(?<!blob:)(?<!filesystem:)https?://[^\s<>\"“”「」『』()：]{1,400}+ "
    rf"[^\n<>\"“”「」『』():]{{1,300}}?(?:{_ANY_SUFFIX})(?=$|[)>\"”」』'，。])"
)
_WIDE = re.compile(rf"(?i)(?<!blob:)(?<!filesystem:)https?://[^\s<>\"]{{1,400}}?(?:{_ANY_SUFFIX})(?![\w?#!@~&:;/%._-])")
"""Addresses that hold spaces or Chinese punctuation, such as ``U/猫（1）.png``; for where nothing else is."""
_BROKEN = re.compile(rf"(?i)(?<=[(<\"])(https?://[^\s()<>\"]+)\r?\n[ \t]*([^\s()<>\"]+(?:{_SUFFIX}))(?=[)>\"])")
"""An address in brackets or quotes that was broken into two lines before its suffix."""


def is_picture(address: str) -> bool:
    """Whether an address has the suffix of a picture; a query or an object store's size may follow."""
    return bool(_PICTURE.search(address)) and not is_video(address)


def is_video(address: str) -> bool:
    """Whether an address has the suffix of a video; a query that takes one frame of it makes a picture."""
    return bool(_VIDEO.search(address)) and not _FRAME.search(address.partition("?")[2])


def is_other(address: str) -> bool:
    """Whether an address is certainly no picture: a host alone, or with the suffix of something else."""
    return bool(_OTHER.search(address)) or is_video(address)


def is_question(address: str) -> bool:
    """Whether an address tells how far a task is; it is shown, and never followed."""
    return bool(_QUESTION.search(address))


def is_elsewhere(address: str) -> bool:
    """Whether only the program that wrote an address can open it, such as ``blob:`` and ``sandbox:``."""
    return bool(_ELSEWHERE.match(address))


def visible(text: str) -> str:
    """Return the text without characters of no width, which a page shows to nobody."""
    return text if text.isascii() else text.translate(_INVISIBLE)


def written_in(text: str) -> Iterator[str]:
    """Yield the addresses that stand in a text by themselves, each up to where a person would end it.

    ``U.png图片已生成``, ``「U.png」``, ``U.png。`` and ``(see U.png)`` end behind the suffix; ``a.png!w300``,
    ``b.jpg@100w.webp``, commas in a query and Chinese inside a path belong to the address.
    """
    for match in _ADDRESS.finditer(text):
        before = text[match.start() - 1 : match.start()]
        for run in _GLUED.split(match.group()):
            address = run if match["cut"] else _up_to_its_end(_plain(run), before)
            if not match["short"] or is_picture(address) or is_video(address):
                yield address
            before = ""


def clean(address: str) -> str:
    """Return an address that was given in brackets or quotes as it was meant: no title, no size, spaces encoded."""
    address = _SIZE_OR_TITLE.sub("", _plain(address.strip()))
    if wrapped := _WRAPPED.match(address):
        address = next(written_in(address[wrapped.end() - 1 :]), address[wrapped.end() :])
    if (ending := _ENDING.search(address, _behind_host(address))) and _ENDED.match(address, ending.end()):
        address = address[: ending.end()]
    if not re.match(r"(?i)https?://|/|data:", address) and not is_elsewhere(address):
        address = next(written_in(address), address)
    return re.sub(r"\s+", "%20", address.strip().rstrip("\"'”’」』】》>"))


def up_to_bracket(text: str) -> str:
    """Return what is before the bracket that closes one opened before this text; all of it where there is none.

    Without that bracket an address ends at white space behind its suffix, else at the first white space.
    """
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "(（") - (sign in ")）")
        if depth < 0:
            return text[:place]
    ending = _ENDING.search(text, _behind_host(text))
    whole = ending and text[ending.end() : ending.end() + 1].isspace()
    return text[: ending.end()] if ending and whole else text.partition(" ")[0]


def _plain(address: str) -> str:
    """Return an address without escapes of Markdown, JSON and HTML, and with a plain ``://``."""
    if head := _ITS_HEAD.match(address):
        address = f"{head[1]}://{address[head.end() :]}"
    return _ESCAPE.sub(r"\1", _AMPERSAND.sub("&", address))


def _behind_host(address: str) -> int:
    place = address.find("/", 8 if "://" in address[:8] else 2)
    return place if place >= 0 else len(address)


def _up_to_its_end(address: str, before: str) -> str:
    if before == "'":
        address = address.partition("'")[0]
    host = _behind_host(address)
    if ending := _ENDING.search(address, host):
        behind = _BEHIND_ENDING.match(address, ending.end())
        address = address[: behind.end() if behind else ending.end()]
    if following := _NEXT.search(address, host):
        address = address[: following.start()]
    address = _balanced(address, host).rstrip(".,;:!?'*([")
    if before in {"_", "~"}:
        address = address.rstrip(before + ".,;:!?*")
    return _TAIL.sub("", address)


def _balanced(address: str, host: int) -> str:
    """Return an address up to the first bracket behind its host that has no partner."""
    opened: list[tuple[str, int]] = []
    for place in range(host, len(address)):
        sign = address[place]
        if sign in "([":
            opened.append((")" if sign == "(" else "]", place))
        elif sign in ")]":
            if not opened or opened[-1][0] != sign:
                return address[: opened[0][1] if opened else place]
            opened.pop()
    return address[: opened[0][1]] if opened else address


# -- by the way each is written ----------------------------------------------------------------------------------------

# What people write for a picture and Markdown does not read: white space in the address, no bracket at its end, wide
# brackets; then the pictures of forums, reStructuredText, AsciiDoc, LaTeX and wikis.
_LOOSE_IMAGE = re.compile(
    r"(?i)[!！] ?\[([^\[\]\n]{0,2000}+)\] ?[(（][ \t]*+<?((?:https?[:：]|data:,cut|/)(?>(?:[^\n<>\"!]++|!(?!\[))*))"
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
_SAYS_PICTURE = re.compile(
    r"(?i)(?>(?:图片|图像|原图|生成|结果|链接|地址|网址|点击|查看|下载|保存|已|为|您|你|的|请|及时|成功|完成|如下|有效期?|小时|内|download|image|picture"
    r"|result|link|url|src|view|here|is|your|the|generated|ready|[\W\d_])*)"
)
_NAMES_PICTURE = re.compile(r"(?i)图|image|picture")

Pairs = list[tuple[str, str]]


class Found:
    """Hold the addresses of a text by the way they are written, each with the words beside it."""

    def __init__(self) -> None:
        self.images: Pairs = []  # written as a picture
        self.naked: Pairs = []  # data URIs by themselves
        self.bare: Pairs = []  # addresses by themselves
        self.links: Pairs = []  # targets of links
        self.videos: Pairs = []  # written as a video
        self.alone: Pairs = []  # one that is all of the text
        self.local: Pairs = []  # such as only the endpoint's own page can open, by themselves
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
            self._target = clean(str(token.attrs.get("href", "")))
            label.clear()
        elif token.type == "link_close":
            self._end_link("".join(label))
        elif token.type == "image":
            self._add_image(str(token.attrs.get("src", "")), token.content)
            label.append(token.content)
        elif token.type == "html_inline":
            self._add_tag(token.content, "".join(label))
            if self._target and token.content[:2].lower() == "<a":
                label.clear()

    def add_text(self, text: str) -> None:
        """Take in text in which nothing is Markdown: what people write all the same, broken tags, bare addresses."""
        if self._code or not text.strip():
            return
        text = _BROKEN.sub(
            lambda match: match[0] if is_picture(match[1]) else match[1] + match[2], _SENT_ALONG.sub(" ", text)
        )
        rest, at = [], 0
        for match in _LOOSE_IMAGE.finditer(text):
            address = up_to_bracket(match[2])
            self.images.append((clean(address), match[1]))
            rest.append(text[at : match.start()])
            at = match.start(2) + len(address)
        text = "".join([*rest, text[at:]])
        for tag in _TAG.findall(text):
            self._add_tag(tag, "")
            if not tag.endswith(">"):
                self._end_link("")
        for match in _OTHER_IMAGE.finditer(text):
            self.images += [(address, "") for address in written_in(match[1])][:1]
        for address in written_in(_without_tags(text)):
            (self.naked if address.startswith("data:") else self.bare).append((address, ""))
        self.local += [(match.group().rstrip(".,;:!?)]'*"), "") for match in _LOCAL.finditer(text)]

    def add_raw(self, text: str) -> None:
        """Take in all of a text, whatever it is written in: also addresses with spaces, in JSON, or alone in it."""
        text = _SENT_ALONG.sub(" ", text)
        self.add_text(text)
        if not (self.images or self.naked or any(is_picture(pair[0]) or is_video(pair[0]) for pair in self.bare)):
            plain = _without_tags(text)
            self.bare += [(clean(address), "") for address in (*_SPACED.findall(plain), *_WIDE.findall(plain))]
        self.images += [(clean(match[1]), "") for match in _KEYED.finditer(text)]
        alone = list(dict.fromkeys(written_in(text)))
        if len(alone) == 1 and not is_other(alone[0]):
            words = text.replace(alone[0], "")
            if _SAYS_PICTURE.fullmatch(words) and ("](" not in words or _NAMES_PICTURE.search(words)):
                self.alone.append((alone[0], ""))

    def _add_image(self, address: str, alt: str) -> None:
        """Add a picture; one that links to a picture is the thumbnail of it, and words may hold the address."""
        address = clean(address)
        if is_picture(self._target):
            address = self._target
        elif len(address) < 2:  # noqa: PLR2004  nothing, or a lone sign that leads nowhere
            address = next(written_in(alt), address)
        if not self._code:
            self.images.append((address, alt))

    def _end_link(self, label: str) -> None:
        if not self._code and self._target:
            self.links.append((self._target, label))
            if ":" not in self._target:  # it leads nowhere by itself; the words may
                self.bare += [(address, "") for address in written_in(label)]
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
        source = clean(values.get("src", ""))
        if name == "a" and "href" in values:
            self._target = clean(values.get("href", ""))
        elif name in _PICTURE_TAGS:
            late = next((values[key] for key in _LATE if values.get(key)), "")
            address = late or source or values.get("href") or values.get("xlink:href") or _largest(values)
            if address:
                self._add_image(address, values.get("alt", ""))
        elif name in {"video", "audio", "picture"}:
            self._medium = name
            self.videos += [(source, "")] if source and name == "video" else []
        elif name == "source":
            if self._medium == "video" or values.get("type", "").lower().startswith("video/"):
                self.videos += [(source, "")] if source else []
            elif self._medium != "audio":
                self.links.append((clean(source or _largest(values)), ""))
        else:
            self.bare += [(address, "") for address in written_in(unescape(tag))]


def _without_tags(text: str) -> str:
    """Return a text without the tags that are read; one that never ends may be none."""
    return _TAG.sub(lambda tag: " " if tag[0][-1] == ">" else tag[0], text)


def _largest(values: dict[str, str]) -> str:
    """Return the address with the greatest width or density of a ``srcset``; a comma may be in an address, too."""
    listed = re.split(r"(?<=[wx]),\s*+|,\s++", values.get("srcset") or values.get("data-srcset") or "")
    sized = [(float(match[2]), match[1]) for match in map(_WIDTH.fullmatch, listed) if match]
    return max(sized, key=lambda pair: pair[0])[1] if sized else listed[0].strip()
