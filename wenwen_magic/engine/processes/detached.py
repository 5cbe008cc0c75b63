"""Draw in a process of its own, which goes on when the kernel is interrupted, restarted or killed.

The process (``detached_worker``) is handed each order by its standard input, the key included,
and draws it with the unchanged engine. Its standard output reports progress and the record of the result. It ends when
its input is closed, which the end of the kernel does too, and all its orders are done.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from wenwen_magic.endpoint import api_key
from wenwen_magic.engine.executor import packed
from wenwen_magic.engine.outcomes import error_of_record
from wenwen_magic.engine.takes import Given
from wenwen_magic.engine.worker_pool import give_way
from wenwen_magic.errors import Charged, EndpointError, UnansweredRequest
from wenwen_magic.forks import after_fork
from wenwen_magic.protocol import Progress
from wenwen_magic.records import ImageRequest
from wenwen_magic.settings import Settings
from wenwen_magic.text.i18n import _

_START = 60.0
"""Seconds within which the process must be ready: Python may come from a slow network disk."""
_PACKAGES = str(Path(__file__).parents[3])
"""The folder that this package is in: the process must not import another copy."""


@dataclass(frozen=True)
class Order:
    """Hold all that the process must know to draw one picture.

    Args:
        settings: the client's.
        folder: the history's.
        request: what to draw.
        key: the key itself; empty for none.
        fresh: draw although a take is saved.
        given: what the request has by now, where it wants several pictures.
        language: of the messages.
        environment: the kernel's variables as they are now, such as those of a proxy, but for the key.
        foreign: whether only a project file names the endpoint; then no key is looked for there either.
    """

    settings: Settings
    folder: Path
    request: ImageRequest
    key: str = field(repr=False)
    fresh: bool
    given: Given
    language: str
    environment: Mapping[str, str] = field(repr=False)
    foreign: bool = False


class Result(NamedTuple):
    """What became of an order.

    Args:
        record: the id of the record.
        path: of the record's file, in the history's folder.
        saved: whether it was saved before, or paid for elsewhere.
        take: the number of the take.
        note: for the caption, where it was saved.
    """

    record: str
    path: str
    saved: bool
    take: int
    note: str


class Detached:
    """The process that draws for this one; it is started when it is first needed, and may be used from all threads."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._numbers = count(1)
        self._replies: dict[int, queue.SimpleQueue[Mapping[str, Any]]] = {}
        self.problem = ""
        """Why there is no process; empty where there is one, or none was needed yet."""
        self._renew()
        after_fork(self._renew)

    def _renew(self) -> None:
        self._starting, self._writing = threading.Lock(), threading.Lock()

    @property
    def pid(self) -> int:
        """The number of the process; 0 where none runs, such as in a copy of this Python that ``fork`` has made."""
        process = self._process if self._owner == os.getpid() else None
        return process.pid if process and process.poll() is None else 0

    def start(self) -> bool:
        """Start the process, if it does not run, and wait until it is ready; tell whether it is."""
        with self._starting:
            if self.pid:
                return True
            if self.problem:  # what failed once is not tried at every cell
                return False
            self._replies, ready = {}, threading.Event()
            try:
                self._process, self._owner = self._started(), os.getpid()
                reading = (self._process, self._replies, ready)
                threading.Thread(target=self._read, args=reading, daemon=True, name="wenwen-detached").start()
            except (OSError, RuntimeError) as error:
                self.problem = str(error)
                return False
            if not ready.wait(_START) or not self.pid:
                self.problem = _("The process did not start.")
                self._process.kill()
            return not self.problem

    def draw(self, order: Order, progress: Callable[[Progress], None]) -> Result:
        """Have a picture drawn, and wait for it; report the endpoint's words on progress.

        Raises:
            ConfigError: a parameter cannot be handed over; nothing was sent.
            EndpointError: the process ended before its answer came.
            WenwenError: as the engine's.
        """
        number, replies = next(self._numbers), queue.SimpleQueue[Mapping[str, Any]]()
        process, self._replies[number] = self._process, replies
        try:
            self._send(process, number, order)
            while True:
                reply = replies.get()
                if "progress" in reply:
                    text, percent, preview, said = reply["progress"]
                    progress(Progress(text, percent, preview=Path(preview) if preview else None, said=said))
                elif "answered" in reply:
                    give_way()
                elif "error" in reply:
                    error = _lost("maybe") if reply["error"] is None else error_of_record(reply["error"])
                    if isinstance(error, UnansweredRequest):
                        error.records = (error.record,)
                    raise error
                else:
                    return Result(*reply["result"])
        finally:
            self._replies.pop(number, None)

    # -- the process ---------------------------------------------------------------------------------------------------

    @staticmethod
    def _started() -> subprocess.Popen[bytes]:
        if not sys.executable:
            raise OSError(_("No Python interpreter was found."))
        places = os.pathsep.join(filter(None, (_PACKAGES, os.environ.get("PYTHONPATH"))))
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "wenwen_magic.engine.processes.detached_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment_without_key(), "PYTHONPATH": places},
            start_new_session=True,  # neither an interrupt nor the end of the kernel's process group reaches it
            creationflags=getattr(subprocess, "DETACHED_PROCESS", 0),
        )

    def _send(self, process: subprocess.Popen[bytes] | None, number: int, order: Order) -> None:
        frame = packed((number, order))
        try:
            with self._writing:
                pipe: Any = process and process.stdin
                pipe.write(frame)
                pipe.flush()
        except (OSError, ValueError, AttributeError):
            raise _lost("no") from None
        finally:
            frame = b""  # it holds the key, and a traceback may show variables

    @staticmethod
    def _read(
        process: subprocess.Popen[bytes],
        replies: Mapping[int, queue.SimpleQueue[Mapping[str, Any]]],
        ready: threading.Event,
    ) -> None:
        """Hand each reply to the thread that waits for it; at the end tell all that there will be none."""
        output: Any = process.stdout
        for line in output:
            ready.set()  # the first line says no more than that
            reply = json.loads(line)
            if waiting := replies.get(reply["order"]):
                waiting.put(reply)
        process.wait()
        ready.set()
        for waiting in list(replies.values()):
            waiting.put({"error": None})


def environment_without_key() -> dict[str, str]:
    """Return this process's variables without the key, for another process."""
    return {name: value for name, value in os.environ.items() if name != api_key.VARIABLE}


def _lost(charged: Charged) -> EndpointError:
    return EndpointError(
        _("The process that was asking the endpoint has ended."),
        do=_("Run the cell again: a saved picture is shown for free, and nothing is paid again without asking."),
        charged=charged,
    )
