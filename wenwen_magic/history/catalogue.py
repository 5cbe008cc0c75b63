"""Keeps the index of a history folder in step with the records on disk, whoever wrote them."""

import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from wenwen_magic.history.index import Index, Row, folded
from wenwen_magic.history.record_json import moment
from wenwen_magic.records import Generation

Result = TypeVar("Result")
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
