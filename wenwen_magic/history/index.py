"""Find records without reading them all: an SQLite index of one history folder. SQLite is used here only.

The index is only a cache. Every question first brings it in step with the folder, whose files are the truth. After any
error of SQLite the file is deleted and made again; after a second one the index is kept in memory.
"""

import errno
import hashlib
import os
import re
import sqlite3
import stat
import threading
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from wenwen_magic.errors import HistoryError, WenwenError
from wenwen_magic.forks import after_fork
from wenwen_magic.records import Generation
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import replace_lone_surrogates

VERSION = 5
"""Part of the file's name: each version of the tables has a file of its own."""
WAIT = 2.0
"""Seconds to wait for another kernel that writes; after that, the index is kept in memory."""
MOST_WORDS = 500
"""Words of a search that are looked for; a query of SQLite may be a thousand terms deep."""
SETTLED = 2_000_000_000
"""Nanoseconds after which a folder's time of change is trusted; some file systems count in steps of two seconds."""
MANY = 4000
"""Records that are new to the index after which the user gets a message that it takes a while."""
REMEMBERED = 512
"""Records kept in memory, so that they are not read again while their files stay the same."""
_LONGEST_TEXT = 2000
_DAMAGE = (sqlite3.Error, UnicodeError, TypeError, ValueError, OverflowError)
"""What a damaged index raises: SQLite quotes the damage, in any bytes, and returns values of any type."""
_DAY = re.compile(rb"\d{4}-\d{2}-\d{2}")
NO_SLUG = "picture"
"""What the name of a record's file begins with where its prompt has no letters, or was left out."""
_NAMED = re.compile(r"([\w-]+)-[0-9a-f]{8}\.json")
# A power cut may lose what was written last, so the latest days are looked through again by every kernel that starts.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    day TEXT NOT NULL, name BLOB NOT NULL, stamp TEXT NOT NULL, id TEXT NOT NULL, moment REAL NOT NULL,
    fingerprint TEXT NOT NULL, parent TEXT NOT NULL, model TEXT NOT NULL, words TEXT NOT NULL,
    tags TEXT NOT NULL, star INTEGER NOT NULL, drawn INTEGER NOT NULL, demo INTEGER NOT NULL, PRIMARY KEY (day, name));
CREATE INDEX IF NOT EXISTS by_moment ON records (moment, id);
CREATE INDEX IF NOT EXISTS by_fingerprint ON records (fingerprint, moment);
CREATE INDEX IF NOT EXISTS by_id ON records (id);
CREATE INDEX IF NOT EXISTS by_parent ON records (parent, moment) WHERE parent <> '';
CREATE INDEX IF NOT EXISTS tagged ON records (moment, id) WHERE tags <> '';
CREATE INDEX IF NOT EXISTS starred ON records (moment, id) WHERE star = 1;
CREATE INDEX IF NOT EXISTS failed ON records (moment, id) WHERE drawn = 0;
CREATE INDEX IF NOT EXISTS demos ON records (moment, id) WHERE demo = 1;
CREATE INDEX IF NOT EXISTS paid ON records (moment, id) WHERE drawn = 1 AND demo = 0;
CREATE TABLE IF NOT EXISTS days (day TEXT PRIMARY KEY, stamp TEXT NOT NULL);
UPDATE days SET stamp = '' WHERE day IN (SELECT day FROM days ORDER BY day DESC LIMIT 2)"""
_PUT = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Wanted:
    """Describe the records that a search is for; the empty one is for all.

    Args:
        words: each must occur somewhere in prompt, answer, model or id; any piece of a word, in any letter case.
        model: a piece of the model's name.
        since, until: seconds since 1970; ``until`` is the first moment that is too late.
        star: only starred ones.
        failed: only those without a picture.
        drawn: only those with one.
        demo: whether the demo drew them; None for either.
        tag: only those with this tag, in any letter case.
        fingerprint: of the request.
        id: the first digits of the generation's id.
        parent: the id of the generation that it continues.
        slug: what the name of a file begins with that holds the fingerprint; empty for unknown.
    """

    words: Sequence[str] = ()
    model: str = ""
    since: float | None = None
    until: float | None = None
    star: bool = False
    failed: bool = False
    drawn: bool = False
    demo: bool | None = None
    tag: str = ""
    fingerprint: str = ""
    id: str = ""
    parent: str = ""
    slug: str = ""

    def names(self, generation: Generation) -> bool:
        """Tell whether a generation has the wanted fingerprint, id and parent; other conditions are not checked."""
        return (
            self.fingerprint in {"", generation.request.fingerprint}
            and generation.id.startswith(self.id)
            and self.parent in {"", generation.request.parent}
        )

    @property
    def lasting(self) -> bool:
        """Whether what is wanted never changes in a record, so that those that are known need no further look."""
        passing = self.words or self.star or self.failed or self.drawn or self.demo is not None or self.tag
        return bool(self.fingerprint or self.id or self.parent) and not passing

    def may_be_in(self, path: Path) -> bool:
        """Tell whether a record that cannot be read may be one that is wanted, by the name of its file."""
        if not self.fingerprint:
            return bool(self.id and f"-{self.id}" in path.name)
        named = _NAMED.fullmatch(unicodedata.normalize("NFC", path.name))
        return not (named and self.slug) or named[1] in {self.slug, NO_SLUG}

    def sql(self) -> tuple[str, list[Any]]:
        """Return the condition of a query, and its values."""
        tag = self.tag.strip("#＃")  # as it is shown under a picture
        tests: list[tuple[str, Any]] = [
            *(("instr(words, ?)", word.casefold()) for word in [*dict.fromkeys(self.words)][:MOST_WORDS]),
            ("instr(model, ?)", self.model.casefold()),
            ("tags <> '' AND instr(tags, ?)", tag and f"\n{tag.casefold()}\n"),
            ("moment >= ?", self.since),
            ("moment < ?", self.until),
            ("fingerprint = ?", self.fingerprint),
            ("id >= ?", self.id),
            ("id < ?", self.id and self.id + "g"),
            ("parent = ? AND parent <> ''", self.parent),
        ]
        tests = [(test, value) for test, value in tests if value not in {"", None}]
        flags = {  # written as in the schema: then its indexes answer
            "id <> ''": True,  # a file that is not a record has no id
            "star = 1": self.star,
            "drawn = 0": self.failed,
            "drawn = 1": self.drawn,
            "demo = 1": self.demo is True,
            "demo = 0": self.demo is False,
        }
        where = [flag for flag, is_wanted in flags.items() if is_wanted] + [test for test, _value in tests]
        return " AND ".join(where), [value for _test, value in tests]


class _Day(NamedTuple):
    """Describe a day's folder: its stamp in the index, and its status before its files are looked through."""

    name: str
    known_stamp: str | None
    folder: os.stat_result | None


@dataclass(frozen=True)
class _Look:
    """Hold what the last look at a day's folder found, while the folder goes on changing.

    Args:
        version: of the index then; another kernel's writing changes it.
        stamps: of the files that are in the index, by their names.
        done: the names that need no second look: of records that are in the index, and of other files.
    """

    version: int
    stamps: dict[bytes, str]
    done: set[bytes]


@dataclass(eq=False)
class _Question:
    """Hold a query that a thread waits for, ``quick`` as for :meth:`Index._look_through`, and its rows once known."""

    query: str
    values: Sequence[Any]
    quick: bool
    rows: list[Any] | None = None


class Index:
    """The index of one history folder; threads, kernels and forks may share its file.

    Args:
        folder: the history's.
        cache: the package's folder in the user's cache.
        decode: reads a record's file; raises OSError, ValueError or WenwenError for one that is not a record.
    """

    def __init__(self, folder: Path, cache: Path, decode: Callable[[Path], Generation]) -> None:
        self._folder = folder
        self._decoded = lru_cache(REMEMBERED)(lambda path, _stamp: decode(path))  # the stamp is part of the key
        self._file: Path | None = place(cache, folder)
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._waiting: deque[_Question] = deque()
        self._inherited: list[sqlite3.Connection | None] = []
        self._doubted: set[str] = set()
        self._unread: dict[Path, OSError] = {}
        self._looks: dict[str, _Look] = {}
        self._read_so_far = 0
        self.when_long: Callable[[], None] = lambda: None
        """Called once when many records are new to the index."""
        after_fork(self._renew)

    def _renew(self) -> None:
        self._inherited.append(self._connection)  # kept for good: closing it would undo what the parent is writing
        self._connection, self._lock = None, threading.RLock()
        self._waiting = deque()

    # -- questions: all raise HistoryError when a folder cannot be read ------------------------------------------------

    def records(
        self, wanted: Wanted, *, count: int = -1, skip: int = 0, oldest_first: bool = False, partial: bool = False
    ) -> list[Generation]:
        """Return records, newest first, as their files are now; a day that the index is wrong about is read again once.

        Args:
            wanted: which ones.
            count: how many at most; -1 for all.
            skip: how many to pass over.
            oldest_first: the other order.
            partial: pass over a record that may be wanted and cannot be read now, where that would be an error.
        """
        rows: dict[Path, Generation | None] = {}
        for attempt in range(2):
            unread: dict[Path, OSError] = {}
            paths = self._paths(wanted, count, skip, oldest_first=oldest_first, quick=wanted.lasting and not attempt)
            rows = {path: self._read(path, unread=unread) for path in paths}
            for path, error in {**self._unread, **unread}.items():
                known = path in unread and wanted.fingerprint  # the index has read it once
                if not partial and (known or wanted.may_be_in(path)):
                    raise _record_unread(path, error)
            wrong = [path for path, row in rows.items() if row is None or not wanted.names(row)]
            if not wrong:
                break
            self._doubted.update(path.parent.name for path in wrong)
        return [row for row in rows.values() if row and wanted.names(row)]

    def record(self, path: Path) -> Generation | None:
        """Return the record in a file; None where none can be read."""
        return self._read(path, unread={})

    def all(self) -> Iterator[Generation]:
        """Return all records, oldest first, read one at a time."""
        return filter(None, (self._read(path, unread={}) for path in self._paths(Wanted(), oldest_first=True)))

    def count(self, wanted: Wanted) -> int:
        """Return how many records there are."""
        where, values = wanted.sql()
        [(number,)] = self._ask(f"SELECT count(*) FROM records WHERE {where}", *values)  # noqa: S608  bound
        return int(number)

    def counts(self, fingerprints: Iterable[str]) -> dict[str, int]:
        """Return how many records there are of each of these requests that has any, by its fingerprint."""
        asked = list(dict.fromkeys(fingerprints))
        places = ", ".join("?" * len(asked))
        query = f"SELECT fingerprint, count(*) FROM records WHERE fingerprint IN ({places}) GROUP BY 1"  # noqa: S608
        return dict(self._ask(query, *asked, quick=True))  # a record's fingerprint never changes

    @property
    def is_unsure(self) -> bool:
        """Whether there is a record that could not be read at the last question, and may be of any request."""
        return bool(self._unread)

    def unreadable(self) -> list[str]:
        """Return the names of the files that are not records, or cannot be read now."""
        rows = self._ask("SELECT name FROM records WHERE id = '' ORDER BY day, name")
        return [*(os.fsdecode(name) for (name,) in rows), *sorted(path.name for path in self._unread)]

    def _paths(
        self, wanted: Wanted, count: int = -1, skip: int = 0, *, oldest_first: bool, quick: bool = False
    ) -> list[Path]:
        where, values = wanted.sql()
        order = "moment, id" if oldest_first else "moment DESC, id DESC"
        query = f"SELECT day, name FROM records WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608  bound
        rows = self._ask(query, *values, count, skip, quick=quick)
        return [self._folder / day / os.fsdecode(name) for day, name in rows]

    def _read(self, path: Path, stamp: str = "", *, unread: dict[Path, OSError]) -> Generation | None:
        """Return the record in a file; None for a damaged or foreign file, which is never written over.

        ``unread`` gets the error of a file that cannot be read now: it may be a valid record.
        """
        try:
            return self._decoded(path, stamp or stamp_of(path.stat()))
        except (FileNotFoundError, IsADirectoryError, ValueError, WenwenError):
            return None
        except OSError as error:
            if not os.path.isdir(path):  # noqa: PTH112  pathlib raises what the disk says; Windows denies a folder
                unread[path] = error
            return None

    # -- the database --------------------------------------------------------------------------------------------------

    def _ask(self, query: str, *values: Any, quick: bool = False) -> list[Any]:
        """Bring the index in step, and return the rows of a query; ``quick`` as for :meth:`_look_through`.

        The thread that has the lock answers all questions that wait for it: one look through the folder serves them.
        """
        mine = _Question(query, values, quick)
        self._waiting.append(mine)
        try:
            with self._lock:
                if mine.rows is not None:
                    return mine.rows
                waiting = [self._waiting.popleft() for _number in range(len(self._waiting))]
                questions = [mine, *(one for one in waiting if one is not mine)]
                try:
                    return self._answer(questions)
                except _DAMAGE as error:
                    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:  # the file is another kernel's, and in use
                        self._use_memory()
                    self._close()
                    if self._file and self._opened == self._identity():  # another kernel may have made a new one
                        with suppress(OSError):
                            self._file.unlink()
                try:
                    return self._answer([mine])
                except _DAMAGE:
                    self._use_memory()
                return self._answer([mine])
        except (OSError, *_DAMAGE) as error:
            raise unreadable(self._folder, error) from None

    def _answer(self, questions: Sequence["_Question"]) -> list[Any]:
        """Answer in the same transaction that finds the index in step, or brings it there; return the first's rows."""
        connection, quick = self._connected(), all(question.quick for question in questions)
        with connection:
            connection.execute("BEGIN")
            changed = self._changed_days(connection)
            self._refuse_deleted()
            if not changed:
                return _rows(connection, questions)
        rows: list[Any] = []
        for day in changed:
            with connection:
                look = self._look_through(connection, day, quick=quick)
                rows = _rows(connection, questions) if day is changed[-1] else rows
            self._looks.update(look)  # behind the end of the transaction: the index has what it holds
        return rows

    def _refuse_deleted(self) -> None:
        """Refuse a file that is deleted by now; to be called in a transaction, which keeps the file as it is.

        Before one, SQLite may undo what the file holds: where it was deleted, and another kernel writes to a new one,
        that kernel's journal looks like a write to this file that was broken off.

        Raises:
            sqlite3.DatabaseError: the file was deleted.
        """
        if self._opened != self._identity():
            raise sqlite3.DatabaseError("the index was deleted")

    def _use_memory(self) -> None:
        self._close()
        self._file = None

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _connected(self) -> sqlite3.Connection:
        """Return the connection to the file that is there now; one that was deleted would still answer."""
        if self._connection is not None and self._opened != self._identity():
            self._close()
        if self._connection is None:
            if self._file:
                with suppress(OSError):
                    self._file.parent.mkdir(parents=True, exist_ok=True)
                    self._file.touch()
            self._looks.clear()
            self._opened = self._identity()  # before it is opened: a file that takes its place is another one
            connection = self._connection = sqlite3.connect(
                self._file or ":memory:", timeout=WAIT, isolation_level=None, check_same_thread=False
            )
            # The plain rollback journal loses nothing among many kernels, nor on a network disk; and no call waits
            # for the disk, where the records are already.
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = OFF")
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
        return self._connection

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat() if self._file else None
        except OSError:
            return None
        return (status.st_dev, status.st_ino) if status else None

    # -- in step with the folder ---------------------------------------------------------------------------------------

    def _changed_days(self, connection: sqlite3.Connection) -> list[_Day]:
        """Return the days that have to be looked through, those that are gone included."""
        rows = connection.execute(
            "SELECT day, NULL, stamp FROM days UNION ALL SELECT day, name, stamp FROM records WHERE id = ''"
        ).fetchall()
        known = {day: stamp for day, name, stamp in rows if name is None}
        # What was not a record may have been copied by half: filled, it does not change its folder.
        filled = {day for day, name, stamp in rows if name is not None and self._stamp(day, name) != stamp}
        doubted, self._doubted = self._doubted | filled, set()
        days = map(os.fsdecode, filter(_DAY.fullmatch, _names(self._folder)))
        found = {day: _status(self._folder / day) for day in days}
        present = {day: status for day, status in found.items() if status and stat.S_ISDIR(status.st_mode)}
        all_days = [_Day(day, known.get(day), present.get(day)) for day in {**known, **present}]
        return [
            day for day in all_days if not day.folder or day.name in doubted or day.known_stamp != stamp_of(day.folder)
        ]

    def _stamp(self, day: str, name: bytes) -> str:
        try:
            return stamp_of((self._folder / day / os.fsdecode(name)).stat())
        except OSError:
            return ""

    def _look_through(self, connection: sqlite3.Connection, day: _Day, *, quick: bool) -> dict[str, _Look]:
        """Bring a day in step, in a transaction that this begins: another kernel may look through the same day.

        With ``quick``, look only for new and missing files where the folder has just changed, as it does all the time
        while many pictures are drawn; the day is looked through again at the next question.

        Returns:
            What was found, by the day's name, while its folder goes on changing; else nothing.
        """
        # The right to write is taken at once: taken later, what was read may not be true any more.
        connection.execute("BEGIN IMMEDIATE")
        self._refuse_deleted()
        settled = not day.folder or time.time_ns() - max(day.folder.st_mtime_ns, day.folder.st_ctime_ns) > SETTLED
        look = self._look_before(connection, day.name)
        folder = self._folder / day.name
        files = _names(folder) if day.folder else set()
        self._unread = {path: error for path, error in self._unread.items() if path.parent != folder}
        gone = look.stamps.keys() - files
        for name in files - (look.done if quick and not settled else set()):
            if not name.endswith(b".json") or name.startswith(b"."):
                look.done.add(name)
            elif not self._put(connection, folder / os.fsdecode(name), look):
                gone.add(name)
        connection.executemany("DELETE FROM records WHERE day = ? AND name = ?", [(day.name, name) for name in gone])
        for name in gone:
            look.stamps.pop(name, None)
        look.done.difference_update(gone)
        if day.folder is None:
            connection.execute("DELETE FROM days WHERE day = ?", (day.name,))
            return {}
        whole = settled and all(path.parent != folder for path in self._unread)
        stamp = stamp_of(day.folder) if whole else ""  # a change within the grain of the clock could be missed
        if stamp != day.known_stamp:
            connection.execute("INSERT OR REPLACE INTO days VALUES (?, ?)", (day.name, stamp))
        return {} if settled else {day.name: look}

    def _look_before(self, connection: sqlite3.Connection, day: str) -> _Look:
        """Return what the last look at a day's folder found, where no other kernel wrote since; else what is known."""
        look = self._looks.pop(day, None)  # where this look fails, it may not be what the index has
        [(version,)] = connection.execute("PRAGMA data_version")
        if look and look.version == version:
            return look
        rows = connection.execute("SELECT name, stamp, id FROM records WHERE day = ?", (day,)).fetchall()
        stamps = {name: stamp for name, stamp, _id in rows}
        return _Look(version, stamps, {name for name, _stamp, record_id in rows if record_id})

    def _put(self, connection: sqlite3.Connection, path: Path, look: _Look) -> bool:
        """Put what may be a record into the index, where it is new or changed; tell whether the file is still there."""
        name = os.fsencode(path.name)
        try:
            status = _status(path)
        except OSError as error:
            self._unread[path] = error
            return True
        if status is None:
            return False
        if look.stamps.get(name) != (stamp := stamp_of(status)):
            record = self._read(path, stamp, unread=self._unread)
            if path in self._unread:  # it is read at the next question
                return True
            _execute(connection, _PUT, _row(path, stamp, record))
            look.stamps[name] = stamp
            (look.done.add if record else look.done.discard)(name)
            self._read_so_far += 1
            if self._read_so_far == MANY:
                self.when_long()
        return True


def unreadable(folder: Path, error: Exception) -> HistoryError:
    """Make the error for a history folder that cannot be read.

    Args:
        folder: the history's.
        error: what the system said, with the name of the file or folder where it knows it.
    """
    name = Path(os.fsdecode(getattr(error, "filename", None) or folder)).name
    return HistoryError(
        _("The history folder cannot be read."),
        why=f"{getattr(error, 'strerror', None) or error}: {name}",
        do=_("Make it readable, or set another folder: history"),
    )


def _record_unread(path: Path, error: OSError) -> HistoryError:
    return HistoryError(
        _("A record of the history cannot be read now."),
        why=f"{error.strerror or error}: {path.parent.name}/{path.name}",
        do=_(
            "It may hold the picture. Run the cell again; if that does not help, make the file readable or move it. "
            "--fresh draws a new picture all the same."
        ),
    )


def place(cache: Path, folder: Path) -> Path:
    """Return the file of a folder's index, by the folder's real path, in the package's folder of the user's cache."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]
    return cache / "index" / f"{digest}-{VERSION}.sqlite"


def stamp_of(status: os.stat_result) -> str:
    """Return a text that changes when a file or folder does; its time alone may not: clocks are set back or coarse."""
    return f"{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}-{status.st_size}"


def _row(path: Path, stamp: str, generation: Generation | None) -> tuple[Any, ...]:
    """Return a record's row; the file's name is kept as bytes, as it may not be valid text."""
    key = (path.parent.name, os.fsencode(path.name), stamp)
    if generation is None:
        return (*key, "", 0.0, "", "", "", "", "", False, False, False)
    request = generation.request
    tags = "\n".join(generation.tags).casefold()
    said = (request.prompt, generation.prompt_sent, request.model, generation.model_reported, generation.id)
    return (
        *key,
        generation.id,
        datetime.fromisoformat(generation.created).timestamp(),
        request.fingerprint,
        request.parent,
        request.model.casefold(),
        "\n".join((*dict.fromkeys(said), tags, generation.text[:_LONGEST_TEXT])).casefold(),
        f"\n{tags}\n" if tags else "",
        generation.star,
        generation.has_result,
        generation.demo,
    )


def _rows(connection: sqlite3.Connection, questions: Sequence[_Question]) -> list[Any]:
    """Answer questions; return the first's rows."""
    found = [_execute(connection, question.query, question.values) for question in questions]
    for question, rows in zip(questions, found, strict=True):
        question.rows = rows
    return found[0]


def _execute(connection: sqlite3.Connection, statement: str, values: Sequence[Any]) -> list[Any]:
    """Run a statement and return its rows; half characters in its values, which SQLite cannot hold, are replaced."""
    try:
        return connection.execute(statement, values).fetchall()
    except UnicodeEncodeError:
        valid = [replace_lone_surrogates(value) if isinstance(value, str) else value for value in values]
        return connection.execute(statement, valid).fetchall()


def _names(folder: Path) -> set[bytes]:
    """Return the names of what a folder holds, as bytes: they may be no valid text."""
    with suppress(FileNotFoundError):
        return set(os.listdir(os.fsencode(folder)))  # noqa: PTH208  as bytes
    return set()


def _status(path: Path) -> os.stat_result | None:
    """Return the status of what a folder holds; None for a dead link and for what has just been deleted."""
    try:
        return path.stat()
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP}:
            return None
        raise
