"""Writes a file so that it is there whole or not at all."""

import os
import secrets
from pathlib import Path


def write_whole(path: Path, data: bytes) -> os.stat_result:
    """Write a file so that it is there whole or not at all, also after a crash of the machine; tells what was written.

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
            written = os.fstat(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if new:  # of a name that was there, the old file or the new one is found, and both are whole
        sync_folder(path.parent)
    return written


def sync_folder(folder: Path) -> None:
    """Make a folder's new names last, on systems where a folder can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
