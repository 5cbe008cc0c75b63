"""Writes a picture's recipe into its file, reads it back and removes text, by bytes alone: no pixel is decoded."""

import html
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from wenwen_magic import kinds
from wenwen_magic.errors import ImageError
from wenwen_magic.media.file_parts import png_without_notes, webp_size
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import replace_lone_surrogates, xml_text

LARGEST_RECIPE = 1 << 20
"""Bytes of JSON, written or read; Pillow opens no PNG whose compressed text is longer than that."""
_FIELDS: dict[str, type] = dict.fromkeys(("prompt", "model", "orientation", "format", "task", "mask"), str)
_FIELDS |= {"params": dict, "references": list}


class _Part(NamedTuple):  # a hostile file has a hundred thousand, and a dataclass takes three times as long
    """A part of a file: its kind, its bytes, and how many of them come before and after the content."""

    kind: bytes
    raw: bytes
    lead: int = 0
    trail: int = 0

    @property
    def body(self) -> bytes:
        return self.raw[self.lead : len(self.raw) - self.trail]


def _join(parts: list[_Part]) -> bytes:
    return b"".join(part.raw for part in parts)


@dataclass(frozen=True)
class _Family:
    """A kind of file: bytes before its parts, how one is read, its last and its pixels; how it is made and joined."""

    start: int
    part_at: Callable[[bytes, int], _Part]
    last: bytes
    pixels: set[bytes]
    make: Callable[[bytes, bytes], _Part]
    place: Callable[[list[_Part], str, str], list[_Part]]  # a recipe as JSON, and its prompt
    find: Callable[[Iterable[_Part]], bytes]  # the JSON
    join: Callable[[list[_Part]], bytes] = _join

    def split(self, data: bytes) -> Iterator[_Part]:
        yield _Part(_START, data[: self.start], self.start)
        at, seen = self.start, set[bytes]()
        for _number in range(_MOST_PARTS):
            part = self.part_at(data, at)
            yield part
            at += len(part.raw)
            seen.add(part.kind)
            if part.kind == self.last:
                break
        _insist(seen & self.pixels and self.last in seen)
        yield _Part(_TAIL, data[at:])


def embed(data: bytes, recipe: Mapping[str, Any]) -> bytes:
    """Return a picture's bytes with a recipe, in place of one that is there; the pixels stay bit for bit.

    PNG: text chunks ``wenwen`` (JSON) and ``Description`` (the prompt) before the pixels; other text stays.
    JPEG and WebP: XMP with the JSON and ``dc:description``. An XMP packet that is there stays byte for byte and gets
    one ``rdf:Description`` more; a ``dc:description`` of its own stays too, and then the prompt is in the JSON only.

    Args:
        data: the file's bytes: PNG, JPEG or WebP.
        recipe: ready for JSON, with a prompt; lone surrogates are replaced by U+FFFD.

    Raises:
        ImageError: another type, a broken file, a recipe that ``read_recipe`` would not return or that is too long
            (1 MiB; a JPEG holds 65,533 bytes of XMP), or an XMP packet to which nothing can be added.
    """
    family = _family(data)
    try:
        text = replace_lone_surrogates(json.dumps(dict(recipe), ensure_ascii=False, allow_nan=False, default=str))
        # Characters that XML does not allow are in strings only, so they can be escaped.
        text = text.replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff")
        valid = _recipe_in(text.encode()) is not None
    except (TypeError, ValueError, RecursionError):
        valid = False
    if not valid:
        reason = _("It has no prompt, is not JSON, or is over 1 MiB.")
        raise _refusal(_("The recipe cannot be written into a picture."), reason)
    return family.join(family.place(list(family.split(data)), text, xml_text(str(recipe["prompt"]))))


def read_recipe(data: bytes) -> dict[str, Any] | None:
    """Return the recipe in a picture's bytes, or None; never raises, whatever the file.

    A recipe has a ``prompt`` that is not blank. A field of a wrong type makes it none; unknown ones are left out.

    Args:
        data: the file's bytes; what comes after the recipe may be missing.
    """
    try:
        family = _family(data)
        return _recipe_in(family.find(family.split(data)))
    except (ImageError, ValueError, RecursionError, zlib.error):
        return None


def without_words(data: bytes) -> bytes:
    """Return the same picture without text, EXIF, XMP, IPTC and comments, nor anything after its end.

    An EXIF orientation that turns the picture stays, alone. Colour profiles and signed origins (C2PA) stay.

    Args:
        data: the file's bytes: PNG, JPEG or WebP.

    Raises:
        ImageError: another type, or a broken file.
    """
    family = _family(data)
    return family.join([kept for part in family.split(data) for kept in _wordless(part, family.make)])


def without_notes(data: bytes) -> bytes:
    """Return a PNG as Pillow opens it, whose notes are too large or broken for it; any other file as it is.

    Args:
        data: the file's bytes.
    """
    return (png_without_notes(data) or data) if kinds.kind_of(data) is kinds.PNG else data


def _recipe_in(text: bytes) -> dict[str, Any] | None:
    recipe = json.loads(text.decode()) if len(text) <= LARGEST_RECIPE else None
    if not isinstance(recipe, dict) or not isinstance(recipe.get("prompt"), str) or not recipe["prompt"].strip():
        return None
    known = {name: recipe[name] for name in _FIELDS if name in recipe}
    if not all(isinstance(value, _FIELDS[name]) for name, value in known.items()):
        return None
    # Once more through JSON: escaped lone surrogates, NaN and numbers beyond a float go no further.
    return dict(json.loads(replace_lone_surrogates(json.dumps(known, ensure_ascii=False, allow_nan=False))))


def _refusal(what: str, why: str, do: str = "") -> ImageError:
    do = do or _("Save the picture without its recipe.")
    return ImageError(what, why=why, do=do, charged="no")


_START, _TAIL = b"start", b"tail"
_APP0, _APP1, _APP2, _APP13, _COMMENT, _PIXELS, _END = (bytes([marker]) for marker in b"\xe0\xe1\xe2\xed\xfe\xda\xd9")
_TEXTS = {b"tEXt", b"zTXt", b"iTXt", b"XMP ", _APP1, _APP13, _COMMENT, _TAIL}
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_ORIENTATION, _SHORT = 0x0112, 3
_MOST_PARTS = 100_000  # of an honest file there are some thousand; a hostile one must not take minutes


def _is_xmp(part: _Part) -> bool:
    return part.kind == b"XMP " or (part.kind == _APP1 and part.body.startswith(_XMP))


def _wordless(part: _Part, make: Callable[[bytes, bytes], _Part]) -> list[_Part]:
    """Return the part, or nothing where it is text; a JPEG's list of pictures after its end goes too."""
    if part.kind in {b"eXIf", b"EXIF"} or (part.kind == _APP1 and part.body.startswith(_EXIF)):
        turned = _orientation_alone(part.body.removeprefix(_EXIF))
        return [make(part.kind, (_EXIF if part.kind == _APP1 else b"") + turned)] if turned else []
    return [] if part.kind in _TEXTS or (part.kind == _APP2 and part.body.startswith(b"MPF\0")) else [part]


def _orientation_alone(tiff: bytes) -> bytes:
    """Return a TIFF with nothing but the orientation of another, which turns the picture; empty if it is upright."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4], "")
    try:
        start = struct.unpack_from(order + "I", tiff, 4)[0] if order else len(tiff)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        entries = (struct.unpack_from(order + "HHI4s", tiff, start + 2 + 12 * at) for at in range(count))
        kind, value = next(((kind, value) for tag, kind, _, value in entries if tag == _ORIENTATION), (_SHORT, b"\0\0"))
        (turned,) = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), value)
    except struct.error:
        return b""
    upright = turned not in range(2, 9)
    return b"" if upright else struct.pack(">4sIHHHIHHI", b"MM\0*", 8, 1, _ORIENTATION, _SHORT, 1, turned, 0, 0)


def _numbers(layout: str, data: bytes, at: int) -> tuple[Any, ...]:
    _insist(at + struct.calcsize(layout) <= len(data))
    return struct.unpack_from(layout, data, at)


def _insist(whole: object) -> None:
    if not whole:
        why = _("Its parts do not fit together; it may be cut off.")
        do = _("Fetch the picture again.")
        raise _refusal(_("The picture's file is broken."), why, do)


# PNG: signature, then chunks of length, kind, content, checksum.

_JSON, _PROMPT = b"wenwen\0", b"Description\0"
# The keyword in the reader's language distinguishes our Description from one that another program wrote.
_PROMPT_NAME = "提示词".encode() + b"\0"
_OWN_TEXT = re.compile(_JSON + b"|" + _PROMPT + rb"[\0\1]\0\0" + _PROMPT_NAME)
_PACKED_FROM = 1024


def _chunk_at(data: bytes, at: int) -> _Part:
    size, kind = _numbers(">I4s", data, at)
    _insist(at + 12 + size <= len(data) and (at > 8 or kind == b"IHDR"))  # noqa: PLR2004  the signature's length
    return _Part(kind, data[at : at + 12 + size], 8, 4)


def _chunk(kind: bytes, body: bytes) -> _Part:
    return _Part(kind, struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)), 8, 4)


def _text_chunk(keyword: bytes, name: bytes, text: str) -> _Part:
    body, packed = text.encode(), len(text) > _PACKED_FROM
    return _chunk(b"iTXt", keyword + bytes([packed, 0, 0]) + name + (zlib.compress(body) if packed else body))


def _png_place(parts: list[_Part], text: str, prompt: str) -> list[_Part]:
    rest = [part for part in parts if part.kind != b"iTXt" or not _OWN_TEXT.match(part.body)]
    at = next(place for place, part in enumerate(rest) if part.kind == b"IDAT")
    own = [_text_chunk(_JSON, b"\0", text), _text_chunk(_PROMPT, _PROMPT_NAME, prompt)]
    return [*rest[:at], *own, *rest[at:]]


def _png_find(parts: Iterable[_Part]) -> bytes:
    """Return the JSON of our first chunk; only the first, or many small ones could ask for endless unpacking."""
    part = next((part for part in parts if part.kind == b"iTXt" and part.body.startswith(_JSON)), None)
    if part is None or zlib.crc32(part.raw[4:-4]) != int.from_bytes(part.raw[-4:]):
        return b""
    packed, text = part.body[len(_JSON) :][:1] == b"\1", part.body[len(_JSON) + 2 :].split(b"\0", 2)[-1]
    return zlib.decompressobj().decompress(text, LARGEST_RECIPE + 1) if packed else text


# JPEG: segments of marker, length and content; coded pixels follow the marker DA and hold no marker of their own.

_SEGMENT = re.compile(rb"\xff++([^\x00\x01\xd0-\xd8\xff])")
_AFTER_PIXELS = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _segment_at(data: bytes, at: int) -> _Part:
    marker = _SEGMENT.match(data, at)
    kind, inner = (marker[1], marker.end()) if marker else (b"", at)
    _insist(kind)
    if kind == _END:
        return _Part(kind, data[at:inner])
    (size,) = _numbers(">H", data, inner)
    end = inner + size
    _insist(size >= 2 and end <= len(data))  # noqa: PLR2004  the length counts its own two bytes
    if kind == _PIXELS:
        after = _AFTER_PIXELS.search(data, end)
        end = after.start() if after else len(data)
    return _Part(kind, data[at:end], inner + 2 - at)


def _segment(kind: bytes, body: bytes) -> _Part:
    if len(body) > 0xFFFF - 2:  # the length counts its own two bytes
        size = f"{len(body):,}"
        why = _("With its XMP it takes {size} bytes; 65,533 fit.", size=size)
        raise _refusal(_("The recipe is too long for a JPEG."), why)
    return _Part(kind, b"\xff" + kind + struct.pack(">H", len(body) + 2) + body, 4)


def _jpeg_place(parts: list[_Part], text: str, prompt: str) -> list[_Part]:
    """Put our XMP in place of the one that is there, or behind JFIF and EXIF, which have to come first."""
    old = next((place for place, part in enumerate(parts) if _is_xmp(part)), 0)
    own = _segment(_APP1, _XMP + _packet(parts[old].body.removeprefix(_XMP), text, prompt))
    at = old or next(place for place, part in enumerate(parts) if part.kind not in {_START, _APP0, _APP1})
    return [*parts[:at], own, *parts[at + bool(old) :]]


# WebP: RIFF chunks of kind, length, content, and a byte more after an odd length; VP8X names the others.

_HAS_EXIF, _HAS_XMP, _HAS_ALPHA = 0x08, 0x04, 0x10


def _riff_at(data: bytes, at: int) -> _Part:
    """Return the chunk at a place; an empty last one at the end, which the head of the file names."""
    end = 8 + int.from_bytes(data[4:8], "little")
    _insist(end <= len(data) + 1)  # some leave out the byte after an odd length
    if at + 8 > end:
        return _Part(_END, b"")
    kind, size = _numbers("<4sI", data, at)
    _insist(at + 8 + size <= min(end, len(data)) and (at > 12 or kind in {b"VP8 ", b"VP8L", b"VP8X"}))  # noqa: PLR2004
    return _Part(kind, data[at : at + 8 + size] + bytes(size % 2), 8, size % 2)


def _riff(kind: bytes, body: bytes) -> _Part:
    return _Part(kind, kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2), 8, len(body) % 2)


def _webp_place(parts: list[_Part], text: str, prompt: str) -> list[_Part]:
    old = next((part for part in parts if _is_xmp(part)), None)
    own = _riff(b"XMP ", _packet(old.body if old else b"", text, prompt))
    return [*(part for part in parts[:-1] if part is not old), own, parts[-1]]


def _webp_join(parts: list[_Part]) -> bytes:
    """Join the chunks, led by a VP8X that names XMP and EXIF; an EXIF that was not named so far stays so."""
    chunks = [part for part in parts if part.kind not in {_START, _END, _TAIL}]
    all_kinds = {part.kind for part in chunks}
    simple = chunks[0].kind != b"VP8X"
    if not simple or b"XMP " in all_kinds:
        header, rest = (_simple_header(chunks[0]), chunks) if simple else (chunks[0].body, chunks[1:])
        _insist(len(header) >= 10)  # noqa: PLR2004  flags, and the canvas
        flags = header[0] & (0xFF if b"EXIF" in all_kinds else ~_HAS_EXIF) & ~_HAS_XMP
        flags |= _HAS_XMP * (b"XMP " in all_kinds)
        chunks = [_riff(b"VP8X", bytes([flags]) + header[1:]), *rest]
    body = _join(chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body + _join([p for p in parts if p.kind == _TAIL])


def _simple_header(image: _Part) -> bytes:
    """Return what VP8X says of a file with one picture only: whether it has alpha, and width and height less one."""
    width, height = webp_size(bytes(12) + image.raw)
    is_lossless = image.kind == b"VP8L"
    _insist(len(image.body) >= (5 if is_lossless else 10) and min(width, height) > 0)
    alpha = image.body[4] >> 4 & 1 if is_lossless else 0
    return struct.pack("<IHBHB", _HAS_ALPHA * alpha, width - 1, 0, height - 1, 0)


# XMP: text that is only searched for what we write ourselves; a parser would expand what the file declares.

_NAMESPACE = "urn:x-wenwen-magic:recipe:1#"
_BLOCK = (
    '<rdf:Description rdf:about="" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    f' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wenwen="{_NAMESPACE}">'
    "<wenwen:recipe>%s</wenwen:recipe>%s</rdf:Description>"
)
_DESCRIPTION = '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:description>'
_EMPTY_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()
# An element, as we write it, or an attribute, as others may that rewrite the packet. All these take linear time.
_OWN_RECIPE = re.compile(
    rb"<wenwen:recipe\b[^<>]*+>([^<]*+)</wenwen:recipe\s*+>"
    rb"""|\swenwen:recipe\s*+=\s*+(?:"([^"<]*+)"|'([^'<]*+)')"""
)
_BLOCK_START = re.escape(_BLOCK.partition("<wenwen:")[0].encode())
_OWN = re.compile(_BLOCK_START + rb"(?>(?:[^<]++|<(?!/?rdf:Description))*)</rdf:Description>|" + _OWN_RECIPE.pattern)
# Only closing tags and padding may follow: what looks like the end inside a comment is not taken for it.
_RDF_END = re.compile(
    rb"</(?:[\w.-]++:)?RDF\s*+>(?=\s*+(?:</[\w.-]++:x[am]pmeta\s*+>\s*+)?(?:<\?xpacket[^>]*+>)?[\s\0]*+\Z)"
)


def _packet(old: bytes, text: str, prompt: str) -> bytes:
    """Return a packet with our block as the last one in its RDF, and all else that an old packet holds."""
    rest = _OWN.sub(b"", old) if old.strip(b"\0\t\r\n ") else _EMPTY_PACKET
    end = _RDF_END.search(rest)
    if end is None:
        why = _("The end of its RDF is not where it should be.")
        raise _refusal(_("The picture's XMP cannot be added to."), why)
    has_one = re.search(rb"<[\w.-]++:description[\s>/]", rest)
    description = "" if has_one else _DESCRIPTION % html.escape(prompt, quote=False)
    block = _BLOCK % (html.escape(text, quote=False), description)
    return rest[: end.start()] + block.encode() + rest[end.start() :]


def _xmp_find(parts: Iterable[_Part]) -> bytes:
    packet = next((part.body for part in parts if _is_xmp(part)), b"")
    own = _OWN_RECIPE.search(packet) if _NAMESPACE.encode() in packet else None
    return html.unescape((own[1] or own[2] or own[3] or b"").decode()).encode() if own else b""


_FAMILIES = {
    kinds.PNG: _Family(8, _chunk_at, b"IEND", {b"IDAT"}, _chunk, _png_place, _png_find),
    kinds.JPEG: _Family(2, _segment_at, _END, {_PIXELS}, _segment, _jpeg_place, _xmp_find),
    kinds.WEBP: _Family(12, _riff_at, _END, {b"VP8 ", b"VP8L", b"ANMF"}, _riff, _webp_place, _xmp_find, _webp_join),
}


def _family(data: bytes) -> _Family:
    kind = kinds.kind_of(data, _FAMILIES)
    if kind is None:
        why = _("Only these can be changed without touching the pixels.")
        do = _("Use the picture as it is.")
        raise _refusal(_("The picture is not a PNG, JPEG or WebP file."), why, do)
    return _FAMILIES[kind]
