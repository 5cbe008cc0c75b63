"""Pictures pass from an answer to disk to sight: side by side, each failure alone, nothing raw escapes."""

import threading

import pytest
from support.clock import Ticks
from support.scripted import data_uri, png

from wenwen_magic.demo import DemoServer
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import HistoryError, ImageError, WenwenError
from wenwen_magic.media import download
from wenwen_magic.media.save import Workshop
from wenwen_magic.protocol import Source
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.settings import Settings

ADDRESS = "https://api.example/v9"
SESSION = Session()
"""One for all tests: its children are slow to start."""


def teardown_module():
    SESSION.pool(100).close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "w" / "2026-11-22").mkdir(parents=True)
    return tmp_path / "w" / "2026-11-22"


@pytest.fixture
def fetched(monkeypatch):
    """What is fetched, with the rules it is fetched by; every address holds the same picture, ``broken`` ones none."""
    seen = {}

    def fetch(address, path, policy):
        seen[address] = policy
        if "broken" in address:
            raise download.FetchFailed("There is no picture.")
        path.write_bytes(png(40, 30))

    monkeypatch.setattr(download, "fetch", fetch)
    return seen


def shop(folder, ticks=None, address=ADDRESS, **settings):
    return Workshop(Settings(**settings), address, SESSION.pool(Settings(**settings).max_megapixels), ticks or Ticks())


def asked(prompt="画只猫\n 水彩"):
    return Generation("a1b2c3d4", ImageRequest(prompt), prompt, "answered", "2026-11-22T12:00:00.000+08:00")


def bring(workshop, folder, *sources, prompt="画只猫\n 水彩"):
    return workshop.bring(asked(prompt), sources, folder / "cat-a1b2c3d4")


def own(colour="red", width=40):
    return Source("data:image/png", data=data_uri(png(width, 30, colour)).partition(",")[2].encode())


def test_pictures_are_numbered_in_the_answers_order_whatever_kind_they_are(folder, fetched):
    found, failed = bring(shop(folder), folder, own(), Source("https://h/b.png"), own("blue", 50))
    assert [picture.path.name for picture in found] == [f"cat-a1b2c3d4-{number}.png" for number in (1, 2, 3)]
    assert ([picture.width for picture in found], failed) == ([40, 40, 50], [])
    assert {picture.alt for picture in found} == {"画只猫 水彩"}
    assert sorted(path.name for path in folder.iterdir()) == [picture.path.name for picture in found]


def test_a_long_prompt_is_cut_for_the_alternative_text(folder):
    (picture,), _ = bring(shop(folder), folder, own(), prompt="a cat " * 900)
    assert 100 < len(picture.alt) <= 200


def test_one_picture_that_fails_leaves_the_others_alone(folder, fetched):
    found, (failed,) = bring(shop(folder), folder, own(), Source("https://h/broken"), own("blue"))
    assert [picture.path.name for picture in found] == ["cat-a1b2c3d4-1.png", "cat-a1b2c3d4-3.png"]
    assert (type(failed), failed.charged) == (download.FetchFailed, "yes")


@pytest.mark.parametrize(
    "address", ["http://[::1", "http://[", "https://h:port/x", "//[x]/y.png", "http://\ud83d/x", "/\x00"]
)
def test_an_address_that_cannot_be_read_is_one_failure_among_the_others(address, folder, monkeypatch):
    found, failed = bring(shop(folder), folder, own(), Source(address))
    assert (len(found), len(failed)) == (1, 1)
    assert isinstance(failed[0], WenwenError)


@pytest.mark.parametrize(
    ("written", "fetched_from"),
    [
        ("https://h/x.png", "https://h/x.png"),
        ("/pictures/x.png", "https://api.example/pictures/x.png"),
        ("//cdn.example/x.png", "https://cdn.example/x.png"),
    ],
)
def test_an_address_below_the_endpoint_is_made_whole(written, fetched_from, folder, fetched):
    bring(shop(folder), folder, Source(written))
    assert list(fetched) == [fetched_from]


def test_downloads_trust_the_endpoint_and_the_users_hosts_and_nothing_else(folder, fetched):
    bring(shop(folder, trusted_hosts=("nas.local:80",), max_mib=3), folder, Source("https://h/x.png"))
    policy = fetched["https://h/x.png"]
    assert policy.trusted == {"https://api.example:443", "nas.local:80"}
    assert policy.limit == 3 << 20
    assert "Mozilla" in policy.user_agent


def test_an_endpoint_at_an_ipv6_address_is_trusted_with_its_own_pictures(folder, fetched):
    bring(shop(folder, address="http://[::1]:8010/demo"), folder, Source("/x.png"))
    (address,) = fetched
    assert download.place_of(address).trusted(fetched[address].trusted)


def test_a_disk_that_is_full_is_told_as_a_failure_that_can_be_mended_for_free(folder):
    found, (failed,) = bring(shop(folder), folder / "gone", own())
    assert (found, type(failed), failed.charged) == ((), HistoryError, "yes")
    assert "%wenwen fetch" in failed.do
    assert str(folder) not in str(failed)


def test_an_unsound_picture_is_kept_beside_the_sound_ones(folder):
    (bad, good), failed = bring(shop(folder), folder, Source("data:image/png", data=b"AAAA"), own())
    assert (bad.path.name, bool(bad.problem), good.problem, failed) == ("cat-a1b2c3d4-1.unsound", True, "", [])


def test_the_same_picture_many_times_comes_as_often(folder):
    found, failed = bring(shop(folder), folder, *[own()] * 8)
    assert (len(found), failed, {picture.problem for picture in found}) == (8, [], {""})
    assert len({picture.path for picture in found}) == 8
    assert len({picture.preview for picture in found}) == 1


def test_a_picture_of_the_demo_is_fetched_checked_and_ready_to_be_shown(folder):
    with DemoServer() as demo:
        workshop = shop(folder, address=demo.address)
        source = Source(f"{demo.address.removesuffix('/demo')}/pictures/none.png")
        _, failed = bring(workshop, folder, source)
    assert isinstance(failed[0], ImageError)


# Ready to be shown


def ready(workshop, folder, *sources):
    found, _ = bring(workshop, folder, *sources)
    generation = Generation("a1b2c3d4", ImageRequest("x"), "x", "complete", "", pictures=found)
    return workshop.ready(generation)


def test_one_picture_stands_for_itself(folder):
    generation = ready(shop(folder), folder, own())
    assert generation.still == generation.images[0].preview


def test_several_pictures_stand_on_one_sheet_that_is_made_once(folder, monkeypatch):
    workshop = shop(folder)
    generation = ready(workshop, folder, own(), own("blue", 50))
    assert generation.still.read_bytes()[:2] == b"\xff\xd8"
    monkeypatch.setattr(SESSION.pool(100), "sheet", lambda *_: pytest.fail("made again"))
    assert workshop.still(generation.images) == generation.still


def test_galleries_that_differ_in_one_late_picture_have_sheets_of_their_own(folder):
    workshop = shop(folder)
    generation = ready(workshop, folder, *[own("red", 40 + step) for step in range(15)])
    first, second = generation.images[:14], (*generation.images[:13], generation.images[14])
    assert workshop.still(first) != workshop.still(second)


def test_a_lost_cache_is_made_again_for_pictures_and_sheet(folder, tmp_path):
    workshop = shop(folder)
    generation = ready(workshop, folder, own(), own("blue", 50))
    for path in (tmp_path / "cache").rglob("*.*"):
        path.unlink()
    again = workshop.ready(generation)
    assert all(picture.preview.is_file() for picture in again.images)
    assert again.still.is_file()


def test_a_generation_whose_files_are_gone_is_shown_without_them(folder, tmp_path):
    workshop = shop(folder)
    generation = ready(workshop, folder, own())
    for path in (*folder.iterdir(), *(tmp_path / "cache").rglob("*.*")):
        path.unlink()
    again = workshop.ready(generation)
    assert (again.images[0].preview, again.still) == (None, None)


def test_an_unsound_picture_is_never_decoded_for_a_preview(folder):
    generation = ready(shop(folder), folder, Source("data:image/png", data=b"AAAA"))
    assert (generation.pictures[0].preview, generation.still) == (None, None)


def test_a_sheet_that_cannot_be_made_leaves_the_first_picture(folder, monkeypatch):
    def refused(*_):
        raise ImageError("no")

    workshop = shop(folder)
    monkeypatch.setattr(SESSION.pool(100), "sheet", refused)
    generation = ready(workshop, folder, own(), own("blue", 50))
    assert generation.still == generation.images[0].preview


def test_pictures_are_brought_side_by_side(folder, monkeypatch):
    meeting = threading.Barrier(4, timeout=5)

    def fetch(_address, path, _policy):
        meeting.wait()
        path.write_bytes(png(40, 30))

    monkeypatch.setattr(download, "fetch", fetch)
    found, failed = bring(shop(folder), folder, *[Source(f"https://h/{number}") for number in range(4)])
    assert (len(found), failed) == (4, [])
