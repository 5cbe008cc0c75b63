"""Pictures pass from an answer to disk to sight: as they are, checked, several at a time, each failure alone."""

import base64
import hashlib
import os
import threading
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.clips import mp4, webm
from support.clock import Ticks
from support.scripted import answering, data_uri, png, read

from wenwen_magic.demo import DemoServer
from wenwen_magic.errors import HistoryError, ImageError, WenwenError
from wenwen_magic.media import download, file_parts
from wenwen_magic.media.download import FetchFailed
from wenwen_magic.media.sandbox import MESSAGES, Inspection, SandboxPool
from wenwen_magic.media.save import PAUSES, THUMBNAIL, WIDTH, ImagePipeline, _decode
from wenwen_magic.protocol import Progress, Source
from wenwen_magic.records import CLIP, Generation, ImageRequest, Reference
from wenwen_magic.settings import Settings
from wenwen_magic.text.i18n import speak, spoken

ADDRESS = "https://api.example/v9"
PICTURE = png(40, 30)
PLAIN = base64.b64encode(PICTURE)


@pytest.fixture(scope="module")
def sandbox():
    """One for all tests: its children are slow to start."""
    pool = SandboxPool()
    yield pool
    pool.close()


class Careless:
    """Stands for the sandbox: a picture passes the check when it is this file's; counts the checks."""

    def __init__(self, preview_mime="image/jpeg"):
        self.checked, self._preview_mime = 0, preview_mime

    def inspect(self, path, preview):
        self.checked += 1
        if not path.read_bytes().startswith(PICTURE):
            raise ImageError("This is no picture.", why="a web page", charged="yes")
        try:
            preview.write_bytes(b"small")
        except OSError as error:
            raise ImageError("A file could not be written.", charged="yes", text="disk") from error
        return Inspection("image/png", "png", 40, 30, self._preview_mime)

    def clip(self, path, poster, stills):
        try:
            with path.open("rb") as file:
                clip = file_parts.read_clip(file)
        except file_parts.CutOffError as error:
            raise ImageError(MESSAGES["cut-clip"], charged="yes", text="cut-clip") from error
        poster.write_bytes(stills[0].read_bytes() if stills else b"drawn")
        return Inspection("video/mp4", "mp4", *clip[:2], seconds=clip.seconds)

    def strip(self, path, target):
        raise ImageError("No frame can be decoded.", charged="yes", text="failed")


class Downloads:
    """Stands for downloads: every address holds the same picture, ``broken`` ones none; may fail a few times before."""

    def __init__(self):
        self.policies, self.failures, self.asked, self.files, self.later = {}, [], [], {}, {}

    def __call__(self, address, path, policy):
        self.asked.append(address)
        self.policies[address] = policy
        if self.failures or "broken" in address:
            path.write_bytes(b"half")
            raise self.failures.pop(0) if self.failures else FetchFailed("There is no picture.", why="HTTP 404")
        path.write_bytes(self.files.get(address, PICTURE))
        self.files |= {address: self.later.pop(address)} if address in self.later else {}


@pytest.fixture
def downloads(monkeypatch):
    stand_in = Downloads()
    monkeypatch.setattr(download, "fetch", stand_in)
    return stand_in


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "w" / "2026-11-22").mkdir(parents=True)
    return tmp_path / "w" / "2026-11-22"


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def pipeline(folder, ticks):
    return ImagePipeline(Settings(), ADDRESS, Careless(), ticks)


@pytest.fixture
def checking(folder, sandbox):
    return ImagePipeline(Settings(), ADDRESS, sandbox, Ticks())


def save_all(pipeline, folder, *sources, videos=(), prompt="画只猫\n 水彩"):
    asked = Generation("a1b2c3d4", ImageRequest(prompt), prompt, "answered", "2026-11-22T12:00:00.000+08:00")
    return pipeline.save(asked, sources, folder / "cat-a1b2c3d4", videos)


def save(pipeline, folder, *sources, **more):
    saved = save_all(pipeline, folder, *sources, **more)
    return saved.pictures, list(saved.failed)


def save_one(pipeline, folder, source):
    saved, failed = save(pipeline, folder, source)
    assert failed == []
    return saved[0]


def of_data(data=PLAIN):
    return Source("data:image/png", data=data)


def another(number):
    """The picture with other bytes behind it."""
    return of_data(base64.b64encode(PICTURE + bytes([number])))


def own(colour="red", width=40, *, draft=False):
    data = data_uri(png(width, 30, colour)).partition(",")[2].encode()
    return Source("data:image/png", draft=draft, data=data)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# In the answer itself


def test_a_picture_in_the_answer_is_on_disk_bit_for_bit_with_all_that_is_known_of_it(pipeline, folder):
    picture = save_one(pipeline, folder, of_data())
    assert picture.path == folder / "cat-a1b2c3d4-1.png"
    assert (picture.mime, picture.width, picture.height) == ("image/png", 40, 30)
    assert (picture.data, picture.size) == (PICTURE, len(PICTURE))
    assert picture.sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert (picture.alt, picture.problem, picture.preview.read_bytes()) == ("画只猫 水彩", "", b"small")
    assert names(folder) == ["cat-a1b2c3d4-1.png"]


@pytest.mark.parametrize(
    "written",
    {
        "other alphabet": base64.urlsafe_b64encode(PICTURE),
        "no padding": PLAIN.rstrip(b"="),
        "too much padding": PLAIN.rstrip(b"=") + b"=====",
        "line breaks": base64.encodebytes(PICTURE),
        "carriage returns": base64.encodebytes(PICTURE).replace(b"\n", b"\r\n"),
        "blanks": b" " + PLAIN[:50] + b"  \t" + PLAIN[50:] + b" ",
        "escaped line breaks": PLAIN[:60] + b"\\" + PLAIN[60:],
        "quotes around": b'"' + PLAIN + b'"',
        "one letter too many": PLAIN.rstrip(b"=") + (b"A" if len(PLAIN.rstrip(b"=")) % 4 == 0 else b""),
    }.items(),
    ids=lambda item: item[0],
)
def test_base64_is_forgiven_what_people_forgive(written, pipeline, folder):
    assert save_one(pipeline, folder, of_data(written[1])).data == PICTURE


def test_a_percent_encoded_picture_in_an_answer_comes_to_disk_whole(pipeline, folder):
    uri = "data:image/png;base64," + quote(data_uri(PICTURE).partition(",")[2], safe="")
    (source,) = read(answering(f"![cat]({uri})")).sources
    assert save_one(pipeline, folder, source).data == PICTURE


@given(st.binary(max_size=300), st.integers(1, 99), st.booleans(), st.sampled_from([b"", b"\n", b" \r\n", b"\t"]))
def test_any_bytes_survive_any_line_length_alphabet_and_padding(tmp_path_factory, data, width, other, gap):
    text = (base64.urlsafe_b64encode if other else base64.b64encode)(data)
    lines = gap.join(text[at : at + width] for at in range(0, len(text), width))
    part = tmp_path_factory.getbasetemp() / "decoded"
    _decode(lines.rstrip(b"="), part)
    assert part.read_bytes() == data


@pytest.mark.parametrize("over", [-3, -1, 0, 1, 2, 700_000])
def test_a_large_picture_is_decoded_in_pieces_that_fit(over, tmp_path):
    data = os.urandom((3 << 18) + over)
    _decode(base64.b64encode(data), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == data


@pytest.mark.parametrize("data", [b"", b"=", b"!", b"A", b"AAAA", "猫".encode(), b"<html>"])
def test_what_is_no_picture_is_kept_as_unsound_with_the_problem(data, pipeline, folder):
    picture = save_one(pipeline, folder, of_data(data))
    assert (picture.path.name, picture.mime, picture.preview) == ("cat-a1b2c3d4-1.unsound", "", None)
    assert picture.problem == "This is no picture."
    assert names(folder) == ["cat-a1b2c3d4-1.unsound"]


def test_a_long_prompt_is_cut_for_the_alternative_text(pipeline, folder):
    (picture,), _ = save(pipeline, folder, of_data(), prompt="a cat " * 900)
    assert 100 < len(picture.alt) <= 200


# Downloads


def test_a_picture_that_is_not_there_yet_is_fetched_again_after_growing_pauses(pipeline, folder, downloads, ticks):
    downloads.failures = [FetchFailed("not yet", again=True, status=status) for status in (404, 503)]
    assert save_one(pipeline, folder, Source("https://h/x", draft=True)).draft
    assert (len(downloads.asked), ticks.waits, names(folder)) == (3, list(PAUSES[:2]), ["cat-a1b2c3d4-1.png"])


def test_a_picture_that_never_comes_is_tried_four_times_and_leaves_nothing_half(pipeline, folder, downloads, ticks):
    downloads.failures = [FetchFailed("not yet", again=True)] * 9
    assert [error.charged for error in save(pipeline, folder, Source("https://h/x"))[1]] == ["yes"]
    assert (len(downloads.asked), ticks.waits, names(folder)) == (4, list(PAUSES), [])


@pytest.mark.parametrize(("came", "kept"), [(PICTURE, ["cat-a1b2c3d4-1.png"]), (PICTURE[:-9], [])], ids=["all", "less"])
def test_a_picture_whose_download_breaks_off_behind_its_end_is_whole(came, kept, pipeline, folder, monkeypatch):
    def fetched(_address, path, _policy):
        path.write_bytes(came)
        raise FetchFailed("It could not be fetched.", why="IncompleteRead", again=True)

    monkeypatch.setattr(download, "fetch", fetched)
    pictures, failed = save(pipeline, folder, Source("https://h/x"))
    assert (len(pictures), [error.why for error in failed]) == (len(kept), [] if kept else ["IncompleteRead"])
    assert names(folder) == kept


def test_an_address_that_is_refused_is_not_tried_again(pipeline, folder, downloads, ticks):
    failure = FetchFailed("refused")
    downloads.failures = [failure] * 9
    assert save(pipeline, folder, Source("http://169.254.169.254/x")) == ((), [failure])
    assert (len(downloads.asked), ticks.waits) == (1, [])


@pytest.mark.parametrize(
    ("written", "fetched_from"),
    [
        ("https://h/x.png", "https://h/x.png"),
        ("/pictures/x.png", "https://api.example/pictures/x.png"),
        ("//cdn.example/x.png", "https://cdn.example/x.png"),
    ],
)
def test_an_address_below_the_endpoint_is_made_whole(written, fetched_from, pipeline, folder, downloads):
    save(pipeline, folder, Source(written))
    assert downloads.asked == [fetched_from]


def test_downloads_trust_the_endpoint_and_the_users_hosts_and_nothing_else(folder, downloads):
    settings = Settings(trusted_hosts=("nas.local:80",), max_mib=3)
    save(ImagePipeline(settings, ADDRESS, Careless(), Ticks()), folder, Source("https://h/x.png"))
    policy = downloads.policies["https://h/x.png"]
    assert policy.trusted == {"https://api.example:443", "nas.local:80"}
    assert policy.limit == 3 << 20


def test_an_endpoint_at_an_ipv6_address_is_trusted_with_its_own_pictures(folder, downloads):
    save(ImagePipeline(Settings(), "http://[::1]:8010/demo", Careless(), Ticks()), folder, Source("/x.png"))
    (address,) = downloads.asked
    assert download.ssrf.place_of(address).trusted(downloads.policies[address].trusted)


# Several, and their failures


def test_pictures_are_numbered_in_the_answers_order_whatever_kind_they_are(checking, folder, downloads):
    saved, failed = save(checking, folder, own("gold"), Source("https://h/b.png"), own("blue", 50))
    assert [picture.path.name for picture in saved] == [f"cat-a1b2c3d4-{number}.png" for number in (1, 2, 3)]
    assert ([picture.width for picture in saved], failed) == ([40, 40, 50], [])
    assert names(folder) == [picture.path.name for picture in saved]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_picture_that_fails_leaves_the_others_alone(place, pipeline, folder, downloads):
    sources = [of_data(), Source("https://h/a.png"), another(1)]
    downloads.files["https://h/a.png"] = PICTURE + b"2"
    sources[place] = Source("https://h/broken")
    saved, (failed,) = save(pipeline, folder, *sources)
    assert [picture.path.stem[-1] for picture in saved] == [number for number in "123" if number != str(place + 1)]
    assert (type(failed), failed.charged) == (FetchFailed, "yes")


@pytest.mark.parametrize("count", [1, 3])
def test_an_error_that_is_not_ours_is_raised_after_the_others_are_saved(count, pipeline, folder, downloads):
    downloads.failures = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        save(pipeline, folder, Source("https://h/a.png"), *map(another, range(1, count)))
    assert len([name for name in names(folder) if name.endswith(".png")]) == count - 1


@pytest.mark.parametrize(
    "address", ["http://[::1", "http://[", "https://h:port/x", "//[x]/y.png", "http://\ud83d/x", "/\x00"]
)
def test_an_address_that_cannot_be_read_is_one_failure_among_the_others(address, pipeline, folder):
    saved, failed = save(pipeline, folder, of_data(), Source(address))
    assert (len(saved), len(failed)) == (1, 1)
    assert isinstance(failed[0], WenwenError)


def test_at_most_so_many_are_saved_at_once_in_the_callers_language(pipeline, folder, monkeypatch):
    meeting, lock, now, most, languages = threading.Barrier(WIDTH, timeout=5), threading.Lock(), 0, 0, set()

    def fetch(address, path, _policy):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            languages.add(spoken())
        meeting.wait()
        path.write_bytes(PICTURE + address.encode())
        with lock:
            now -= 1

    monkeypatch.setattr(download, "fetch", fetch)
    speak("zh")
    try:
        saved, failed = save(pipeline, folder, *[Source(f"https://h/{number}") for number in range(3 * WIDTH)])
    finally:
        speak("")
    assert (len(saved), failed, most, languages) == (3 * WIDTH, [], WIDTH, {"zh"})


def test_one_picture_alone_is_saved_in_the_calling_thread_and_none_is_nothing_to_do(pipeline, folder, monkeypatch):
    threads = []
    monkeypatch.setattr(download, "fetch", lambda *_: threads.append(threading.current_thread()) or (1 / 0))
    with pytest.raises(ZeroDivisionError):
        save(pipeline, folder, Source("https://h/a"))
    assert threads == [threading.current_thread()]
    assert save(pipeline, folder) == ((), [])


def test_a_disk_that_is_full_is_a_failure_that_can_be_mended_for_free(pipeline, folder):
    saved, (failed,) = save(pipeline, folder / "gone", of_data())
    assert (saved, type(failed), failed.charged) == ((), HistoryError, "yes")
    assert "%wenwen fetch" in failed.do
    assert str(folder) not in str(failed)


def test_a_sandbox_that_cannot_run_is_no_fault_of_the_picture(pipeline, folder, monkeypatch):
    for code in ("start", "died", "timeout", "disk"):
        error = ImageError("no sandbox", charged="yes", text=code)
        monkeypatch.setattr(pipeline.pool, "inspect", lambda *_, error=error: (_ for _ in ()).throw(error))
        assert save(pipeline, folder, of_data()) == ((), [error])
    assert names(folder) == ["cat-a1b2c3d4-1.unchecked"]  # one, however often it is tried


def test_an_unsound_picture_is_kept_beside_the_others(checking, folder):
    (bad, good), failed = save(checking, folder, of_data(b"AAAA"), own())
    assert (bad.path.name, bool(bad.problem), good.problem, failed) == ("cat-a1b2c3d4-1.unsound", True, "", [])


def test_a_picture_that_the_demo_does_not_have_is_a_failure(folder, sandbox):
    with DemoServer() as demo:
        pipeline = ImagePipeline(Settings(), demo.address, sandbox, Ticks())
        source = Source(f"{demo.address.removesuffix('/demo')}/pictures/none.png")
        assert isinstance(save(pipeline, folder, source)[1][0], ImageError)


# The same picture twice

SAME = {
    "in the answer twice": (own(), own()),
    "eight times": (own(),) * 8,
    "in the answer and behind an address": (own(), Source("https://h/red.png")),
    "behind an address and in the answer": (Source("https://h/red.png"), own()),
    "behind two addresses": (Source("https://h/red.png"), Source("https://h/red.png?again=1")),
    "written in another way": (own(), of_data(base64.urlsafe_b64encode(png(40, 30)).rstrip(b"="))),
    "with a line break before it": (own(), of_data(base64.b64encode(b"\r\n" + png(40, 30)))),
    "no picture at all, twice": (of_data(b"AAAA"), of_data(b"AAAA")),
}


@pytest.mark.parametrize("sources", SAME.values(), ids=SAME)
def test_equal_bytes_are_one_picture_whatever_they_came_by(sources, checking, folder, downloads):
    downloads.files = dict.fromkeys(["https://h/red.png", "https://h/red.png?again=1"], png(40, 30))
    (picture,), failed = save(checking, folder, *sources)
    assert (picture.path.stem, failed, names(folder)) == ("cat-a1b2c3d4-1", [], [picture.path.name])


def test_other_pictures_keep_their_places_beside_equal_ones(checking, folder):
    sources = [own("blue"), own(), own("blue"), own("green"), own()]
    saved, _ = save(checking, folder, *sources)
    assert [picture.path.stem[-1] for picture in saved] == ["1", "2", "4"]
    assert names(folder) == [picture.path.name for picture in saved]


@pytest.mark.parametrize(("first", "second", "draft"), [(1, 0, False), (0, 1, False), (1, 1, True), (0, 0, False)])
def test_what_is_draft_and_result_is_the_result(first, second, draft, checking, folder):
    (picture,), _ = save(checking, folder, own(draft=bool(first)), own(draft=bool(second)))
    assert picture.draft is draft


def test_a_draft_that_differs_stays_a_draft(checking, folder):
    saved, _ = save(checking, folder, own(draft=True), own("blue"), own("blue", draft=True))
    assert [picture.draft for picture in saved] == [True, False]


# What a server says in place of a picture

SAID = {
    "an object store": (
        b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>',
        "What came is not a picture. AccessDenied: Request has expired",
    ),
    "an error": (b'{"error":{"message":"file not found"}}', "What came is not a picture. file not found"),
    "a message": ('{"code":404,"msg":"图片不存在"}'.encode(), "What came is not a picture. 图片不存在"),
    "a page": (
        b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head><h1>no</h1>",
        "What came is a web page, not a picture. 403 Forbidden",
    ),
    "plain words": (b"File expired or deleted", "What came is not a picture. File expired or deleted"),
    "nothing": (b"", "What came is not a picture. The file is empty."),
    "bytes": (bytes(range(1, 200)), "What came is not a picture."),
    "HEIC": (
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "It is a file of the kind HEIC; PNG, JPEG, WebP, GIF and AVIF are shown.",
    ),
    "JPEG XL": (
        b"\xff\x0a" + bytes(99),
        "It is a file of the kind JXL; PNG, JPEG, WebP, GIF and AVIF are shown.",
    ),
    "a drawing": (b"<svg xmlns='x'><text>hi</text></svg>", "SVG drawings are not opened: they can carry scripts."),
    "keys and control characters": (
        b'{"msg":"bad key sk-abcdefghijkl\x1b[2J\xe2\x80\xae"}',
        "What came is not a picture. bad key ***",
    ),
}


@pytest.mark.parametrize(("body", "problem"), SAID.values(), ids=SAID)
def test_what_is_no_picture_is_told_in_its_own_words_and_kept(body, problem, checking, folder, downloads):
    downloads.files["https://h/a.png"] = body
    picture = save_one(checking, folder, Source("https://h/a.png"))
    assert picture.problem == problem
    assert (names(folder), picture.data) == (["cat-a1b2c3d4-1.unsound"], body)


def test_words_without_end_are_cut_short(checking, folder, downloads):
    downloads.files["https://h/a.png"] = b"words " * 99_999
    assert len(save_one(checking, folder, Source("https://h/a.png")).problem) < 400


@pytest.mark.parametrize("lead", [b"\xef\xbb\xbf", b"\r\n", b"\n\n \t", b" \xef\xbb\xbf\n"])
def test_what_a_careless_server_writes_before_a_picture_is_taken_away(lead, checking, folder, downloads):
    downloads.files["https://h/a.png"] = lead + PICTURE
    picture = save_one(checking, folder, Source("https://h/a.png"))
    assert (picture.problem, picture.data, picture.size) == ("", PICTURE, len(PICTURE))


def test_white_space_is_taken_from_before_a_large_picture_too(checking, folder, downloads):
    large = PICTURE + os.urandom((2 << 20) + 7)
    downloads.files["https://h/a.png"] = b"\n" + large
    assert save_one(checking, folder, Source("https://h/a.png")).data == large


@pytest.mark.parametrize("address", ["https://h/a.jpg", "https://h/a.gif", "https://h/a", "https://h/a.bin?x=.mp4"])
def test_a_picture_is_named_by_its_bytes_not_by_its_address(address, checking, folder, downloads):
    assert save_one(checking, folder, Source(address)).path.name == "cat-a1b2c3d4-1.png"


# Pictures that take too much work


def test_slow_jpeg_is_judged_once(pipeline, folder):
    error, judged = ImageError("too much", charged="yes", text="effort"), []
    pipeline.pool.inspect = lambda *_: judged.append(1) or (_ for _ in ()).throw(error)
    problems = {save_one(pipeline, folder, of_data()).problem for _ in range(3)}
    assert (len(judged), len(problems)) == (1, 2)
    assert "too much work" in save_one(pipeline, folder, of_data()).problem
    assert names(folder) == ["cat-a1b2c3d4-1.unsound"]
    assert save_one(pipeline, folder, of_data(PLAIN[:-8])).problem == "too much"  # another picture


def test_a_picture_of_the_same_size_is_judged_by_itself(pipeline, folder):
    error = ImageError("too much", charged="yes", text="effort")
    sound, pipeline.pool.inspect = pipeline.pool.inspect, lambda *_: (_ for _ in ()).throw(error)
    save_one(pipeline, folder, of_data(base64.b64encode(bytes(len(PICTURE)))))
    pipeline.pool.inspect = sound
    assert save_one(pipeline, folder, of_data()).problem == ""


@pytest.mark.parametrize("code", ["truncated", "memory", "format", "not-a-picture"])
def test_what_is_judged_in_no_time_is_judged_anew(code, pipeline, folder):
    error, judged = ImageError("no", charged="yes", text=code), []
    pipeline.pool.inspect = lambda *_: judged.append(1) or (_ for _ in ()).throw(error)
    for _ in range(2):
        save_one(pipeline, folder, of_data())
    assert len(judged) == 2


def test_an_interrupt_leaves_nothing_half(pipeline, folder):
    pipeline.pool.inspect = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        save(pipeline, folder, of_data())
    assert names(folder) == []


# Videos

MP4, WEBM = mp4(), webm()
KINDS_OF_VIDEO = {
    "mp4": (MP4, "video/mp4"),
    "mp4 of other makers": (MP4.replace(b"isom\0", b"mp42\0"), "video/mp4"),
    "mp4 without a list": (mp4(head=b"\0\0\0\x10ftypdash\0\0\0\0"), "video/mp4"),
    "m4v": (MP4.replace(b"isom\0", b"M4V \0"), "video/mp4"),
    "webm": (WEBM, "video/webm"),
    "mkv": (WEBM.replace(b"webm", b"matr"), "video/x-matroska"),
    "mov": (MP4.replace(b"isom\0", b"qt  \0"), "video/quicktime"),
}
FILM = "https://h/film?id=1"


@pytest.mark.parametrize("kind", KINDS_OF_VIDEO)
@pytest.mark.parametrize("expected", ["picture", "video"])
def test_a_video_is_kept_as_it_came_and_unopened_wherever_it_is(kind, expected, pipeline, folder, downloads):
    body, mime = KINDS_OF_VIDEO[kind]
    downloads.files[FILM] = body
    pictures, videos = ([Source(FILM)], []) if expected == "picture" else ([], [Source(FILM)])
    saved = save_all(pipeline, folder, *pictures, videos=videos)
    (video,) = saved.videos
    ending = {"video/quicktime": "mov", "video/x-matroska": "mkv"}.get(mime, mime.partition("/")[2])
    assert (video.path.name, video.mime, video.is_kept) == (f"cat-a1b2c3d4-1.{ending}", mime, True)
    assert (video.path.read_bytes(), video.size, video.address) == (body, len(body), FILM)
    assert video.sha256 == hashlib.sha256(body).hexdigest()
    assert (video.width, video.height, video.seconds) == (1280, 720, 8.0)
    assert (saved.pictures, saved.failed, names(folder)) == ((), (), sorted([video.poster.name, video.path.name]))
    assert pipeline.pool.checked == 0


def test_a_video_in_the_answer_itself_is_kept(checking, folder):
    source = Source("data:video/mp4", data=base64.b64encode(MP4))
    (video,) = save_all(checking, folder, videos=[source]).videos
    assert (video.address, video.path.read_bytes()) == ("data:video/mp4", MP4)


def test_pictures_and_videos_are_numbered_together_and_equal_videos_are_one(checking, folder, downloads):
    downloads.files = dict.fromkeys(["https://h/a.mp4", "https://h/download/a.mp4"], MP4)
    downloads.files["https://h/b.webm"] = WEBM
    films = [Source(address) for address in downloads.files]
    saved = save_all(checking, folder, own(), own("blue"), videos=films)
    assert [picture.path.name for picture in saved.pictures] == ["cat-a1b2c3d4-1.png", "cat-a1b2c3d4-2.png"]
    assert [video.path.name for video in saved.videos] == ["cat-a1b2c3d4-3.mp4", "cat-a1b2c3d4-5.webm"]
    assert len(names(folder)) == 6  # and the posters of both
    assert [video.poster.name for video in saved.videos] == ["cat-a1b2c3d4-3.jpg", "cat-a1b2c3d4-5.jpg"]


@pytest.mark.parametrize("comes_again", [MP4, MP4[:-9]], ids=["whole", "cut off"])
def test_a_clip_that_is_cut_off_is_fetched_once_more(comes_again, pipeline, folder, downloads):
    downloads.files[FILM] = MP4[:-5]
    downloads.later[FILM] = comes_again
    (video,) = save_all(pipeline, folder, videos=[Source(FILM)]).videos
    whole = comes_again == MP4
    assert (video.is_kept, video.path.suffix) == (whole, ".mp4" if whole else ".unsound")
    assert ("cut off" in video.problem) == (not whole)
    assert (video.path.read_bytes(), downloads.asked) == (MP4 if whole else MP4[:-5], [FILM] * 2)


@pytest.mark.parametrize(
    ("comes_again", "kept"),
    [
        (FetchFailed("gone", status=404), MP4[:-50]),
        (FetchFailed("broken off", again=True), MP4[:-50]),  # with fewer bytes, as the stand-in writes them
        (b'{"error":{"message":"busy"}}' * 99, MP4[:-50]),
        (b"", MP4[:-50]),
        (MP4[:-90], MP4[:-50]),
        (MP4[:-9], MP4[:-9]),
        (MP4[:-5] + bytes(5), MP4),
        (mp4(media=b"\0\0\0\x20mdat" + bytes(24)), mp4(media=b"\0\0\0\x20mdat" + bytes(24))),  # smaller, and whole
    ],
    ids=["gone", "broken off", "words", "nothing", "less", "more", "whole", "smaller and whole"],
)
def test_bug_what_came_of_a_clip_was_lost_when_it_could_not_be_fetched_again(
    comes_again, kept, pipeline, folder, downloads
):
    asked, fetch = [], downloads.__call__

    def fetched(address, path, policy):
        asked.append(address)
        downloads.failures = [comes_again] if len(asked) > 1 and isinstance(comes_again, FetchFailed) else []
        downloads.files[FILM] = MP4[:-50] if len(asked) == 1 else comes_again
        fetch(address, path, policy)

    download.fetch = fetched  # put back by the fixture
    saved = save_all(pipeline, folder, videos=[Source(FILM)])
    (video,) = saved.videos
    assert video.path.read_bytes() == kept
    assert (len(saved.failed), video.is_kept) == ((0, True) if video.path.suffix == ".mp4" else (1, False))
    assert not [name for name in names(folder) if "part" in name]


def test_of_a_clip_that_breaks_off_at_every_try_the_most_that_came_is_kept(pipeline, folder, downloads, monkeypatch):
    lengths = iter([100, len(MP4) - 20, 0, 200])

    def fetched(_address, path, _policy):
        path.write_bytes(MP4[: next(lengths)])
        raise FetchFailed("The picture could not be fetched.", why="IncompleteRead", again=True)

    monkeypatch.setattr(download, "fetch", fetched)
    saved = save_all(pipeline, folder, videos=[Source(FILM)])
    (video,) = saved.videos
    assert (video.path.read_bytes(), video.is_kept, "IncompleteRead" in video.problem) == (MP4[:-20], False, True)
    assert [error.charged for error in saved.failed] == ["yes"]
    assert names(folder) == ["cat-a1b2c3d4-1.unsound"]


def test_a_cut_clip_beside_a_whole_one_is_a_failure_that_can_be_mended(pipeline, folder, downloads):
    downloads.files |= {FILM: MP4, "https://h/cut.mp4": WEBM[:-9]}
    saved = save_all(pipeline, folder, videos=[Source(FILM), Source("https://h/cut.mp4")])
    assert [video.is_kept for video in saved.videos] == [True, False]
    assert ["%wenwen fetch" in error.do for error in saved.failed] == [True]


def test_a_clip_in_the_answer_itself_that_is_cut_off_is_told_and_kept(pipeline, folder, downloads):
    source = Source("data:video/mp4", data=base64.b64encode(MP4[:-5]))
    (video,) = save_all(pipeline, folder, videos=[source]).videos
    assert ("cut off" in video.problem, video.path.read_bytes(), downloads.asked) == (True, MP4[:-5], [])


@pytest.mark.parametrize("code", ["start", "died", "timeout", "disk"])
def test_a_clip_that_cannot_be_judged_now_is_kept_without_size_and_poster(code, pipeline, folder, downloads):
    downloads.files[FILM] = MP4
    pipeline.pool.clip = lambda *_: (_ for _ in ()).throw(ImageError("no", charged="yes", text=code))
    (video,) = save_all(pipeline, folder, videos=[Source(FILM)]).videos
    assert (video.is_kept, video.width, video.seconds, video.poster, names(folder)) == (
        True,
        0,
        None,
        None,
        ["cat-a1b2c3d4-1.mp4"],
    )


def test_a_clips_poster_is_what_came_beside_it_else_where_it_began_else_drawn(pipeline, folder, downloads):
    downloads.files[FILM], thumb = MP4, Source("https://h/thumb")
    begun = Reference(data_uri(PICTURE), "0" * 64)
    for references, beside, poster in (
        ((), (), b"drawn"),
        ((begun,), (), b"small"),
        ((begun,), (Source("https://h/broken"),), b"small"),
        ((Reference("https://h/x.png", "0" * 64),), (), b"drawn"),
        ((), (thumb, thumb), b"small"),
    ):
        request = ImageRequest("cat", task=CLIP, references=references)
        generation = Generation("a1b2c3d4", request, "cat", "sent", "")
        saved = pipeline.save(generation, beside, folder / "cat-a1b2c3d4", [Source(FILM)])
        assert (saved.pictures, saved.failed) == ((), ())
        assert saved.videos[0].poster.read_bytes() == poster
        assert names(folder) == ["cat-a1b2c3d4-1.jpg", "cat-a1b2c3d4-1.mp4"]


@pytest.mark.parametrize(
    ("case", "poster"),
    [
        ("works", b"frames"),
        ("works https://h/thumb", b"small"),
        ("works https://h/broken", b"frames"),
        ("fails", b"small"),
        ("", b"small"),
    ],
)
def test_frames_stand_for_a_clip_where_the_extra_is_and_nothing_came_beside_it(
    case, poster, pipeline, folder, downloads
):
    extra, _space, beside = case.partition(" ")

    def strip(_path, target):
        if extra == "fails":
            raise ImageError("no", charged="yes", text="effort")
        target.write_bytes(b"frames")

    pipeline.pool.strip = strip
    downloads.files[FILM] = MP4
    request = ImageRequest("cat", task=CLIP, references=(Reference(data_uri(PICTURE), "0" * 64),))
    generation = Generation("a1b2c3d4", request, "cat", "sent", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wenwen_magic.media.save.find_spec", lambda _name: extra or None)
        saved = pipeline.save(generation, [Source(beside)] if beside else [], folder / "cat-a1b2c3d4", [Source(FILM)])
    assert saved.videos[0].poster.read_bytes() == poster
    assert names(folder) == ["cat-a1b2c3d4-1.jpg", "cat-a1b2c3d4-1.mp4"]


def test_a_picture_is_kept_where_a_clip_was_asked_for_and_none_came(pipeline, folder, downloads):
    generation = Generation("a1b2c3d4", ImageRequest("cat", task=CLIP), "cat", "sent", "")
    saved = pipeline.save(generation, [Source("https://h/x")], folder / "cat-a1b2c3d4")
    assert (len(saved.pictures), saved.videos) == (1, ())


def test_a_picture_where_a_video_was_expected_is_the_picture(checking, folder, downloads):
    saved = save_all(checking, folder, videos=[Source(FILM)])
    assert ([picture.path.name for picture in saved.pictures], saved.videos) == (["cat-a1b2c3d4-1.png"], ())


def test_a_video_that_never_comes_keeps_its_address_and_the_reason(checking, folder, downloads, ticks):
    saved = save_all(checking, folder, own(), videos=[Source("https://h/broken.mp4?sign=1")])
    (video,) = saved.videos
    assert (video.address, video.path, video.is_kept) == ("https://h/broken.mp4?sign=1", None, False)
    assert "404" in video.problem
    assert (len(saved.pictures), len(saved.failed)) == (1, 1)
    assert names(folder) == ["cat-a1b2c3d4-1.png"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"error":{"message":"task expired"}}', "What came is not a video. task expired"),
        (b"", "What came is not a video. The file is empty."),
        (b"ID3\4" + bytes(99), "What came is not a video."),
    ],
)
def test_what_is_no_video_is_told_in_its_own_words_and_kept(body, problem, checking, folder, downloads):
    downloads.files[FILM] = body
    (video,) = save_all(checking, folder, videos=[Source(FILM)]).videos
    assert (video.path.name, video.problem, video.is_kept) == ("cat-a1b2c3d4-1.unsound", problem, False)


@pytest.mark.parametrize(("most", "expected"), [(3, 512), (64, 512), (2000, 2000)])
def test_a_video_may_be_larger_and_take_longer_than_a_picture_and_is_trusted_no_more(most, expected, folder, downloads):
    settings = Settings(trusted_hosts=("nas.local:80",), max_mib=most)
    pipeline = ImagePipeline(settings, ADDRESS, Careless(), Ticks())
    save_all(pipeline, folder, Source("https://h/x.png"), videos=[Source(FILM)])
    picture, film = downloads.policies["https://h/x.png"], downloads.policies[FILM]
    assert (picture.limit, film.limit) == (most << 20, expected << 20)
    assert film.deadline > picture.deadline
    assert film.trusted == picture.trusted


# Previews


@pytest.mark.parametrize(("kind", "ending"), [("image/jpeg", ".jpg"), ("image/png", ".png")])
def test_a_preview_is_in_the_cache_under_the_pictures_digest(kind, ending, folder, tmp_path):
    picture = save_one(ImagePipeline(Settings(), ADDRESS, Careless(kind), Ticks()), folder, of_data())
    assert picture.preview == tmp_path / "cache" / "wenwen_magic" / "previews" / f"{picture.sha256}{ending}"
    assert names(picture.preview.parent) == [picture.preview.name]


def test_a_cache_that_cannot_be_written_does_not_lose_a_picture_that_came(pipeline, folder, tmp_path):
    (tmp_path / "cache").write_text("a file")
    picture = save_one(pipeline, folder, of_data())
    assert (picture.data, picture.problem, picture.width, picture.preview) == (PICTURE, "", 40, None)


def test_bug_a_full_cache_made_a_paid_picture_an_error(sandbox, folder, tmp_path):
    full = tmp_path / "cache" / "wenwen_magic" / "previews"
    full.mkdir(parents=True)

    class FullCache:
        """The real sandbox on a disk that takes nothing in one folder."""

        def inspect(self, path, preview):
            if preview.parent == full:
                preview.write_bytes(b"half")
                raise ImageError("A file could not be read or written.", charged="yes", text="disk")
            return sandbox.inspect(path, preview)

    picture = save_one(ImagePipeline(Settings(), ADDRESS, FullCache(), Ticks()), folder, of_data())
    assert (picture.data, picture.problem, picture.width, picture.preview) == (PICTURE, "", 40, None)
    assert not list(full.iterdir())


def test_progress_passes_on_with_a_preview_in_place_of_its_picture_and_downloads_once(pipeline, folder, downloads):
    seen, downloads.failures = [], [FetchFailed("not yet", again=True)]
    listener = pipeline.showing(seen.append)
    for source in (of_data(), of_data(b"AAAA"), Source("https://h/later"), Source("http://["), None):
        listener(Progress("drawing", 50.0, picture=source))
    assert [progress.preview and progress.preview.read_bytes() for progress in seen] == [b"small"] + [None] * 4
    assert {(progress.text, progress.percent, progress.picture) for progress in seen} == {("drawing", 50.0, None)}
    assert (len(downloads.asked), names(folder)) == (1, [])


def test_a_draft_whose_server_holds_it_back_keeps_the_stream_waiting_for_seconds_only(folder, monkeypatch):
    deadlines = []
    monkeypatch.setattr(download, "fetch", lambda _address, _part, policy: deadlines.append(policy.deadline))
    pipeline = ImagePipeline(Settings(), ADDRESS, Careless(), Ticks())
    pipeline.showing(lambda _: None)(Progress("drawing", 50.0, picture=Source("https://h/draft")))
    assert deadlines == [5.0]


def test_a_draft_in_a_kept_answer_is_not_downloaded_in_mode_replay(folder, downloads):
    seen, pipeline = [], ImagePipeline(Settings(mode="replay"), ADDRESS, Careless(), Ticks())
    for source in (Source("https://h/draft"), Source("/draft"), of_data()):
        pipeline.showing(seen.append)(Progress("drawing", 50.0, picture=source))
    assert [bool(one.preview) for one in seen] == [False, False, True]
    assert downloads.asked == []


# Ready to be shown


def ready(pipeline, folder, *sources):
    saved, _ = save(pipeline, folder, *sources)
    return pipeline.ready(Generation("a1b2c3d4", ImageRequest("x"), "x", "complete", "", pictures=saved))


def test_a_preview_at_hand_is_not_made_again_and_one_picture_stands_for_itself(pipeline, folder):
    generation = ready(pipeline, folder, of_data())
    assert generation.still == generation.images[0].preview
    assert pipeline.pool.checked == 1


def test_several_pictures_are_on_one_sheet_that_is_made_once(checking, folder, monkeypatch):
    generation = ready(checking, folder, own(), own("blue", 50))
    assert generation.still.read_bytes()[:2] == b"\xff\xd8"
    monkeypatch.setattr(checking.pool, "sheet", lambda *_: pytest.fail("made again"))
    assert checking.still(generation.stills) == generation.still


def test_galleries_that_differ_in_one_late_picture_have_sheets_of_their_own(checking, folder):
    generation = ready(checking, folder, *[own("red", 40 + step) for step in range(15)])
    first, second = generation.stills[:14], (*generation.stills[:13], generation.stills[14])
    assert checking.still(first) != checking.still(second)


def test_a_lost_cache_is_made_again_for_pictures_and_sheet(checking, folder, tmp_path):
    generation = ready(checking, folder, own(), own("blue", 50))
    for path in (tmp_path / "cache").rglob("*.*"):
        path.unlink()
    again = checking.ready(generation)
    assert all(picture.preview.is_file() for picture in again.images)
    assert again.still.is_file()


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(b"changed")])
def test_a_generation_whose_files_are_gone_or_changed_is_shown_without_them(change, pipeline, folder, tmp_path):
    generation = ready(pipeline, folder, of_data())
    for path in (tmp_path / "cache").rglob("*.*"):
        path.unlink()
    change(generation.images[0].path)
    again = pipeline.ready(generation)
    assert (again.images[0].preview, again.still) == (None, None)


def test_an_unsound_picture_is_never_decoded_for_a_preview(pipeline, folder):
    generation = ready(pipeline, folder, of_data(b"AAAA"))
    assert (generation.pictures[0].preview, generation.still, pipeline.pool.checked) == (None, None, 1)


def test_a_sheet_that_cannot_be_made_leaves_the_first_picture(checking, folder, monkeypatch):
    def refused(*_):
        raise ImageError("no")

    monkeypatch.setattr(checking.pool, "sheet", refused)
    generation = ready(checking, folder, own(), own("blue", 50))
    assert generation.still == generation.images[0].preview


def test_a_thumbnail_is_small_and_made_once_and_of_nothing_there_is_none(checking, folder, monkeypatch):
    generation = ready(checking, folder, own("red", 900))
    small = checking.thumbnail(generation)
    with Image.open(small) as picture:
        assert max(picture.size) == THUMBNAIL
    monkeypatch.setattr(checking.pool, "convert", lambda *_, **__: pytest.fail("made again"))
    assert checking.thumbnail(generation) == small
    assert checking.thumbnail(Generation("a1b2c3d4", ImageRequest("x"), "x", "complete", "")) is None
