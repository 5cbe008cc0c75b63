"""Count what was asked for and what it costs, and keep what else the clients of one process share."""

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

from wenwen_magic.engine.model_cache import ModelCache
from wenwen_magic.engine.processes.claims import Claims
from wenwen_magic.engine.processes.detached import Detached
from wenwen_magic.errors import Charged, LimitReached, WenwenError
from wenwen_magic.history.store import History
from wenwen_magic.media.sandbox import SandboxPool
from wenwen_magic.render import gallery, generation
from wenwen_magic.settings import Settings
from wenwen_magic.text.i18n import _, comma, ngettext

Value = TypeVar("Value")


@dataclass(frozen=True)
class Cost:
    """Hold what some pictures cost: how many there are, the sum of the known prices, and how many have none.

    The unit is that of the table of prices.
    """

    pictures: int = 0
    known: float = 0.0
    unknown: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        known = round(self.known + other.known, 9)  # three times 0.1 is 0.3 here
        return Cost(self.pictures + other.pictures, known, self.unknown + other.unknown)

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.pictures - other.pictures, round(self.known - other.known, 9), self.unknown - other.unknown)

    @property
    def units(self) -> float:
        """What a budget counts: the known prices, and 1 for each picture of unknown price."""
        return self.known + self.unknown


def best_pattern(model: str, table: Mapping[str, Value]) -> Value | None:
    """Return a table's value for a model: that of its name, else of the longest pattern that matches; else None."""
    if model in table:
        return table[model]
    patterns = [pattern for pattern in table if fnmatchcase(model, pattern)]
    return table[max(patterns, key=len)] if patterns else None


def cost_of(prices: Sequence[float | None]) -> Cost:
    """Add up the cost of pictures with these prices, None for an unknown one."""
    known = [price for price in prices if price is not None]
    return Cost(len(prices), round(sum(known), 9), len(prices) - len(known))


amount = generation.amount


def pictures(count: int) -> str:
    """Format a number of pictures."""
    return ngettext("{count} picture", "{count} pictures", count)


def cost_text(cost: Cost, currency: str = "") -> str:
    """Format a cost, such as ``3 pictures, 0.12 $`` or ``3 pictures, price unknown``."""
    if not cost.unknown:
        price = amount(cost.known, currency)
    elif cost.unknown == cost.pictures:
        price = _("price unknown")
    else:
        price = amount(cost.known, currency) + _(" and {unknown} of unknown price", unknown=cost.unknown)
    return f"{pictures(cost.pictures)}{comma()}{price}"


@dataclass
class Bill:
    """How pictures were charged: ``yes``, until it turns out that they were saved or paid for by another process."""

    charged: Charged = "yes"


@dataclass
class Session:
    """Hold what the clients of one kernel or script share: the account, histories, child processes, model lists.

    Args:
        models: the models that endpoints named.
        detached: the process that draws for this one.
    """

    models: ModelCache = field(default_factory=ModelCache)
    detached: Detached = field(default_factory=Detached)
    _sums: dict[Charged, Cost] = field(default_factory=lambda: {"no": Cost(), "maybe": Cost(), "yes": Cost()})
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _turns: WeakValueDictionary[Hashable, threading.Lock] = field(default_factory=WeakValueDictionary)
    _shared: dict[Hashable, Any] = field(default_factory=dict)

    def pool(self, megapixels: int) -> SandboxPool:
        """Return the child processes that check pictures of at most ``megapixels`` million pixels."""
        return self._one((SandboxPool, megapixels), lambda: SandboxPool(max_pixels=megapixels * 1_000_000))

    def history(self, folder: Path) -> History:
        """Return the history in a folder, one for each folder: records that were read are not read again."""
        bundles = generation.generation_bundle, gallery.gallery_bundle
        return self._one((History, folder), lambda: History(folder, *bundles))

    def claims(self, folder: Path) -> Claims:
        """Return the claims in a history's folder, one for each folder."""
        return self._one((Claims, folder), lambda: Claims(folder))

    def _one(self, key: Hashable, make: Callable[[], Value]) -> Value:
        with self._lock:
            if key not in self._shared:
                self._shared[key] = make()
            return cast(Value, self._shared[key])

    def account(self, *charged: Charged) -> Cost:
        """Return what was asked for in this session and charged so; by default, what may have cost."""
        with self._lock:
            return sum((self._sums[state] for state in charged or ("yes", "maybe")), Cost())

    def check(self, prices: Sequence[float | None], settings: Settings) -> None:
        """Check that pictures of these prices may be asked for; counts nothing.

        Args:
            prices: of the pictures, by the table of prices; None for an unknown one.
            settings: ``session_limit`` and ``budget`` are the limits.

        Raises:
            LimitReached: a limit would be passed.
        """
        if not prices:
            return
        so_far, more = self.account(), cost_of(prices)
        if so_far.pictures + more.pictures > settings.session_limit:
            raise limit_reached(so_far.pictures, settings.session_limit)
        if settings.budget is not None and (so_far + more).units > settings.budget:
            raise budget_reached(so_far, more, settings.budget, settings.currency)

    @contextmanager
    def reserve(self, prices: Sequence[float | None], settings: Settings) -> "Iterator[Bill]":
        """Count pictures as ``maybe`` charged while they are asked for, and then as they were charged.

        That is what the bill says when the block ends well, what its error says when it raises one of ours, else
        ``maybe``. The arguments are those of :meth:`check`.

        Raises:
            LimitReached: a limit would be passed; nothing is counted then.
        """
        cost, bill = cost_of(prices), Bill()
        charged: Charged = "maybe"
        with self._lock:
            self.check(prices, settings)
            self._sums["maybe"] += cost
        try:
            yield bill
            charged = bill.charged
        except WenwenError as error:
            charged = error.charged
            raise
        finally:
            with self._lock:
                self._sums["maybe"] -= cost
                self._sums[charged] += cost

    @contextmanager
    def turn(self, key: Hashable) -> Iterator[bool]:
        """Hold the lock of a key while the block runs; others with an equal key wait, but nobody with None.

        Yields whether this one has waited.
        """
        with self._lock:
            lock = threading.Lock() if key is None else self._turns.setdefault(key, threading.Lock())
        waited = not lock.acquire(blocking=False)
        if waited:
            lock.acquire()
        try:
            yield waited
        finally:
            lock.release()


def limit_reached(asked: int, limit: int) -> LimitReached:
    """Make the error for pictures beyond the session's limit, after those that were asked for so far."""
    return LimitReached(
        _("This session's limit of {limit} pictures is reached.", limit=limit),
        why=_("{asked} were asked for since the kernel started.", asked=asked),
        do=_("Nothing was sent. Raise it: %config WenwenMagics.session_limit = 100"),
    )


def budget_reached(so_far: Cost, more: Cost, budget: float, currency: str, *, cell: bool = False) -> LimitReached:
    """Make the error for pictures that would cost more than a budget allows: the session's, or the cell's own."""
    spent = "" if cell else _("so far {cost}; ", cost=cost_text(so_far, currency))
    by_piece = (so_far + more).unknown
    unit = _("; a picture of unknown price counts as 1") if by_piece else ""
    return LimitReached(
        _("The budget of {amount} is too small.", amount=amount(budget, currency)),
        why=spent + _("asked for now: {cost}", cost=cost_text(more, currency)) + unit,
        do=_("Nothing was sent. Raise it: ") + ("--budget" if cell else "%config WenwenMagics.budget"),
    )


SESSION = Session()
"""The session that the clients of this process share."""
