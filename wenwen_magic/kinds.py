"""What kinds of pictures and videos there are: types, file endings, first bytes; and how a picture is written as text.

Also what files that are not pictures begin with, for the sentence that refuses them. The sandbox's worker loads this
file by its path, outside of the package: it imports nothing of ours.
"""

import base64
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

HEAD: Final = 4096
"""First bytes of a file that are enough for :func:`kind_of` and :func:`other_kind`."""


class Kind(NamedTuple):
    """One kind of picture, or of video.

    Args:
        name: what Pillow calls it, such as ``PNG``; of a video its usual name.
        mime: its type, such as ``image/png``.
        suffixes: what its files may end with, the usual ending first, dots included.
        first_bytes: how it begins.
    """

    name: str
    mime: str
    suffixes: tuple[str, ...]
    first_bytes: re.Pattern[bytes]

    @property
    def extension(self) -> str:
        """The usual ending without the dot, such as ``jpg``."""
        return self.suffixes[0][1:]


def _kind(name: str, first_bytes: bytes, *suffixes: str, mime: str = "") -> Kind:
    return Kind(name, mime or f"image/{name.lower()}", suffixes, re.compile(first_bytes, re.DOTALL))


PNG = _kind("PNG", rb"\x89PNG\r\n\x1a\n", ".png")
JPEG = _kind("JPEG", rb"\xff\xd8\xff", ".jpg", ".jpeg", ".jpe", ".jfif")
WEBP = _kind("WEBP", rb"RIFF....WEBP", ".webp")
GIF = _kind("GIF", rb"GIF8[79]a", ".gif")
AVIF = _kind("AVIF", rb"....ftyp.{0,56}avi[fs]", ".avif")
BMP = _kind("BMP", rb"BM", ".bmp")
TIFF = _kind("TIFF", rb"II\*\0|MM\0\*", ".tif", ".tiff")

PICTURES = (PNG, JPEG, WEBP, GIF, AVIF)
"""The kinds that are opened and saved, wherever they come from."""
SENDABLE = (PNG, JPEG, WEBP)
"""The kinds that relays of the family take as references; they refuse others (not seen on wenwen's pages)."""
CONVERTIBLE = (*PICTURES, BMP, TIFF)
"""The kinds that are opened where the user points at a file of his own, to be sent as one of :data:`SENDABLE`."""

VIDEOS = (
    _kind("MOV", rb"....ftypqt  ", ".mov", mime="video/quicktime"),
    # The brands of pictures and of sound are left out: HEIC, AVIF, Canon's raw files, M4A and M4B.
    _kind("MP4", rb"....ftyp(?!hei|hev|mif1|msf1|avi[fs]|crx |jp2|M4[AB])", ".mp4", ".m4v", mime="video/mp4"),
    _kind("WEBM", rb"\x1aE\xdf\xa3.{0,60}webm", ".webm", mime="video/webm"),
    _kind("MKV", rb"\x1aE\xdf\xa3", ".mkv", mime="video/x-matroska"),
)
"""The kinds of videos that are kept where pictures were expected; none of them is opened."""
BY_MIME = {kind.mime: kind for kind in PICTURES}
"""The kinds of pictures by their types."""

_TEXTS = re.compile(
    rb"(?P<SVG>(?!<!doctype html|<html)<(?:.*<)?svg)|(?P<XML><\?xml)|(?P<HTML><)|(?P<JSON>[{\[])", re.DOTALL
)
_FILES = re.compile(
    rb"(?P<ICO>\0\0\x01\0)|(?P<PSD>8BPS)|(?P<JXL>\xff\x0a|\0\0\0\x0cJXL )"
    rb"|(?P<JPEG2000>\0\0\0\x0cjP  |\xff\x4f\xff\x51)|(?P<PDF>%PDF)|(?P<PostScript>%!PS)"
    rb"|(?P<HEIC>....ftyp(?:hei|hev|mif1|msf1))",
    re.DOTALL,
)
TEXTS = frozenset(_TEXTS.groupindex)
"""The names by which :func:`other_kind` calls text."""


def kind_of(data: bytes, among: Iterable[Kind] = PICTURES) -> Kind | None:
    """Tell a picture's kind by its first bytes; None when it is of none of the kinds.

    Args:
        data: the file's bytes, or as many of the first as are at hand; 80 are enough.
        among: the kinds that count.
    """
    return next((kind for kind in among if kind.first_bytes.match(data)), None)


def other_kind(data: bytes) -> str:
    """Name a file that is none of :data:`PICTURES`, such as ``HEIC``, ``SVG`` or ``HTML``; empty when it is unknown.

    Args:
        data: the file's bytes, or its first :data:`HEAD`.
    """
    text = data[:HEAD].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    match = _TEXTS.match(text) or _FILES.match(data)
    kind = kind_of(data, (BMP, TIFF, *VIDEOS))
    return str(match.lastgroup) if match else kind.name if kind else ""


DATA_HEAD = re.compile(
    r"(?i)data:(?:([\w.+-]+/[\w.+-]+)|[\w/*]{0,20})"
    r"(?:; ?[\w.+-]+(?:=(?:\"[^\"\n]{0,200}\"|[\w.+ -]{0,200}))?)*; ?base64,"
)
"""How base64 in an address begins, ``data:image/png;base64,``; its first group is the type, where one is named.

Programs also write ``null``, ``undefined`` or ``image/*`` for it, and a header's ``image/png; charset=utf-8``.
"""


def data_uri(mime: str, data: bytes) -> str:
    """Write a picture as an address: ``data:image/png;base64,...``."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def split_data_uri(address: str) -> tuple[str, str]:
    """Take the type, in lower case, and the base64 out of a ``data:`` address; both empty for another address.

    Args:
        address: what may be one; parameters between type and ``base64`` are passed over.
    """
    head = DATA_HEAD.match(address)
    return ((head[1] or "").lower(), address[head.end() :]) if head else ("", "")


def kind_of_base64(text: str, among: Iterable[Kind] = PICTURES) -> Kind | None:
    """Tell a file's kind by the first characters of its base64; None when it is of none of the kinds.

    Args:
        text: the base64, or as much of its beginning as is at hand, perhaps in lines; 120 characters are enough.
        among: the kinds that count.
    """
    head = "".join(text[:120].split())
    try:
        return kind_of(base64.b64decode(head[: len(head) // 4 * 4]), among)
    except ValueError:
        return None
