"""Changes to the records on disk, of any kind and by anybody, are seen by the next question."""

import os
import shutil
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.records import IDS, agrees, later, made, planted, print_of, saved, takes, true

from wenwen_magic.history import index
from wenwen_magic.history.record_json import decode, encode
from wenwen_magic.history.store import History


@pytest.fixture
def history(folder):
    """A history all of whose days were looked through, and are trusted."""
    history = History(folder)
    assert agrees(history) == 12
    return history


def ticked(day, stamp):
    """The folder's time of change set, at a later tick of the file system's clock."""
    before = day.stat().st_ctime_ns
    for _ in range(100_000):
        os.utime(day, ns=(stamp, stamp))
        if day.stat().st_ctime_ns != before:
            return


# Changes by hand


def copied(folder):
    planted(folder, "bear", day="2026-01-03")
    planted(folder, "fox", day="2020-02-29")


def deleted(folder):
    for path in list(folder.glob("2026-01-0[25]/*.json")):
        path.unlink()


def renamed(folder):
    (folder / "2026-01-02").rename(folder / "2025-05-05")
    (folder / "2026-01-03").rename(folder / "2026-01-02")


def renamed_files(folder):
    for number, path in enumerate(sorted(folder.glob("2026-01-0[25]/*.json"))):
        path.rename(path.with_name(f"{number}.json"))


def moved_files(folder):
    for path in sorted(folder.glob("2026-01-02/*.json")):
        path.rename(folder / "2026-01-05" / path.name)


def other(folder):
    """A file of the same name with a record of another id and another request."""
    path = min(folder.glob("2026-01-02/*.json"))
    new = path.with_name("new")
    new.write_bytes(encode(made("wolf", day="2026-01-02")))
    new.replace(path)


def torn(folder):
    path = min(folder.glob("2026-01-02/*.json"))
    new = path.with_name("new")
    new.write_bytes(path.read_bytes()[:99])
    new.replace(path)


def swapped_by_a_file(folder):
    shutil.rmtree(folder / "2026-01-02")
    (folder / "2026-01-02").write_text("a note")


CHANGES = {
    "nothing": lambda _: None,
    "records copied": copied,
    "records deleted": deleted,
    "a day deleted": lambda folder: shutil.rmtree(folder / "2026-01-01"),
    "all deleted": shutil.rmtree,
    "days renamed": renamed,
    "files renamed": renamed_files,
    "files moved to another day": moved_files,
    "a record in place of another": other,
    "a torn file in place of a record": torn,
    "a file in place of a day": swapped_by_a_file,
    "a day copied": lambda folder: shutil.copytree(folder / "2026-01-02", folder / "2027-01-01"),
    "files touched": lambda folder: [os.utime(path) for path in folder.glob("20*/*.json")],
    "a day that is a link": lambda folder: (folder / "2027-01-01").symlink_to(folder / "2026-01-01"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("running", [True, False])
def test_what_somebody_changes_by_hand_is_seen(change, running, history):
    change(history.folder)
    if history.folder.exists():
        later(history.folder)
    seeing = history if running else History(history.folder)
    agrees(seeing)
    assert set(seeing.unreadable()) == (
        {min(history.folder.glob("2026-01-02/*.json")).name} if change is torn else set()
    )


@pytest.mark.parametrize("running", [True, False])
def test_a_record_is_seen_though_its_folders_time_of_change_was_set_back(running, history):
    """As unpacking, and copying with its times kept, leave it."""
    day = history.folder / "2026-01-02"
    before = day.stat().st_mtime_ns
    planted(history.folder, "bear", day=day.name)
    ticked(day, before)
    assert len(takes(history if running else History(history.folder), "bear")) == 1


def test_a_day_in_place_of_another_with_the_same_time_of_change_is_seen(history):
    day, other = history.folder / "2026-01-02", history.folder.parent / "other"
    before = day.stat().st_mtime_ns
    planted(history.folder.parent, "bear", day="other", created="2026-01-02T12:00:00+00:00")
    shutil.rmtree(day)
    other.rename(day)
    ticked(day, before)
    assert len(takes(history, "bear")) == 1


@pytest.mark.parametrize("running", [True, False])
def test_a_record_whose_copy_was_half_done_is_seen_when_it_is_whole(running, tmp_path, trusted):
    """A slow copy makes the file first and fills it later: the folder does not change when it is done."""
    whole = {path: path.read_bytes() for path in (planted(tmp_path / "w", "bear"), planted(tmp_path / "w"))}
    for number in range(2, 6):
        planted(tmp_path / "w", "cat", day=f"2026-01-0{number}")
    for path, data in whole.items():
        path.write_bytes(data[:100])
    later(tmp_path / "w")
    history = History(tmp_path / "w")
    assert (takes(history, "bear"), len(history.unreadable())) == ([], 2)
    for path, data in whole.items():
        path.write_bytes(data)
    seeing = history if running else History(tmp_path / "w")
    assert (len(takes(seeing, "bear")), seeing.unreadable()) == (1, [])
    agrees(seeing)


def test_a_record_edited_in_place_never_answers_for_what_it_was(history):
    path = min(history.folder.glob("2026-01-02/*.json"))
    read = decode(path.read_bytes(), path.parent, None)
    path.write_bytes(encode(made("wolf", id=read.id, day="2026-01-02")))
    assert read.id not in takes(history, read.request.prompt)
    assert history.get(read.id).request.prompt == history.find(read.id).request.prompt == "wolf"
    assert takes(history, "wolf") == [read.id]


def test_a_page_with_a_record_that_has_just_been_torn_does_not_hide_the_pages_after_it(history):
    newest = history.recent(1)[0]
    (torn,) = history.folder.rglob(f"*{newest.id}.json")
    torn.write_bytes(b"{")
    page = history.page("", 1, 5)
    assert page.pages == 3
    assert len({one.id for number in (1, 2, 3) for one in history.page("", number, 5).rows}) == 11


def test_a_record_whose_files_name_is_no_text_is_found(tmp_path):
    """As archives from Chinese systems leave it."""
    for word in ("画只猫", "一只猫"):
        planted(tmp_path / "w", name=os.fsdecode(word.encode("gbk") + b".json"))
    history = History(tmp_path / "w")
    assert [agrees(history), agrees(History(tmp_path / "w"))] == [2, 2]
    assert len(takes(history, "cat")) == 2


def test_a_day_that_goes_while_the_folder_is_looked_into_hides_no_other(history, monkeypatch):
    real = os.listdir

    def vanishing(place):
        found = real(place)
        if os.fsdecode(place) == str(history.folder):
            monkeypatch.setattr(os, "listdir", real)
            shutil.rmtree(history.folder / "2026-01-01")
        return found

    monkeypatch.setattr(os, "listdir", vanishing)
    assert [history.count(), agrees(history)] == [10, 10]


def test_a_day_deleted_before_its_folder_could_be_trusted_is_forgotten(tmp_path):
    for number in range(1, 5):
        planted(tmp_path / "w", f"{number}", day=f"2026-01-0{number}")
    history = History(tmp_path / "w")
    assert history.count() == 4
    shutil.rmtree(tmp_path / "w" / "2026-01-01")
    assert [agrees(history), agrees(History(tmp_path / "w"))] == [3, 3]


def test_a_day_that_a_record_was_written_to_and_that_was_deleted_at_once_is_forgotten(tmp_path):
    history = History(tmp_path / "w", now=lambda: datetime(2026, 11, 22, tzinfo=timezone(timedelta(hours=8))))
    saved(history)
    shutil.rmtree(tmp_path / "w" / "2026-11-22")
    assert agrees(history) == 0


def test_a_link_to_itself_among_the_records_hides_no_other(history):
    (history.folder / "2026-01-01" / "a.json").symlink_to("a.json")
    later(history.folder)
    assert agrees(history) == 12


# Clocks


def test_a_change_within_the_clocks_grain_is_seen(tmp_path, monkeypatch):
    """A folder that has just changed is looked through again, though its time of change is the same."""
    monkeypatch.setattr(index, "stamp_of", lambda found: f"{found.st_mtime_ns}")
    planted(tmp_path / "w", "cat")
    day = tmp_path / "w" / "2026-01-01"
    os.utime(day, ns=(10**18, 10**18))
    history = History(tmp_path / "w")
    assert history.count() == 1
    planted(tmp_path / "w", "bear")
    os.utime(day, ns=(10**18, 10**18))
    assert [history.count(), len(takes(history, "bear"))] == [2, 1]


@pytest.mark.parametrize("shift", [-(10**18), -(10**10), 10**10, 10**18])
def test_a_system_clock_that_is_set_changes_no_answer(shift, folder, monkeypatch):
    monkeypatch.setattr(index, "SETTLED", 2 * 10**9)
    history, real = History(folder), index.time.time_ns
    agrees(history)
    monkeypatch.setattr(index.time, "time_ns", lambda: real() + shift)
    planted(folder, "bear", day="2026-01-01")
    later(folder)
    assert [agrees(history), agrees(History(folder))] == [13, 13]


def test_an_index_of_many_records_says_once_that_it_takes_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "MANY", 3)
    said = []
    for number in range(9):
        planted(tmp_path / "pictures", f"n {number}", day="2026-01-02")
    small, large = History(tmp_path / "none"), History(tmp_path / "pictures")
    for history in (small, large, large):
        history.when_long(said.append)
        history.count()
    assert len(said) == 1
    assert "pictures/" in said[0]


@pytest.mark.parametrize("other", [False, True], ids=["by the same kernel", "by another"])
def test_a_record_that_was_away_while_a_busy_folder_was_looked_through_is_found_again(tmp_path, other):
    path = planted(tmp_path / "w")
    kernel, second = History(tmp_path / "w"), History(tmp_path / "w")
    assert len(takes(kernel, "cat")) == 1
    away = path.replace(path.with_suffix(".away"))
    assert takes(second if other else kernel, "cat") == []
    away.replace(path)
    assert len(takes(kernel, "cat")) == 1


def test_a_record_that_was_copied_by_half_into_a_busy_folder_is_found_when_it_is_whole(tmp_path):
    path, history = planted(tmp_path / "w"), History(tmp_path / "w")
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    assert takes(history, "cat") == []
    path.write_bytes(whole)
    assert len(takes(history, "cat")) == 1


class _Busy:
    """A folder that changes all the time, and two kernels that ask for takes in between."""

    def __init__(self, folder):
        self.folder, self.kernels = folder, [History(folder), History(folder)]
        self.paths, self.away = [planted(folder)], []

    def plant(self, number):
        self.paths.append(planted(self.folder, f"prompt {number % 3}"))
        self.paths[-1].with_suffix(".reply").touch()

    def save(self, number):
        saved(self.kernels[number % 2], f"prompt {number % 3}")

    def damage(self, _):
        (self.folder / "2026-01-01" / f"x-{next(IDS):08x}.json").write_text("{")

    def move(self, number):
        if self.paths:
            path = self.paths.pop(number % len(self.paths))
            self.away.append((path.replace(path.with_suffix(".away")), path))

    def move_back(self, _):
        if self.away:
            now, path = self.away.pop()
            self.paths.append(now.replace(path))

    def delete(self, number):
        if self.paths:
            self.paths.pop(number % len(self.paths)).unlink()

    def lose_index(self, number):
        self.kernels[number % 2]._index._file.unlink(missing_ok=True)

    def ask(self, number):
        prompt = f"prompt {number % 3}"
        assert takes(self.kernels[number % 2], prompt) == [
            one.id for one in true(self.folder) if one.request.fingerprint == print_of(prompt)
        ]


STEPS = ("plant", "save", "damage", "move", "move_back", "delete", "lose_index", "ask", "ask", "ask")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), min_size=5, max_size=40))
def test_two_kernels_find_all_takes_in_a_folder_that_changes_all_the_time(tmp_path_factory, steps):
    busy = _Busy(tmp_path_factory.mktemp("busy") / "w")
    for name, number in [*steps, ("ask", 0), ("ask", 1), ("ask", 2)]:
        getattr(busy, name)(number)
