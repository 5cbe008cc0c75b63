"""A disk that fails: every operation on a folder can be made to fail once, or from a moment on."""

import errno
import io
import os
from contextlib import contextmanager
from pathlib import Path

CODES = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.ESTALE)
_CALLS = ("open", "fsync", "replace", "mkdir", "rmdir", "unlink", "stat", "listdir")


class _File:
    """A file, whose reads and writes are operations too."""

    def __init__(self, file, disk):
        self._file, self._disk = file, disk

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __iter__(self):
        return iter(self._file)

    def write(self, data):
        self._disk.step("write", self._file.name)
        return self._file.write(data)

    def flush(self):
        self._disk.step("flush", self._file.name)
        return self._file.flush()

    def read(self, *size):
        self._disk.step("read", self._file.name)
        return self._file.read(*size)


class FaultyDisk:
    """Counts the operations on a folder from ``start`` on, and lets the n-th fail.

    Args:
        folder: whose operations are meant.
        at: which one fails, from 0; -1 for none.
        code: the error's number.
        lasting: whether all later ones fail too.
    """

    def __init__(self, folder, at=-1, code=errno.EIO, *, lasting=False):
        self._folder, self._at, self._code, self._lasting = os.path.realpath(folder), at, code, lasting
        self.counting, self.calls = False, []

    def start(self):
        self.counting = True

    def step(self, name, path):
        """Note an operation; raise where it is the one that fails."""
        if not self.counting or not self._is_inside(path):
            return
        number = len(self.calls)
        self.calls.append(name)
        if number == self._at or (self._lasting and 0 <= self._at < number):
            raise OSError(self._code, os.strerror(self._code), os.fspath(path) if not isinstance(path, int) else None)

    def _is_inside(self, path):
        try:
            name = Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else os.fspath(path)
        except (OSError, TypeError):
            return False
        name = os.path.abspath(os.fsdecode(name))  # noqa: PTH100  links must not be followed
        return name == self._folder or name.startswith(self._folder + os.sep)

    @contextmanager
    def mounted(self, monkeypatch):
        """Let every operation of this process pass through here while the block runs."""
        with monkeypatch.context() as patch:
            for name in _CALLS:
                patch.setattr(os, name, self._passing(name, getattr(os, name)))
            real = io.open
            patch.setattr(io, "open", lambda path, *more, **named: self._opened(real, path, *more, **named))
            yield self
        self.counting = False

    def _passing(self, name, real):
        def call(path, *more, **named):
            self.step(name, path)
            return real(path, *more, **named)

        return call

    def _opened(self, real, path, *more, **named):
        self.step("open", path)
        file = real(path, *more, **named)
        return _File(file, self) if self.counting and isinstance(path, (str, Path)) and self._is_inside(path) else file
