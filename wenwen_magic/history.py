"""Keeps every request and all that came of it as files: pictures as they came, and one JSON record each."""

import json
import os
import re
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from wenwen_magic.errors import HistoryError, WenwenError
from wenwen_magic.language import say
from wenwen_magic.recordfile import decode, encode, moment
from wenwen_magic.records import Generation, HttpReply, ImageRequest

_SLUG_LENGTH = 24
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
SETTLED = 2_000_000_000
"""Nanoseconds after which a folder's time of change is trusted; some file systems count in steps of two seconds."""


def slug(prompt: str) -> str:
    """A short piece of a prompt that is safe in a file name on every system; Chinese stays Chinese."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", prompt).replace("_", " "))
    return "-".join(words)[:_SLUG_LENGTH].strip("-").lower() or "picture"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a crash of the machine.

    Raises:
        OSError: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    new = not path.exists()
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if new:  # of a name that was there, the old file or the new one is found, and both are whole
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's new names last, on systems where a folder can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Seen:
    stamp: Stamp
    generation: Generation | None


@dataclass(frozen=True)
class _Day:
    stamp: int
    records: dict[Path, _Seen]


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
        self._seen: dict[Path, _Seen] = {}
        self._days: dict[Path, _Day] = {}
        self._lock = threading.Lock()

    # -- writing -------------------------------------------------------------------------------------------------------

    def begin(self, request: ImageRequest, *, prompt_sent: str, endpoint: str, demo: bool = False) -> Generation:
        """Write the record of a request that is about to be sent.

        Args:
            request: what is asked.
            prompt_sent: the words as they go out.
            endpoint: scheme, host and port.
            demo: whether it is the demo's.

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
            write_whole(path, data)
        except OSError as error:
            raise HistoryError(
                say("The history folder cannot be written.", "无法写入历史文件夹。"),
                why=f"{error.strerror}: {self.folder.name}/",
                do=say("Free space, or set another folder: history", "请腾出空间，或设置其他文件夹：history"),
                charged="no" if generation.state == "sent" else generation.charged,
                text=generation.text,
            ) from None

    def path(self, generation: Generation, ending: str) -> Path:
        """Where a file of a generation is; ``ending`` is like ``.json`` or ``-1.png``."""
        return self.folder / generation.created[:10] / f"{slug(generation.request.prompt)}-{generation.id}{ending}"

    def keep_reply(self, generation: Generation, reply: HttpReply) -> HttpReply:
        """The same reply, whose body is written to disk as it is read; whole, it survives the kernel.

        A disk that is full does not stop the reading: the answer in hand is worth more than its copy.
        """
        head = {"status": reply.status, "content_type": reply.content_type, "demo": reply.demo}
        return replace(reply, chunks=_kept(reply, json.dumps(head).encode(), self.path(generation, ".reply")))

    def reply(self, generation: Generation) -> HttpReply | None:
        """The whole raw reply that was kept for a generation; None when there is none."""
        path = self.path(generation, ".reply")
        try:
            with path.open("rb") as file:
                head = json.loads(file.readline(65_536))
            return HttpReply(int(head["status"]), str(head["content_type"]), _body_of(path), demo=bool(head["demo"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def forget_reply(self, generation: Generation) -> None:
        """Delete the raw reply once all its pictures are saved in files of their own, if it is large."""
        path = self.path(generation, ".reply")
        if path.is_file() and path.stat().st_size > 1 << 18:
            with suppress(OSError):
                path.unlink()

    # -- reading -------------------------------------------------------------------------------------------------------

    def takes(self, fingerprint: str) -> list[Generation]:
        """All generations of one request, oldest first, numbered as takes where they hold a picture."""
        same = [generation for generation in self.all() if generation.request.fingerprint == fingerprint]
        numbered, taken = [], {True: 0, False: 0}
        for generation in same:
            taken[generation.demo] += bool(generation.images)
            numbered.append(replace(generation, take=taken[generation.demo] if generation.images else 0))
        return numbered

    def take_of(self, generation: Generation) -> int:
        """Which take of its request a generation is, from 1."""
        takes = self.takes(generation.request.fingerprint)
        return next((one.take for one in takes if one.id == generation.id), 0)

    def recent(self, count: int = 50) -> list[Generation]:
        """The newest generations, newest first."""
        return self.all()[::-1][:count]

    def get(self, id: str) -> Generation:
        """The generation with an id, or whose id begins with the digits given; a leading ``#`` is passed over.

        Raises:
            HistoryError: there is none, or more than one.
        """
        start = id.strip().lstrip("#").lower()
        found = [generation for generation in self.all() if start and generation.id.startswith(start)]
        if len(found) != 1:
            raise HistoryError(
                say(
                    f"{len(found)} records have an id that begins with {id!r}.",
                    f"有 {len(found)} 条记录的编号以 {id!r} 开头。",
                ),
                do=say("The id stands after # under a picture.", "编号写在图片下方的 # 之后。"),
            )
        return next(take for take in self.takes(found[0].request.fingerprint) if take.id == found[0].id)

    def all(self) -> list[Generation]:
        """Every record that can be read, oldest first; only files that are new or changed are read again.

        Raises:
            HistoryError: a folder cannot be looked into: what is saved there must not be paid for again.
        """
        with self._lock:
            present: dict[Path, _Seen] = {}
            for day in _days(self.folder):
                present.update(self._records_of(day))
            self._seen = present
            found = [seen.generation for seen in present.values() if seen.generation]
        return sorted(found, key=lambda generation: (moment(generation.created), generation.id))

    def _records_of(self, day: Path) -> dict[Path, "_Seen"]:
        """The records of a day's folder; one that has not changed since it was looked at is not looked at again."""
        stamp = day.stat().st_mtime_ns
        known = self._days.get(day)
        if known and known.stamp == stamp:
            return known.records
        records = {}
        try:
            for path, changed in _record_files(day):
                seen = self._seen.get(path)
                records[path] = seen if seen and seen.stamp == changed else _Seen(changed, self._load(path))
        except OSError as error:
            raise _unreadable(day, error) from None
        if time.time_ns() - stamp > SETTLED:  # else a change within the clock's grain could be missed
            self._days[day] = _Day(stamp, records)
        return records

    def unreadable(self) -> list[str]:
        """The records that cannot be read, by name; they are left as they are."""
        self.all()
        return [path.name for path, seen in self._seen.items() if seen.generation is None]

    def _load(self, path: Path) -> Generation | None:
        """A torn or foreign file is no record; it is never written over."""
        try:
            return decode(path.read_bytes(), path.parent, self._render)
        except (OSError, ValueError, WenwenError):
            return None


def _unreadable(folder: Path, error: OSError) -> HistoryError:
    return HistoryError(
        say("The history folder cannot be read.", "无法读取历史文件夹。"),
        why=f"{error.strerror}: {folder.name}/",
        do=say(
            "Nothing was sent. Make it readable, or set another folder: history",
            "没有发送任何请求。请使其可读，或设置其他文件夹：history",
        ),
    )


def _days(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if _DAY.fullmatch(entry.name) and entry.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(folder, error) from None


def _record_files(day: Path) -> Iterator[tuple[Path, Stamp]]:
    with os.scandir(day) as entries:
        for entry in entries:
            if entry.name.endswith(".json") and not entry.name.startswith("."):
                with suppress(FileNotFoundError):  # a link to nowhere, or a file that has just gone
                    yield Path(entry.path), _stamp(entry.stat())


def _stamp(found: os.stat_result) -> Stamp:
    """What changes when a file does; a time alone may not, within the clock's grain."""
    return found.st_mtime_ns, found.st_ino, found.st_size


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
