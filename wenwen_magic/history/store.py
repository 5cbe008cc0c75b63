"""Keep every request and its results as files: pictures as they came, and one JSON record each."""

import json
import os
import re
import secrets
import stat
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count as numbers_from
from pathlib import Path
from tempfile import gettempdir
from typing import IO, Any

from platformdirs import user_cache_path

from wenwen_magic.errors import Charged, HistoryError
from wenwen_magic.history.atomic import SPACE, alone, settle, sync_names, write_whole
from wenwen_magic.history.index import NO_SLUG, Index, Wanted, unreadable
from wenwen_magic.history.record_json import decode, encode
from wenwen_magic.protocol import HttpReply
from wenwen_magic.records import Gallery, Generation, ImageRequest
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import replace_unshown

_SYNCED = 8 << 20
"""Bytes of a reply after which they are brought to disk while the rest comes."""
_LARGE_REPLY = 1 << 18
"""Bytes of a raw reply that is not worth keeping beside its pictures."""
_SLUG_LENGTH = 24
_LONGEST_TAG, _MOST_TAGS = 40, 20
_MAY_COME = timedelta(days=1)
"""How long the answer to a request that was sent may take to come."""
_BETWEEN_TAGS = re.compile(r"[\s,，、;；]+")


@lru_cache(256)  # of the prompts that are asked for now: each file of one has it in its name
def slug(prompt: str) -> str:
    """Return a short piece of a prompt that is safe in a file name on every system; Chinese stays Chinese."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", prompt).replace("_", " "))
    return "-".join(words)[:_SLUG_LENGTH].strip("-").lower() or NO_SLUG


@dataclass(frozen=True)
class Page:
    """Hold one page of a search.

    Args:
        rows: the generations on it, newest first.
        total: how many there are on all pages.
        number: which page it is, from 1.
        size: how many a full page has.
    """

    rows: tuple[Generation, ...]
    total: int
    number: int = 1
    size: int = 24

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.size))


class History:
    """The folder of pictures and records; several kernels may share it.

    Args:
        folder: where it is; made when the first record is written.
        render: given to every Generation for showing itself.
        gather: given to every Gallery for showing itself.
        now: returns the local time with its offset.
    """

    def __init__(
        self,
        folder: Path,
        render: Callable[[Generation], dict[str, Any]] | None = None,
        gather: Callable[[Gallery], dict[str, Any]] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self.folder = folder.absolute()
        self._render, self._gather, self._now = render, gather, now
        self._cache = user_cache_path("wenwen_magic", appauthor=False)
        self._index = Index(self.folder, self._cache, lambda path: decode(path.read_bytes(), path.parent, render))

    def when_long(self, tell: Callable[[str], None]) -> None:
        """Have a line shown, once, when an index of many records is made.

        Args:
            tell: is given the line.
        """
        name = self.folder.name
        self._index.when_long = lambda: tell(_("Making an index of {name}/, once; this can take a minute …", name=name))

    # -- writing -------------------------------------------------------------------------------------------------------

    def begin(
        self,
        request: ImageRequest,
        *,
        prompt_sent: str,
        endpoint: str,
        demo: bool = False,
        price: float | None = None,
        id: str = "",
        number: int = 0,
    ) -> Generation:
        """Write the record of a request that is about to be sent.

        Args:
            request: what is asked.
            prompt_sent: the words as they go out.
            endpoint: scheme, host and port.
            demo: whether it is the demo's.
            price: of what one answer holds, by the user's table of prices; None for unknown.
            id: of the record, eight hexadecimal digits; empty for a new one.
            number: which request of its kind it is, from 1; 0 for unknown.

        Raises:
            HistoryError: the folder cannot be written; nothing was sent then.
        """
        generation = Generation(
            id=id or secrets.token_hex(4),
            request=request,
            prompt_sent=prompt_sent,
            state="sent",
            created=self._now().isoformat(timespec="milliseconds"),
            charged="maybe",
            endpoint=endpoint,
            demo=demo,
            price=price,
            number=number,
            render=self._render,
        )
        path = self.path(generation, ".json")
        try:
            self.write(generation, new=True)
        except HistoryError as error:
            with suppress(OSError):
                path.unlink()
            error.charged = "no"
            raise
        return generation

    def update(self, generation: Generation, *, keep_complete: bool = False, **changes: Any) -> Generation:
        """Change fields of a generation and write its record; return what the record says then.

        Other kernels may have written it meanwhile: their marks stay, and what they have completed stays complete.

        Args:
            generation: as it is known here.
            keep_complete: leave a record that is complete as it is.
            **changes: the fields, by name.

        Raises:
            HistoryError: the folder cannot be written.
        """
        path = self.path(generation, ".json")
        with alone(path):
            if now := self._index.record(path):
                generation = replace(generation, star=now.star, tags=now.tags)
            changed = replace(generation, **changes)
            if now and now.state == "complete" and (keep_complete or changed.state != "complete"):
                return now
            self.write(changed)
        return changed

    def write(self, generation: Generation, *, new: bool = False) -> None:
        """Write a generation's record, whole.

        Args:
            generation: what it says.
            new: whether its answer needs room too, which has to be free.

        Raises:
            HistoryError: the folder cannot be written.
        """
        try:
            write_whole(self.path(generation, ".json"), encode(generation), spare=SPACE if new else 0)
        except OSError as error:
            raise unwritable(self.folder, error, charged=generation.charged, text=generation.text) from None

    def star(self, generation: Generation, *, on: bool = True) -> Generation:
        """Mark a generation, or take the mark away.

        Raises:
            HistoryError: it was deleted, or the folder cannot be written.
        """
        return self._mark(generation, star=on)

    def tag(self, generation: Generation, tags: Iterable[str]) -> Generation:
        """Give a generation tags, in place of those that it has; each is one word of at most 40 characters.

        Raises:
            HistoryError: it was deleted, or the folder cannot be written.
        """
        words = (word.strip("#＃")[:_LONGEST_TAG] for tag in tags for word in _BETWEEN_TAGS.split(replace_unshown(tag)))
        return self._mark(generation, tags=tuple(dict.fromkeys(filter(None, words)))[:_MOST_TAGS])

    def _mark(self, generation: Generation, **marks: Any) -> Generation:
        """Write marks into a record as it is on disk now: what the caller holds may be older, or deleted since."""
        with alone(self.path(generation, ".json")):
            self.write(replace(self.find(generation.id) or self.get(generation.id), **marks))
        return replace(generation, **marks)

    def delete(self, generation: Generation) -> None:
        """Delete a generation for good: its record, then its files; no other file is touched.

        Raises:
            HistoryError: a picture of it may still come, or a file cannot be deleted.
        """
        now = self.find(generation.id) or generation
        age = self._now() - datetime.fromisoformat(now.created)
        if now.state in {"sent", "answered"} and age < _MAY_COME:
            raise HistoryError(
                _("#{id} cannot be deleted now.", id=now.id[:6]),
                why=_("Its picture may still come: it was asked for less than a day ago."),
                do=f"%wenwen fetch {now.id[:6]}",
            )
        folder = self.path(now, "").parent
        # All its files have its id behind any words, and behind that their number or nothing.
        own = re.compile(rf"(?s)[^.].*-{now.id}(-\d{{1,4}})?(\.\w+)+")
        try:
            with alone(self.path(now, ".json")):  # who marks it now would write it again
                files = [path for path in folder.iterdir() if own.fullmatch(path.name)] if folder.is_dir() else []
                for path in sorted(files, key=lambda path: path.suffix != ".json"):
                    path.unlink(missing_ok=True)
                    sync_names(folder)  # a record never stands for files that are gone
        except OSError as error:
            raise unwritable(self.folder, error) from None
        if spooled := self.spooled(now):
            with suppress(OSError):
                spooled.unlink()
        self._forget_previews(now)

    def _forget_previews(self, generation: Generation) -> None:
        """Delete the small copies of a deleted generation's pictures; for a twin of them they are made again."""
        for picture in generation.pictures:
            for name in (f"{start}{picture.sha256}.{ending}" for start in ("", "small-") for ending in ("jpg", "png")):
                with suppress(OSError):
                    (self._cache / "previews" / name).unlink()
        for video in generation.videos:
            if video.poster:
                with suppress(OSError):
                    (self._cache / "previews" / f"small-{video.poster.name}").unlink()

    def path(self, generation: Generation, ending: str) -> Path:
        """Return the place of a file of a generation; ``ending`` is like ``.json`` or ``-1.png``."""
        name = f"{slug(generation.request.prompt)}-{generation.id}{ending}"
        return self.folder / f"{generation.created[:10]}/{name}"

    # -- raw replies ---------------------------------------------------------------------------------------------------

    def keep_reply(
        self,
        generation: Generation,
        reply: HttpReply,
        clean: Callable[[Sequence[bytes]], bytes | None] = lambda _: None,
    ) -> HttpReply:
        """Return the same reply, whose body is written to disk as it is read, so that it survives the kernel.

        A full disk does not stop the reading: the answer in hand is worth more than its copy. What the folder does not
        take is kept in the user's cache, or else in the folder for temporary files.

        Args:
            generation: the one it answers.
            reply: as it comes; its chunks are read once.
            clean: is given the body's chunks when they have come, and returns the body to keep; None for as it came.
        """
        places = self.path(generation, ".reply"), self._spools(generation)
        return replace(reply, chunks=_copied(reply, *places, clean))

    def reply(self, generation: Generation) -> HttpReply | None:
        """Return the raw reply that was kept for a generation, whole or as far as it came; None when there is none."""
        whole, part = self._replies(generation)
        for path in filter(None, (whole, self.spooled(generation), part)):
            try:
                with path.open("rb") as file:
                    head = json.loads(file.readline(65_536))
                return HttpReply(
                    int(head["status"]), str(head["content_type"]), _body_of(path), demo=bool(head["demo"])
                )
            except (OSError, ValueError, TypeError, KeyError):
                continue
        return None

    def has_whole_reply(self, generation: Generation) -> bool:
        """Tell whether the raw reply was kept to its end, or to where the connection broke.

        Raises:
            HistoryError: the folder cannot be read.
        """
        return is_file(self.path(generation, ".reply")) or self.spooled(generation) is not None

    def spooled(self, generation: Generation) -> Path | None:
        """Return where a raw reply was kept that the folder did not take; None where there is none."""
        for path in self._spools(generation):
            with suppress(OSError):
                status = path.lstat()  # others may write to the folder for temporary files
                if stat.S_ISREG(status.st_mode) and status.st_uid == getattr(os, "getuid", lambda: 0)():
                    return path
        return None

    def _spools(self, generation: Generation) -> tuple[Path, ...]:
        name = f"wenwen-{generation.id}-{generation.request.fingerprint[:16]}.reply"
        return self._cache / "replies" / name, Path(gettempdir()) / name

    def forget_reply(self, generation: Generation) -> None:
        """Delete the raw reply, if it is large, once all its pictures are saved in files of their own."""
        for path in self._replies(generation):
            with suppress(OSError):
                if path.stat().st_size > _LARGE_REPLY:
                    sync_names(path.parent)  # after a crash either the reply or the pictures' names are there
                    path.unlink()
        if spooled := self.spooled(generation):
            with suppress(OSError):
                spooled.unlink()

    def _replies(self, generation: Generation) -> tuple[Path, ...]:
        """Return where a raw reply may be, the best place first: a whole one, one whose writing was broken off."""
        return self.path(generation, ".reply"), self.path(generation, ".reply.part")

    # -- reading -------------------------------------------------------------------------------------------------------

    def takes(self, *fingerprints: str, prompt: str | None = None, partial: bool = False) -> list[Generation]:
        """Return all generations of one request, oldest first, numbered as takes where they hold a result.

        The demo's takes have numbers of their own. A record's place is that of its number, where it has one.

        Args:
            *fingerprints: of the request, the oldest first where its default model has changed.
            prompt: of the request: a record that cannot be read, and by its file's name is of another prompt, is not
                asked for; None for unknown.
            partial: return those that can be read, though one of the request cannot be read now.

        Raises:
            HistoryError: the folder, or a record that may be of this request, cannot be read; as all functions below.
        """
        piece = "" if prompt is None else slug(prompt)
        rows = [
            row
            for fingerprint in fingerprints
            for row in self._index.records(
                Wanted(fingerprint=fingerprint, slug=piece), oldest_first=True, partial=partial
            )
        ]
        rows.sort(key=lambda row: row.number)
        numbers = {demo: numbers_from(1) for demo in (True, False)}
        return [replace(row, take=next(numbers[row.demo]) if row.has_result else 0) for row in rows]

    def known(self, fingerprints: Iterable[str]) -> set[str]:
        """Return those of these requests that have a record, or may have one: all, where a record cannot be read."""
        asked = set(fingerprints)
        known = set(self._index.counts(asked))
        return asked if self._index.is_unsure else known

    def take_of(self, generation: Generation) -> int:
        """Return which take of its request a generation is, from 1; 0 when it holds no result."""
        takes = self.takes(generation.request.fingerprint, partial=True)
        return next((take.take for take in takes if take.id == generation.id), 0)

    def get(self, id: str | Generation) -> Generation:
        """Return the generation whose id begins with the digits given; a leading ``#`` is ignored.

        A generation itself is read again, as it is saved now.

        Raises:
            HistoryError: there is none, or more than one.
        """
        start = (id.id if isinstance(id, Generation) else id).strip().lstrip("#").lower()
        rows = self._index.records(Wanted(id=start), count=2) if start else []
        if len(rows) != 1:
            number = _("Several records have") if rows else _("No record has")
            raise HistoryError(
                _("{number} an id that begins with {id!r}.", number=number, id=id),
                do=_("The id stands after # in %wenwen history; a variable does as well."),
            )
        return replace(rows[0], take=self.take_of(rows[0]))

    def find(self, id: str) -> Generation | None:
        """Return the generation with exactly this id, as it is on disk; None when there is none."""
        rows = self._index.records(Wanted(id=id), count=2) if id else []
        return next((row for row in rows if row.id == id), None)

    def at(self, path: str) -> Generation | None:
        """Return the generation whose record :meth:`path` names, wherever it was moved since; None when there is none.

        Raises:
            HistoryError: it was moved, and the folder cannot be read.
        """
        return self._index.record(self.folder / path) or self.find(Path(path).stem[-8:])

    def children(self, id: str) -> list[Generation]:
        """Return the generations that continue one, oldest first."""
        return self._index.records(Wanted(parent=id), oldest_first=True) if id else []

    def recent(self, count: int = 50) -> Gallery:
        """Return the newest generations, newest first."""
        return self.search(Wanted(), count=count)

    def search(self, wanted: Wanted | str, *, count: int = 50, skip: int = 0) -> Gallery:
        """Return generations, newest first.

        Args:
            wanted: which ones; of a text, all words must be found.
            count: how many at most.
            skip: how many of the newest to pass over.
        """
        return Gallery(tuple(self._index.records(_wanted(wanted), count=count, skip=skip)), render=self._gather)

    def page(self, wanted: Wanted | str, number: int = 1, size: int = 24) -> Page:
        """Return one page of a search, numbered as takes, and how many records there are."""
        rows = self._index.records(_wanted(wanted), count=size, skip=(number - 1) * size)
        whole = number == 1 and len(rows) < size  # then they need not be counted: that looks at every record
        counts = self._index.counts(row.request.fingerprint for row in rows)
        several = [one for one, count in counts.items() if count > 1]
        takes = {take.id: take.take for one in several for take in self.takes(one, partial=True)}
        numbered = (replace(row, take=takes.get(row.id, int(row.has_result))) for row in rows)
        return Page(tuple(numbered), len(rows) if whole else self.count(wanted), number, size)

    def count(self, wanted: Wanted | str = "") -> int:
        """Return how many generations there are."""
        return self._index.count(_wanted(wanted))

    def all(self) -> Iterator[Generation]:
        """Return every record that can be read, oldest first, read one at a time.

        Raises:
            HistoryError: a folder cannot be read: what is saved there must not be paid for again.
        """
        return self._index.all()

    def unreadable(self) -> list[str]:
        """Return the names of the records that cannot be read; they are left as they are."""
        return self._index.unreadable()


def unwritable(folder: Path, error: OSError, *, charged: Charged = "no", text: str = "") -> HistoryError:
    """Make the error for a history folder that cannot be written.

    Args:
        folder: the history's.
        error: what the system said.
        charged: whether the request has cost by then.
        text: of the answer, which would be lost otherwise.
    """
    return HistoryError(
        _("The history folder cannot be written."),
        why=f"{error.strerror or error}: {folder.name}/",
        do=_("Free space, or set another folder: history"),
        charged=charged,
        text=text,
    )


def is_file(path: Path) -> bool:
    """Tell whether a file of the history is there.

    Raises:
        HistoryError: that cannot be told now.
    """
    try:
        return path.is_file()
    except OSError as error:
        raise unreadable(path.parent, error) from None


def _wanted(wanted: Wanted | str) -> Wanted:
    return Wanted(tuple(wanted.split())) if isinstance(wanted, str) else wanted


def _copied(
    reply: HttpReply, path: Path, spools: Sequence[Path], clean: Callable[[Sequence[bytes]], bytes | None]
) -> Iterator[bytes]:
    """Yield a reply's chunks, and copy them to disk; until the copy is whole, its name ends in ``.part``."""
    head = {"status": reply.status, "content_type": reply.content_type, "demo": reply.demo}
    part = path.with_name(path.name + ".part")
    seen = [json.dumps(head).encode() + b"\n"]
    file: IO[bytes] | None = None
    syncing = _Syncing()
    try:
        with suppress(OSError):
            file = syncing.file = part.open("wb", buffering=0)
        whole = file is not None and _written(file, seen[0])
        for chunk in reply.chunks:
            seen.append(chunk)
            whole = whole and file is not None and _written(file, chunk)
            syncing.add(len(chunk))
            yield chunk
    finally:  # a body that breaks off is kept as far as it came
        whole = syncing.end() and whole
        if (cleaned := clean(seen[1:])) is not None:
            seen[1:] = [cleaned]
            whole = whole and _replaced(part, b"".join(seen))
        if not _settled(file, path if whole else part) or not whole:
            _spool(seen, spools)


class _Syncing:
    """Brings a large file to disk while the rest of it comes: all at its end would take longer than reading it.

    Attributes:
        file: that is being written; None for none.
    """

    def __init__(self) -> None:
        self.file: IO[bytes] | None = None
        self._waiting, self._failed = 0, False
        self._thread: threading.Thread | None = None

    def add(self, size: int) -> None:
        """Note that so many bytes were written."""
        self._waiting += size
        if self.file and self._waiting >= _SYNCED and not (self._thread and self._thread.is_alive()):
            self._waiting, thread = 0, threading.Thread(target=self._sync, name="wenwen-sync", daemon=True)
            with suppress(RuntimeError):  # no further thread can be had: then at the end
                thread.start()
                self._thread = thread

    def end(self) -> bool:
        """Wait for what was begun; tell whether nothing failed: a system tells of a failure only once."""
        if self._thread:
            self._thread.join()
        return not self._failed

    def _sync(self) -> None:
        try:
            os.fsync(self.file.fileno())  # type: ignore[union-attr]
        except OSError:
            self._failed = True


def _written(file: IO[bytes], chunk: bytes) -> bool:
    try:
        return file.write(chunk) == len(chunk)
    except OSError:
        return False


def _replaced(path: Path, data: bytes) -> bool:
    try:
        write_whole(path, data)
    except OSError:
        return False
    return True


def _settled(file: IO[bytes] | None, path: Path) -> bool:
    """Bring a copy to disk under its name, and tell whether that went well."""
    if file is None:
        return False
    try:
        with file:
            settle(file, path)
    except OSError:
        return False
    return True


def _spool(pieces: Sequence[bytes], places: Sequence[Path]) -> None:
    """Write a reply to the first place that takes it, for nobody else to read."""
    for place in places:
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)  # never through a link that somebody else has put there
            with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            return


def _body_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.readline()
        while piece := file.read(1 << 20):
            yield piece
