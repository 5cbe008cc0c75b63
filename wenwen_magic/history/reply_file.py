"""Keeps an endpoint's raw reply on disk while it is read, and gives it back to whoever reads it again."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from wenwen_magic.history.atomic import sync_folder
from wenwen_magic.protocol import HttpReply


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
