"""A lesson of a stranger: whatever in it is not as it should be, the whole is refused and nothing is written."""

import hashlib
import json
import stat
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_archive import DAY, at, drawn, history, lesson, names, png, pupil, saved, unpacked

from wenwen_magic.errors import ConfigError, WenwenError
from wenwen_magic.history import archive
from wenwen_magic.history.archive import LIST, Imported
from wenwen_magic.history.archive import export_archive as export
from wenwen_magic.history.archive import import_archive as import_
from wenwen_magic.text.i18n import speak

__all__ = ["history", "lesson", "pupil"]
KIND = {"kind": archive.KIND, "version": archive.VERSION, "created": DAY}


def listing(files):
    entries = [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    ]
    return {**KIND, "files": entries}


def packed(lesson, files, listed=None, **of_entry):
    """Write a lesson by hand, with a list that fits it unless another is given."""
    with zipfile.ZipFile(lesson, "w") as zipped:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            for field, value in of_entry.items():
                setattr(info, field, value)
            zipped.writestr(info, data)
        content = listing(files) if listed is None else listed
        zipped.writestr(LIST, content if isinstance(content, bytes) else json.dumps(content))
    return lesson


@pytest.fixture
def files(history, lesson):
    """What a valid lesson of one generation holds, but for the list; the record first."""
    saved(history)
    export(history, lesson)
    found = unpacked(lesson)
    return {name: found[name] for name in sorted(found, key=lambda name: not name.endswith(".json")) if name != LIST}


def record_of(files):
    return next(name for name in files if name.endswith(".json"))


def picture_of(files):
    return next(name for name in files if name.endswith(".png"))


def with_record(files, change):
    """The lesson's files with its record changed by a function."""
    record = json.loads(files[record_of(files)])
    change(record)
    return {**files, record_of(files): json.dumps(record).encode()}


def refused(pupil, lesson, *said):
    """What the refusal says, after it was seen that nothing was written."""
    with pytest.raises(ConfigError) as caught:
        import_(pupil, lesson)
    assert all(word in caught.value.why for word in said), caught.value.why
    assert not pupil.folder.exists()
    return caught.value


# What is not a lesson


def test_a_lesson_made_by_hand_is_taken_in(pupil, lesson, files):
    assert import_(pupil, packed(lesson, files)) == Imported(1, 1, 0)


def test_a_lesson_that_is_not_there_is_told(pupil, tmp_path):
    refused(pupil, tmp_path / "none.zip", "none.zip", "No such file")
    refused(pupil, tmp_path, tmp_path.name)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"{}", b"\x89PNG\r\n\x1a\n" + b"\0" * 99, b"PK\5\6" + b"\xff" * 18]
)
def test_what_is_no_zip_file_is_refused(content, pupil, lesson):
    lesson.write_bytes(content)
    refused(pupil, lesson, "lesson.zip")


@pytest.mark.parametrize(
    "listed",
    [
        *(b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff", b'{"kind": "wenwen lesson", "version": 2, "files": []}'),
        *(
            {"files": []},
            {**KIND},
            {**KIND, "files": {}},
            {**KIND, "files": [3]},
        ),
        {**KIND, "version": "1", "files": []},
        {**KIND, "files": [{"name": "a", "size": True, "sha256": "0" * 64}]},
        {**KIND, "files": [{"name": ["a"], "size": 1, "sha256": "0" * 64}]},
    ],
    ids=range(14),
)
def test_a_list_that_is_foreign_or_broken_is_refused(listed, pupil, lesson):
    refused(pupil, packed(lesson, {}, listed), LIST)


def test_a_zip_without_a_list_is_refused_as_no_lesson(pupil, lesson):
    with zipfile.ZipFile(lesson, "w") as zipped:
        zipped.writestr("../thesis.txt", "x")
    refused(pupil, lesson, LIST, "not a lesson")


def test_the_refusal_is_told_in_chinese_too(pupil, lesson):
    speak("zh")
    try:
        assert "没有写入任何内容" in refused(pupil, lesson, "lesson.zip").what
    finally:
        speak("")


# Names

BAD_NAMES = [
    *("../x.png", "/etc/x.png", f"{DAY}/../../x.png", f"/{DAY}/x.png", f"{DAY}//x.png", f"./{DAY}/x.png", "C:/x.png"),
    *(f"{DAY}\\x.png", f"{DAY}/a\\..\\x.png", f"C:{DAY}/x.png", f"{DAY}/C:x.png", f"{DAY}/x.png:ads", "x.png", DAY),
    *(f"{DAY}/", f"{DAY}/a/x.png", f"{DAY}/.x.png", f"{DAY}/..", f"{DAY}/.", f"{DAY}/x.png.", f"{DAY}/x.png ", ""),
    *(f"{DAY}/con", f"{DAY}/NUL.png", f"{DAY}/aux.tar.png", f"{DAY}/Com1.png", f"{DAY}/lpt9 .png", f"{DAY}/com¹.png"),
    *(f"{DAY}/x\n.png", f"{DAY}/x\x1b[2J.png", f"{DAY}/x?.png", f"{DAY}/x*.png", f"{DAY}/x|y.png", f'{DAY}/"x".png'),
    *(
        f"{DAY}/{'x' * 252}.png",
        f"{DAY}/{'猫' * 90}.png",
        "２０２６-11-22/x.png",
        "2026-11-2/x.png",
        "__MACOSX/._x.png",
    ),
    *(f"{DAY}\n/x.png", f"{DAY}/x.png\n", f"{DAY}/\x7f.png", f"x{DAY}/x.png", "2026/11/22/x.png", "~/x.png"),
]


def test_an_entry_that_no_record_names_is_left_in_the_zip_whatever_it_is_called(tmp_path, lesson, files):
    for number, name in enumerate([*BAD_NAMES, f"{DAY}/x.png", f"{DAY}/x.html"]):
        pupil = at(tmp_path / "any" / f"{number}")
        assert import_(pupil, packed(lesson, {**files, name: png(colour="blue")})) == Imported(1, 1, 0)
        assert names(tmp_path / "any" / f"{number}") == sorted(files)
    assert {path.name for path in tmp_path.iterdir()} == {"any", "teacher", "lesson.zip"}


@pytest.mark.parametrize("folder", ["../..", "/etc", f"{DAY}/..", "C:", "a/b/c", "."])
def test_a_record_and_its_picture_are_written_under_names_of_ours_wherever_they_are_in_the_zip(
    folder, tmp_path, pupil, lesson, files
):
    moved = {f"{folder}/{name.partition('/')[2]}": data for name, data in files.items()}
    if folder == ".":
        moved = {name.partition("/")[2]: data for name, data in files.items()}
    before = names(tmp_path)
    assert import_(pupil, packed(lesson, moved)) == Imported(1, 1, 0)
    assert names(pupil.folder) == sorted(files)
    assert [name for name in names(tmp_path) if not name.startswith("pupil/")] == before


def test_a_name_in_the_list_alone_leads_nowhere(pupil, lesson, files):
    listed = listing({**files, "../../x.json": b"{}"})
    refused(pupil, packed(lesson, files, listed), "../../x.json")


def test_a_picture_that_is_not_in_the_list_is_refused(pupil, lesson, files):
    alone = {record_of(files): files[record_of(files)]}
    refused(pupil, packed(lesson, files, listing(alone)), picture_of(files), "missing")


def test_an_entry_that_is_there_twice_with_other_content_is_refused(pupil, lesson, files):
    packed(lesson, files)
    with zipfile.ZipFile(lesson, "a") as zipped, pytest.warns(UserWarning, match="Duplicate"):
        zipped.writestr(picture_of(files), png(colour="blue"))
    refused(pupil, lesson, picture_of(files))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(BAD_NAMES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_whatever_a_picture_is_called_only_names_of_ours_are_written(tmp_path, files, lesson, name):
    def change(record):
        record["pictures"][0]["file"] = name

    changed = with_record(files, change)
    changed[f"{DAY}/{name}"] = changed.pop(picture_of(files))
    pupil = at(tmp_path / "any" / hashlib.sha256(name.encode()).hexdigest()[:8])
    before = [one for one in names(tmp_path) if not one.startswith("any/")]
    try:
        import_(pupil, packed(lesson, changed))
    except ConfigError:
        assert not pupil.folder.exists()
    else:
        assert names(pupil.folder) == sorted(files)
    assert [one for one in names(tmp_path) if not one.startswith("any/")] == before


# Kinds of entries


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFREG])
@pytest.mark.parametrize("system", [0, 3, 19])
def test_whatever_an_entry_says_it_is_a_plain_file_is_written(system, kind, pupil, lesson, files):
    packed(lesson, files, create_system=system, external_attr=(kind | 0o4777) << 16)
    import_(pupil, lesson)
    plain = pupil.folder / "plain"
    plain.touch()
    assert {path.lstat().st_mode for path in pupil.folder.rglob("*.*")} == {plain.stat().st_mode}


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_unusual_packing_is_refused(packing, pupil, lesson, files):
    refused(pupil, packed(lesson, files, compress_type=packing), "unsupported")


def test_an_encrypted_entry_is_refused(pupil, lesson, files):
    packed(lesson, files)
    for name in (record_of(files), LIST):
        refused(pupil, patched(lesson, name, 8, struct.pack("<H", 0x801)), name)


def patched(lesson, name, offset, value):
    """A copy of a lesson in which the central directory says something else of an entry."""
    data = bytearray(lesson.read_bytes())
    at = data.rindex(name.encode()) - 46
    assert data[at : at + 4] == b"PK\1\2"
    data[at + offset : at + offset + len(value)] = value
    copy = lesson.with_name("patched.zip")
    copy.write_bytes(data)
    return copy


# Sizes and contents


def test_more_than_the_limit_is_refused_before_it_is_unpacked(pupil, lesson, files, monkeypatch):
    packed(lesson, files)
    size = sum(map(len, files.values()))
    with monkeypatch.context() as context:
        context.setattr(archive, "_pieces", lambda *_: pytest.fail("unpacked"))
        context.setattr(archive, "LIMIT", size - 1)
        refused(pupil, lesson, "too large")
    monkeypatch.setattr(archive, "LIMIT", size)
    assert import_(pupil, lesson).records == 1


def test_a_bomb_that_says_what_it_is_is_refused_unopened(pupil, lesson, files, monkeypatch):
    bomb = {**files, f"{DAY}/b.json": bytes(archive.MOST_WORDS)}
    packed(lesson, bomb, compress_type=zipfile.ZIP_DEFLATED)
    assert lesson.stat().st_size < 1 << 17
    monkeypatch.setattr(archive, "_pieces", lambda *_: pytest.fail("unpacked"))
    refused(pupil, lesson, "too large")


def test_a_bomb_that_calls_itself_small_is_refused_and_never_held_whole(pupil, lesson, files):
    name, data = picture_of(files), png() + bytes(64 << 20)
    listed = listing({**files, name: data[:100]})
    digest = {"size": 100, "sha256": listed["files"][-1]["sha256"]}
    bomb = {**with_record(files, lambda record: record["pictures"][0].update(digest)), name: data}
    listed["files"][0] = listing(bomb)["files"][0]
    packed(lesson, bomb, listed, compress_type=zipfile.ZIP_DEFLATED)
    for file in (lesson, patched(lesson, name, 24, struct.pack("<I", 100))):
        tracemalloc.start()
        try:
            refused(pupil, file, name)
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


def test_a_list_that_is_too_long_is_refused(pupil, lesson):
    packed(lesson, {}, b" " * (archive.MOST_WORDS + 1))
    refused(pupil, lesson, LIST)


def test_an_entry_whose_content_is_not_what_the_list_says_is_refused(pupil, lesson, files):
    for name in files:
        other = {**files, name: files[name][:-1] + b"!"}
        refused(pupil, packed(lesson, other, listing(files)), name)


def test_an_entry_that_is_longer_or_shorter_than_listed_is_refused(pupil, lesson, files):
    for data in (png() + b"x", png()[:-1]):
        refused(pupil, packed(lesson, {**files, picture_of(files): data}, listing(files)), picture_of(files))


# Records


@pytest.mark.parametrize("value", ["", "x", "0" * 63, "A" * 64, 5, None, ["0" * 64], "0" * 64 + "\n"])
def test_a_fingerprint_that_is_none_makes_no_record(value, pupil, lesson, files):
    def change(record):
        record["request"] |= {"prompt": "…", "fingerprint": value}

    refused(pupil, packed(lesson, with_record(files, change)), "fingerprint")


def test_a_prompt_that_can_be_read_does_not_answer_for_another(pupil, lesson, files):
    def change(record):
        record["request"]["fingerprint"] = "0" * 64

    refused(pupil, packed(lesson, with_record(files, change)), "fingerprint")


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"{}", b"[" * 100_000, b"\xff", b"9" * 9000])
def test_an_entry_that_is_no_record_is_refused(content, pupil, lesson, files):
    refused(pupil, packed(lesson, {**files, record_of(files): content}), record_of(files), "not a valid record")


CHANGES = [
    *[
        ("id", "../../x"),
        ("id", "zz"),
        ("created", "yesterday"),
        ("version", 9),
    ],
    *[("state", "paid"), ("pictures", []), ("pictures", None), ("text", 5), ("demo", "no"), ("request", {})],
]


@pytest.mark.parametrize(("name", "value"), CHANGES, ids=[f"{name}={value!r}" for name, value in CHANGES])
def test_a_record_with_a_wrong_value_is_refused(name, value, pupil, lesson, files):
    refused(pupil, packed(lesson, with_record(files, lambda record: record.update({name: value}))), record_of(files))


OTHERS = [
    *[
        ("file", "other.png"),
        ("file", ""),
        ("file", f"{DAY}/../x.png"),
        ("sha256", ""),
        ("sha256", "0" * 64),
        ("size", 1),
    ],
    *[
        ("mime", "image/jpeg"),
        ("mime", "text/html"),
        ("mime", ""),
        ("mime", "image/svg+xml"),
        ("problem", "torn"),
        ("draft", True),
    ],
]


@pytest.mark.parametrize(("name", "value"), OTHERS, ids=[f"{name}={value!r}" for name, value in OTHERS])
def test_a_record_that_tells_something_else_of_its_picture_is_refused(name, value, pupil, lesson, files):
    changed = with_record(files, lambda record: record["pictures"][0].update({name: value}))
    refused(pupil, packed(lesson, changed))


HTML = b"<html><script>alert(1)</script>"
ENDINGS = [("x.png", HTML, "image/png"), ("x.svg", b"<svg/>", "image/svg+xml")]


@pytest.mark.parametrize("one", [*ENDINGS, ("x.png", b"", "image/png"), ("x.jpg", png(), "image/jpeg")])
def test_a_file_that_does_not_begin_like_the_picture_it_should_be_is_refused(one, pupil, lesson, files):
    name, data, mime = one

    def change(record):
        digest = hashlib.sha256(data).hexdigest()
        record["pictures"][0].update(file=name, mime=mime, size=len(data), sha256=digest)

    changed = with_record(files, change)
    del changed[picture_of(files)]
    refused(pupil, packed(lesson, {**changed, f"{DAY}/{name}": data}), name, "type")


def test_one_picture_named_many_times_is_not_written_many_times(pupil, lesson, files):
    changed = with_record(files, lambda record: record.update(pictures=record["pictures"] * 50))
    refused(pupil, packed(lesson, changed), picture_of(files), "belongs to another record")


def test_two_records_of_one_id_are_refused(pupil, lesson, files):
    refused(pupil, packed(lesson, {**files, f"{DAY}/x.json": files[record_of(files)]}), "same id")


def test_every_type_of_picture_that_the_history_keeps_goes_there_and_back(history, pupil, lesson):
    for ending, kind in {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF", "avif": "AVIF"}.items():
        saved(history, ending, [drawn(kind)], ending=ending)
    export(history, lesson)
    assert import_(pupil, lesson).pictures == 5
    assert names(pupil.folder) == names(history.folder)


def test_what_a_stranger_says_of_endpoint_error_and_price_is_not_taken_over(pupil, lesson, files):
    more = {"endpoint": "http://127.0.0.1:1", "error": {"kind": "NoImageError"}, "price": 1e9}
    import_(pupil, packed(lesson, with_record(files, lambda record: record.update(more))))
    (found,) = pupil.all()
    assert (found.endpoint, found.error, found.price) == ("", None, None)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_a_damaged_lesson_is_an_error_of_ours_or_does_no_harm(tmp_path, files, lesson, data):
    whole = packed(lesson, files, compress_type=zipfile.ZIP_DEFLATED).read_bytes()
    spot = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.binary(max_size=6))
    lesson.write_bytes(whole[:spot] + change + whole[spot + data.draw(st.integers(0, 6)) :])
    pupil = at(tmp_path / "any" / hashlib.sha256(lesson.read_bytes()).hexdigest()[:8])
    try:
        import_(pupil, lesson)
    except WenwenError:
        assert not pupil.folder.exists()
    else:
        assert names(pupil.folder) == sorted(files)
