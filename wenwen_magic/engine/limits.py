"""Counts what was asked for and what it costs, and keeps what else the clients of one process share."""

import threading
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from wenwen_magic.engine.model_cache import ModelCache
from wenwen_magic.errors import Charged, LimitReached, WenwenError
from wenwen_magic.history.store import History
from wenwen_magic.media.sandbox import SandboxPool
from wenwen_magic.render import generation
from wenwen_magic.text.i18n import _, comma, ngettext

Value = TypeVar("Value")


@dataclass(frozen=True)
class Cost:
    """What some pictures cost.

    Args:
        pictures: how many.
        known: the sum of the known prices, in the unit of the table of prices.
        unknown: how many of the pictures have no known price.
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
    """Return what a table has for a model: under its name, else under the longest pattern that fits; else None."""
    if model in table:
        return table[model]
    patterns = [pattern for pattern in table if fnmatchcase(model, pattern)]
    return table[max(patterns, key=len)] if patterns else None


def cost_of(prices: Sequence[float | None]) -> Cost:
    """Add up the cost of pictures with these prices, None for an unknown one."""
    known = [price for price in prices if price is not None]
    return Cost(len(prices), round(sum(known), 9), len(prices) - len(known))


def amount(value: float, currency: str = "") -> str:
    """Format a sum with its unit, without needless digits."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return f"{text} {currency}".strip()


def pictures(count: int) -> str:
    """Say so many pictures in words."""
    return ngettext("{count} picture", "{count} pictures", count)


def told(cost: Cost, currency: str = "") -> str:
    """Say a cost in words: ``3 pictures, 0.12 $``, ``3 pictures, price unknown``."""
    if not cost.unknown:
        price = amount(cost.known, currency)
    elif cost.unknown == cost.pictures:
        price = _("price unknown")
    else:
        price = amount(cost.known, currency) + _(" and {unknown} of unknown price", unknown=cost.unknown)
    return f"{pictures(cost.pictures)}{comma()}{price}"


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
    _pools: dict[int, SandboxPool] = field(default_factory=dict)
    _histories: dict[Path, History] = field(default_factory=dict)

    def pool(self, megapixels: int) -> SandboxPool:
        """Return the child processes that check pictures of at most so many million pixels."""
        with self._lock:
            if megapixels not in self._pools:
                self._pools[megapixels] = SandboxPool(max_pixels=megapixels * 1_000_000)
            return self._pools[megapixels]

    def history(self, folder: Path) -> History:
        """Return the history in a folder; what was read of it once is not read again."""
        with self._lock:
            if folder not in self._histories:
                self._histories[folder] = History(folder, generation.generation_bundle)
            return self._histories[folder]

    def account(self, *charged: Charged) -> Cost:
        """Return what was asked for and charged so; without an argument what may have cost: ``yes`` and ``maybe``."""
        with self._lock:
            return sum((self._sums[word] for word in charged or ("yes", "maybe")), Cost())

    def check(self, prices: Sequence[float | None], limits: Limits) -> None:
        """Check that pictures of these prices may be asked for; counts nothing.

        Raises:
            LimitReached: a limit would be passed.
        """
        so_far, more = self.account(), cost_of(prices)
        if more.pictures and so_far.pictures + more.pictures > limits.pictures:
            raise limit_reached(so_far.pictures, limits.pictures)
        if limits.budget is not None and more.pictures and (so_far + more).units > limits.budget:
            raise budget_reached(so_far, more, limits.budget, limits.currency)

    @contextmanager
    def reserve(self, prices: Sequence[float | None], limits: Limits) -> Iterator[None]:
        """Count pictures while they are asked for, as ``maybe``, and then as what they came to.

        They are charged when the block ends well, what its error says when it raises one of ours, else ``maybe``.

        Args:
            prices: of the pictures, by the table of prices; None for unknown.
            limits: what the session may ask for.

        Raises:
            LimitReached: a limit would be passed; nothing is counted then.
        """
        cost = cost_of(prices)
        charged: Charged = "maybe"
        with self._lock:
            self.check(prices, limits)
            self._sums["maybe"] += cost
        try:
            yield
            charged = "yes"
        except WenwenError as error:
            charged = error.charged
            raise
        finally:
            with self._lock:
                self._sums["maybe"] -= cost
                self._sums[charged] += cost

    @contextmanager
    def turn(self, key: Hashable) -> Iterator[None]:
        """Let one at a time of those who want the same do it; the others wait.

        Args:
            key: what makes two the same; None for one that is like no other.
        """
        if key is None:
            yield
            return
        with self._lock:
            lock, users = self._turns.get(key, (threading.Lock(), 0))
            self._turns[key] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._turns.pop(key)
                if users > 1:
                    self._turns[key] = lock, users - 1


def limit_reached(asked: int, limit: int) -> LimitReached:
    """Make the error for a session that asked for as many pictures as it may."""
    return LimitReached(
        _("This session's limit of {limit} pictures is reached.", limit=limit),
        why=_("{asked} were asked for since the kernel started.", asked=asked),
        do=_("Nothing was sent. Raise it: %config WenwenMagics.session_limit = 100"),
    )


def budget_reached(so_far: Cost, more: Cost, budget: float, currency: str, *, cell: bool = False) -> LimitReached:
    """Make the error for pictures that would cost more than a budget allows: the session's, or the cell's own."""
    spent = "" if cell else _("so far {told}; ", told=told(so_far, currency))
    by_piece = (so_far + more).unknown
    unit = _("; a picture of unknown price counts as 1") if by_piece else ""
    return LimitReached(
        _("The budget of {amount} is too small.", amount=amount(budget, currency)),
        why=spent + _("asked for now: {told}", told=told(more, currency)) + unit,
        do=_("Nothing was sent. Raise it: ") + ("--budget" if cell else "%config WenwenMagics.budget"),
    )


SESSION = Session()
"""The one of this process."""
