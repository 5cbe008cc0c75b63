"""The index is only a cache: whatever becomes of its file, every question gets the answer that the records give."""

import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from wenwen_magic.history import index
from wenwen_magic.history import index as catalogue
from wenwen_magic.history.index import Index, Row
from wenwen_magic.history.record_json import decode, encode, moment
from wenwen_magic.history.store import History
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest

IDS = itertools.count(1)
TIMES = itertools.count(10**18, 10**12)


def made(prompt="cat", *, day="2026-01-01", id=None, **more):
    drawn = GeneratedImage(Path("x-1.png"), "image/png", 3, 2, size=1, sha256="0" * 64)
    one = Generation(id or f"{next(IDS):08x}", ImageRequest(prompt), prompt, "complete", f"{day}T12:00:00.000+00:00")
    return replace(one, **{"pictures": (drawn,), "charged": "yes", **more})


def planted(folder, prompt="cat", *, day="2026-01-01", name="", **more):
    """A record that somebody copied into the folder; its file."""
    one = made(prompt, day=day, **more)
    path = folder / day / (name or f"x-{one.id}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(one))
    return path


def later(folder):
    """Some time has passed: no two changes before and after it are within one tick of the file system's clock."""
    for day in sorted(folder.iterdir()):
        os.utime(day, ns=(next(TIMES),) * 2)


def print_of(prompt):
    return ImageRequest(prompt).fingerprint


def takes(history, prompt):
    return [one.id for one in history.takes(print_of(prompt))]


def true(folder):
    """All records, oldest first, read without any index."""
    read = []
    for path in folder.glob("????-??-??/*.json"):
        try:
            read.append(decode(path.read_bytes(), path.parent, None))
        except (ValueError, OSError):
            continue
    return sorted(read, key=lambda one: (moment(one.created), one.id))


def agrees(history):
    """Whether every question gets the answer that the records give."""
    records = true(history.folder)
    ids = [one.id for one in records]
    assert [one.id for one in history.all()] == ids
    assert [one.id for one in history.recent(len(ids) + 9)] == ids[::-1]
    assert (history.count(), history.page("", 1, 2).total) == (len(ids), len(ids))
    for one in records:
        asked = one.request.fingerprint
        assert [take.id for take in history.takes(asked)] == [x.id for x in records if x.request.fingerprint == asked]
        assert history.find(one.id).id == one.id
        assert ids.count(one.id) > 1 or history.get(one.id).request == history.find(one.id).request == one.request
    return len(ids)


@pytest.fixture
def trusted(monkeypatch):
    """Every folder's time of change is trusted at once; with :func:`later` between changes, nobody has to wait."""
    monkeypatch.setattr(catalogue, "SETTLED", -(10**30))


@pytest.fixture
def folder(tmp_path, trusted):
    for number in range(1, 7):
        planted(tmp_path / "w", f"prompt {number}", day=f"2026-01-0{number}")
        planted(tmp_path / "w", "fox", day=f"2026-01-0{number}")
    later(tmp_path / "w")
    return tmp_path / "w"


def file_of(folder):
    return index.place(Path(os.environ["XDG_CACHE_HOME"]) / "wenwen_magic", folder)


def test_the_index_is_in_the_users_cache_folder_and_not_among_the_records(folder):
    assert agrees(History(folder)) == 12
    assert file_of(folder).is_file()
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json"}


# Whatever becomes of the file


def foreign(file, version=0, name="records"):
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as line:
        line.execute(f"CREATE TABLE {name} (x TEXT, id INTEGER)")
        line.execute(f"INSERT INTO {name} VALUES ('a', 1)")
        line.execute(f"PRAGMA user_version = {version}")
    line.close()


def versioned(file, version):
    with sqlite3.connect(file) as line:
        line.execute(f"PRAGMA user_version = {version}")
    line.close()


def overwritten(file, start, data):
    with file.open("r+b") as out:
        out.seek(start)
        out.write(data)


def folder_instead(file):
    file.unlink(missing_ok=True)
    (file / "inner").mkdir(parents=True)


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
    "another program's of this version": lambda file: foreign(file, index.VERSION),
    "another program's with other tables": lambda file: foreign(file, index.VERSION, "things"),
    "of an older version": lambda file: versioned(file, index.VERSION - 1),
    "of a newer version": lambda file: versioned(file, index.VERSION + 1),
    "a folder": folder_instead,
    "beside a journal of garbage": lambda file: Path(f"{file}-journal").write_bytes(b"\xd9\xd5\x05\xf9" * 999),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_index_changes_no_answer_of_a_kernel_that_starts(damage, folder):
    agrees(History(folder))
    damage(file_of(folder))
    history = History(folder)
    assert agrees(history) == 12
    history.begin(ImageRequest("fox"), prompt_sent="fox", endpoint="https://a.example")
    planted(folder, "fox", day="2026-01-03")
    later(folder)
    assert [agrees(one) for one in (history, History(folder))] == [14, 14]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_an_index_damaged_while_it_is_used_changes_no_answer(damage, folder):
    history, second = History(folder), History(folder)
    assert [agrees(history), agrees(second)] == [12, 12]
    damage(file_of(folder))
    assert [agrees(history), agrees(second)] == [12, 12]
    history.begin(ImageRequest("fox"), prompt_sent="fox", endpoint="https://a.example")
    planted(folder, "fox", day="2026-01-03")
    later(folder)
    assert [agrees(one) for one in (history, second, History(folder))] == [14, 14, 14]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_an_index_damaged_just_before_a_record_is_saved_does_not_lose_it(damage, folder):
    history = History(folder)
    agrees(history)
    damage(file_of(folder))
    saved = history.begin(ImageRequest("bear"), prompt_sent="bear", endpoint="https://a.example")
    assert [takes(history, "bear"), takes(History(folder), "bear")] == [[saved.id], [saved.id]]
    assert agrees(history) == 13


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


@pytest.mark.parametrize("limit", ["query_only = ON", *(f"max_page_count = {pages}" for pages in (5, 7, 9))])
def test_a_read_only_file_or_a_full_disk_changes_no_answer(limit, folder, monkeypatch):
    connect = index._connect

    def limited(file):
        line = connect(file)
        line.execute(f"PRAGMA {limit}") if file != ":memory:" else None
        return line

    monkeypatch.setattr(index, "_connect", limited)
    history = History(folder)
    assert agrees(history) == 12
    for number in range(30):
        planted(folder, f"fox {number} " + "x" * 900, day=f"2026-02-{1 + number % 28:02}")
    later(folder)
    assert agrees(history) == 42
    history.begin(ImageRequest("fox"), prompt_sent="fox", endpoint="https://a.example")
    assert [agrees(history), agrees(History(folder))] == [43, 43]


class Faulty:
    """A connection, one statement of which fails, or the file goes before it; counted over all connections."""

    def __init__(self, line, script):
        self._line, self._script = line, script

    def _do(self, name, *values):
        number = next(self._script["count"])
        if number == self._script["at"]:
            if self._script["error"]:
                raise self._script["error"]
            self._script["file"].unlink(missing_ok=True)
        return getattr(self._line, name)(*values)

    def execute(self, *values):
        return self._do("execute", *values)

    def executemany(self, *values):
        return self._do("executemany", *values)

    def close(self):
        self._line.close()


FAULTS = {
    "disk I/O error": sqlite3.OperationalError("disk I/O error"),
    "malformed": sqlite3.DatabaseError("malformed"),
    "gone": None,
}


def faulty(folder, monkeypatch, at, fault):
    """From now on a statement of some connection fails, or the file goes before it; its number counts from here."""
    connect, script = (
        index._connect,
        {"count": itertools.count(), "at": at, "error": FAULTS[fault], "file": file_of(folder)},
    )
    monkeypatch.setattr(index, "_connect", lambda file: Faulty(connect(file), script))
    return script


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", range(24))
def test_a_fault_at_any_statement_changes_no_answer(at, fault, folder, monkeypatch):
    faulty(folder, monkeypatch, at, fault)
    history = History(folder)
    assert history.count() == 12
    assert agrees(history) == 12
    assert [History(folder).count(), history.count()] == [12, 12]


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", range(10))
def test_a_fault_while_a_changed_day_is_looked_through_changes_no_answer(at, fault, folder, monkeypatch):
    """What is new in a day, in an index that was made anew meanwhile, is not all of it."""
    script = faulty(folder, monkeypatch, -1, fault)
    history = History(folder)
    assert agrees(history) == 12
    planted(folder, "bear", day="2026-01-02")
    later(folder)
    script |= {"count": itertools.count(), "at": at}
    assert history.count() == 13
    assert [agrees(history), agrees(History(folder))] == [13, 13]


HOLDER = """
import sqlite3, sys
line = sqlite3.connect(sys.argv[1], isolation_level=None)
line.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("opened", [False, True])
def test_an_index_that_another_program_holds_locked_changes_no_answer(opened, folder, monkeypatch):
    monkeypatch.setattr(index, "WAIT", 0.05)
    history = History(folder)
    (history if opened else History(folder)).count()
    command = [sys.executable, "-c", HOLDER, str(file_of(folder))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        assert agrees(history) == 12
        saved = history.begin(ImageRequest("bear"), prompt_sent="bear", endpoint="https://a.example")
        assert takes(history, "bear") == [saved.id]
        holder.communicate("", timeout=30)
    assert [agrees(history), agrees(History(folder))] == [13, 13]


@pytest.mark.parametrize("version", [index.VERSION - 1, index.VERSION + 1])
def test_rows_that_another_version_wrote_are_not_believed(version, folder):
    agrees(History(folder))
    Index(file_of(folder)).put([Row("2026-01-01", "old.json", "1-1-1", "ffffffff", 1.0, print_of("fox"))])
    versioned(file_of(folder), version)
    assert agrees(History(folder)) == 12


def test_two_kernels_that_make_the_index_at_one_moment_keep_each_others_rows(folder, monkeypatch):
    """One sees that there are no tables yet; until it may write, the other has made them and filled them."""
    row, real = Row("2026-01-01", "a.json", "1-1-1", "ffffffff", 1.0, print_of("fox")), index._transaction

    def late(line):
        monkeypatch.setattr(index, "_transaction", real)
        other.put([row])
        return real(line)

    other = Index(file_of(folder))
    monkeypatch.setattr(index, "_transaction", late)
    assert Index(file_of(folder)).of_request(row.fingerprint) == other.of_request(row.fingerprint) == [row]


def test_every_index_has_its_place_by_the_folders_real_path(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    places = [index.place(tmp_path, tmp_path / name) for name in ("a", "b", "link", "b/../a", "a/a")]
    assert places[0] == places[2] == places[3]
    assert len(set(places)) == 3
