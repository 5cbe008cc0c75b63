"""Keeps every request and all that came of it as files: pictures as they came, and one JSON record each."""

import json
import os
import re
import secrets
import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from wenwen_magic.errors import HistoryError, WenwenError
from wenwen_magic.language import say
from wenwen_magic.records import GeneratedImage, Generation, HttpReply, ImageRequest, Reference

VERSION = 1
_SLUG_LENGTH = 24
_PICTURE_FIELDS = ("mime", "width", "height", "alt", "size", "sha256", "draft", "problem")
_PLAIN_FIELDS = (
    *("id", "prompt_sent", "state", "created", "charged", "text", "finish_reason"),
    *("model_reported", "usage", "elapsed", "error", "demo", "endpoint"),
)


def slug(prompt: str) -> str:
    """A short piece of a prompt that is safe in a file name on every system; Chinese stays Chinese."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", prompt).replace("_", " "))
    return "-".join(words)[:_SLUG_LENGTH].strip("-").lower() or "picture"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a crash.

    Raises:
        OSError: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's new names last, on systems where a folder can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@dataclass(frozen=True)
class _Seen:
    stamp: int
    generation: Generation | None


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
        data = _encoded(_as_record(generation))
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
        try:
            file = self.path(generation, ".reply").open("rb")
        except OSError:
            return None
        head = json.loads(file.readline())
        return HttpReply(head["status"], head["content_type"], _read_pieces(file), demo=head["demo"])

    def forget_reply(self, generation: Generation) -> None:
        """Delete the raw reply once all its pictures are saved in files of their own, if it is large."""
        path = self.path(generation, ".reply")
        if path.is_file() and path.stat().st_size > 1 << 18:
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
        """Every record that can be read, oldest first; only files that are new or changed are read again."""
        with self._lock:
            present = {}
            for path, stamp in _record_files(self.folder):
                known = self._seen.get(path)
                present[path] = known if known and known.stamp == stamp else _Seen(stamp, self._load(path))
            self._seen = present
            found = [seen.generation for seen in present.values() if seen.generation]
        return sorted(found, key=lambda generation: (generation.created, generation.id))

    def unreadable(self) -> list[str]:
        """The records that cannot be read, by name; they are left as they are."""
        self.all()
        return [path.name for path, seen in self._seen.items() if seen.generation is None]

    def _load(self, path: Path) -> Generation | None:
        """A torn or foreign file is no record; it is never written over."""
        try:
            return _from_record(json.loads(path.read_text("utf-8")), path, self._render)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, WenwenError):
            return None


def _record_files(folder: Path) -> Iterator[tuple[Path, int]]:
    for day in sorted(folder.glob("????-??-??")):
        with os.scandir(day) as entries:
            for entry in entries:
                if entry.name.endswith(".json") and not entry.name.startswith("."):
                    yield Path(entry.path), entry.stat().st_mtime_ns


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
        os.fsync(file.fileno())
        file.close()
        if whole:
            part.replace(path)
            sync_folder(path.parent)


def _written(file: Any, chunk: bytes) -> bool:
    try:
        return bool(file.write(chunk) == len(chunk))
    except OSError:
        return False


def _read_pieces(file: Any) -> Iterator[bytes]:
    with file:
        while piece := file.read(1 << 20):
            yield piece


def _encoded(record: dict[str, Any]) -> bytes:
    """A record as JSON that people can read; half a character, which UTF-8 has no word for, is written as an escape."""
    try:
        return json.dumps(record, ensure_ascii=False, indent=1, default=str).encode()
    except UnicodeEncodeError:
        return json.dumps(record, indent=1, default=str).encode()


def _as_record(generation: Generation) -> dict[str, Any]:
    request = generation.request
    return {
        "version": VERSION,
        **{name: getattr(generation, name) for name in _PLAIN_FIELDS},
        "request": {
            **{name: getattr(request, name) for name in ("prompt", "model", "orientation", "format", "stream")},
            "params": dict(request.params),
            "references": [_as_reference(reference) for reference in request.references],
        },
        "sources": list(generation.sources),
        "pictures": [
            {"file": picture.path.name, **{name: getattr(picture, name) for name in _PICTURE_FIELDS}}
            for picture in generation.pictures
        ],
    }


def _as_reference(reference: Reference) -> dict[str, str]:
    """A reference without its bytes: an address on the web, or its digest alone."""
    record = asdict(reference)
    return record if reference.address.startswith("http") else {**record, "address": ""}


def _from_record(
    record: dict[str, Any], path: Path, render: Callable[[Generation], dict[str, Any]] | None
) -> Generation:
    asked = record["request"]
    references = tuple(Reference(**reference) for reference in asked["references"])
    pictures = tuple(
        GeneratedImage(
            path=path.parent / Path(picture["file"]).name, **{name: picture[name] for name in _PICTURE_FIELDS}
        )
        for picture in record["pictures"]
    )
    return Generation(
        request=ImageRequest(**{**asked, "references": references}),
        **{name: record[name] for name in _PLAIN_FIELDS},
        sources=tuple(record["sources"]),
        pictures=pictures,
        from_history=True,
        render=render,
    )
