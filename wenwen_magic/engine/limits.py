"""Count what was asked for and what it costs, and keep what else the clients of one process share."""

import re
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
from wenwen_magic.forks import after_fork
from wenwen_magic.history.store import History
from wenwen_magic.media.sandbox import SandboxPool
from wenwen_magic.records import ImageRequest
from wenwen_magic.render import gallery, generation
from wenwen_magic.settings import PerSecond, Settings
from wenwen_magic.text.i18n import _, comma, ngettext

Value = TypeVar("Value")
_LENGTH = re.compile(r"(?i)(?<![a-z0-9.])(\d{1,3})s(?:ec(?:onds?)?)?(?![a-z0-9])")
"""A clip's length in a model's name, such as ``sora_video2-15s``."""
_LENGTHS = ("seconds", "duration", "durationseconds", "nseconds")
"""Params that name a clip's length, in small letters, without ``_``; makers nest them: ``parameters`` of Veo."""


@dataclass(frozen=True)
class ClipPrice:
    """Hold the price of a clip, None for an unknown one, and as how many pictures it counts."""

    amount: float | None
    counts: int


Price = float | ClipPrice | None
"""Of a picture or a clip, by the table of prices; None for a picture of unknown price."""


@dataclass(frozen=True)
class Cost:
    """Hold what some pictures cost: how many there are, the sum of the known prices, and how many have none.

    The unit is that of the table of prices. A clip counts as several pictures, of unknown price where it has none.
    ``clips`` says how many there are of them, and ``counted`` as how many of the pictures they count.
    """

    pictures: int = 0
    known: float = 0.0
    unknown: int = 0
    clips: int = 0
    counted: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        known = round(self.known + other.known, 9)  # three times 0.1 is 0.3 here
        clips, counted = self.clips + other.clips, self.counted + other.counted
        return Cost(self.pictures + other.pictures, known, self.unknown + other.unknown, clips, counted)

    def __sub__(self, other: "Cost") -> "Cost":
        return self + Cost(-other.pictures, -other.known, -other.unknown, -other.clips, -other.counted)

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


def price_of(request: ImageRequest, table: Mapping[str, float]) -> float | None:
    """Return the price of one picture or clip by a table; None for unknown, as of a clip whose length nobody named.

    A clip may last as long as any of its params or its model's name says: the longest is paid for.
    """
    price = best_pattern(request.model, table)
    if not isinstance(price, PerSecond):
        return price
    try:
        seconds = [float(one) for one in (*_LENGTH.findall(request.model), *_lengths(request.params))]
    except ValueError:  # auto, and the like
        return None
    known = request.wants_clip and seconds and all(0 < one < float("inf") for one in seconds)
    return round(float(price) * max(seconds), 9) if known else None


def _lengths(params: Any) -> Iterator[str]:
    """Yield what the params of a request, and those within them, say of a clip's length."""
    if isinstance(params, Mapping):
        for name, value in params.items():
            if re.sub(r"[_-]", "", str(name)).lower() in _LENGTHS:
                yield str(value).strip().removesuffix("s")
            else:
                yield from _lengths(value)
    elif isinstance(params, (list, tuple)):
        for value in params:
            yield from _lengths(value)


def cost_of(prices: Sequence[Price]) -> Cost:
    """Add up the cost of pictures and clips with these prices."""
    clips = [price for price in prices if isinstance(price, ClipPrice)]
    own = [price for price in prices if not isinstance(price, ClipPrice)]
    known = [price for price in (*own, *(clip.amount for clip in clips)) if price is not None]
    unknown = sum(clip.counts for clip in clips if clip.amount is None) + sum(price is None for price in own)
    counted = sum(clip.counts for clip in clips)
    return Cost(len(own) + counted, round(sum(known), 9), unknown, len(clips), counted)


amount = generation.amount


def pictures(count: int) -> str:
    """Format a number of pictures."""
    return ngettext("{count} picture", "{count} pictures", count)


def things(cost: Cost, *, words: bool = False) -> str:
    """Format how much was, or would be, asked for: pictures, or clips and the number of pictures that they count as.

    With ``words`` all are answers, each of which counts as a picture.
    """
    if words:
        return ngettext("{count} answer", "{count} answers", cost.pictures)
    if not cost.clips:
        return pictures(cost.pictures)
    clips = ngettext("{count} clip", "{count} clips", cost.clips)
    if others := cost.pictures - cost.counted:
        clips = _("{clips} and {pictures}", clips=clips, pictures=pictures(others))
    return _("{clips} (in all counted as {pictures})", clips=clips, pictures=pictures(cost.pictures))


def cost_text(cost: Cost, currency: str = "", *, words: bool = False) -> str:
    """Format a cost, such as ``3 pictures, 0.12 $`` or ``3 pictures, price unknown``; ``words`` as :func:`things`."""
    if not cost.unknown:
        price = amount(cost.known, currency)
    elif cost.unknown == cost.pictures:
        price = _("price unknown")
    else:
        price = amount(cost.known, currency) + _(" and {unknown} of unknown price", unknown=cost.unknown)
    return f"{things(cost, words=words)}{comma()}{price}"


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

    def __post_init__(self) -> None:
        after_fork(self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()
        self._turns.clear()

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

    def check(self, prices: Sequence[Price], settings: Settings) -> None:
        """Check that pictures of these prices may be asked for; counts nothing.

        Args:
            prices: of the pictures and clips.
            settings: ``session_limit`` and ``budget`` are the limits.

        Raises:
            LimitReached: a limit would be passed.
        """
        if not prices:
            return
        so_far, more = self.account(), cost_of(prices)
        if so_far.pictures + more.pictures > settings.session_limit:
            raise limit_reached(so_far, more, settings.session_limit)
        if settings.budget is not None and (so_far + more).units > settings.budget:
            raise budget_reached(so_far, more, settings.budget, settings.currency)

    @contextmanager
    def reserve(self, prices: Sequence[Price], settings: Settings) -> "Iterator[Bill]":
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


def limit_reached(so_far: Cost, more: Cost, limit: int) -> LimitReached:
    """Make the error for pictures beyond the session's limit, after those that were asked for so far."""
    return LimitReached(
        _("This session's limit of {limit} pictures is reached.", limit=limit),
        why=_("so far {cost}; ", cost=things(so_far)) + _("asked for now: {cost}", cost=things(more)),
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
