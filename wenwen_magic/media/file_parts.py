"""Walks through the parts of the files of pictures and clips; no pixel and no frame is decoded.

Of a picture, as viewers do: past large and broken notes, to its end; Pillow raises for notes that no viewer reads. Of a
clip how large and how long it is, and whether it is whole. The sandbox's worker loads this file by its path, outside of
the package: it imports nothing of ours.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import repeat
from typing import BinaryIO, Final, NamedTuple

MOST_NOTES: Final = 1 << 20
"""Bytes of one note, unpacked; Pillow unpacks no more."""
MOST_PARTS: Final = 300_000
"""Parts of a picture's file that are looked at; 64 MiB of an ordinary one have thousands, of a GIF 263,000 blocks."""
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


# -- clips -------------------------------------------------------------------------------------------------------------
# MP4 and MOV: ISO/IEC 14496-12 and Apple's QuickTime File Format. WebM and MKV: RFC 9559.

MOST_BOXES: Final = 200_000
"""Boxes or elements of a clip that are looked at; what comes behind them is taken as it is."""
MOST_TRACKS: Final = 100
"""Tracks of a film that are told apart; of more the last takes the place of the one before."""
MOST_ROWS: Final = 16 << 20
"""Bytes of all fragments' tables of frames that are read: an hour has a million."""
LONGEST_CLIP: Final = 1e6
WIDEST_CLIP: Final = 65_535
"""Seconds, and pixels: beyond these a number is no length and no size."""


class CutOffError(ValueError):
    """A file that ends before its last part does, or lacks a part that no clip is without."""


class Clip(NamedTuple):
    """What a file says of its clip: pixels as it is seen, 0 for unknown; seconds, None for unknown."""

    width: int
    height: int
    seconds: float | None


def read_clip(file: BinaryIO) -> Clip:
    """Read what a file says of its clip, a few bytes at a time, wherever they are.

    Args:
        file: an MP4, MOV, WebM or MKV, open for reading.

    Raises:
        CutOffError: it is cut off or damaged.
    """
    parts = _Parts(file)
    width, height, ticks, scale = _matroska(parts) if parts.at(0, 4) == b"\x1aE\xdf\xa3" else _mp4(parts)
    seconds = ticks / scale if scale else 0.0
    sized = 0 < width <= WIDEST_CLIP and 0 < height <= WIDEST_CLIP
    return Clip(width * sized, height * sized, round(seconds, 3) if 0 < seconds < LONGEST_CLIP else None)


_Found = tuple[int, int, float, float]
"""Width, height, and the length: so many ticks, of which so many are a second."""


class _Parts:
    """Reads from places in a file, and counts the parts that were looked at."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left, self._rows = file, MOST_BOXES, MOST_ROWS
        self.size = file.seek(0, os.SEEK_END)

    def at(self, place: int, count: int) -> bytes:
        """Return some bytes at a place, fewer at the file's end."""
        self._file.seek(min(place, self.size))
        return self._file.read(count)

    def number(self, place: int, count: int = 4) -> int:
        """Return a number of some bytes at a place, big end first."""
        return int.from_bytes(self.at(place, count))

    def rows(self, place: int, count: int) -> bytes:
        """Return some bytes of a table, fewer where there were enough."""
        read = self.at(place, max(0, min(count, self._rows)))
        self._rows -= len(read)
        return read

    def may_go_on(self) -> bool:
        """Count one more part; False when there were enough."""
        self._left -= 1
        return self._left > 0


# -- MP4 and MOV -------------------------------------------------------------------------------------------------------

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex", b"traf"}
# What stands at the top of a file; anything else there, behind the film, is waste that players pass over.
_TOP = {b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"udta", b"meta", b"uuid", b"mfra", b"sidx"}
_UNKNOWN = {0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF}
"""Durations that say nothing: the length of a fragmented file is elsewhere."""


class _Track:
    """What the boxes of a track say: its number, ticks a second, size, one frame's ticks, those of all fragments."""

    def __init__(self) -> None:
        self.number = self.scale = self.width = self.height = self.each = self.played = self.last = 0
        self.kind = b""


def _mp4(parts: _Parts) -> _Found:
    seen, tracks, film = set[bytes](), [_Track()], [0, 0]  # ticks of the film, and those of a second
    for kind, start, end in _boxes(parts, 0, parts.size):
        if end > parts.size and (kind in _TOP or not seen >= {b"moov", b"mdat"}):
            raise CutOffError(f"It ends {end - parts.size} bytes before its part {kind.decode('latin-1')!r} does.")
        seen.add(kind)
        if kind == b"moov":
            _read_head(parts, start, end, tracks, film)
        elif kind == b"moof":
            _read_fragment(parts, start, end, tracks)
    if not seen >= {b"moov", b"mdat"} or any(track.last >= parts.size for track in tracks):
        raise CutOffError("It has no frames, no list of them, or not all that are in its list.")
    shown = next((track for track in tracks if track.kind == b"vide" and track.width and track.height), _Track())
    ticks, scale = film
    if ticks in _UNKNOWN:
        ticks, scale = max(((one.played, one.scale) for one in tracks if one.scale), default=(0, 0), key=_ratio)
    return shown.width, shown.height, ticks, scale


def _ratio(pair: tuple[int, int]) -> float:
    return pair[0] / pair[1]


def _boxes(parts: _Parts, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each box between two places, where its content begins and where it ends; containers opened."""
    while at + 8 <= end and parts.may_go_on():
        size, kind = struct.unpack(">I4s", parts.at(at, 8))
        start = at + 8
        if size == 1:  # the size is behind the kind
            size, start = parts.number(start, 8), at + 16
        stop = end if size == 0 else at + size  # 0: to the end
        if stop < start:
            return
        yield kind, start, stop
        at = stop


def _leaves(parts: _Parts, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes in a container and in those within it, in their order, each container before what is in it."""
    levels = [_boxes(parts, start, end)]
    while levels:
        kind, inner, stop = next(levels[-1], (b"", 0, 0))
        if not kind or stop > end:
            levels.pop()
        else:
            yield kind, inner, stop
            if kind in _CONTAINERS:
                levels.append(_boxes(parts, inner, stop))


def _read_head(parts: _Parts, start: int, end: int, tracks: list[_Track], film: list[int]) -> None:
    for kind, at, stop in _leaves(parts, start, end):
        track, wide = tracks[-1], parts.number(at, 1) == 1  # dates and durations have eight bytes then, else four
        if kind == b"trak":
            tracks[MOST_TRACKS:] = [_Track()]
        elif kind == b"mvhd":
            film[:] = parts.number(at + (24 if wide else 16), 8 if wide else 4), parts.number(at + (20 if wide else 12))
        elif kind == b"mehd" and film[0] in _UNKNOWN:
            film[0] = parts.number(at + 4, 8 if wide else 4)
        elif kind == b"tkhd":
            _read_place(parts, at + (20 if wide else 12), at + (52 if wide else 40), track)
        elif kind == b"mdhd":
            track.scale = parts.number(at + (20 if wide else 12))
        elif kind == b"hdlr":
            track.kind = track.kind or parts.at(at + 8, 4)  # a MOV's second one tells of its data
        elif kind in {b"stco", b"co64"}:
            size = 4 if kind == b"stco" else 8
            rows = min(parts.number(at + 4), (stop - at - 8) // size)
            track.last = parts.number(at + 8 + (rows - 1) * size, size) if rows > 0 else 0
        elif kind == b"trex":
            _by_number(tracks, parts.number(at + 4)).each = parts.number(at + 12)


def _read_place(parts: _Parts, number: int, matrix: int, track: _Track) -> None:
    """Read a track's number and size; a matrix with nothing on its diagonal turns the picture by a quarter."""
    track.number = parts.number(number)
    size = parts.number(matrix + 36) >> 16, parts.number(matrix + 40) >> 16
    turned = parts.number(matrix + 4) and not (parts.number(matrix) or parts.number(matrix + 16))
    track.width, track.height = size[::-1] if turned else size


def _by_number(tracks: list[_Track], number: int) -> _Track:
    return next((track for track in tracks if track.number == number), tracks[0])


def _read_fragment(parts: _Parts, start: int, end: int, tracks: list[_Track]) -> None:
    """Add what the frames of a fragment last to its tracks."""
    track, each = tracks[0], 0
    for kind, at, stop in _leaves(parts, start, end):
        flags = parts.number(at) & 0xFFFFFF
        if kind == b"tfhd":
            track = _by_number(tracks, parts.number(at + 4))
            place = at + 8 + 8 * bool(flags & 1) + 4 * bool(flags & 2)
            each = parts.number(place) if flags & 8 else track.each
        elif kind == b"trun" and not flags & 0x100:
            track.played += parts.number(at + 4) * each
        elif kind == b"trun":  # each row of its table begins with a duration
            width = 4 * (flags >> 8 & 15).bit_count()
            place = at + 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
            rows = parts.rows(place, min(parts.number(at + 4) * width, stop - place))
            track.played += sum(int.from_bytes(rows[row : row + 4]) for row in range(0, len(rows), width))


# -- WebM and MKV ------------------------------------------------------------------------------------------------------

_SEGMENT, _INFO, _TRACKS, _ENTRY, _VIDEO = 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0
_CLUSTER, _GROUP, _TIME, _BLOCKS, _VOID = 0x1F43B675, 0xA0, 0xE7, (0xA1, 0xA3), 0xEC
_SCALE, _DURATION, _WIDTH, _HEIGHT = 0x2AD7B1, 0x4489, 0xB0, 0xBA
_OPENED = {_SEGMENT, _INFO, _TRACKS, _ENTRY, _VIDEO, _CLUSTER, _GROUP}
_NANOSECONDS = 1e9


def _matroska(parts: _Parts) -> _Found:
    """Read the elements in their order; where the length is not said, it is the time of the last frame."""
    numbers = {_SCALE: 1_000_000, _WIDTH: 0, _HEIGHT: 0, _TIME: 0}
    seen, duration, last = set[int](), 0.0, 0
    for kind, at, length in _elements(parts, opened := set(_OPENED)):
        seen.add(kind)
        if kind == _DURATION and length in {4, 8}:
            duration = struct.unpack(">f" if length == 4 else ">d", parts.at(at, length))[0]  # noqa: PLR2004
            opened.discard(_CLUSTER)  # no frame need be looked at
        elif kind in _BLOCKS and len(time := parts.at(_vint(parts, at)[1], 2)) == 2:  # noqa: PLR2004  behind its track
            last = max(last, numbers[_TIME] + int.from_bytes(time, signed=True))
        elif kind in numbers and not (kind in {_WIDTH, _HEIGHT} and numbers[kind]):  # those of the first track
            numbers[kind] = parts.number(at, min(length, 8))
    if not seen >= {_SEGMENT, _TRACKS, _CLUSTER}:
        raise CutOffError("It has no tracks, or no frames.")
    return numbers[_WIDTH], numbers[_HEIGHT], duration or last, _NANOSECONDS / (numbers[_SCALE] or 1)


def _elements(parts: _Parts, opened: set[int]) -> Iterator[tuple[int, int, int]]:
    """Yield the kind of each element, where its content begins, and its length; those of some kinds are opened.

    An element of unknown length is opened too: its content ends where an element begins that cannot be in it.
    """
    at, has_frames = 0, False
    while at < parts.size and parts.may_go_on():
        if has_frames and parts.at(at, 1) == b"\0":
            return  # waste behind the film
        kind, at = _vint(parts, at, keep=True)
        length, at = _vint(parts, at)
        if at + length > parts.size and not (has_frames and kind == _VOID):
            raise CutOffError(f"It ends {at + length - parts.size} bytes before its part {kind:X} does.")
        yield kind, at, max(length, 0)
        has_frames = has_frames or kind == _CLUSTER
        at += 0 if kind in opened else max(length, 0)


def _vint(parts: _Parts, at: int, *, keep: bool = False) -> tuple[int, int]:
    """Read a number of one to eight bytes, its mark kept or not, and where it ends; -1 for an unknown size.

    Raises:
        CutOffError: there is none.
    """
    head = parts.at(at, 8)
    width = 9 - head[0].bit_length() if head else 9
    if width > len(head):
        raise CutOffError("It ends within a number.")
    value, bits = int.from_bytes(head[:width]), 7 * width
    if not keep:
        value &= (1 << bits) - 1
        value = -1 if value == (1 << bits) - 1 else value
    return value, at + width
