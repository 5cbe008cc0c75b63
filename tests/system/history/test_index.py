"""The index is only a cache: whatever becomes of its file, every question gets the answer that the records give."""

import itertools
import os
import shutil
import sqlite3
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from support.records import agrees, file_of, later, planted, saved, takes

from wenwen_magic.errors import HistoryError
from wenwen_magic.history import index
from wenwen_magic.history.store import History
from wenwen_magic.protocol import HttpReply
from wenwen_magic.records import GeneratedImage, ImageRequest


def test_the_index_is_in_the_users_cache_folder_and_not_among_the_records(folder):
    assert agrees(History(folder)) == 12
    assert file_of(folder).is_file()
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json"}


# Whatever becomes of the file


def foreign(file, name="records"):
    file.unlink(missing_ok=True)
    line = sqlite3.connect(file, isolation_level=None)
    line.execute(f"CREATE TABLE {name} (x TEXT, id INTEGER)")
    line.execute(f"INSERT INTO {name} VALUES ('a', 1)")
    line.close()


def overwritten(file, start, data):
    with file.open("r+b") as out:
        out.seek(start)
        out.write(data)


def folder_instead(file):
    if file.is_file():
        file.unlink()
    (file / "inner").mkdir(parents=True, exist_ok=True)


DAMAGE = {
    "gone": lambda file: file.unlink(),
    "its folder gone": lambda file: shutil.rmtree(file.parent),
    "empty": lambda file: os.truncate(file, 0),
    "cut short": lambda file: os.truncate(file, 5000),
    "cut by half a page": lambda file: os.truncate(file, file.stat().st_size - 2048),
    "garbage": lambda file: file.write_bytes(b"not a database at all " * 999),
    "garbage after its head": lambda file: overwritten(file, 100, b"\xa5" * (file.stat().st_size - 100)),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "another program's": foreign,
    "another program's with other tables": lambda file: foreign(file, "things"),
    "a folder": folder_instead,
    "beside a journal of garbage": lambda file: Path(f"{file}-journal").write_bytes(b"\xd9\xd5\x05\xf9" * 999),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_index_changes_no_answer(damage, folder):
    """Neither just before a record is saved, nor of a kernel that runs, nor of one that starts."""
    running, second = History(folder), History(folder)
    assert [agrees(running), agrees(second)] == [12, 12]
    damage(file_of(folder))
    bear = saved(running, "bear")
    assert [takes(running, "bear"), takes(History(folder), "bear")] == [[bear.id], [bear.id]]
    damage(file_of(folder))
    assert [agrees(History(folder)), agrees(second)] == [13, 13]
    planted(folder, "fox", day="2026-01-03")
    later(folder)
    assert [agrees(one) for one in (running, second, History(folder))] == [14, 14, 14]


def test_a_damaged_file_that_cannot_be_deleted_changes_no_answer(folder, monkeypatch):
    file_of(folder).parent.mkdir(parents=True, exist_ok=True)
    file_of(folder).write_bytes(b"garbage" * 999)

    def denied(*_, **__):
        raise PermissionError(13, "in use")

    monkeypatch.setattr(Path, "unlink", denied)
    assert agrees(History(folder)) == 12


def test_a_cache_folder_that_cannot_be_made_changes_no_answer(folder, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert agrees(History(folder)) == 12


class Limited(sqlite3.Connection):
    """A connection to a file that cannot be written, or not for long."""

    limit = ""

    def __init__(self, file, **more):
        super().__init__(file, **more)
        if file != ":memory:":
            self.execute(f"PRAGMA {self.limit}")


@pytest.mark.parametrize("limit", ["query_only = ON", *(f"max_page_count = {pages}" for pages in (5, 7, 9))])
def test_a_read_only_file_or_a_full_disk_changes_no_answer(limit, folder, monkeypatch):
    monkeypatch.setattr(Limited, "limit", limit)
    monkeypatch.setattr(index.sqlite3, "connect", partial(sqlite3.connect, factory=Limited))
    history = History(folder)
    assert agrees(history) == 12
    for number in range(30):
        planted(folder, f"fox {number} " + "x" * 900, day=f"2026-02-{1 + number % 28:02}")
    later(folder)
    assert history.count() == 42
    saved(history)
    assert [agrees(history), History(folder).count()] == [43, 43]


class Faulty(sqlite3.Connection):
    """A connection, one statement of which fails, or the file goes before it; counted over all connections."""

    count, at, fault, file = itertools.count(), -1, None, None

    def _counted(self):
        if next(Faulty.count) == Faulty.at:
            if Faulty.fault:
                raise Faulty.fault
            Faulty.file.unlink(missing_ok=True)

    def execute(self, *values):
        self._counted()
        return super().execute(*values)

    def executemany(self, *values):
        self._counted()
        return super().executemany(*values)


FAULTS = {
    "disk I/O error": sqlite3.OperationalError("disk I/O error"),
    "malformed": sqlite3.DatabaseError("malformed"),
    "gone": None,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_at_any_statement_changes_no_answer(fault, folder, monkeypatch):
    """While the index is made, and while a day is looked through that has changed."""
    monkeypatch.setattr(index.sqlite3, "connect", partial(sqlite3.connect, factory=Faulty))
    monkeypatch.setattr(Faulty, "fault", fault)
    monkeypatch.setattr(Faulty, "file", file_of(folder))
    for at in range(0, 60, 3):
        file_of(folder).unlink(missing_ok=True)
        history, other = History(folder), History(folder)
        Faulty.count, Faulty.at = itertools.count(), at
        before = len(list(folder.rglob("*.json")))
        assert [history.count(), history.count(), other.count()] == [before] * 3
        planted(folder, "bear", day="2026-01-02")
        later(folder)
        Faulty.count, Faulty.at = itertools.count(), at // 3
        assert [history.count(), len(takes(other, "bear"))] == [before + 1, before - 11]
    assert agrees(history) == 32


def test_an_index_that_another_program_holds_locked_changes_no_answer(folder, monkeypatch):
    monkeypatch.setattr(index, "WAIT", 0.02)
    running = History(folder)
    running.count()
    holder = sqlite3.connect(file_of(folder), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert [agrees(running), agrees(History(folder))] == [12, 12]
    bear = saved(running, "bear")
    assert takes(running, "bear") == [bear.id]
    holder.close()
    assert [agrees(running), agrees(History(folder))] == [13, 13]


def test_kernels_that_make_the_index_at_one_moment_all_get_every_record(folder):
    histories, said = [History(folder) for _ in range(6)], []
    start = threading.Barrier(6)

    def ask(history):
        start.wait()
        said.append(len(takes(history, "fox")))

    threads = [threading.Thread(target=ask, args=(history,)) for history in histories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [6] * 6


def test_every_index_has_its_place_by_the_folders_real_path(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    places = [index.place(tmp_path, tmp_path / name) for name in ("a", "b", "link", "b/../a", "a/a")]
    assert places[0] == places[2] == places[3]
    assert len(set(places)) == 3


# What it costs


def statements(history, work):
    """How many statements of SQL read and how many write while something is done."""
    said = []
    history._index._connection.set_trace_callback(said.append)
    work()
    history._index._connection.set_trace_callback(None)
    verbs = [one.split()[0] for one in said]
    return verbs.count("SELECT"), sum(verbs.count(verb) for verb in ("INSERT", "UPDATE", "DELETE"))


def test_a_new_picture_costs_three_reads_and_two_writes_of_the_index_at_most(tmp_path):
    moments = (datetime(2026, 1, 1, 13, minute, tzinfo=UTC) for minute in itertools.count())
    history = History(tmp_path / "w", now=lambda: next(moments))
    for number in range(20):
        planted(history.folder, f"{number}", day="2026-01-01")
    history.count()

    def draw(number):
        made = history.begin(ImageRequest("fox"), prompt_sent="fox", endpoint="https://a.example")
        reply = history.keep_reply(made, HttpReply(200, "", [b"x"]))
        assert b"".join(reply.chunks) == b"x"
        made = history.update(made, state="answered", text="here")
        image = GeneratedImage(history.path(made, "-1.png"), "image/png", 3, 2, size=1, sha256="0" * 64)
        made = history.update(made, state="complete", pictures=(image,))
        assert history.take_of(made) == number

    for number in (1, 2, 3):
        reads, writes = statements(history, partial(draw, number))
        assert (0 < reads <= 3, 0 < writes <= 2) == (True, True)
    reads, writes = statements(history, lambda: history.recent(1))
    assert (reads <= 3, writes) == (True, 0)


def test_a_folder_in_which_nothing_changed_is_not_looked_through_again(folder, monkeypatch):
    history = History(folder)
    agrees(history)
    real, looked = os.listdir, []
    monkeypatch.setattr(os, "listdir", lambda place: looked.append(Path(os.fsdecode(place))) or real(place))
    assert statements(history, lambda: takes(history, "fox")) == (2, 0)
    assert looked == [folder]


def all_waiting_at_once(history, ask, several):
    """Call ``ask`` with each of several arguments in a thread of its own; none is answered before all wait."""
    threads = [threading.Thread(target=ask, args=given) for given in several]
    with history._index._lock:
        for thread in threads:
            thread.start()
        while len(history._index._waiting) < len(threads):
            threads[0].join(0.01)
    for thread in threads:
        thread.join()


def test_questions_that_wait_for_each_other_share_one_look_at_the_folder(folder, monkeypatch):
    history = History(folder)
    agrees(history)
    real, looked, answers = os.listdir, [], {}
    monkeypatch.setattr(os, "listdir", lambda place: looked.append(Path(os.fsdecode(place))) or real(place))
    prompts = ["fox", "cat", "fox", "no such prompt", "fox"]

    def ask(number):
        answers[number] = takes(history, prompts[number])

    all_waiting_at_once(history, ask, [(number,) for number in range(len(prompts))])
    assert looked.count(folder) == 1
    looked.clear()
    assert [answers[number] for number in range(len(prompts))] == [takes(history, prompt) for prompt in prompts]
    assert looked.count(folder) == len(prompts)


def test_bug_a_question_that_has_no_answer_failed_those_that_waited_beside_it(folder):
    history, answers = History(folder), {}
    expected = takes(history, "fox")

    def ask(name, question):
        try:
            answers[name] = question()
        except HistoryError:
            answers[name] = "an error"

    questions = {number: lambda: takes(history, "fox") for number in range(4)}
    questions["too many"] = lambda: history.search("", count=1 << 70)
    all_waiting_at_once(history, ask, questions.items())
    assert answers == {"too many": "an error", **dict.fromkeys(range(4), expected)}
