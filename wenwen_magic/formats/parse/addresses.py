"""Find addresses in text as people write them, and tell where each ends; in time linear in the text's length."""

import re
from collections.abc import Iterator
from itertools import chain

from wenwen_magic.kinds import PICTURES

_VIDEOS = (".mp4", ".webm", ".mov", ".m4v")
_PICTURES = tuple(chain(*(kind.suffixes for kind in PICTURES)))
_SUFFIX = "|".join(map(re.escape, _PICTURES))
_ANY_SUFFIX = "|".join(map(re.escape, (*_PICTURES, *_VIDEOS)))
_PICTURE = re.compile(rf"(?i)(?:{_SUFFIX})(?:$|[?#!~&@:;])")  # object stores write a size behind the suffix
_VIDEO = re.compile(rf"(?i)(?:{'|'.join(map(re.escape, _VIDEOS))})(?:$|[?#])")
_FRAME = re.compile(r"(?i)snapshot|vframe")
_OTHER = re.compile(r"(?i)^\w+://[^/]*+/?$|\.(?:html?|php|aspx?|pdf|zip|txt|md|json|mp3|wav|m3u8|svg)(?:$|[?#])")
_ELSEWHERE = re.compile(
    r"(?i)(?:blob|sandbox|attachment|cid|file|content|asset|filesystem|file-service|base64):|(?!https?://)[a-z][a-z0-9+.-]*+://"
)
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f"))

_HEAD = r"https?[:：](?:\\?/|／){2}"
# No Chinese punctuation, quotes or brackets of other kinds; a backslash only as an escape of Markdown or JSON.
_INSIDE = r"(?:\\(?:u0026|[_/&=~.*()#?!+-])|[^\s<>\"`\\^{}|，。；！？、（）【】《》〈〉「」『』〔〕“”‘’…])"
_ITS_HEAD = re.compile(r"(?i)(https?)[:：](?:\\?/|／){2}")
_ADDRESS = re.compile(
    rf"(?i)(?P<address>(?<!blob:)(?<!filesystem:){_HEAD}{_INSIDE}++)|(?P<cut>data:,cut\d+)"
    rf"|(?P<short>(?<![\w:/\\.*])//[a-z0-9-]+(?:\.[a-z0-9-]+)++(?::\d+)?/{_INSIDE}++)"
)
_GLUED = re.compile(
    rf"(?i)(?:{'|'.join(f'(?<={re.escape(suffix)})' for suffix in (*_PICTURES, *_VIDEOS))}"
    r"|(?<=[,;*'()\[\]]|[^ -~]))(?=https?[:：])"
)
"""Where a second address follows the first directly, or behind a sign that ends the first."""
_LOCAL = re.compile(
    rf"(?i)\b(?:blob:https?:|sandbox:/|file:///|content://|attachment:|cid:(?=\S*@)|file-service://)(?=\S){_INSIDE}++"
)
_ENDING = re.compile(rf"(?i)(?:{_ANY_SUFFIX})(?:(?![a-z0-9])|(?=https?[:：]))")
_BEHIND_ENDING = re.compile(r"(?!https?:)(?:[?#!~&@:;/%._-](?:[!-~]|(?<==)[^\W\x00-\x7f]++)*+)?")
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
    rf"[^\n<>\"“”「」『』():]{{1,300}}?(?:{_SUFFIX})(?=$|[)>\"”」』'，。])"
)
_WIDE = re.compile(rf"(?i)(?<!blob:)(?<!filesystem:)https?://[^\s<>\"]{{1,400}}?(?:{_SUFFIX})(?![\w?#!@~&:;/%._-])")
_BROKEN = re.compile(rf"(?i)(?<=[(<\"])(https?://[^\s()<>\"]+)\r?\n[ \t]*([^\s()<>\"]+(?:{_SUFFIX}))(?=[)>\"])")


def is_picture(address: str) -> bool:
    """Whether an address has the suffix of a picture; a query or an object store's size may follow."""
    return bool(_PICTURE.search(address)) and not is_video(address)


def is_video(address: str) -> bool:
    """Whether an address has the suffix of a video; a query that takes one frame of it makes a picture."""
    return bool(_VIDEO.search(address)) and not _FRAME.search(address.partition("?")[2])


def is_other(address: str) -> bool:
    """Whether an address is certainly no picture: a host alone, or with the suffix of something else."""
    return bool(_OTHER.search(address)) or is_video(address)


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


def spread_in(text: str) -> Iterator[str]:
    """Yield the pictures' addresses that hold spaces or Chinese punctuation, such as ``U/猫（1）.png``.

    Only for a text in which nothing else was found: what fills a line or quotes is then one address.
    """
    for match in (*_SPACED.finditer(text), *_WIDE.finditer(text)):
        yield clean(match.group())


def joined(text: str) -> str:
    """Return the text with every address in brackets or quotes on one line that was broken before its suffix."""
    return _BROKEN.sub(lambda match: match[0] if is_picture(match[1]) else match[1] + match[2], text)


def local_in(text: str) -> Iterator[str]:
    """Yield the addresses in a text that only the endpoint's own page can open, such as ``sandbox:/mnt/a.png``."""
    for match in _LOCAL.finditer(text):
        yield match.group().rstrip(".,;:!?)]'*")


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
