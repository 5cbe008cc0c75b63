"""Draws what is missing of several requests, a few at a time; saved takes count, a failure leaves the rest alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from wenwen_magic.errors import LimitReached, WenwenError
from wenwen_magic.history import History
from wenwen_magic.many import Many
from wenwen_magic.painter import Painter
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.wire import Progress

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
    """The work of drawing the take that would be the cell's number so and so; in mode ``replay`` a miss."""
    take, fresh = wish.take, wish.fresh or number > 1
    if painter.settings.mode == "replay":
        take = take or (number if number > 1 else 0)
    return partial(painter.generate, request, fresh=fresh, take=take, tell=wish.tell)


def draw(painter: Painter, requests: Sequence[ImageRequest], wish: Wish, came: Came) -> list[Generation]:
    """Draw what is missing of several requests.

    Args:
        painter: draws one.
        requests: what is wanted.
        wish: how.
        came: is handed each row when it comes, and its place: the request's number and the row's among the request's.

    Raises:
        WenwenError: nothing could be drawn; the first request's error.
    """
    asked = list(_errands(painter, requests, wish))
    results: dict[int, Generation | WenwenError] = {}
    rows: dict[int, Generation] = {}

    def done(place: int, result: Generation | WenwenError) -> None:
        results[place], rows[place] = result, painter.row(asked[place].request, result)
        came(asked[place].place, rows[place])

    Many(asked, _Errand.run, width=painter.settings.concurrency, done=done).run()
    if not any(isinstance(result, Generation) for result in results.values()):
        raise next(result for _, result in sorted(results.items()) if isinstance(result, WenwenError))
    for place in sorted(rows):  # only now is it known which take is which
        rows[place] = replace(rows[place], take=painter.history.take_of(rows[place]))
        came(asked[place].place, rows[place])
    return [rows[place] for place in sorted(rows)]


def run_through(
    painter: Painter, requests: Iterable[ImageRequest], wish: Wish, rows: "Rows", **how: Any
) -> Many[Any, Any]:
    """A run through any number of requests, not yet begun, whose results go into rows.

    Args:
        painter: draws one.
        requests: what is wanted; a generator's are made one at a time.
        wish: how.
        rows: receives what comes.
        **how: ``width``, ``total`` and ``tell`` of :class:`wenwen_magic.many.Many`.
    """

    def work(errand: _Errand) -> Generation:
        try:
            result = errand.run()
        except WenwenError as error:
            rows.put(errand.place, painter.row(errand.request, error))
            if isinstance(error, LimitReached):
                rows.refusal = error
                run.stop()  # the rest would all be refused alike
            raise
        rows.put(errand.place, painter.row(errand.request, result))
        return result

    run = Many(_errands(painter, requests, wish), work, **how)
    return run


@dataclass(frozen=True)
class _Errand:
    """One picture that is wanted."""

    place: Place
    request: ImageRequest
    work: Work

    def run(self) -> Generation:
        """Draw it, or give the saved one."""
        return self.work()


def _errands(painter: Painter, requests: Iterable[ImageRequest], wish: Wish) -> Iterator[_Errand]:
    for index, request in enumerate(requests):
        for number, work in enumerate(works(painter, request, wish)):
            yield _Errand((index, number), request, work)


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
        self._found: dict[Place, tuple[str, bool] | Generation] = {}
        self._order: list[Place] = []
        self.refusal: LimitReached | None = None

    def put(self, place: Place, row: Generation) -> None:
        """Take a row; of one that has a record only its id is kept."""
        self._found[place] = (row.id, row.from_history) if row.id else row

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, index: Any) -> Any:
        places = self._places()[index]
        return tuple(map(self._row, places)) if isinstance(index, slice) else self._row(places)

    def __iter__(self) -> Iterator[Generation]:
        return map(self._row, self._places())

    def _places(self) -> Any:
        if len(self._order) != len(self._found):
            self._order = sorted(self._found)
        return self._order

    def _row(self, place: Place) -> Generation:
        found = self._found[place]
        if isinstance(found, Generation):
            return found
        name, from_history = found
        return replace(self._ready(self._history.get(name)), from_history=from_history)
