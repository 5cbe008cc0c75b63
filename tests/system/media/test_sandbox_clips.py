"""The children judge a clip by the parts of its file, and make its poster; whatever comes, the next job works."""

import pytest
from PIL import Image
from support.clips import FTYP, PLAYS, PLAYS_WEBM, box, mp4, mvhd, trak, webm
from support.scripted import png

from wenwen_magic.errors import ImageError


@pytest.fixture
def judge(pool, tmp_path):
    """Judges a clip; gives what it is, and its poster."""

    def judged(data, *stills):
        (tmp_path / "clip").write_bytes(data)
        for number, still in enumerate(stills):
            (tmp_path / f"{number}").write_bytes(still)
        seen = pool.clip(tmp_path / "clip", tmp_path / "poster.jpg", [tmp_path / f"{n}" for n in range(len(stills))])
        return seen, Image.open(tmp_path / "poster.jpg").convert("RGB")

    return judged


@pytest.mark.parametrize(
    ("data", "mime", "size", "poster"),
    [
        (PLAYS, "video/mp4", (320, 180, 4.0), (480, 270)),
        (PLAYS_WEBM, "video/webm", (180, 320, 4.0), (270, 480)),
        (mp4(film=box("moov", mvhd(0), trak(0, 0, kind="soun"))), "video/mp4", (0, 0, None), (480, 270)),
        (mp4(film=box("moov", mvhd(), trak(60_000, 1))), "video/mp4", (60_000, 1, 8.0), (480, 1)),
    ],
)
def test_a_whole_clip_has_a_drawn_poster_of_its_shape(data, mime, size, poster, judge):
    seen, still = judge(data)
    assert (seen.mime, seen.width, seen.height, seen.seconds) == (mime, *size)
    assert still.size == poster


def test_a_poster_is_the_first_still_that_can_be_opened_with_the_sign_for_playing(judge):
    _seen, still = judge(PLAYS, b"no picture", png(400, 300, "red"), png(400, 300, "blue"))
    assert still.size == (400, 300)
    assert all(abs(value - wanted) < 9 for value, wanted in zip(still.getpixel((9, 9)), (255, 0, 0), strict=True))
    assert min(still.getpixel((200, 150))) > 220


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (PLAYS[:-400], "cut-clip"),
        (webm()[:-9], "cut-clip"),
        (FTYP, "cut-clip"),
        (b"", "no-clip"),
        (b"<html>", "no-clip"),
        (png(), "no-clip"),
    ],
)
def test_what_is_cut_off_or_no_clip_is_told_and_leaves_no_poster(data, code, judge, tmp_path):
    with pytest.raises(ImageError) as caught:
        judge(data, png())
    assert (caught.value.text, caught.value.charged) == (code, "yes")
    assert not list(tmp_path.glob("poster*"))
    assert judge(PLAYS)[0].width == 320
