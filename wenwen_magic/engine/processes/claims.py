"""Say which process is asking the endpoint for a request: one small file for each request, beside the records.

Several kernels, scripts and machines may share one history folder. A process that is going to pay for a request first
makes the claim of the request, a file that only one process can make (``O_EXCL``, which network folders know too), and
keeps it fresh. Others wait for its records. A claim of a process that is gone, or that was not kept fresh, is worth
nothing: another process takes its place.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from wenwen_magic.engine.worker_pool import Job, WorkerPool
from wenwen_magic.forks import after_fork
from wenwen_magic.history.store import unwritable

FOLDER = ".claims"
"""The folder of the claims, in the history's."""
BEAT = 5.0
"""Seconds between two signs of life of an owner."""
SILENCE = 30.0
"""Seconds without a sign of life after which an owner on another machine counts as gone."""
_PAUSE = 0.02
"""Seconds before a claim that was stale is tried for again, and before a file is tried to be deleted again."""
_TRIES = 3
"""How often a file is tried to be deleted: one that stays would have others wait while this process lives."""
_live: set[str] = set()
"""The tokens of all claims that this process holds: one whose file could not be deleted is not among them."""


@dataclass(frozen=True)
class Owner:
    """Name the process that asks for a request.

    Args:
        records: the ids of the records that it fills.
        host: the machine since it was switched on, with the name space of its process numbers.
        pid: the number of the process.
        started: when the process started, as the machine counts; a number alone may name a later process.
        token: makes this claim unlike every other.
        run: tells which of the process's runs it is; a cell that is run again waits for what it began before.
        text: the endpoint's latest words on progress.
    """

    records: tuple[str, ...] = ()
    host: str = ""
    pid: int = 0
    started: float = 0.0
    token: str = ""
    run: str = ""
    text: str = ""


class Claims:
    """The claims on the requests of one history folder, as one process sees them; threads share them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._renew()
        after_fork(self._renew)

    def _renew(self) -> None:
        self._held: dict[str, Owner] = {}  # a fork does not hold what its parent does
        self._reported: set[str] = set()
        self._lock, self._released = threading.RLock(), threading.Event()

    @contextmanager
    def held(self, name: str, record: str, run: str = "") -> Iterator[Owner | None]:
        """Hold a claim while the block runs, or yield the owner where another process, or run of this one, holds it.

        Args:
            name: of the request, such as its fingerprint.
            record: the id of the record that is going to be filled; several of one run share a claim.
            run: tells which of this process's runs wants it.

        Raises:
            HistoryError: the folder cannot be written; nothing was sent then.
        """
        try:
            with self._lock:
                other = self._join(name, record, run)
        except OSError as error:
            raise unwritable(self._folder.parent, error) from None
        try:
            yield other
        finally:
            if other is None:
                with self._lock:
                    self._leave(name, record)

    def owner(self, name: str) -> Owner | None:
        """Return the process that holds a claim; None where none does, or the process is gone."""
        path = self._folder / name
        with suppress(OSError):  # a claim that cannot be read is none: the record still says what was sent
            owner = _read(path)
            return owner if self._is_alive(owner, path) else None
        return None

    @staticmethod
    def is_own(owner: Owner) -> bool:
        """Tell whether this process is an owner, by another of its runs."""
        return owner.token in _live

    def records(self, name: str) -> tuple[str, ...]:
        """Return the ids of the records that the holder of a claim fills; none where nobody holds it."""
        owner = self.owner(name)
        return owner.records if owner else ()

    def report(self, name: str, text: str) -> None:
        """Let other processes see the endpoint's latest words on progress, at the next sign of life."""
        with self._lock:
            if name in self._held and self._held[name].text != text:
                self._held[name] = replace(self._held[name], text=text)
                self._reported.add(name)

    # -- one's own -----------------------------------------------------------------------------------------------------

    def _join(self, name: str, record: str, run: str) -> Owner | None:
        if mine := self._held.get(name):
            if mine.run != run:
                return mine
            self._write(name, replace(mine, records=(*mine.records, record)))
            return None
        mine = Owner((record,), _host(), os.getpid(), _own_start(os.getpid()), secrets.token_hex(8), run)
        _live.add(mine.token)  # before others can see the file
        try:
            while not self._made(name, mine):
                if owner := self.owner(name):
                    return owner
                self._remove_stale(name)
                time.sleep(_PAUSE)
            self._held[name] = mine
        finally:
            if name not in self._held:
                _live.discard(mine.token)
        if len(self._held) == 1:
            self._released.clear()
            with suppress(RuntimeError):  # no thread can be had: on this machine the process itself is the sign of life
                WorkerPool().start(self._show_life, name="wenwen-claims")
        return None

    def _made(self, name: str, mine: Owner) -> bool:
        path = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = path.open("xb")
        except (FileExistsError, FileNotFoundError):  # the folder is deleted with its last claim
            if self._folder.is_symlink() or not self._folder.parent.is_dir():
                self._folder.resolve(strict=True)  # a link to nowhere never becomes a folder
            return False
        try:
            with file:
                file.write(_encode(mine))
        except OSError:  # what there is of it would have others wait for it
            _delete(path)
            raise
        return True

    def _leave(self, name: str, record: str) -> None:
        mine = self._held[name]
        left = replace(mine, records=tuple(one for one in mine.records if one != record))
        if left.records:
            self._write(name, left)
            return
        del self._held[name]
        if not self._held:
            self._released.set()
        try:
            _delete(self._folder / name, mine.token)
        finally:  # until now no other client of this process takes it for one that was left over
            _live.discard(mine.token)
        with suppress(OSError):
            self._folder.rmdir()

    def _write(self, name: str, mine: Owner) -> None:
        """Write a claim that is held."""
        self._held[name] = mine
        path = self._folder / name
        temporary = path.with_name(f".{name}.{mine.token}")
        with suppress(OSError):
            if self._is_mine(name):
                temporary.write_bytes(_encode(mine))
                temporary.replace(path)

    def _is_mine(self, name: str) -> bool:
        """Tell whether a claim that is held was not taken over, while this process had stopped for long.

        Raises:
            OSError: it cannot be read.
        """
        return _read(self._folder / name).token == self._held[name].token

    def _show_life(self, _: Job) -> None:
        while not self._released.wait(BEAT):
            self._show_life_once()

    def _show_life_once(self) -> None:
        """Renew the times of the files of what is held, and write what was reported since."""
        with self._lock:
            for name, mine in list(self._held.items()):
                if name in self._reported:
                    self._write(name, mine)
                    continue
                with suppress(OSError):  # a new file for each would make all others of a busy folder slower to make
                    if self._is_mine(name):
                        os.utime(self._folder / name)
            self._reported.clear()

    # -- others' -------------------------------------------------------------------------------------------------------

    def _is_alive(self, owner: Owner, path: Path) -> bool:
        if owner.host == _host() and owner.pid == os.getpid():
            return owner.token in _live
        if owner.host == _host():
            return 0 < _started(owner.pid) == owner.started
        return self._age(path) < SILENCE

    def _age(self, path: Path) -> float:
        """Return how many seconds a file's time is from now, by the clock of the disk that holds it.

        A time to come is as old as one long past: the clock was set back since, and no sign of life came after that.
        """
        probe = path.with_name(f".{secrets.token_hex(8)}")
        try:
            probe.touch()
            return abs(probe.stat().st_mtime - path.stat().st_mtime)
        finally:
            probe.unlink(missing_ok=True)

    def _remove_stale(self, name: str) -> None:
        """Delete a claim whose process is gone, under a lock: another process may do so too and make its own."""
        path, lock = self._folder / name, self._folder / f".{name}.lock"
        with suppress(FileNotFoundError):
            try:
                lock.open("xb").close()
            except FileExistsError:
                if self._age(lock) > SILENCE:
                    lock.unlink()
                return
            try:
                if not self._is_alive(_read(path), path):
                    path.unlink()
            finally:
                lock.unlink(missing_ok=True)


@cache
def _host() -> str:
    """Return the name of this machine, when it was switched on, and the name space of its process numbers.

    Containers may share a name; after a restart of the machine, process numbers and start times begin again.
    """
    since = space = ""
    with suppress(OSError):
        since = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()}{since}{space}"


def _started(pid: int) -> float:
    """Return when a process of this machine started, a number that never changes; 0 for one that does not run.

    On Linux it is counted from when the machine was switched on: psutil adds the moment of that, which moves whenever
    the clock is set.
    """
    import psutil  # noqa: PLC0415  only where a request is going to be sent

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return 0.0
        stat = Path(f"/proc/{pid}/stat")
        return float(stat.read_bytes().rpartition(b")")[2].split()[19]) if stat.exists() else process.create_time()
    except (psutil.Error, OSError, ValueError, OverflowError, IndexError):  # a damaged claim may have any number
        return 0.0


_own_start = cache(_started)
"""The same, asked once for each process: a fork has another number."""


def _delete(path: Path, token: str = "") -> None:
    """Delete a claim, where it can be; with a token only the claim that has it."""
    for _ in range(_TRIES):
        try:
            if not token or _read(path).token == token:
                path.unlink()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_PAUSE)
        else:
            return


def _encode(owner: Owner) -> bytes:
    return json.dumps(asdict(owner)).encode()


def _read(path: Path) -> Owner:
    """Read a claim; one that is just being written, or is damaged, names no process.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    try:
        saved = json.loads(path.read_bytes())
        records, pid, started = tuple(map(str, saved["records"])), int(saved["pid"]), float(saved["started"])
        return Owner(
            records, pid=pid, started=started, **{name: str(saved[name]) for name in ("host", "token", "text")}
        )
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return Owner()
