"""Every request and all that came of it is on disk, whole, findable, and tells nothing it should not."""

import errno
import json
import os
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wenwen_magic.errors import EndpointError, HistoryError
from wenwen_magic.history.atomic import write_whole
from wenwen_magic.history.index import Wanted
from wenwen_magic.history.store import History, slug
from wenwen_magic.protocol import HttpReply
from wenwen_magic.records import GeneratedImage, ImageRequest, Reference

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=8)))
FULL = OSError(28, "No space left on device")
ENDPOINT = "https://api.example:443"


@pytest.fixture
def history(tmp_path):
    return at(tmp_path / "wenwen_images")


def at(folder, *moments):
    left = list(moments)
    return History(folder, now=lambda: left.pop(0) if left else NOON)


def begun(history, prompt="画只猫", **options):
    return history.begin(ImageRequest(prompt, **options), prompt_sent=prompt, endpoint=ENDPOINT)


def picture(history, generation, number=1):
    path = history.path(generation, f"-{number}.png")
    path.write_bytes(b"x")
    return GeneratedImage(path, "image/png", 3, 2, alt="a", size=1, sha256="0" * 64)


def completed(history, prompt="画只猫", **more):
    generation = begun(history, prompt)
    return history.update(generation, state="complete", charged="yes", pictures=(picture(history, generation),), **more)


def fresh(history):
    """The same folder, read by somebody else."""
    return History(history.folder)


def names(history):
    return sorted(path.relative_to(history.folder).as_posix() for path in history.folder.rglob("*") if path.is_file())


# Writing


def test_a_request_is_on_disk_before_it_is_sent_and_may_have_cost(history):
    generation = begun(history)
    found = fresh(history).get(generation.id)
    assert (found.state, found.charged, found.request, found.endpoint) == (
        "sent",
        "maybe",
        generation.request,
        ENDPOINT,
    )


def test_a_record_stands_in_the_folder_of_its_day_under_a_readable_name(history):
    generation = begun(history)
    assert names(history) == [f"2026-11-22/画只猫-{generation.id}.json"]


def test_every_state_is_written_over_the_one_before(history):
    generation = begun(history)
    for state in ("answered", "complete"):
        generation = history.update(generation, state=state, text=state)
        assert (fresh(history).get(generation.id).state, len(names(history))) == (state, 1)


def test_a_record_holds_relative_names_only(history):
    completed(history, sources=("https://h/x.png",))
    text = (history.folder / names(history)[1]).read_text("utf-8")
    assert str(history.folder.parent) not in text
    assert "/tmp" not in text
    assert json.loads(text)["pictures"][0]["file"].startswith("画只猫-")


def test_a_reference_is_recorded_without_its_bytes_and_without_the_place_it_came_from(history, tmp_path):
    own = Reference("data:image/png;base64,AAAA", "1" * 64, str(tmp_path / "cat.png"))
    web = Reference("https://h/cat.png", "2" * 64, "https://h/cat.png")
    generation = begun(history, references=(own, web))
    text = (history.folder / names(history)[0]).read_text("utf-8")
    assert "AAAA" not in text
    assert str(tmp_path) not in text
    assert fresh(history).get(generation.id).request.references[1] == web


def test_a_folder_with_its_history_can_be_moved(history, tmp_path):
    generation = completed(history)
    history.folder.rename(tmp_path / "elsewhere")
    assert History(tmp_path / "elsewhere").get(generation.id).images[0].data == b"x"


def test_a_folder_that_cannot_be_made_stops_before_anything_is_sent(tmp_path):
    (tmp_path / "wenwen_images").write_text("a file")
    with pytest.raises(HistoryError) as caught:
        begun(at(tmp_path / "wenwen_images"))
    assert caught.value.charged == "no"
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.replace"])
def test_a_full_disk_is_told_leaves_the_old_record_and_no_litter(place, history, monkeypatch):
    generation = completed(history, text="old")
    before = names(history)
    with monkeypatch.context() as patch:
        patch.setattr(place, lambda *_: (_ for _ in ()).throw(FULL))
        with pytest.raises(HistoryError) as caught:
            history.update(generation, text="new")
    assert (caught.value.charged, caught.value.text) == ("yes", "new")
    assert "No space left" in caught.value.why
    assert (names(history), fresh(history).get(generation.id).text) == (before, "old")


def test_a_failing_write_leaves_the_old_file_as_it_was(tmp_path, monkeypatch):
    write_whole(tmp_path / "a.json", b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(FULL))
    with pytest.raises(OSError):
        write_whole(tmp_path / "a.json", b"new and much longer")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"old"


# Names


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("画只猫", "画只猫"),
        ("A cat, watercolour!", "a-cat-watercolour"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\con\\nul", "c-con-nul"),
        ("...", "picture"),
        ("🐈🐈", "picture"),
        ("__init__", "init"),
        ("\x00\n\ud83d a", "a"),
        ("--- -x", "x"),
    ],
)
def test_a_name_is_made_of_the_prompts_words(prompt, expected):
    assert slug(prompt) == expected


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=50)
def test_any_prompt_makes_a_name_that_every_system_takes(prompt):
    name = f"{slug(prompt)}-a1b2c3d4-12.png"
    assert len(name.encode()) < 200
    assert not set(name) & set('<>:"/\\|?* \t\n\0')
    assert not name.startswith(".")
    assert PureWindowsPath(name).stem.split("-")[0]


@pytest.mark.parametrize(
    "prompt", ["con", "NUL", "aux", "猫" * 4000, "قطة جميلة", "../x", ".hidden", "a/b/c", "🐈", "𝒳" * 99]
)
def test_a_record_of_any_prompt_is_written_and_found(prompt, history):
    generation = begun(history, prompt)
    assert fresh(history).get(generation.id).request.prompt == prompt
    assert names(history)[0].startswith("2026-11-22/")


# Any record comes back as it was

# Two halves of one letter as two letters are left out: no front end sends them, and JSON itself joins them.
TEXT = (st.text(max_size=40) | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), max_size=4)).filter(
    lambda text: not re.search("[\ud800-\udbff][\udc00-\udfff]", text)
)
VALUE = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXT
REQUESTS = st.builds(
    ImageRequest,
    prompt=TEXT.filter(str.strip),
    orientation=st.sampled_from(["auto", "square", "landscape", "portrait"]),
    params=st.dictionaries(TEXT, VALUE | st.lists(VALUE, max_size=2), max_size=3),
    stream=st.booleans(),
)


@given(REQUESTS, TEXT, TEXT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_any_request_is_found_again_so_that_it_is_not_paid_for_twice(tmp_path, request_, text, sent):
    history = at(tmp_path / "wenwen_images")
    generation = history.begin(request_, prompt_sent=sent, endpoint=ENDPOINT)
    generation = history.update(generation, text=text, sources=(text,), usage={"a": text})
    found = fresh(history).get(generation.id)
    assert found.request.fingerprint == request_.fingerprint
    assert (found.request, found.prompt_sent, found.text, found.sources) == (request_, sent, text, (text,))
    (path,) = list(history.folder.rglob(f"*{generation.id}.json"))
    path.unlink()


def test_an_error_and_its_fields_come_back(history):
    fault = {"kind": "EndpointError", "what": "x", **EndpointError("x", status=502, charged="maybe").as_dict()}
    generation = history.update(begun(history), state="failed", error=fault)
    assert fresh(history).get(generation.id).error == fault


# Reading


@pytest.mark.parametrize(
    ("typed", "tags"),
    [
        (["winter"], ("winter",)),
        (["#winter", "winter", "冬，雪"], ("winter", "冬", "雪")),
        (["a b,c;d、e", " ", "#"], ("a", "b", "c", "d", "e")),
        (["x" * 99, "\x1b[31m", "a\u202eb"], ("x" * 40, "[31m", "a", "b")),
        ([str(number) for number in range(99)], tuple(map(str, range(20)))),
        ([], ()),
    ],
)
def test_tags_are_words_in_the_record_and_found(history, typed, tags):
    made = completed(history)
    assert history.tag(made, typed).tags == tags
    assert fresh(history).get(made.id).tags == tags
    for tag in tags:
        assert [one.id for one in history.search(Wanted(tag=tag.upper()))] == [made.id]
        assert [one.id for one in history.search(tag)] == [made.id]
    assert not history.search(Wanted(tag="nter"))


MARKS = [lambda history, row: history.star(row), lambda history, row: history.tag(row, ["winter"])]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_from_a_stale_record_keeps_the_picture_that_came_meanwhile_and_its_tags(history, mark):
    stale = begun(history)
    came = history.update(stale, state="complete", charged="yes", pictures=(picture(history, stale),), tags=("old",))
    marked = mark(history, stale)
    found = fresh(history).get(stale.id)
    assert (found.state, found.pictures, found.charged) == ("complete", came.pictures, "yes")
    assert (found.star, found.tags) == (marked.star, marked.tags or ("old",))
    assert found.star or found.tags == ("winter",)


def test_bug_of_a_star_and_a_tag_that_came_at_once_one_was_lost(history, monkeypatch):
    made, write = completed(history), history.write
    starred, tagged = threading.Event(), threading.Event()

    def slowly(row, **how):
        if not starred.is_set():
            starred.set()
            tagged.wait(0.5)
        write(row, **how)

    monkeypatch.setattr(history, "write", slowly)
    thread = threading.Thread(target=history.star, args=(made,))
    thread.start()
    assert starred.wait(20)
    history.tag(made, ["winter"])
    tagged.set()
    thread.join()
    found = fresh(history).get(made.id)
    assert (found.star, found.tags) == (True, ("winter",))


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_does_not_bring_a_deleted_record_back(history, mark):
    made = completed(history)
    history.delete(made)
    with pytest.raises(HistoryError, match="No record has"):
        mark(history, made)
    assert names(history) == []


def test_deleting_takes_the_small_copies_of_the_pictures_too(tmp_path, monkeypatch):
    monkeypatch.setattr("wenwen_magic.history.store.user_cache_path", lambda *_, **__: tmp_path / "cache")
    history = at(tmp_path / "wenwen_images")
    made, previews = completed(history), tmp_path / "cache" / "previews"
    previews.mkdir(parents=True)
    digest = made.pictures[0].sha256
    for name in (f"{digest}.jpg", f"{digest}.png", f"small-{digest}.jpg", f"{'1' * 64}.jpg"):
        (previews / name).write_bytes(b"x")
    history.delete(made)
    assert [path.name for path in previews.iterdir()] == [f"{'1' * 64}.jpg"]


@pytest.mark.parametrize("words", [1100, 501, 500])
def test_a_search_of_very_many_words_is_answered(history, words):
    made = completed(history, " ".join(f"w{number}" for number in range(words)))
    wanted = Wanted(words=tuple(f"w{number}" for number in range(words)))
    assert [one.id for one in history.search(wanted)] == [made.id]
    assert history.count(wanted) == 1


@pytest.mark.parametrize("typed", ["cats", "#cats", "＃cats", "#Cats"])
def test_a_tag_is_found_as_it_is_shown(history, typed):
    made = history.tag(completed(history), ["cats"])
    assert [one.id for one in history.search(Wanted(tag=typed))] == [made.id]


def test_deleting_takes_a_record_with_its_files_and_nothing_else(history):
    made = completed(history)
    kept = begun(history, f"x {made.id} 1")  # its files have the other's id among their words
    history.update(kept, state="complete", pictures=(picture(history, kept),))
    for ending in (".reply", ".reply.part", "-2.unsound", "-3.1a2b3c4d.part"):
        history.path(made, ending).write_bytes(b"x")
    beside = {f"2026-11-22/{name}" for name in ("mine.txt", f"{made.id}.png", f"cat-{made.id}-copy.png", f".{made.id}")}
    for name in beside:
        (history.folder / name).write_bytes(b"x")
    others = {name for name in names(history) if kept.id in name} | beside
    history.delete(made)
    assert set(names(history)) == others
    assert [one.id for one in fresh(history).all()] == [kept.id]
    history.delete(made)
    assert set(names(history)) == others


def test_a_file_that_a_record_only_names_is_not_deleted(history):
    other = completed(history, "other")
    made = completed(history)
    made = history.update(made, pictures=(other.pictures[0],))
    history.delete(made)
    assert other.pictures[0].path.is_file()


@pytest.mark.parametrize("state", ["sent", "answered"])
def test_what_may_still_come_is_not_deleted_before_a_day_has_passed(tmp_path, state):
    history = at(tmp_path / "w", NOON, NOON + timedelta(hours=23), NOON + timedelta(hours=25))
    made = history.update(begun(history), state=state)
    with pytest.raises(HistoryError, match="may still come"):
        history.delete(made)
    assert history.get(made.id).state == state
    history.delete(made)
    assert history.count() == 0


def test_a_file_that_cannot_be_deleted_is_an_error_and_costs_nothing(history, monkeypatch):
    made = completed(history)

    def fail(*_args, **_named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", fail)
    with pytest.raises(HistoryError) as caught:
        history.delete(made)
    assert caught.value.charged == "no"
    assert history.get(made.id).images


def test_an_empty_or_absent_folder_holds_nothing(history):
    assert [*history.all(), *history.recent(), *history.unreadable(), *history.takes("0" * 64)] == []
    assert not history.folder.exists()


def test_takes_are_numbered_from_the_oldest_and_only_where_a_picture_came(tmp_path):
    moments = [NOON + timedelta(minutes=minute) for minute in range(4)]
    history = at(tmp_path / "wenwen_images", *moments)
    first, failed, second = completed(history), begun(history), completed(history)
    other = completed(history, "another")
    numbered = {one.id: one.take for one in fresh(history).takes(first.request.fingerprint)}
    assert numbered == {first.id: 1, failed.id: 0, second.id: 2}
    assert (history.take_of(second), history.take_of(other), history.get(second.id[:5]).take) == (2, 1, 2)
    assert [one.id for one in history.recent(2)] == [other.id, second.id]


def test_takes_of_the_demo_are_numbered_by_themselves(tmp_path):
    history = at(tmp_path / "w", NOON, NOON + timedelta(minutes=1))
    completed(history, demo=True)
    real = completed(history)
    assert history.take_of(real) == 1


def test_takes_stand_in_the_order_of_time_also_where_clocks_are_set_back(tmp_path):
    summer = datetime(2026, 10, 25, 2, 50, tzinfo=timezone(timedelta(hours=2)))
    winter = datetime(2026, 10, 25, 2, 10, tzinfo=timezone(timedelta(hours=1)))
    assert winter > summer
    history = at(tmp_path / "w", summer, winter)
    first, second = completed(history), completed(history)
    assert [one.id for one in history.all()] == [first.id, second.id]


def test_an_id_may_be_short_or_written_as_under_the_picture(history):
    generation = begun(history)
    for written in (generation.id, f"#{generation.id[:6]}", f" {generation.id[:7].upper()} "):
        assert history.get(written).id == generation.id


@pytest.mark.parametrize("written", ["", "#", " ", "zz", "../..", "*"])
def test_an_id_that_names_nothing_is_an_error_that_says_where_ids_stand(written, history):
    begun(history)
    with pytest.raises(HistoryError) as caught:
        history.get(written)
    assert "#" in caught.value.do


def test_an_id_that_two_records_share_is_not_guessed_at(history, monkeypatch):
    numbers = iter(["aaaa1111", "00000001", "aaaa2222", "00000002"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(numbers))
    begun(history)
    begun(history)
    with pytest.raises(HistoryError) as caught:
        history.get("aaaa")
    assert "Several" in caught.value.what


def test_a_change_by_another_kernel_is_seen(history):
    generation = begun(history)
    other = fresh(history)
    assert other.get(generation.id).state == "sent"
    history.update(generation, state="complete")
    assert other.get(generation.id).state == "complete"
    (history.folder / names(history)[0]).unlink()
    assert list(other.all()) == []


def test_a_change_within_the_same_tick_of_the_file_systems_clock_is_seen(history):
    generation = begun(history)
    path = history.path(generation, ".json")
    os.utime(path, ns=(10**18, 10**18))
    assert history.recent(1)[0].state == "sent"
    history.update(generation, state="complete")
    os.utime(path, ns=(10**18, 10**18))
    assert history.recent(1)[0].state == "complete"


def test_unchanged_records_are_not_read_again(history, monkeypatch):
    begun(history)
    assert len(history.recent()) == 1
    monkeypatch.setattr(Path, "read_bytes", lambda *_: pytest.fail("read again"))
    assert [len(history.recent()), len(list(history.all())), history.count()] == [1, 1, 1]


# The raw reply


@pytest.fixture(autouse=True)
def own_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr("wenwen_magic.history.store.gettempdir", lambda: str(tmp_path))


def kept(history, generation, chunks):
    return history.keep_reply(generation, HttpReply(200, "application/json", chunks))


def test_a_reply_that_was_read_is_on_disk_as_it_came(history):
    generation = begun(history)
    read = b"".join(kept(history, generation, [b'{"a"', b"", b": 1}\n"]).chunks)
    again = fresh(history).reply(generation)
    assert (read, b"".join(again.chunks), again.status, again.content_type, again.demo) == (
        *(b'{"a": 1}\n', b'{"a": 1}\n', 200, "application/json", False),
    )


def test_a_reply_that_breaks_off_is_kept_as_far_as_it_came(history):
    generation = begun(history)

    def breaking():
        yield b"first "
        raise EndpointError("broke", charged="maybe")

    with pytest.raises(EndpointError):
        list(kept(history, generation, breaking()).chunks)
    assert b"".join(history.reply(generation).chunks) == b"first "


def test_a_reply_that_is_being_read_is_not_yet_taken_for_a_whole_one(history):
    generation = begun(history)
    chunks = iter(kept(history, generation, [b"first", b"second"]).chunks)
    next(chunks)
    assert not history.has_whole_reply(generation)
    assert any(b"first" in path.read_bytes() for path in history.folder.rglob("*") if path.is_file())


def test_a_disk_that_is_full_does_not_stop_the_reading(history, monkeypatch):
    generation = begun(history)
    chunks = iter(kept(history, generation, [b"first", b"second", b"third"]).chunks)
    assert next(chunks) == b"first"
    monkeypatch.setattr("wenwen_magic.history.store._written", lambda *_: False)
    assert list(chunks) == [b"second", b"third"]
    assert not history.path(generation, ".reply").exists()
    assert b"".join(fresh(history).reply(generation).chunks) == b"firstsecondthird"
    history.forget_reply(generation)
    assert history.spooled(generation) is None


def test_a_disk_that_failed_once_while_a_large_reply_came_does_not_have_it_whole(history, monkeypatch):
    generation, faults = begun(history), [OSError(errno.EIO, "Input/output error")]

    def fsync(_):
        if faults:
            raise faults.pop()

    monkeypatch.setattr("wenwen_magic.history.store._SYNCED", 5)
    monkeypatch.setattr("os.fsync", fsync)
    read = b"".join(kept(history, generation, [b"first", b"second"]).chunks)
    assert (read, faults) == (b"firstsecond", [])
    assert not history.path(generation, ".reply").exists()
    assert b"".join(fresh(history).reply(generation).chunks) == read


@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.open"])
def test_a_disk_that_fails_at_the_end_does_not_lose_the_answer_in_hand(place, history, monkeypatch):
    generation = begun(history)
    reply = kept(history, generation, [b"first", b"second"])
    monkeypatch.setattr(place, lambda *_, **__: (_ for _ in ()).throw(FULL))
    assert b"".join(reply.chunks) == b"firstsecond"


def test_a_disk_that_fails_does_not_hide_why_the_connection_broke(history, monkeypatch):
    def breaking():
        yield b"first "
        raise EndpointError("broke", charged="maybe")

    reply = kept(history, begun(history), breaking())
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(FULL))
    with pytest.raises(EndpointError):
        list(reply.chunks)


@pytest.mark.parametrize("torn", [b"", b"{", b"[]\n", b'{"status": 200}\nx', b"\xff\xfe\n", b"null\n"])
def test_a_kept_reply_that_was_damaged_counts_as_none(torn, history):
    generation = begun(history)
    history.path(generation, ".reply").write_bytes(torn)
    assert history.reply(generation) is None


def test_only_a_large_reply_is_forgotten_when_its_pictures_are_saved(history):
    small, large = begun(history), begun(history)
    for generation, size in ((small, 1000), (large, 1 << 19)):
        list(kept(history, generation, [b"x" * size]).chunks)
        history.forget_reply(generation)
    assert (history.reply(small) is None, history.reply(large) is None) == (False, True)
    history.forget_reply(large)


@pytest.mark.skipif(os.name != "posix", reason="folders are brought to disk on POSIX only")
def test_a_reply_is_forgotten_only_when_the_names_of_its_pictures_are_on_disk(history, monkeypatch):
    generation = begun(history)
    list(kept(history, generation, [b"x" * (1 << 19)]).chunks)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(FULL))
        history.forget_reply(generation)
    assert history.reply(generation) is not None


# What a crash leaves


def test_what_a_killed_kernel_left_half_written_is_passed_over(history):
    generation = begun(history)
    litter = history.path(generation, ".json").with_name(f".{slug('x')}-00000000.json.abcd")
    litter.write_text('{"version": 1, "id"')
    assert ([one.id for one in history.all()], history.unreadable()) == ([generation.id], [])


def test_times_are_written_with_their_offset(history):
    assert datetime.fromisoformat(begun(history).created) == NOON
    assert datetime.fromisoformat(begun(at(history.folder, NOON.astimezone(UTC))).created).utcoffset() == timedelta(0)


def test_a_generation_out_of_the_history_says_so_and_can_be_changed(history):
    generation = fresh(history).get(begun(history).id)
    assert generation.from_history
    assert history.update(replace(generation, text="new")).text == "new"


@pytest.mark.parametrize("code", [28, 122, 30, 5], ids=["full", "quota", "read-only", "broken"])
def test_a_folder_without_room_for_an_answer_stops_before_anything_is_sent(code, history, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(code, "no")), raising=False)
    with pytest.raises(HistoryError) as caught:
        begun(history)
    assert (caught.value.charged, names(history)) == ("no", [])


def test_where_space_cannot_be_reserved_the_free_space_is_looked_at(history, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(95, "no")), raising=False)
    assert begun(history).state == "sent"
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(HistoryError):
        begun(history, "another")


def test_takes_are_in_the_order_of_asking_though_the_clock_is_set_back_two_days(tmp_path):
    history = at(tmp_path / "wenwen_images", NOON, NOON - timedelta(days=2))
    ids = []
    for number in (1, 2):
        one = history.begin(ImageRequest("a"), prompt_sent="a", endpoint=ENDPOINT, number=number)
        ids.append(history.update(one, state="complete", pictures=(picture(history, one),)).id)
    found = fresh(history).takes(ImageRequest("a").fingerprint)
    assert [(one.id, one.take) for one in found] == [(ids[0], 1), (ids[1], 2)]


def test_takes_without_a_number_come_first_in_the_order_of_their_time(tmp_path):
    history = at(tmp_path / "wenwen_images", NOON, NOON - timedelta(days=1), NOON - timedelta(days=2))
    new, late, early = (
        history.begin(ImageRequest("a"), prompt_sent="a", endpoint=ENDPOINT, number=number) for number in (1, 0, 0)
    )
    assert [one.id for one in fresh(history).takes(new.request.fingerprint)] == [early.id, late.id, new.id]
