"""Keeps every request and all that came of it as files: pictures as they came, and one JSON record each."""

import json
import os
import re
import secrets
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_cache_path

from wenwen_magic.errors import HistoryError, WenwenError
from wenwen_magic.history import index
from wenwen_magic.history.atomic import sync_folder, write_whole
from wenwen_magic.history.index import Catalogue, Index, Row, Wanted, stamp_of
from wenwen_magic.history.record_json import decode, encode
from wenwen_magic.protocol import HttpReply
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.text.i18n import _


def keep(reply: HttpReply, path: Path) -> HttpReply:
    """The same reply, whose body is written to disk as it is read; whole, it survives the kernel.

    A disk that is full does not stop the reading: the answer in hand is worth more than its copy.

    Args:
        reply: as it comes; its chunks are read once.
        path: the copy's name once it is whole; until then, and for a body that breaks off, ``.part`` is added.
    """
    head = {"status": reply.status, "content_type": reply.content_type, "demo": reply.demo}
    return replace(reply, chunks=_kept(reply, json.dumps(head).encode(), path))


def read(path: Path) -> HttpReply | None:
    """The whole raw reply that was kept under a name; None when there is none."""
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline(65_536))
        return HttpReply(int(head["status"]), str(head["content_type"]), _body_of(path), demo=bool(head["demo"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _kept(reply: HttpReply, head: bytes, path: Path) -> Iterator[bytes]:
    part = path.with_name(path.name + ".part")
    try:
        file = part.open("wb", buffering=0)
        file.write(head + b"\n")
    except OSError:
        yield from reply.chunks
        return
    whole = True
    try:
        for chunk in reply.chunks:
            whole = whole and _written(file, chunk)
            yield chunk
    finally:  # a body that breaks off is kept as far as it came
        _settle(file, part, path if whole else part)


def _settle(file: Any, part: Path, path: Path) -> None:
    """Make a copy last under its name; a disk that refuses must not stand before the answer."""
    with suppress(OSError), file:
        os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)


def _written(file: Any, chunk: bytes) -> bool:
    try:
        return bool(file.write(chunk) == len(chunk))
    except OSError:
        return False


def _body_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.readline()
        while piece := file.read(1 << 20):
            yield piece


Result = TypeVar("Result")
REMEMBERED = 512
"""Records kept in memory, so that they are not read again while their files stay the same."""
MOST_WORDS = 1000
"""Words of a search that are looked for."""
_SLUG_LENGTH = 24


def slug(prompt: str) -> str:
    """A short piece of a prompt that is safe in a file name on every system; Chinese stays Chinese."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", prompt).replace("_", " "))
    return "-".join(words)[:_SLUG_LENGTH].strip("-").lower() or "picture"


@dataclass(frozen=True)
class Page:
    """One page of a search.

    Args:
        rows: the generations on it, newest first.
        total: how many there are on all pages.
        number: which page it is, from 1.
        size: how many a full page has.
    """

    rows: tuple[Generation, ...]
    total: int
    number: int = 1
    size: int = 20

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.size))


class History:
    """The folder of pictures and records; several kernels may share it.

    Args:
        folder: where it is; made when the first record is written.
        render: given to every Generation for showing itself.
        now: tells the local time with its offset.
    """

    def __init__(
        self,
        folder: Path,
        render: Callable[[Generation], dict[str, Any]] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self.folder = folder.absolute()
        self._render, self._now = render, now
        self._read: dict[Path, tuple[str, Generation]] = {}
        self._lock = threading.Lock()
        cache = user_cache_path("wenwen_magic", appauthor=False)
        self._catalogue = Catalogue(self.folder, Index(index.place(cache, self.folder)), self._load)

    def when_long(self, tell: Callable[[str], None]) -> None:
        """Have one line told, once, when an index of many records is made.

        Args:
            tell: is handed the line.
        """
        name = self.folder.name
        self._catalogue.when_long = lambda: tell(
            _("Making an index of {name}/, once; this can take a minute …", name=name)
        )

    # -- writing -------------------------------------------------------------------------------------------------------

    def begin(
        self,
        request: ImageRequest,
        *,
        prompt_sent: str,
        endpoint: str,
        demo: bool = False,
        price: float | None = None,
    ) -> Generation:
        """Write the record of a request that is about to be sent.

        Args:
            request: what is asked.
            prompt_sent: the words as they go out.
            endpoint: scheme, host and port.
            demo: whether it is the demo's.
            price: of what one answer holds, by the user's table of prices; None for unknown.

        Raises:
            HistoryError: the folder cannot be written; nothing was sent then.
        """
        generation = Generation(
            id=secrets.token_hex(4),
            request=request,
            prompt_sent=prompt_sent,
            state="sent",
            created=self._now().isoformat(timespec="milliseconds"),
            charged="maybe",
            endpoint=endpoint,
            demo=demo,
            price=price,
            render=self._render,
        )
        self.write(generation)
        return generation

    def update(self, generation: Generation, **changes: Any) -> Generation:
        """Change fields of a generation and write its record.

        Raises:
            HistoryError: the folder cannot be written.
        """
        changed = replace(generation, **changes)
        self.write(changed)
        return changed

    def write(self, generation: Generation) -> None:
        """Write a generation's record, whole.

        Raises:
            HistoryError: the folder cannot be written.
        """
        path = self.path(generation, ".json")
        data = encode(generation)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stamp = stamp_of(write_whole(path, data))
        except OSError as error:
            raise HistoryError(
                _("The history folder cannot be written."),
                why=f"{error.strerror}: {self.folder.name}/",
                do=_("Free space, or set another folder: history"),
                charged="no" if generation.state == "sent" else generation.charged,
                text=generation.text,
            ) from None
        self._catalogue.note(path, stamp, generation)

    def star(self, generation: Generation, *, on: bool = True) -> Generation:
        """Mark a generation, or take the mark away.

        Raises:
            HistoryError: the folder cannot be written.
        """
        return self.update(generation, star=on)

    def path(self, generation: Generation, ending: str) -> Path:
        """Where a file of a generation is; ``ending`` is like ``.json`` or ``-1.png``."""
        return self.folder / generation.created[:10] / f"{slug(generation.request.prompt)}-{generation.id}{ending}"

    def keep_reply(self, generation: Generation, reply: HttpReply) -> HttpReply:
        """The same reply, whose body is written to disk as it is read."""
        return keep(reply, self.path(generation, ".reply"))

    def reply(self, generation: Generation) -> HttpReply | None:
        """The whole raw reply that was kept for a generation; None when there is none."""
        return read(self.path(generation, ".reply"))

    def forget_reply(self, generation: Generation) -> None:
        """Delete the raw reply once all its pictures are saved in files of their own, if it is large."""
        path = self.path(generation, ".reply")
        if path.is_file() and path.stat().st_size > 1 << 18:
            with suppress(OSError):
                path.unlink()

    # -- reading -------------------------------------------------------------------------------------------------------

    def takes(self, fingerprint: str) -> list[Generation]:
        """All generations of one request, oldest first, numbered as takes where they hold a result."""
        found = (self._loaded(row) for row in self._ask(lambda index: index.of_request(fingerprint)))
        numbered, taken = [], {True: 0, False: 0}
        for generation in (one for one in found if one and one.request.fingerprint == fingerprint):
            taken[generation.demo] += generation.has_result
            numbered.append(replace(generation, take=taken[generation.demo] if generation.has_result else 0))
        return numbered

    def take_of(self, generation: Generation) -> int:
        """Which take of its request a generation is, from 1."""
        takes = self.takes(generation.request.fingerprint)
        return next((one.take for one in takes if one.id == generation.id), 0)

    def recent(self, count: int = 50) -> list[Generation]:
        """The newest generations, newest first."""
        return self.search(Wanted(), count=count)

    def search(self, wanted: Wanted | str, *, count: int = 50, skip: int = 0) -> list[Generation]:
        """Generations as wanted, newest first.

        Args:
            wanted: what for; a text stands for its words, all of which must be found.
            count: how many at most.
            skip: how many of the newest to pass over.
        """
        return self._found(wanted, count, skip)[1]

    def _found(self, wanted: Wanted | str, count: int, skip: int) -> tuple[int, list[Generation]]:
        """How many rows there are, and those of them that can be read."""
        rows = self._ask(lambda index: index.page(_wanted(wanted), count=count, skip=skip))
        return len(rows), [generation for row in rows if (generation := self._loaded(row))]

    def page(self, wanted: Wanted | str, number: int = 1, size: int = 20) -> Page:
        """One page of a search, and how many pages there are."""
        count, rows = self._found(wanted, size, (number - 1) * size)
        whole = number == 1 and count < size  # then nobody needs to count: counting looks at every record
        return Page(tuple(rows), len(rows) if whole else self.count(wanted), number, size)

    def count(self, wanted: Wanted | str = "") -> int:
        """How many generations are as wanted."""
        return self._ask(lambda index: index.count(_wanted(wanted)))

    def get(self, id: str) -> Generation:
        """The generation with an id, or whose id begins with the digits given; a leading ``#`` is passed over.

        Raises:
            HistoryError: there is none, or more than one.
        """
        start = id.strip().lstrip("#").lower()
        rows = self._ask(lambda index: index.of_id(start)) if start else []
        found = [generation for row in rows if (generation := self._loaded(row))]
        if len(found) != 1:
            number = _("Several records have") if found else _("No record has")
            raise HistoryError(
                _("{number} an id that begins with {id!r}.", number=number, id=id),
                do=_("The id stands after # under a picture."),
            )
        return next(take for take in self.takes(found[0].request.fingerprint) if take.id == found[0].id)

    def find(self, id: str) -> Generation | None:
        """The generation with exactly this id, as it stands on disk; None when there is none."""
        rows = self._ask(lambda index: index.of_id(id))
        return next((found for row in rows if row.id == id and (found := self._loaded(row))), None)

    def children(self, id: str) -> list[Generation]:
        """The generations that go on from one, oldest first."""
        rows = self._ask(lambda index: index.of_parent(id))
        return [found for row in rows if (found := self._loaded(row)) and found.parent == id]

    def all(self) -> Iterator[Generation]:
        """Every record that can be read, oldest first, read one at a time.

        Raises:
            HistoryError: a folder cannot be looked into: what is saved there must not be paid for again.
        """
        names = self._ask(lambda index: index.all())
        return (found for day, name in names if (found := self._load(self.folder / day / name)))

    def unreadable(self) -> list[str]:
        """The records that cannot be read, by name; they are left as they are."""
        return [name for _, name, _ in self._ask(lambda index: index.unreadable())]

    def _ask(self, question: Callable[[Index], Result]) -> Result:
        try:
            return self._catalogue.ask(question)
        except OSError as error:
            raise _unreadable(Path(error.filename or self.folder), error) from None

    def _loaded(self, row: Row) -> Generation | None:
        """The record of a row; what the index has wrong of it is set right."""
        path = self.folder / row.day / row.name
        generation = self._load(path)
        if generation is None:
            self._catalogue.doubt(row.day)
        elif (generation.id, generation.request.fingerprint) != (row.id, row.fingerprint):
            self._catalogue.note(path, row.stamp, generation)
        return generation

    def _load(self, path: Path) -> Generation | None:
        """A torn or foreign file is no record; it is never written over."""
        try:
            stamp = stamp_of(path.stat())
            known = self._read.get(path)  # once: another thread may throw it out meanwhile
            if known and known[0] == stamp:
                return known[1]
            generation = decode(path.read_bytes(), path.parent, self._render)
        except (OSError, ValueError, WenwenError):
            return None
        with self._lock:
            if len(self._read) >= REMEMBERED:
                del self._read[next(iter(self._read))]
            self._read[path] = stamp, generation
        return generation


def _wanted(wanted: Wanted | str) -> Wanted:
    return Wanted(tuple(wanted.split()[:MOST_WORDS])) if isinstance(wanted, str) else wanted


def _unreadable(folder: Path, error: OSError) -> HistoryError:
    return HistoryError(
        _("The history folder cannot be read."),
        why=f"{error.strerror}: {folder.name}/",
        do=_("Nothing was sent. Make it readable, or set another folder: history"),
    )
