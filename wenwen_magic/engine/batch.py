"""Draws what is missing of several requests, a few at a time; saved takes count, a failure leaves the rest alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from wenwen_magic.engine import outcomes
from wenwen_magic.engine.generate import Painter
from wenwen_magic.engine.limits import Session
from wenwen_magic.engine.worker_pool import Many, Runner, Tally, wait_through
from wenwen_magic.errors import LimitReached, WenwenError
from wenwen_magic.history.store import History
from wenwen_magic.protocol import Progress
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.text.i18n import _

Place = tuple[int, int]
"""A request's number, and a row's among those of the request."""
Came = Callable[[Place, Generation], None]
Work = Callable[[], Generation]


@dataclass(frozen=True)
class Wish:
    """How requests are to be drawn.

    Args:
        fresh: anew though takes are saved.
        take: a saved take by its number; 0 for any.
        tell: is called with the endpoint's words on progress.
    """

    fresh: bool = False
    take: int = 0
    tell: Callable[[Progress], None] | None = None


def missing(painter: Painter, request: ImageRequest, wish: Wish) -> int:
    """How many pictures of a request would be asked for."""
    if wish.take or painter.settings.mode == "replay":
        return 0
    saved = painter.saved_takes.counted(request, fresh=wish.fresh, take=0)
    return max(0, request.count - len(saved))


def works(painter: Painter, request: ImageRequest, wish: Wish) -> Iterator[Work]:
    """The works that give what a request wants: its saved takes, then the missing ones."""
    saved = painter.saved_takes.counted(request, fresh=wish.fresh, take=wish.take)
    for one in saved:
        yield partial(painter.completed, one)
    for number in range(len(saved) + 1, 1 if wish.take and saved else request.count + 1):
        yield _new_take(painter, request, number, wish)


def _new_take(painter: Painter, request: ImageRequest, number: int, wish: Wish) -> Work:
    """The work of drawing the take that would be the request's number so and so; in mode ``replay`` a miss.

    Where one picture is wanted, anybody's that is saved meanwhile will do; of several each is a picture of its own.
    """
    take, fresh = wish.take, wish.fresh or request.count > 1
    if painter.settings.mode == "replay":
        take = take or (number if number > 1 else 0)
    return partial(painter.generate, request, fresh=fresh, take=take, tell=wish.tell)


def draw(painter: Painter, requests: Sequence[ImageRequest], wish: Wish, came: Came) -> list[Generation]:
    """Draw what is missing of several requests; equal ones share their pictures.

    Args:
        painter: draws one.
        requests: what is wanted.
        wish: how.
        came: is handed each row when it comes, and its place: the request's number and the row's among the request's.

    Raises:
        WenwenError: nothing could be drawn; the first request's error.
    """
    drawing = _Drawing(painter, requests, came)
    errands = [
        _Errand((index, number), work)
        for index, request in drawing.different()
        for number, work in enumerate(works(painter, request, wish))
    ]
    Many(errands, lambda one: one.work(), width=painter.settings.concurrency, done=drawing.take(errands)).run()
    return drawing.ended()


@dataclass(frozen=True)
class _Errand:
    """One picture that is wanted."""

    place: Place
    work: Work


class _Drawing:
    """What comes of several requests, put into its places."""

    def __init__(self, painter: Painter, requests: Sequence[ImageRequest], came: Came) -> None:
        self._painter, self._requests, self._came = painter, requests, came
        self._twins: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            self._twins.setdefault(request.fingerprint, []).append(index)
        self._results: dict[Place, Generation | WenwenError] = {}
        self._rows: dict[Place, Generation] = {}

    def different(self) -> list[tuple[int, ImageRequest]]:
        """The requests that are different, each with the largest count wanted of it."""
        first = [max(twins, key=lambda index: self._requests[index].count) for twins in self._twins.values()]
        return [(index, self._requests[index]) for index in first]

    def take(self, errands: Sequence[_Errand]) -> Callable[[int, Generation | WenwenError], None]:
        """What takes the results of errands."""

        def done(number: int, result: Generation | WenwenError) -> None:
            place = errands[number].place
            self._results[place] = result
            self._put(place, self._painter.row(self._requests[place[0]], result))

        return done

    def _put(self, place: Place, row: Generation) -> None:
        """Put a row where it was wanted, and where an equal request wanted it too."""
        index, number = place
        for twin in self._twins[self._requests[index].fingerprint]:
            if twin == index or number < self._requests[twin].count:
                self._rows[twin, number] = row
                self._came((twin, number), row)

    def ended(self) -> list[Generation]:
        """All rows, those of a request in the order of their takes: only now is it known which take is which.

        Raises:
            WenwenError: there are errors only; the first of them.
        """
        if not any(isinstance(result, Generation) for result in self._results.values()):
            raise next(result for _, result in sorted(self._results.items()) if isinstance(result, WenwenError))
        for index, _request in self.different():
            places = sorted(place for place in self._results if place[0] == index)
            numbered = [self._numbered(self._rows[place]) for place in places]
            drawn = iter(sorted((row for row in numbered if row.take), key=lambda row: row.take))
            for place, row in zip(places, numbered, strict=True):
                self._put(place, next(drawn) if row.take else row)
        return [self._rows[place] for place in sorted(self._rows)]

    def _numbered(self, row: Generation) -> Generation:
        return self._painter.saved_takes.noted(replace(row, take=self._painter.history.take_of(row)))


def run_through(
    painter: Painter, requests: Iterable[ImageRequest], wish: Wish, rows: "Rows", **how: Any
) -> Many[Any, Any]:
    """A run through any number of requests, not yet begun, whose results go into rows.

    Args:
        painter: draws one.
        requests: what is wanted; a generator's are made one at a time.
        wish: how.
        rows: receives what comes.
        **how: ``width``, ``total`` and ``tell`` of :class:`wenwen_magic.engine.worker_pool.Many`.
    """

    def work(item: tuple[int, ImageRequest]) -> None:
        index, request = item
        with painter.session.turn(("all of", *painter.same(request))):  # an equal one then finds these saved
            _draw_all(painter, request, wish, lambda number, row: rows.put((index, number), row))

    def give_up(error: WenwenError) -> None:
        if isinstance(error, LimitReached):
            rows.refusal = error
            run.stop()  # the rest would all be refused alike

    def guarded(item: tuple[int, ImageRequest]) -> None:
        try:
            work(item)
        except WenwenError as error:
            give_up(error)
            raise

    run = Many(enumerate(requests), guarded, **how)
    return run


def _draw_all(painter: Painter, request: ImageRequest, wish: Wish, put: Callable[[int, Generation], None]) -> None:
    """Draw all that a request wants, one after the other; the first error is raised when the others are done."""
    failed: list[WenwenError] = []
    for number, work in enumerate(works(painter, request, wish)):
        try:
            result: Generation | WenwenError = work()
        except WenwenError as error:
            failed.append(error)
            result = error
        put(number, painter.row(request, result))
        if isinstance(result, LimitReached):
            break
    if failed:
        raise failed[-1]


class Rows(Sequence[Generation]):
    """Rows that are read from the history when they are looked at: any number of them needs little memory.

    Args:
        history: where they are.
        ready: makes a generation ready to be shown.

    Attributes:
        refusal: the limit that ended the run that fills them; None for none.
    """

    def __init__(self, history: History, ready: Callable[[Generation], Generation]) -> None:
        self._history, self._ready = history, ready
        self._found: dict[Place, tuple[str, bool, str] | Generation] = {}
        self._order: list[Place] = []
        self.refusal: LimitReached | None = None

    def put(self, place: Place, row: Generation) -> None:
        """Take a row; of one whose record says all of it only the id is kept."""
        whole = row.id and (row.error or {}).get("kind") != "NotInHistory"
        self._found[place] = (row.id, row.from_history, row.note) if whole else row

    @property
    def asked(self) -> bool:
        """Whether any of the rows with a record was asked for now, and not found."""
        return any(isinstance(row, tuple) and not row[1] for row in list(self._found.values()))

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, index: Any) -> Any:
        places = self._places()[index]
        return tuple(map(self._row, places)) if isinstance(index, slice) else self._row(places)

    def __iter__(self) -> Iterator[Generation]:
        return map(self._row, self._places())

    def _places(self) -> Any:
        if len(self._order) != len(self._found):
            self._order = sorted(list(self._found))  # noqa: C414  other threads put rows in meanwhile
        return self._order

    def _row(self, place: Place) -> Generation:
        found = self._found[place]
        if isinstance(found, Generation):
            return found
        name, from_history, note = found
        return replace(self._ready(self._history.get(name)), from_history=from_history, note=note)


def finish_many(run: Many[Any, Any], rows: Rows, session: Session) -> None:
    """Run through many requests and wait: the first interrupt stops what has not begun, the second ends the waiting.

    Args:
        run: not yet begun.
        rows: that it fills.
        session: whose account tells whether anything was paid.

    Raises:
        WaitEnded: it was interrupted.
        LimitReached: a limit ended it.
    """
    before = session.account()
    try:
        job = Runner().start(lambda _: run.run())
        wait_through(run, job.wait, _say_stopping)
        stopped = run.stopped
    finally:
        run.stop()  # an interrupt between two lines must not leave a run that goes on paying
    if error := job.error or rows.refusal:
        raise error
    if stopped:
        raise outcomes.stopped(run.tally.done, paid=rows.asked or session.account() != before)


def _say_stopping(count: int) -> None:
    print(_("Stopping: waiting for {count} under way. Interrupt again to stop waiting.", count=count))


def moving(bar: Any) -> Callable[[Tally], None]:
    """What moves a bar to where a run is."""

    def tell(tally: Tally) -> None:
        bar.n = tally.done + tally.failed
        if tally.failed:
            bar.set_postfix_str(_("{failed} failed", failed=tally.failed), refresh=False)
        bar.refresh()

    return tell
