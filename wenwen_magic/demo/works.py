"""Keeps the demo's Midjourney works: what was asked, how far each is, and which buttons stand under it."""

import secrets
import time
import uuid
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from wenwen_magic.demo.asks import Ask
from wenwen_magic.demo.directives import Directives
from wenwen_magic.demo.mosaic import Tile

GRID = 4
"""Pictures in one that is laid of several."""
DONE = 100
"""Percent of a work that has ended."""
_MOST = 512
_MOST_UPLOADS = 64
_MOST_FILES = 8
FAILURE = "The demo failed to do this work, as it was asked to."
_ONE = (
    ("MJ::JOB::high_variation::1::{}::SOLO", "🪄", "Vary (Strong)"),
    ("MJ::Inpaint::1::{}::SOLO", "🖌️", "Vary (Region)"),
    ("MJ::Outpaint::50::1::{}::SOLO", "🔍", "Zoom Out 2x"),
    ("MJ::CustomZoom::{}", "🔍", "Custom Zoom"),
    ("MJ::JOB::pan_left::1::{}::SOLO", "⬅️", ""),
    ("MJ::JOB::pan_right::1::{}::SOLO", "➡️", ""),
    ("MJ::JOB::pan_up::1::{}::SOLO", "⬆️", ""),
    ("MJ::JOB::pan_down::1::{}::SOLO", "⬇️", ""),
)
_FOUR = (
    *((f"MJ::JOB::upsample::{n}::{{}}", "", f"U{n}") for n in range(1, GRID + 1)),
    ("MJ::JOB::reroll::0::{}::SOLO", "🔄", ""),
    *((f"MJ::JOB::variation::{n}::{{}}", "", f"V{n}") for n in range(1, GRID + 1)),
)
_DESCRIBED = tuple((f"MJ::Job::PicReader::{n}::{{}}", f"{n}\ufe0f\u20e3", "") for n in range(1, GRID + 1))


@dataclass(frozen=True)
class Work:
    """One work.

    Args:
        id: its number, sixteen digits.
        action: ``IMAGINE``, ``UPSCALE`` and so on.
        ask: what was asked.
        prompt: as it came.
        tiles: the picture: one, or four in two rows; none for words.
        asked: the directives that came with it.
        words: the result of a description.
        window: the order of the button that opened a window; empty once it is filled.
        parent: the number of the work whose button it was.
        born: when it was submitted, in seconds since 1970.
    """

    id: str
    action: str
    ask: Ask
    prompt: str = ""
    tiles: tuple[Tile, ...] = ()
    asked: Directives = field(default_factory=Directives)
    words: str = ""
    window: str = ""
    parent: str = ""
    born: float = field(default_factory=time.time)

    @property
    def steps(self) -> tuple[tuple[str, int], ...]:
        """Status and percent at each look, the last for ever."""
        if self.window:
            return (("MODAL", 0),)
        waits = (("NOT_START", 0),) if self.asked.queued else ()
        if self.asked.fail:
            return (*waits, ("IN_PROGRESS", 31), ("FAILURE", DONE))
        long = (("IN_PROGRESS", 31), ("IN_PROGRESS", 71)) if len(self.tiles) == GRID else (("IN_PROGRESS", 50),)
        return (*waits, *long, ("SUCCESS", DONE))

    @property
    def buttons(self) -> list[dict[str, Any]]:
        """What can be done next with it."""
        known = _DESCRIBED if self.words else _FOUR if len(self.tiles) == GRID else _ONE
        mark = uuid.UUID(int=int(self.id))
        return [
            {"customId": order.format(mark), "emoji": sign, "label": label, "type": 2, "style": 2}
            for order, sign, label in known
        ]

    @property
    def seed(self) -> str:
        """The number that decides about its picture."""
        return str(int(self.tiles[0].recipe.name[:8], 16)) if self.tiles else "0"


class Works:
    """Remembers the last 512 works, 8 of their files and 64 uploads; safe among threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._works: OrderedDict[str, Work] = OrderedDict()
        self._looks: Counter[str] = Counter()
        self._pressed: Counter[str] = Counter()
        self._files: OrderedDict[str, bytes] = OrderedDict()
        self._uploads: OrderedDict[str, bytes] = OrderedDict()

    def number(self) -> str:
        """A new work's number."""
        with self._lock:
            while True:  # a number that another server has given must not name a work of this one
                number = f"{time.time_ns() // 1_000_000}{secrets.randbelow(1000):03}"
                if number not in self._works:
                    return number

    def add(self, work: Work) -> None:
        """Keep a work, or a work that goes on in place of itself; the oldest is forgotten when there are too many."""
        with self._lock:
            self._works[work.id] = work
            self._looks[work.id] = 0
            while len(self._works) > _MOST:
                gone, _ = self._works.popitem(last=False)
                del self._looks[gone]

    def find(self, id: str) -> Work | None:
        """A work by its number."""
        with self._lock:
            return self._works.get(id)

    def look(self, work: Work, *, forward: bool = True) -> tuple[str, int]:
        """How far a work is: status and percent; every look brings it a step forward.

        Args:
            work: that is looked at.
            forward: False to leave it where it is.
        """
        with self._lock:
            self._looks[work.id] += forward
            return work.steps[min(max(self._looks[work.id] - 1, 0), len(work.steps) - 1)]

    def is_done(self, work: Work) -> bool:
        """Whether somebody has seen it finished."""
        return self.look(work, forward=False)[0] == "SUCCESS"

    def press(self, order: str) -> int:
        """How often something was done before."""
        with self._lock:
            self._pressed[order] += 1
            return self._pressed[order] - 1

    def file(self, work: Work, paint: Callable[[], bytes]) -> bytes:
        """The picture of a work, painted once for the previews and the end.

        Args:
            work: whose picture it is.
            paint: paints it.
        """
        with self._lock:
            known = self._files.get(work.id)
        file = known or paint()
        with self._lock:
            _keep(self._files, work.id, file, _MOST_FILES)
        return file

    def upload(self, name: str, file: bytes) -> None:
        """Keep a file under a name."""
        with self._lock:
            _keep(self._uploads, name, file, _MOST_UPLOADS)

    def uploaded(self, name: str) -> bytes | None:
        """The file that was kept under a name; None for none."""
        with self._lock:
            return self._uploads.get(name)


def _keep(shelf: OrderedDict[str, bytes], name: str, file: bytes, most: int) -> None:
    shelf[name] = file
    shelf.move_to_end(name)
    while len(shelf) > most:
        shelf.popitem(last=False)
