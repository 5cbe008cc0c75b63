"""Walks through the parts of picture files as viewers do: past large and broken notes, to the picture's end.

Pillow raises for notes that no viewer reads. The sandbox's worker loads this file by its path, outside of the package:
it imports nothing of ours. No pixel is decoded.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import repeat
from typing import Final

MOST_NOTES: Final = 1 << 20
"""Bytes of one note, unpacked; Pillow unpacks no more."""
MOST_PARTS: Final = 300_000
"""Parts of a file that are looked at; 64 MiB of an ordinary one have thousands, of a GIF 263,000 blocks."""
XMP: Final = b"XML:com.adobe.xmp"
"""The name of the text chunk that holds XMP."""
_IEND = b"\0\0\0\0IEND\xaeB`\x82"
_PIXELS = {b"IHDR", b"PLTE", b"IDAT"}
_PACKED_AT = {
    b"iCCP": re.compile(rb"([^\0]*)\0(\0)", re.DOTALL),
    b"zTXt": re.compile(rb"([^\0]*)\0(\0)", re.DOTALL),
    b"iTXt": re.compile(rb"([^\0]*)\0(\x01\0|\0.)[^\0]*\0[^\0]*\0", re.DOTALL),
}
"""The kinds of PNG chunks that may be packed, and what comes before the packed bytes: a name, and how it is packed."""
_PLACES = {XMP, b"Raw profile type exif", b"Raw profile type APP1", b"Raw profile type xmp"}
"""The names of text chunks that can hold a place or an orientation."""
_MARKER = re.compile(rb"\xff+([^\0\xd0-\xd7\xff])", re.DOTALL)


class TooManyPartsError(ValueError):
    """A file of more parts than :data:`MOST_PARTS`: a hostile one would take minutes."""


def _counted() -> Iterator[None]:
    """Yield for each part of a file.

    Raises:
        TooManyPartsError: there are too many.
    """
    yield from repeat(None, MOST_PARTS)
    raise TooManyPartsError("The file has too many parts.")


def png_without_notes(data: bytes) -> bytes:
    """Return a PNG's pixels with the notes that decide how they look or where they were taken; empty if it is cut off.

    Other chunks, second ones of a kind, large ones and broken ones are left out, and what comes after the end. Where
    there is nothing of that, it is the object that was given, not a copy.

    Raises:
        TooManyPartsError: as do the functions below.
    """
    parts, at, colour, seen = [(0, 8)], 8, data[25:26], set[bytes]()
    for _ in _counted():
        if at + 12 > len(data):
            break
        size, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        if kind == b"IEND" and end <= len(data):
            if parts == [(0, at)] and data[at:] == _IEND:
                return data
            whole = memoryview(data)  # one copy of the pixels, not two
            return b"".join([*(whole[start:stop] for start, stop in parts), _IEND])
        name = b"" if kind in _PIXELS else _kept_as(kind, data[at + 8 : end - 4], colour)
        if kind in _PIXELS or (name and name not in seen and _is_sound(data[at:end])):
            start = parts.pop()[0] if parts[-1][1] == at else at  # what stands together is copied together
            parts.append((start, end))
            seen.add(name)
        at = end
    return b""


def _kept_as(kind: bytes, body: bytes, colour: bytes) -> bytes:
    """Return a name for a note that is kept; empty for one of no use, a broken one and a large one.

    Kept are: transparency, that it moves, orientation, colours, and what may tell a place.
    """
    if packed := _PACKED_AT[kind].match(body) if kind in _PACKED_AT else None:
        name, plain = packed[1], kind == b"iTXt" and packed[2].startswith(b"\0")
        wanted = kind == b"iCCP" or name in _PLACES
        fits = wanted and (len(body) <= MOST_NOTES if plain else _unpacks(body[packed.end() :]))
        return kind + name * (kind != b"iCCP") if fits else b""
    fits = {
        b"tRNS": len(body) >= {b"\0": 2, b"\2": 6}.get(colour, 0),
        b"acTL": len(body) == 8,  # noqa: PLR2004  the numbers of frames and of plays
        b"eXIf": len(body) <= MOST_NOTES,
    }.get(kind, False)
    return kind if fits else b""


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _unpacks(packed: bytes) -> bool:
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(packed, MOST_NOTES)
    except zlib.error:
        return False
    return not unpacker.unconsumed_tail


def jpeg_scans(data: bytes) -> tuple[int, int]:
    """Count the scans of a JPEG's first picture, each of which goes over all its pixels again; and find its end."""
    at, scans, parts = 2, 0, _counted()
    while (marker := _MARKER.search(data, at)) and marker[1] != b"\xd9":
        next(parts)
        scans += marker[1] == b"\xda"
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return scans, marker.end() if marker else len(data)


def gif_end(data: bytes) -> int:
    """Return where a GIF's end mark is; 0 where there is none."""
    at, parts = 13 + _gif_colours(data, 10), _counted()
    while data[at : at + 1] in {b"!", b",", b"\0"}:
        next(parts)
        if not data[at]:  # some programs write a zero too many
            at += 1
            continue
        # An extension has one byte of kind; a frame nine of place, its colours, and one of width of code.
        at += 2 if data[at] == ord("!") else 11 + _gif_colours(data, at + 9)
        while at < len(data) and data[at]:
            next(parts)
            at += 1 + data[at]
        at += 1
    return at if data[at : at + 1] == b";" else 0


def _gif_colours(data: bytes, at: int) -> int:
    """Return how many bytes of colours follow, by the flags at a place."""
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def webp_size(data: bytes) -> tuple[int, int]:
    """Return width and height from the header of a WebP; 0 where they are missing."""
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
