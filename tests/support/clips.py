"""Builds small clips out of boxes, and gives those of the demo, which play."""

import struct
from pathlib import Path

import wenwen_magic.demo

_DEMO = Path(wenwen_magic.demo.__file__).with_name("clips")
PLAYS = _DEMO.joinpath("landscape.mp4").read_bytes()
"""320×180, four seconds, and it plays."""
PLAYS_WEBM = _DEMO.joinpath("portrait.webm").read_bytes()
"""180×320, four seconds, and it plays."""
UPRIGHT = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
QUARTER = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
HALF = (-0x10000, 0, 0, 0, -0x10000, 0, 0, 0, 0x40000000)


def box(kind: str, *content: bytes, size: int | None = None) -> bytes:
    """A box of an MP4; ``size`` 1 writes the eight bytes behind the kind, 0 means to the end."""
    inner = b"".join(content)
    if size == 1:
        return struct.pack(">I4sQ", 1, kind.encode(), 16 + len(inner)) + inner
    return struct.pack(">I4s", 8 + len(inner) if size is None else size, kind.encode()) + inner


def mvhd(ticks: int = 8000, scale: int = 1000, *, wide: bool = False) -> bytes:
    head = struct.pack(">B3x2QIQ" if wide else ">B3x4I", wide, 0, 0, scale, ticks)
    return box("mvhd", head, bytes(80))


def trak(
    width: int = 1280, height: int = 720, *, kind: str = "vide", matrix=UPRIGHT, wide: bool = False, number=1, last=(0,)
) -> bytes:
    head = struct.pack(">B3x2QIIQ" if wide else ">B3x5I", wide, 0, 0, number, 0, 0)
    tkhd = box("tkhd", head, bytes(16), struct.pack(">9i", *matrix), struct.pack(">2I", width << 16, height << 16))
    mdhd = box("mdhd", struct.pack(">B3x4I", 0, 0, 0, 600, 0), bytes(4))
    chunks = box("stco", struct.pack(">II", 0, len(last)), *(struct.pack(">I", place) for place in last))
    stbl = box("minf", box("stbl", chunks))
    return box("trak", tkhd, box("mdia", mdhd, box("hdlr", bytes(8), kind.encode(), bytes(12)), stbl))


FTYP = box("ftyp", b"isom\0\0\2\0isomiso2avc1mp41")


def mp4(*, head: bytes = b"", film: bytes | None = None, media: bytes = b"", tail: bytes = b"") -> bytes:
    """An MP4 of 1280×720 and eight seconds, but for what is given."""
    film = box("moov", mvhd(), trak()) if film is None else film
    return (head or FTYP) + film + (media or box("mdat", bytes(200))) + tail


def element(kind: int, *content: bytes, length: int | None = None) -> bytes:
    """An element of a WebM; ``length`` -1 writes the unknown one."""
    inner = b"".join(content)
    size = b"\x01" + b"\xff" * 7 if length == -1 else struct.pack(">Q", (1 << 56) | (length or len(inner)))
    return kind.to_bytes((kind.bit_length() + 7) // 8) + size + inner


def webm(
    *,
    duration: bytes | None = struct.pack(">d", 8000),
    scale: int | None = None,
    size=(1280, 720),
    last=(0, 7960),
    **how,
) -> bytes:
    """A WebM of 1280×720 and eight seconds, but for what is given; ``segment`` and ``cluster`` are lengths."""
    info = element(
        0x1549A966,
        element(0x2AD7B1, scale.to_bytes(4)) if scale else b"",
        element(0x4489, duration) if duration is not None else b"",
    )
    video = element(0xE0, element(0xB0, size[0].to_bytes(2)), element(0xBA, size[1].to_bytes(2)))
    tracks = element(0x1654AE6B, element(0xAE, element(0x83, b"\1"), video))
    clusters = [
        element(
            0x1F43B675,
            element(0xE7, time.to_bytes(4)),
            element(0xA3, b"\x81\0\x28\x80", bytes(40)),
            length=how.get("cluster"),
        )
        for time in last
    ]
    head = element(0x1A45DFA3, element(0x4282, b"webm"))
    return head + element(0x18538067, info, tracks, *clusters, length=how.get("segment")) + how.get("tail", b"")


FLAGS = struct.Struct(">I")


def moov(*content):
    return box("moov", *content)


def moof(*truns, tfhd=b"", flags=0):
    return box("moof", box("traf", box("tfhd", FLAGS.pack(flags) + struct.pack(">I", 1) + tfhd), *truns))


def trun(*rows, flags=0x100):
    table = b"".join(struct.pack(f">{len(row)}I", *row) for row in rows)
    return box("trun", FLAGS.pack(flags), struct.pack(">I", len(rows)), table)


TREX = box("mvex", box("trex", bytes(4), struct.pack(">5I", 1, 1, 20, 0, 0)))
EVEN = box("trun", FLAGS.pack(0), struct.pack(">I", 240))  # 240 frames, each as long as the default
