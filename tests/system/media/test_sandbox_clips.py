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
    _seen, still = judge(PLAYS, b"no picture", png(400, 225, "red"), png(400, 225, "blue"))
    assert still.size == (400, 225)
    assert all(abs(value - wanted) < 9 for value, wanted in zip(still.getpixel((9, 9)), (255, 0, 0), strict=True))
    assert min(still.getpixel((200, 112))) > 220


@pytest.mark.parametrize(
    ("data", "still", "poster"),
    [
        (PLAYS, (400, 300), (400, 225)),
        (PLAYS, (300, 400), (300, 168)),
        (PLAYS_WEBM, (400, 300), (168, 300)),
        (PLAYS, (1, 1), (1, 1)),
        (mp4(film=box("moov", mvhd(0), trak(0, 0, kind="soun"))), (400, 300), (400, 300)),
    ],
)
def test_a_poster_is_the_middle_of_a_still_in_the_shape_of_its_clip(data, still, poster, judge):
    """The player took the poster's shape, and jumped to the clip's when it played."""
    assert judge(data, png(*still))[1].size == poster


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


# -- frames of it, with the extra `video` ------------------------------------------------------------------------------


@pytest.fixture
def strip(pool, tmp_path):
    """Makes the picture of a clip's frames; gives it."""
    pytest.importorskip("av")

    def made(data):
        (tmp_path / "clip").write_bytes(data)
        pool.strip(tmp_path / "clip", tmp_path / "strip")
        return Image.open(tmp_path / "strip").convert("RGB")

    return made


@pytest.mark.parametrize(("data", "size"), [(PLAYS, (320, 180)), (PLAYS_WEBM, (180, 320))])
def test_six_frames_stand_beside_the_first_in_the_shape_of_the_clip(data, size, strip):
    made = strip(data)
    (width, height), wide = made.size, made.width // 6
    assert made.size == size
    down = [
        made.crop((width - wide + 2, height * n // 6, width, height * (n + 1) // 6 - 2)).tobytes() for n in range(6)
    ]
    assert len(set(down)) == 6
    assert made.getpixel((width - wide, height // 2)) < (60, 60, 60)


@pytest.mark.parametrize("data", [mp4(), webm(), mp4(film=box("moov", mvhd(), trak(kind="soun")))])
def test_a_film_that_cannot_be_decoded_is_told_and_the_next_one_works(data, strip, tmp_path):
    with pytest.raises(ImageError):
        strip(data)
    assert not list(tmp_path.glob("strip*"))
    assert strip(PLAYS).size == (320, 180)


def test_without_the_extra_there_is_no_strip_and_the_next_job_works(pool, tmp_path, monkeypatch):
    (tmp_path / "clip").write_bytes(b"no film")
    with pytest.raises(ImageError):
        pool.strip(tmp_path / "clip", tmp_path / "strip")
    (tmp_path / "clip").write_bytes(PLAYS)
    assert pool.clip(tmp_path / "clip", tmp_path / "poster.jpg").width == 320
