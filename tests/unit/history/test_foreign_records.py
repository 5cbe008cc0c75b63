"""Files in the history folder that are not ours, damaged, newer or hostile: left as they are, named, never obeyed."""

import json
import os

import pytest
from test_store import begun, completed, history

from wenwen_magic.errors import HistoryError, WenwenError
from wenwen_magic.history.record_json import VERSION
from wenwen_magic.history.store import History
from wenwen_magic.records import Gallery
from wenwen_magic.render.gallery import gallery_bundle
from wenwen_magic.render.generation import generation_bundle

__all__ = ["history"]


def record_of(history, generation):
    return json.loads(history.path(generation, ".json").read_text("utf-8"))


def changed(record, path, value):
    """A copy of a record with one value replaced; path is like ``pictures.0.width``."""
    copy = json.loads(json.dumps(record))
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner = copy
    for step in way:
        inner = inner[step]
    inner[last] = value
    return copy


def planted(history, content, name="x-99999999.json"):
    path = history.folder / "2026-11-22" / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


TORN = [
    *(b"", b"{", b"null", b"[]", b"1", b'"x"', b"{}", b"\xff\xfe", b"\0" * 99, b'{"version": 1}', b"[" * 100_000),
    *(b'{"a":' * 100_000, b"9" * 9000, b"<<<<<<< HEAD\n{}\n"),
]


@pytest.mark.parametrize("content", TORN, ids=range(len(TORN)))
def test_a_torn_or_foreign_file_is_told_left_alone_and_hides_no_other(content, history):
    own = begun(history)
    path = planted(history, content)
    assert [one.id for one in history.all()] == [own.id]
    assert history.unreadable() == ["x-99999999.json"]
    assert path.read_bytes() == content


@pytest.mark.parametrize("version", [VERSION + 1, 99, 0, "1", None])
def test_a_record_of_another_version_is_told_and_left_alone(version, history):
    own = completed(history)
    path = planted(history, {**record_of(history, own), "id": "99999999", "version": version, "more": "of it"})
    before = path.read_bytes()
    assert [one.id for one in history.all()] == [own.id]
    assert history.unreadable() == ["x-99999999.json"]
    assert path.read_bytes() == before


INJECTION = "<img src=x onerror=alert(1)>"
WRONG = [
    *[("created", 7), ("created", ""), ("created", None), ("created", "yesterday"), ("created", "/tmp/../etc/x")],
    *[("created", "../../..//2026-11-22T12:00:00+08:00"), ("id", "../../../x"), ("id", 5), ("id", ""), ("id", None)],
    *[
        ("state", "paid"),
        ("charged", INJECTION),
        ("elapsed", "long"),
        ("elapsed", {}),
        ("error", "broke"),
        ("error", []),
    ],
    *[("text", None), ("text", 5), ("prompt_sent", 3), ("usage", "x"), ("sources", "https://h"), ("sources", 4)],
    *[("pictures.0.width", INJECTION), ("pictures.0.height", None), ("pictures.0.sha256", "../../../x")],
    *[
        ("pictures.0.mime", 5),
        ("pictures.0.alt", []),
        ("pictures.0.file", 3),
        ("pictures.0.file", ".."),
        ("pictures", {}),
    ],
    *[("pictures.0.problem", None), ("request.prompt", ""), ("request.prompt", 5), ("request.orientation", "up")],
    *[("request.params", "x"), ("request.references", [{"address": "x"}]), ("request.more", 1), ("model_reported", 5)],
    *[("finish_reason", []), ("endpoint", 5), ("demo", "no"), ("request.model", 5), ("request.format", 7)],
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{path}={value!r}" for path, value in WRONG])
def test_a_record_with_a_wrong_value_breaks_neither_the_list_nor_the_showing(path, value, history):
    own = completed(history)
    strange = changed(changed(record_of(history, own), "id", "99999999"), path, value)
    planted(history, strange)
    found = list(history.all())
    assert own.id in {one.id for one in found}
    assert len(found) + len(history.unreadable()) == 2
    for bundle in (*map(generation_bundle, found), gallery_bundle(Gallery(tuple(found)))):
        assert INJECTION not in bundle["text/html"]


NO_NUMBERS = [float("inf"), float("-inf"), float("nan"), -1, -0.5, 1e300, 10**400, 1 << 63, 1 << 54, 1e7, 70_000_000]
NO_NUMBERS += ["8", True, [], {}, INJECTION]


@pytest.mark.parametrize("name", ["seconds", "width", "height", "size"])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:20])
def test_bug_a_clip_whose_numbers_are_none_broke_the_showing(name, value, history):
    own = completed(history)
    video = {"address": "https://h/v", "file": "v.mp4", "mime": "video/mp4", "size": 9, "sha256": "0" * 64}
    video |= {"width": 320, "height": 180, "seconds": 4.0, name: value}
    record = {**record_of(history, own), "id": "99999999", "pictures": [], "videos": [video]}
    planted(history, changed(record, "request.task", "clip"))
    found = [one for one in history.all() if one.id != own.id]
    assert len(found) + len(history.unreadable()) == 1
    for one in found:
        assert (one.clips[0].width, one.clips[0].height) in {(320, 180), (0, 0)}
        assert one.clips[0].seconds in {4.0, None}
        bundle = generation_bundle(one), gallery_bundle(Gallery((one,)))
        assert INJECTION not in json.dumps(bundle)


@pytest.mark.parametrize("path", ["elapsed", "price", "number", "pictures.0.width", "pictures.0.size"])
@pytest.mark.parametrize("value", NO_NUMBERS[:3] + NO_NUMBERS[6:8], ids=lambda value: repr(value)[:20])
def test_what_is_no_number_of_any_program_is_refused(path, value, history):
    own = completed(history)
    planted(history, changed(changed(record_of(history, own), "id", "99999999"), path, value))
    assert ([one.id for one in history.all()], history.unreadable()) == ([own.id], ["x-99999999.json"])


@pytest.mark.parametrize(
    ("path", "value"),
    [("created", "/tmp/../etc/x"), ("created", "../../../aa"), ("id", "/../../../../x"), ("id", "x/../../y")],
)
def test_a_hostile_record_names_no_file_outside_its_folder(path, value, history):
    own = completed(history)
    planted(history, changed(changed(record_of(history, own), "id", "99999999"), path, value))
    assert [one.id for one in history.all()] == [own.id]
    assert history.unreadable() == ["x-99999999.json"]


def test_a_picture_named_outside_the_folder_is_looked_for_inside_it(history):
    own = completed(history)
    planted(history, changed(changed(record_of(history, own), "id", "99999999"), "pictures.0.file", "/etc/hostname"))
    folders = [one.pictures[0].path.parent for one in history.all()]
    assert folders == [history.folder / "2026-11-22"] * 2


def test_a_picture_whose_digest_is_a_path_reads_no_file_elsewhere(history):
    own = completed(history)
    planted(history, changed(changed(record_of(history, own), "id", "99999999"), "pictures.0.sha256", "../../x"))
    assert [one.id for one in history.all()] == [own.id]
    assert history.unreadable() == ["x-99999999.json"]


def test_a_link_to_nothing_among_the_records_hides_no_other(history):
    own = begun(history)
    (history.folder / "2026-11-22" / "gone.json").symlink_to("nowhere")
    assert [one.id for one in history.all()] == [own.id]


def test_a_folder_named_like_a_record_hides_no_other(history):
    own = begun(history)
    (history.folder / "2026-11-22" / "a.json").mkdir()
    assert [one.id for one in history.all()] == [own.id]


def test_a_file_named_like_a_day_hides_no_other(history):
    own = begun(history)
    (history.folder / "2026-01-01").write_text("a note")
    assert [one.id for one in history.all()] == [own.id]


def test_a_day_that_cannot_be_read_is_an_error_of_ours_and_no_reason_to_pay_again(history, monkeypatch):
    begun(history)

    def denied(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", denied)
    with pytest.raises(HistoryError):
        list(History(history.folder).all())


def test_an_unreadable_record_is_never_written_over(history):
    own = begun(history)
    path = history.path(own, ".json")
    path.write_bytes(b'{"torn')
    with pytest.raises(WenwenError):
        history.get(own.id)
    begun(history)
    assert path.read_bytes() == b'{"torn'


@pytest.mark.parametrize("name", ["..", "a/..", ".", "", "a\\b", "a\0b", "a\ud800b"])
def test_a_record_whose_picture_is_named_like_a_folder_is_refused(name, history):
    own = completed(history)
    planted(history, changed(changed(record_of(history, own), "id", "99999999"), "pictures.0.file", name))
    assert ([one.id for one in history.all()], history.unreadable()) == ([own.id], ["x-99999999.json"])
