"""Finds records without reading them all: an SQLite index of one history folder, a cache; the one home of SQLite."""

import errno
import hashlib
import os
import re
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from wenwen_magic.history.record_json import moment
from wenwen_magic.records import Generation

Result = TypeVar("Result")
WAIT = 30.0
"""Seconds to wait for another kernel that writes."""
VERSION = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    day TEXT NOT NULL, name TEXT NOT NULL, stamp TEXT NOT NULL, id TEXT NOT NULL, moment REAL NOT NULL,
    fingerprint TEXT NOT NULL, model TEXT NOT NULL, words TEXT NOT NULL,
    parent TEXT NOT NULL, demo INTEGER NOT NULL, drawn INTEGER NOT NULL, star INTEGER NOT NULL, UNIQUE (day, name));
CREATE INDEX IF NOT EXISTS by_moment ON records (moment, id);
CREATE INDEX IF NOT EXISTS by_fingerprint ON records (fingerprint, moment);
CREATE INDEX IF NOT EXISTS by_id ON records (id);
CREATE INDEX IF NOT EXISTS by_parent ON records (parent, moment) WHERE parent <> '';
CREATE TABLE IF NOT EXISTS days (day TEXT PRIMARY KEY, stamp TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Row:
    """What the index knows of one record.

    Args:
        day, name: the folder and the file of the record.
        stamp: what changes when the file does.
        id: the generation's; empty for a file that cannot be read.
        moment: when it was sent, seconds since 1970.
        fingerprint: of its request.
        model: as it was asked for, in lower case.
        words: all that a search looks through, in lower case.
        parent: the id of the generation it goes on from.
        demo: whether the demo drew it.
        drawn: whether it holds a picture.
        star: whether the user marked it.
    """

    day: str
    name: str
    stamp: str
    id: str = ""
    moment: float = 0.0
    fingerprint: str = ""
    model: str = ""
    words: str = ""
    parent: str = ""
    demo: bool = False
    drawn: bool = False
    star: bool = False


@dataclass(frozen=True)
class Wanted:
    """What a search is for; the empty one is for everything.

    Args:
        words: each must stand somewhere in prompt, answer, model or id; any piece of a word, in any letter case.
        model: a piece of the model's name.
        since, until: seconds since 1970; ``until`` is the first moment that is too late.
        star: only marked ones.
        failed: only those without a picture.
    """

    words: Sequence[str] = ()
    model: str = ""
    since: float | None = None
    until: float | None = None
    star: bool = False
    failed: bool = False


_NAMES = [field.name for field in fields(Row)]
_COLUMNS = ", ".join(_NAMES)
_PUT = f"INSERT OR REPLACE INTO records ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608  our own names


class Index:
    """The index of one folder.

    Args:
        file: where the database is; one that is damaged is made anew, one that cannot be written is replaced by one in
            memory.
    """

    def __init__(self, file: Path) -> None:
        self._file: Path | str = file
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, ...] = ()
        _ALL.add(self)
        self.born = 0
        """How often it was made anew: an answer from across that moment is not whole."""

    # -- rows ----------------------------------------------------------------------------------------------------------

    def put(self, rows: Iterable[Row], *, gone: Iterable[tuple[str, str]] = ()) -> None:
        """Note rows, in place of what was known of their files, and forget files (day, name) that are gone."""
        values = [_values(row) for row in rows]
        names = [(day, _bindable(name)) for day, name in gone]

        def work(line: sqlite3.Connection) -> None:
            line.executemany(_PUT, values)
            line.executemany("INSERT OR IGNORE INTO days VALUES (?, '')", {(row[0],) for row in values})
            line.executemany("DELETE FROM records WHERE day = ? AND name = ?", names)

        self._write(work)

    def stamps(self, day: str) -> dict[str, str]:
        """What is known of a day's files: stamp by name."""
        found = self._read("SELECT name, stamp FROM records WHERE day = ?", day)
        return {os.fsdecode(name): stamp for name, stamp in found}

    def unreadable(self) -> list[tuple[str, str, str]]:
        """The files (day, name, stamp) that were no records."""
        found = self._read("SELECT day, name, stamp FROM records WHERE id = '' ORDER BY day, name")
        return [(day, os.fsdecode(name), stamp) for day, name, stamp in found]

    def days(self) -> dict[str, str]:
        """The days that are known, and what their folder's stamp was when it was looked through; empty for unsure."""
        return dict(self._read("SELECT day, stamp FROM days"))

    def looked_through(self, day: str, stamp: str, *, born: int) -> None:
        """Note that a day's folder was looked through.

        Not in an index that was made anew since the look began: a mark without its rows would hide the records.

        Args:
            day: the folder.
            stamp: what it was when the look began; an empty one has it looked at again.
            born: how often the index was made anew when the look began.
        """

        def work(line: sqlite3.Connection) -> None:
            if self.born == born:
                line.execute("INSERT OR REPLACE INTO days VALUES (?, ?)", (day, stamp))

        self._write(work)

    def forget_day(self, day: str) -> None:
        """Forget a day's folder that is gone."""

        def work(line: sqlite3.Connection) -> None:
            line.execute("DELETE FROM records WHERE day = ?", (day,))
            line.execute("DELETE FROM days WHERE day = ?", (day,))

        self._write(work)

    # -- finding -------------------------------------------------------------------------------------------------------

    def of_request(self, fingerprint: str) -> list[Row]:
        """The rows of one request, oldest first."""
        return self._rows("WHERE fingerprint = ? AND id <> '' ORDER BY moment, id", fingerprint)

    def of_id(self, start: str, most: int = 2) -> list[Row]:
        """Rows whose id begins so."""
        return self._rows("WHERE id >= ? AND id < ? AND id <> '' LIMIT ?", folded(start), folded(start) + "g", most)

    def of_parent(self, id: str) -> list[Row]:
        """The rows that go on from one, oldest first."""
        return self._rows("WHERE parent = ? AND parent <> '' AND id <> '' ORDER BY moment, id", id)

    def count(self, wanted: Wanted) -> int:
        """How many rows are as wanted."""
        where, values = _where(wanted)
        return int(self._read(f"SELECT count(*) FROM records {where}", *values)[0][0])  # noqa: S608  values are bound

    def page(self, wanted: Wanted, *, count: int, skip: int = 0) -> list[Row]:
        """Rows as wanted, newest first."""
        where, values = _where(wanted)
        return self._rows(f"{where} ORDER BY moment DESC, id DESC LIMIT ? OFFSET ?", *values, count, skip)

    def all(self) -> list[tuple[str, str]]:
        """Day and name of every record, oldest first."""
        found = self._read("SELECT day, name FROM records WHERE id <> '' ORDER BY moment, id")
        return [(day, os.fsdecode(name)) for day, name in found]

    def _rows(self, end: str, *values: Any) -> list[Row]:
        found = self._read(f"SELECT {_COLUMNS} FROM records {end}", *values)  # noqa: S608  values are bound
        return [Row(line[0], os.fsdecode(line[1]), *line[2:-3], *map(bool, line[-3:])) for line in found]

    # -- the database --------------------------------------------------------------------------------------------------

    def _read(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._mending(lambda: self._open().execute(query, values).fetchall())

    def _write(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        def whole() -> None:
            with _transaction(self._open()) as line:
                work(line)

        self._mending(whole)

    def _mending(self, work: Callable[[], Result]) -> Result:
        """Do a piece of work; a damaged file is thrown away, one that cannot be used gives way to one in memory."""
        with self._lock:
            for again in (True, False):
                try:
                    return work()
                except sqlite3.Error as error:
                    moved = bool(self._opened) and self._opened != self._identity()
                    if again and (moved or _is_damage(error)):
                        self._renew(damaged=not moved)
                    else:
                        self._file = ":memory:"
                        self._renew()
            return work()

    def _renew(self, *, damaged: bool = False) -> None:
        """Begin anew; a damaged file is thrown away, one that somebody else has put in its place is not."""
        self._close()
        self.born += 1
        if damaged:
            with suppress(OSError):
                Path(self._file).unlink()

    def _open(self) -> sqlite3.Connection:
        """The connection of this process, to the file that is there now."""
        if self._connection is not None and self._opened != self._identity():
            self._renew()
        if self._connection is None:
            self._connection = _connect(self._file)
            self._opened = self._identity()
        return self._connection

    def _identity(self) -> tuple[int, ...]:
        """The file as such: one that was deleted under a connection would still answer."""
        try:
            found = self._file.stat() if isinstance(self._file, Path) else None
        except OSError:
            return (-1,)
        return (found.st_dev, found.st_ino) if found else (0,)

    def begin_in_child(self) -> None:
        """Begin anew in the child of a fork, where the parent's locks stay locked and its file is not to be closed."""
        _PARENTS.append(self._connection)
        self._lock, self._connection = threading.RLock(), None
        self.born += 1

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection, self._opened = None, ()


_ALL: weakref.WeakSet[Index] = weakref.WeakSet()
_PARENTS: list[sqlite3.Connection | None] = []
"""Kept for good: closing one of them in a child would undo what the parent is writing."""


def _begin_in_child() -> None:
    for one in list(_ALL):
        one.begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)


def place(cache: Path, folder: Path) -> Path:
    """Where the index of a folder is: by its real path, under the user's cache folder."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]
    return cache / "index" / f"{digest}-{VERSION}.sqlite"


def _connect(file: Path | str) -> sqlite3.Connection:
    if isinstance(file, Path):
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
    line = sqlite3.connect(file, timeout=WAIT, isolation_level=None, check_same_thread=False)
    # The plain rollback journal loses nothing among many kernels, nor on a network disk; after a power cut the records
    # themselves are on disk, and the index is made anew from them.
    line.execute("PRAGMA journal_mode = TRUNCATE")
    line.execute("PRAGMA synchronous = OFF")
    if not _is_ours(line):
        with _transaction(line):
            _make(line)
    return line


def _is_ours(line: sqlite3.Connection) -> bool:
    return bool(line.execute("PRAGMA user_version").fetchone()[0] == VERSION)


def _make(line: sqlite3.Connection) -> None:
    """Make the tables, in a transaction: another kernel may have made and filled them since somebody looked."""
    if _is_ours(line):
        return
    line.execute("DROP TABLE IF EXISTS records")
    line.execute("DROP TABLE IF EXISTS days")
    for statement in _SCHEMA.split(";"):
        line.execute(statement)
    line.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def _transaction(line: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A transaction that takes the right to write at once: one that takes it later can lose what it read."""
    line.execute("BEGIN IMMEDIATE")
    try:
        yield line
    except BaseException:
        with suppress(sqlite3.Error):
            line.execute("ROLLBACK")
        raise
    line.execute("COMMIT")


def _values(row: Row) -> tuple[Any, ...]:
    """A row's values; half a character, which the database has no word for, becomes a question mark."""
    return tuple(_bindable(value) if isinstance(value, str) else value for value in map(row.__getattribute__, _NAMES))


def _bindable(text: str) -> str | bytes:
    """A text as the database takes it; a file's name that is no text as its bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def folded(text: str) -> str:
    """A text as a search sees it; half a character is a question mark."""
    return text.casefold().encode("utf-8", "replace").decode()


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether the file holds something else than it should; else it cannot be used as it is, now or for us."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


def _where(wanted: Wanted) -> tuple[str, list[Any]]:
    tests: list[tuple[str, list[Any]]] = [("id <> ''", [])]
    tests += [("instr(words, ?)", [folded(word)]) for word in dict.fromkeys(wanted.words)]
    tests += [("instr(model, ?)", [folded(wanted.model)])] if wanted.model else []
    tests += [("moment >= ?", [wanted.since])] if wanted.since is not None else []
    tests += [("moment < ?", [wanted.until])] if wanted.until is not None else []
    tests += [("star", [])] if wanted.star else []
    tests += [("NOT drawn", [])] if wanted.failed else []
    return f"WHERE {_all([test for test, _ in tests])}", [value for _, values in tests for value in values]


def _all(tests: Sequence[str]) -> str:
    """All tests together, as a tree that is not deep: the database allows a depth of a thousand."""
    if len(tests) == 1:
        return tests[0]
    middle = len(tests) // 2
    return f"({_all(tests[:middle])} AND {_all(tests[middle:])})"


SETTLED = 2_000_000_000
"""Nanoseconds after which a folder's time of change is trusted; some file systems count in steps of two seconds."""
REST = 20
"""A folder that takes long to look through rests for so many times as long before it is looked through again."""
LONG = 0.05
"""Seconds of looking through that are long."""
MANY = 4000
"""Records that are new to the index after which a person is told that it takes a while."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LATEST = 2
_AT_ONCE = 200
_LONGEST_TEXT = 2000


def stamp_of(found: os.stat_result) -> str:
    """What changes when a file or folder does; a time alone may not: it can be set back, and clocks have a grain."""
    return f"{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}-{found.st_size}"


class Catalogue:
    """The index of one folder, kept in step.

    Args:
        folder: the history's.
        index: what is known of it.
        read: reads a record's file; None for one that is no record.
        clock: tells seconds; only differences count.
    """

    def __init__(
        self,
        folder: Path,
        index: Index,
        read: Callable[[Path], Generation | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._index, self._read, self._clock = folder, index, read, clock
        self._resting: dict[str, float] = {}
        self._read_so_far = 0
        self.when_long: Callable[[], None] | None = None
        self._born = -1

    def ask(self, question: Callable[[Index], Result]) -> Result:
        """The index's answer after it was brought in step; asked again when it had to be made anew meanwhile.

        Raises:
            OSError: a folder cannot be looked into.
        """
        while True:
            born = self._index.born
            self._bring_in_step()
            answer = question(self._index)
            if self._index.born == born:
                return answer

    def note(self, path: Path, stamp: str, generation: Generation) -> None:
        """Note a record that was just written or read."""
        self._index.put([row_of(path, stamp, generation)])

    def _bring_in_step(self) -> None:
        known, born = self._index.days(), self._index.born
        if self._born != born:  # it knows nothing yet; or what was written last before a power cut may be missing
            self._resting = {}
            known |= dict.fromkeys(sorted(known)[-_LATEST:], "")
        present = dict(_days(self._folder))
        for day, found in present.items():
            if known.get(day) != stamp_of(found):
                self._look_through(day, found)
        for day in known.keys() - present.keys():
            self._index.forget_day(day)
        self._try_again()
        self._born = born

    def doubt(self, day: str) -> None:
        """Look a day through again: what the index knows of it is not what was found."""
        self._index.looked_through(day, "", born=self._index.born)
        self._resting.pop(day, None)

    def _try_again(self) -> None:
        """Read what was no record once more when it has changed: it may have been copied half then."""
        for day, name, stamp in self._index.unreadable():
            path = self._folder / day / name
            with suppress(OSError):
                if (now := stamp_of(path.stat())) != stamp:
                    self._index.put([self._row(path, now)])

    def _look_through(self, day: str, folder: os.stat_result) -> None:
        """Bring a day in step; of one that rests only the names are looked at, so that no new record is missed."""
        began, born = self._clock(), self._index.born
        resting, known = self._resting.get(day, 0.0) > began, self._index.stamps(day)
        found = dict(_record_files(self._folder / day, known if resting else {}))
        if gone := [(day, name) for name in known.keys() - found.keys()]:
            self._index.put((), gone=gone)
        new = [(name, stamp) for name, stamp in found.items() if known.get(name) != stamp]
        for start in range(0, len(new), _AT_ONCE):  # prompts may be long, and days full
            part = new[start : start + _AT_ONCE]
            self._index.put([self._row(self._folder / day / name, stamp) for name, stamp in part])
            self._count(len(part))
        # A change within the grain of the file system's clock could be missed.
        settled = time.time_ns() - max(folder.st_mtime_ns, folder.st_ctime_ns) > SETTLED
        self._index.looked_through(day, stamp_of(folder) if settled and not resting else "", born=born)
        now = self._clock()
        if not resting:
            self._resting[day] = now + REST * (now - began) if now - began > LONG else 0.0

    def _count(self, read: int) -> None:
        """Say once that there is much to read, before a person wonders."""
        before, self._read_so_far = self._read_so_far, self._read_so_far + read
        if before < MANY <= self._read_so_far and self.when_long is not None:
            self.when_long()

    def _row(self, path: Path, stamp: str) -> Row:
        generation = self._read(path)
        return row_of(path, stamp, generation) if generation else Row(path.parent.name, path.name, stamp)


def row_of(path: Path, stamp: str, generation: Generation) -> Row:
    """What the index notes of a record."""
    request = generation.request
    said = (request.prompt, generation.prompt_sent, request.model, generation.model_reported, generation.id)
    return Row(
        day=path.parent.name,
        name=path.name,
        stamp=stamp,
        id=generation.id,
        moment=moment(generation.created).timestamp(),
        fingerprint=request.fingerprint,
        model=folded(request.model),
        words=folded("\n".join((*dict.fromkeys(said), generation.text[:_LONGEST_TEXT]))),
        parent=generation.parent,
        demo=generation.demo,
        drawn=generation.has_result,
        star=generation.star,
    )


def _days(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The days' folders."""
    for entry in _entries(folder, lambda name: bool(_DAY.fullmatch(name))):
        if (found := _found(entry)) and stat.S_ISDIR(found.st_mode):
            yield entry.name, found


def _record_files(day: Path, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The records' files and their stamps; one of those that are known is not looked at, which costs most."""
    for entry in _entries(day, lambda name: name.endswith(".json") and not name.startswith(".")):
        if entry.name in known:
            yield entry.name, known[entry.name]
        elif found := _found(entry):
            yield entry.name, stamp_of(found)


def _entries(folder: Path, wanted: Callable[[str], bool]) -> Iterator[os.DirEntry[str]]:
    """What a folder holds; one that has just gone holds nothing."""
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        yield from (entry for entry in entries if wanted(entry.name))


def _found(entry: os.DirEntry[str]) -> os.stat_result | None:
    """What stands under a name; a link to nowhere or to itself, and what has just gone, is nothing."""
    try:
        return entry.stat()
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ELOOP}:
            raise
        return None
