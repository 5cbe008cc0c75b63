"""Holds what all connections to the demo share: the clock, the log of requests, the studio."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any

from wenwen_magic.demo.studio import Studio

_MOST_CALLS, _MOST_BYTES = 1000, 256 * 1024 * 1024


@dataclass(frozen=True)
class Call:
    """One request as it came.

    Args:
        method: ``GET`` or ``POST``.
        path: as it was sent.
        headers: names in lower case.
        body: parsed JSON; the bytes when they are not JSON; None without a body.
        size: of the body in bytes.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(default=None, repr=False)
    size: int = 0


class CallLog:
    """The last requests: at most 1000, with bodies of at most 256 MiB together; safe among threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: deque[Call] = deque()
        self._bytes = 0

    def add(self, call: Call) -> None:
        """Note a request, and forget the oldest when there are too many."""
        with self._lock:
            self._calls.append(call)
            self._bytes += call.size
            while len(self._calls) > _MOST_CALLS or (self._bytes > _MOST_BYTES and len(self._calls) > 1):
                self._bytes -= self._calls.popleft().size

    def all(self) -> list[Call]:
        """The requests, the oldest first."""
        with self._lock:
            return list(self._calls)


@dataclass(frozen=True)
class Desk:
    """What all connections share.

    Args:
        delay: seconds before each answer.
        wait: lets seconds pass.
        stopped: set when the server goes.
        log: of the requests.
        studio: where the pictures are painted.
        shelf: what a format keeps between its requests, by the format's name.
    """

    delay: float
    wait: Callable[[float], object]
    stopped: Event
    log: CallLog
    studio: Studio
    shelf: dict[str, Any] = field(default_factory=dict)

    def pause(self, seconds: float) -> bool:
        """Let seconds pass; tells whether the server still runs."""
        if seconds > 0:
            self.wait(seconds)
        return not self.stopped.is_set()
