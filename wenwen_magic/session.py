"""Holds what the clients of one process share: the count of pictures asked for, histories, checking children."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from wenwen_magic import display
from wenwen_magic.history import History
from wenwen_magic.inspection import InspectorPool
from wenwen_magic.outcomes import limit_reached


@dataclass
class Session:
    """What one kernel or script shares between its clients.

    Args:
        asked: pictures that were asked for so far.
    """

    asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pools: dict[int, InspectorPool] = field(default_factory=dict)
    _histories: dict[Path, History] = field(default_factory=dict)

    def pool(self, megapixels: int) -> InspectorPool:
        """The children that check pictures of at most so many million pixels."""
        with self._lock:
            if megapixels not in self._pools:
                self._pools[megapixels] = InspectorPool(max_pixels=megapixels * 1_000_000)
            return self._pools[megapixels]

    def history(self, folder: Path) -> History:
        """The history in a folder; what was read of it once is not read again."""
        with self._lock:
            if folder not in self._histories:
                self._histories[folder] = History(folder, display.generation_bundle)
            return self._histories[folder]

    def count(self, pictures: int, limit: int) -> None:
        """Count pictures that are about to be asked for.

        Raises:
            LimitReached: the limit would be passed; nothing is counted then.
        """
        with self._lock:
            self.check(pictures, limit)
            self.asked += pictures

    def check(self, pictures: int, limit: int) -> None:
        """Check that so many pictures may be asked for; counts nothing.

        Raises:
            LimitReached: the limit would be passed.
        """
        if self.asked + pictures > limit:
            raise limit_reached(self.asked, limit)


SESSION = Session()
"""The one of this process."""
