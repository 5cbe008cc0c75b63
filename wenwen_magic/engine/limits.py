"""Holds what the clients of one process share: the account of what was asked for, histories, checking children."""

import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from wenwen_magic.engine.model_cache import ModelCache
from wenwen_magic.engine.money import Cost, cost_of
from wenwen_magic.engine.outcomes import budget_reached, limit_reached
from wenwen_magic.errors import Charged
from wenwen_magic.history.store import History
from wenwen_magic.media.sandbox import InspectorPool
from wenwen_magic.render import generation


@dataclass(frozen=True)
class Limits:
    """What a session may ask for.

    Args:
        pictures: how many.
        budget: what they may cost, by the table of prices; None for no limit.
        currency: the unit of the prices.
    """

    pictures: int
    budget: float | None = None
    currency: str = ""


@dataclass
class Session:
    """What one kernel or script shares between its clients.

    Args:
        models: the models that endpoints named.
    """

    models: ModelCache = field(default_factory=ModelCache)
    _sums: dict[Charged, Cost] = field(default_factory=lambda: {"no": Cost(), "maybe": Cost(), "yes": Cost()})
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _turns: dict[Hashable, tuple[threading.Lock, int]] = field(default_factory=dict)
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
                self._histories[folder] = History(folder, generation.generation_bundle)
            return self._histories[folder]

    def account(self, *charged: Charged) -> Cost:
        """What was asked for and was charged so; without a word what may have cost: ``yes`` and ``maybe``."""
        with self._lock:
            return sum((self._sums[word] for word in charged or ("yes", "maybe")), Cost())

    def enter(self, price: float | None, limits: Limits, *, count: int = 1) -> None:
        """Count pictures that are about to be asked for, as ``maybe`` until :meth:`settle` is told.

        Args:
            price: of one, by the table of prices; None for unknown.
            limits: what the session may ask for.
            count: how many one call asks for.

        Raises:
            LimitReached: a limit would be passed; nothing is counted then.
        """
        with self._lock:
            self.check([price] * count, limits)
            self._sums["maybe"] += cost_of([price] * count)

    def settle(self, price: float | None, charged: Charged, *, count: int = 1) -> None:
        """Count pictures that were entered as what they came to."""
        with self._lock:
            self._sums["maybe"] -= cost_of([price] * count)
            self._sums[charged] += cost_of([price] * count)

    @contextmanager
    def turn(self, key: Hashable) -> Iterator[bool]:
        """A turn among those who want the same: the second waits for the first; gives whether it had to wait.

        Args:
            key: what makes two wishes the same; None for one that is like no other.
        """
        with self._lock:
            lock, waiting = self._turns.get(key, (threading.Lock(), 0))
            self._turns[key] = lock, waiting + 1
        try:
            with lock if key is not None else nullcontext():
                yield waiting > 0
        finally:
            with self._lock:
                lock, waiting = self._turns.pop(key)
                if waiting > 1:
                    self._turns[key] = lock, waiting - 1

    def check(self, prices: Sequence[float | None], limits: Limits) -> None:
        """Check that pictures of these prices may be asked for; counts nothing.

        Raises:
            LimitReached: a limit would be passed.
        """
        so_far, more = self.account(), cost_of(prices)
        if so_far.pictures + more.pictures > limits.pictures:
            raise limit_reached(so_far.pictures, limits.pictures)
        if limits.budget is not None and more.pictures and (so_far + more).units > limits.budget:
            raise budget_reached(so_far, more, limits.budget, limits.currency)


SESSION = Session()
"""The one of this process."""
