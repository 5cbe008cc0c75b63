"""A clip's size, its length and whether it is whole are read from the boxes of its file, whoever wrote them."""

import io
import re
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clips import (
    EVEN,
    FTYP,
    HALF,
    PLAYS,
    PLAYS_WEBM,
    QUARTER,
    TREX,
    box,
    element,
    moof,
    moov,
    mp4,
    mvhd,
    trak,
    trun,
    webm,
)

from wenwen_magic.media.file_parts import CutOffError, read_clip


def seen(data):
    return tuple(read_clip(io.BytesIO(data)))


def mehd(ticks):
    return box("mvex", box("mehd", bytes(4), struct.pack(">I", ticks)))


FIRST = struct.pack(">I", 8 + 0)

WHOLE = {
    "an ordinary one": (mp4(), (1280, 720, 8.0)),
    "the demo's": (PLAYS, (320, 180, 4.0)),
    "the demo's WebM": (PLAYS_WEBM, (180, 320, 4.0)),
    "the list behind the frames": (FTYP + box("mdat", bytes(99)) + moov(mvhd(), trak()), (1280, 720, 8.0)),
    "a MOV": (mp4(head=box("ftyp", b"qt  \0\0\0\0") + box("wide")), (1280, 720, 8.0)),
    "dates of eight bytes": (mp4(film=moov(mvhd(wide=True), trak(wide=True))), (1280, 720, 8.0)),
    "frames of a size of eight bytes": (mp4(media=box("mdat", bytes(99), size=1)), (1280, 720, 8.0)),
    "frames to the end": (mp4(media=box("mdat", bytes(99), size=0)), (1280, 720, 8.0)),
    "turned by a quarter": (mp4(film=moov(mvhd(), trak(matrix=QUARTER))), (720, 1280, 8.0)),
    "turned by a half": (mp4(film=moov(mvhd(), trak(matrix=HALF))), (1280, 720, 8.0)),
    "the sound first": (mp4(film=moov(mvhd(), trak(0, 0, kind="soun"), trak())), (1280, 720, 8.0)),
    "subtitles of a size first": (mp4(film=moov(mvhd(), trak(9, 9, kind="text"), trak())), (1280, 720, 8.0)),
    "sound alone": (mp4(film=moov(mvhd(), trak(0, 0, kind="soun"))), (0, 0, 8.0)),
    "a third of a second": (mp4(film=moov(mvhd(1, 3), trak())), (1280, 720, 0.333)),
    "no length": (mp4(film=moov(mvhd(0), trak())), (1280, 720, None)),
    "a length of all ones": (mp4(film=moov(mvhd(0xFFFFFFFF), trak())), (1280, 720, None)),
    "no ticks": (mp4(film=moov(mvhd(5, 0), trak())), (1280, 720, None)),
    "years": (mp4(film=moov(mvhd(0xFFFFFFF0, 1), trak())), (1280, 720, None)),
    "an absurd size": (mp4(film=moov(mvhd(), trak(0xFFFF, 0))), (0, 0, 8.0)),
    "fragments whose length is told": (mp4(film=moov(mvhd(0), trak(), mehd(8000))), (1280, 720, 8.0)),
    "fragments of a default": (mp4(film=moov(mvhd(0), trak(), TREX), media=moof(EVEN) + box("mdat")), (1280, 720, 8.0)),
    "fragments of a default of their own": (
        mp4(film=moov(mvhd(0), trak()), media=moof(EVEN, tfhd=FIRST, flags=8) + box("mdat")),
        (1280, 720, 3.2),
    ),
    "fragments of many lengths": (
        mp4(film=moov(mvhd(0), trak()), media=moof(trun((600, 9), (1200, 9), flags=0x300)) * 2 + box("mdat")),
        (1280, 720, 6.0),
    ),
    "waste behind it": (mp4(tail=b"\xffgarbage" * 9), (1280, 720, 8.0)),
    "zeros behind it": (mp4(tail=bytes(99)), (1280, 720, 8.0)),
    "an ordinary WebM": (webm(), (1280, 720, 8.0)),
    "a length of four bytes": (webm(duration=struct.pack(">f", 2500)), (1280, 720, 2.5)),
    "another scale": (webm(scale=500_000), (1280, 720, 4.0)),
    "a WebM without length": (webm(duration=None), (1280, 720, 8.0)),
    "a stream of unknown lengths": (webm(segment=-1, cluster=-1, duration=None), (1280, 720, 8.0)),
    "a stream of unknown lengths that tells its own": (webm(segment=-1, cluster=-1), (1280, 720, 8.0)),
    "a length that is no number": (webm(duration=struct.pack(">d", float("nan"))), (1280, 720, None)),
    "a length without end": (webm(duration=struct.pack(">d", float("inf"))), (1280, 720, None)),
    "a length of three bytes": (webm(duration=b"abc"), (1280, 720, 8.0)),
    "no size": (webm(size=(0, 0)), (0, 0, 8.0)),
    "zeros behind a WebM": (webm(tail=bytes(50)), (1280, 720, 8.0)),
    "a void behind a WebM": (webm(tail=element(0xEC, bytes(9))), (1280, 720, 8.0)),
}
CUT = {
    "within the frames": mp4()[:-1],
    "within the demo's": PLAYS[:3000],
    "within the demo's WebM": PLAYS_WEBM[:3000],
    "before the frames": FTYP + moov(mvhd(), trak()),
    "before the list": FTYP + box("mdat", bytes(99)),
    "within the list": mp4(media=box("mdat", bytes(9)))[:100],
    "within a fragment": mp4(film=moov(mvhd(0), trak()), media=moof(EVEN) + box("mdat", bytes(99)))[:-5],
    "within frames of a size of eight bytes": mp4(media=box("mdat", bytes(99), size=1))[:-1],
    "before the last frames, which go to the end": mp4(
        film=moov(mvhd(), trak(last=(90, 4000))), media=box("mdat", bytes(99), size=0)
    ),
    "behind the first box": FTYP,
    "within the first box": FTYP[:12],
    "a WebM within its last cluster": webm()[:-1],
    "a WebM within a number": webm(segment=-1)[: len(webm()) - 45],
    "a stream within its last cluster": webm(segment=-1)[:-1],
    "a stream of unknown lengths within a frame": webm(segment=-1, cluster=-1, duration=None)[:-1],
    "a WebM before its frames": webm(last=()),
    "nothing": b"",
}


@pytest.mark.parametrize("name", WHOLE)
def test_size_and_length_are_read(name):
    data, expected = WHOLE[name]
    assert seen(data) == expected


@pytest.mark.parametrize("name", CUT)
def test_a_clip_that_is_cut_off_is_told(name):
    with pytest.raises(CutOffError):
        seen(CUT[name])


@pytest.mark.parametrize("name", ["an ordinary one", "the demo's", "the list behind the frames", "an ordinary WebM"])
def test_wherever_it_is_cut_it_is_told(name):
    data = WHOLE[name][0]
    for place in {*range(0, len(data) - 1, 7), len(data) - 1}:
        with pytest.raises(CutOffError):
            seen(data[:place])


SEEDS = [data for data, _expected in WHOLE.values() if len(data) < 6000]
KINDS = (
    b"ftyp moov mvhd trak tkhd mdia mdhd hdlr minf stbl stco co64 mvex mehd trex moof traf tfhd trun mdat uuid".split()
)
KIND = re.compile(b"|".join(KINDS))
CHANGES = ("byte", "run", "size", "kind", "copy", "gone", "cut", "more")
SIZES = (0, 1, 7, 8, 9, 16, 100, 5530, 1 << 31, (1 << 32) - 1)
RUNS = (b"\xff" * 8, bytes(8), b"\x01" + b"\xff" * 7, b"\x7f" + b"\xff" * 3, b"\x80" * 4, b"\xff" * 2)


def damaged(data, draw):
    """A copy of a file in which some bytes, sizes and kinds of boxes are others, pieces are gone, twice or cut off."""
    data = bytearray(data)
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=6)):
        at, to = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        boxes = [match.start() for match in KIND.finditer(data) if match.start() >= 4]
        if change in {"size", "kind"} and boxes:
            at = draw(st.sampled_from(boxes))
            if change == "size":
                data[at - 4 : at] = draw(st.sampled_from(SIZES)).to_bytes(4)
            else:
                data[at : at + 4] = draw(st.sampled_from(KINDS))
        elif change == "copy":
            data[at:at] = data[at : min(to, at + 400)]
        elif change == "gone":
            del data[at : min(to, at + 90)]
        elif change == "cut":
            del data[to:]
        else:
            run = draw(st.sampled_from(RUNS) if change == "run" else st.binary(min_size=1, max_size=20))
            run = run[:1] if change == "byte" else run
            data[at : at if change == "more" else at + len(run)] = run
    return bytes(data)


@given(st.sampled_from([PLAYS, PLAYS_WEBM, *SEEDS]), st.data())
def test_whatever_bytes_come_there_is_a_result_or_the_judged_problem(data, drawn):
    data = damaged(data, drawn.draw)
    try:
        clip = read_clip(io.BytesIO(data))
    except CutOffError:
        return
    assert 0 <= clip.width <= 65535
    assert 0 <= clip.height <= 65535
    assert (clip.width == 0) == (clip.height == 0)
    assert clip.seconds is None or 0 <= clip.seconds < 1e6


@given(st.binary(max_size=300), st.sampled_from([b"", FTYP, b"\x1aE\xdf\xa3", mp4(media=box("free")), webm()[:40]]))
def test_whatever_follows_a_beginning_there_is_a_result_or_the_judged_problem(data, head):
    with suppress(CutOffError):
        read_clip(io.BytesIO(head + data))
