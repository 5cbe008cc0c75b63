"""A clip whose boxes are made to cost is judged with little memory and in little time."""

import io
import struct
import time
from contextlib import suppress

import pytest
from support.clips import EVEN, FTYP, TREX, box, moof, moov, mp4, mvhd, trak, trun, webm

from wenwen_magic.media import file_parts
from wenwen_magic.media.file_parts import CutOffError, read_clip


class Counted(io.BytesIO):
    asked = 0

    def read(self, size=-1):
        assert 0 <= size <= file_parts.MOST_ROWS
        Counted.asked += size
        return super().read(size)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FTYP + box("free") * 250_000,
        lambda: FTYP + moov(*[box("free")] * 250_000),
        lambda: mp4(film=moov(mvhd(0), trak(last=range(300_000)))),
        lambda: FTYP + b"\0\0\0\x08moov" + b"".join(struct.pack(">I4s", 8 * (4000 - n), b"moov") for n in range(4000)),
        lambda: mp4(
            film=moov(mvhd(0), trak()), media=moof(*[trun(*[(1, 1, 1, 1)] * 50_000, flags=0xF00)] * 30) + box("mdat")
        ),
        lambda: webm(segment=-1, cluster=-1, duration=None, last=[1] * 70_000),
        lambda: mp4(film=moov(mvhd(0), *[box("trak")] * 45_000), media=moof() * 15_000 + box("mdat")),
        lambda: mp4(film=moov(mvhd(0), *[trak()] * 10_000, TREX * 1000), media=moof(EVEN) * 10_000 + box("mdat")),
        lambda: mp4(film=moov(mvhd(0), *[box("trak")] * 45_000, box("mvex", *[box("trex", bytes(24))] * 45_000))),
        lambda: mp4(film=moov(mvhd(0)) * 100_000),
    ],
    ids=[
        *("boxes", "boxes in the list", "chunks", "lists in lists", "rows", "clusters"),
        *("bug: empty tracks and fragments", "tracks and fragments", "bug: tracks and defaults", "lists"),
    ],
)
def test_a_hostile_file_takes_neither_memory_nor_time(make):
    data = make()
    Counted.asked, began = 0, time.process_time()
    with suppress(CutOffError):
        read_clip(Counted(data))
    assert Counted.asked < file_parts.MOST_ROWS + 60 * file_parts.MOST_BOXES
    assert time.process_time() - began < 5
