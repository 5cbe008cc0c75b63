"""Write a file so that it is there whole or not at all, also after a crash of the machine."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import IO

SPACE = 4 << 20
"""Bytes that have to be free before a request is sent: a record, an answer and a usual picture."""
_PAUSE = 0.01
"""Seconds between two tries for a lock."""
_TRIES = 500
"""Tries after which the holder of a lock counts as gone; a record is written in far less time."""


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes a name when the block ends, and is deleted when the block fails.

    Args:
        path: the name; a file that is there is replaced.

    Raises:
        OSError: the folder cannot be written; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            yield file
            settle(file, path)
    except BaseException:
        with suppress(OSError):  # it may have its name by now
            temporary.unlink()
        raise


def write_whole(path: Path, data: bytes, *, spare: int = 0) -> None:
    """Write a file so that it is there whole or not at all.

    Args:
        path: the name; a file that is there is replaced. Its folder is made where it is missing.
        data: what is written.
        spare: bytes that have to be free on the disk as well.

    Raises:
        OSError: the folder cannot be written, or too little is free; the old file is as it was.
    """
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        if spare:
            check_space(file, spare)
        file.write(data)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep others, also other processes, from changing a file while the block runs, by a hidden file beside it.

    Where none can be made, nobody is kept from it: the writing itself tells what is wrong with the folder.

    Args:
        path: of the file that is going to be read and replaced.
    """
    lock = path.with_name(f".{path.name}.lock")
    with suppress(OSError):
        for _ in range(_TRIES):
            try:
                lock.open("xb").close()
                break
            except FileExistsError:
                sleep(_PAUSE)
    try:
        yield
    finally:
        with suppress(OSError):  # also one whose holder is gone
            lock.unlink()


def settle(file: IO[bytes], path: Path) -> None:
    """Bring an open file to disk, close it, and rename it.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    new = not path.exists()
    file.flush()
    os.fsync(file.fileno())
    file.close()
    Path(file.name).replace(path)
    if new:  # of a name that was there, the old file or the new one is found, and both are whole
        sync_names(path.parent)


def sync_names(folder: Path) -> None:
    """Bring a folder's names to disk, where the system can: files that were made, renamed or deleted in it.

    Raises:
        OSError: the disk fails.
    """
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def check_space(file: IO[bytes], space: int) -> None:
    """Check that there is space on the disk, by reserving it for a moment where the system can.

    Args:
        file: an empty one on that disk, open for writing.
        space: bytes that have to be free.

    Raises:
        OSError: they are not.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, space)
            file.truncate(0)
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}:  # not every file system can
                raise
        else:
            return
    if shutil.disk_usage(Path(file.name).parent).free < space:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
