"""Draw several requests, or many, a few at a time; saved takes count, and one failure does not stop the rest."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from wenwen_magic.engine import outcomes
from wenwen_magic.engine.generate import Engine, OnProgress
from wenwen_magic.engine.limits import Price, Session
from wenwen_magic.engine.takes import Found, Given
from wenwen_magic.engine.worker_pool import BatchRun, Tally, WorkerPool, giving_way, ignore, wait_through
from wenwen_magic.errors import HistoryError, LimitReached, WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.history.store import History
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.render.generation import generation_bundle
from wenwen_magic.text.i18n import _

Place = tuple[int, int]
"""The number of a request, and the number of a row among its rows; both from 0."""
_TOGETHER = 16
"""How many requests are looked for in the history at a time."""
OnArrival = Callable[[Place, Generation], None]
Task = Callable[[], Generation]


@dataclass(frozen=True)
class DrawOptions:
    """Hold how to draw.

    Args:
        fresh: draw although takes are saved.
        take: a saved take by its number; 0 for any.
        progress: is called with the endpoint's words on progress.
    """

    fresh: bool = False
    take: int = 0
    progress: OnProgress = ignore


@dataclass(frozen=True)
class Estimate:
    """Hold what requests would ask for.

    Args:
        requests: how many there are.
        wanted: how many pictures they want, saved ones included.
        missing: the prices of the pictures that would be asked for, None for an unknown one.
        unanswered: records of requests that an earlier process sent, and whose answers never came.
        asked: the first request of each kind (model, format, task, shape) of which a picture would be asked for.
        unsaved: a mark of each request that has no saved take.
    """

    requests: int
    wanted: int
    missing: list[Price]
    unanswered: list[Generation]
    asked: list[ImageRequest]
    unsaved: set[bytes]


def estimate(engine: Engine, requests: Iterable[ImageRequest], options: DrawOptions) -> Estimate:
    """Count what requests want, and what of it is missing, before any is sent; equal requests share their takes."""
    number = wanted = 0
    missing: list[Price] = []
    unanswered: dict[str, Generation] = {}
    counted: dict[bytes, int] = {}
    unsaved: set[bytes] = set()
    asked: dict[tuple[str | bool, ...], ImageRequest] = {}
    for request, found in _found(engine, requests, options):
        number, wanted = number + 1, wanted + request.count * request.pictures
        unanswered.update((record.id, record) for record in found.unanswered)
        own = _missing(engine, request, options, len(found.saved))
        if own:
            kind = (request.model, request.unnamed, request.format, request.task, request.orientation)
            asked.setdefault(kind, request)
        mark = _mark(request)
        missing += own[counted.get(mark, 0) :]
        counted[mark] = max(len(own), counted.get(mark, 0))
        unsaved.update([] if found.saved else [mark])
    return Estimate(number, wanted, missing, list(unanswered.values()), list(asked.values()), unsaved)


def _mark(request: ImageRequest) -> bytes:
    """Return what is equal for equal requests, and small."""
    return bytes.fromhex(request.fingerprint[:24])


def _found(
    engine: Engine, requests: Iterable[ImageRequest], options: DrawOptions
) -> Iterator[tuple[ImageRequest, Found]]:
    """Yield each request with what is saved of it; the history is not read where saved takes do not count.

    One question finds which of several requests have a record. Only a few are held at a time: each may have large
    references.
    """
    how: dict[str, Any] = {"fresh": options.fresh, "take": options.take}
    if not engine.takes.counts(**how):
        yield from ((request, Found()) for request in requests)
        return
    rest = iter(requests)
    while several := list(islice(rest, _TOGETHER)):
        known = engine.takes.known(several) if len(several) > 1 else {several[0].fingerprint}
        for request in several:
            yield request, engine.takes.found(request, **how) if request.fingerprint in known else Found()


def _missing(engine: Engine, request: ImageRequest, options: DrawOptions, saved: int) -> list[Price]:
    """Return the prices of a request's pictures that would be asked for when so many takes are saved."""
    takes = 0 if options.take or engine.settings.mode == "replay" else request.count - saved
    return engine.prices_of(request) * takes if takes > 0 else []


def tasks(engine: Engine, request: ImageRequest, options: DrawOptions, saved: Sequence[Generation]) -> Iterator[Task]:
    """Yield a task for each row of a request: first for its saved takes, then for the missing ones."""
    given = Given(generation.id for generation in saved)
    for generation in saved:
        yield partial(engine.completed, generation)
    for number in range(len(saved) + 1, 1 if options.take and saved else request.count + 1):
        yield partial(_draw, engine, request, options, number, given)


def _draw(engine: Engine, request: ImageRequest, options: DrawOptions, number: int, given: Given) -> Generation:
    """Draw one more take of a request.

    Args:
        engine: draws it.
        request: what is wanted.
        options: how.
        number: which of the wanted takes it would be, from 1.
        given: the takes that the request has by now.

    Raises:
        NotInHistory: a take was asked for by its number, or the mode is ``replay``.
    """
    if options.take or engine.settings.mode == "replay":
        raise engine.takes.not_in_history(request, options.take or (number if number > 1 else 0))
    return engine.draw(request, fresh=options.fresh, given=given, progress=options.progress)


def _as_row(engine: Engine, request: ImageRequest, result: Generation | WenwenError) -> Generation:
    """Return a generation as it is, and an error as the failed generation of its record, or as one without an id."""
    if isinstance(result, Generation):
        return result
    error = outcomes.as_recorded(result)
    if result.record:
        with suppress(HistoryError):  # the error itself says more than that its record cannot be read
            return replace(engine.history.get(result.record), from_history=False, error=error)
    words = FORMATS[request.format].prompt_as_sent(request)
    return Generation("", request, words, "failed", "", error=error, render=generation_bundle)


# -- several -----------------------------------------------------------------------------------------------------------


def draw(
    engine: Engine, requests: Sequence[ImageRequest], options: DrawOptions, on_arrival: OnArrival
) -> list[Generation]:
    """Draw what is missing of several requests; equal ones share their pictures.

    Args:
        engine: draws one.
        requests: what is wanted.
        options: how.
        on_arrival: is called with each row's place and the row, when it comes.

    Raises:
        LimitReached: more are missing than may be asked for; nothing was sent.
        WenwenError: nothing could be drawn; the first request's error.
    """
    equal: dict[str, list[int]] = {}
    for index, request in enumerate(requests):
        equal.setdefault(request.fingerprint, []).append(index)
    largest = [max(indexes, key=lambda index: requests[index].count) for indexes in equal.values()]
    todo = _planned(engine, requests, largest, options)
    results: dict[Place, Generation | WenwenError] = {}
    rows: dict[Place, Generation] = {}

    def put(place: Place, row: Generation) -> None:
        """Put a row at its place, and at that of each equal request that wants as many."""
        for index in equal[requests[place[0]].fingerprint]:
            if place[1] < requests[index].count:
                rows[index, place[1]] = row
                on_arrival((index, place[1]), row)

    def done(number: int, result: Generation | WenwenError) -> None:
        place = todo[number][0]
        results[place] = result
        put(place, _as_row(engine, requests[place[0]], result))

    width = min(engine.settings.concurrency, len(todo) or 1)
    BatchRun(todo, lambda task: task[1](), width=width, total=len(todo), done=done).run()
    if results and not any(isinstance(result, Generation) for result in results.values()):
        raise next(result for _, result in sorted(results.items()) if isinstance(result, WenwenError))
    for index in largest:  # the numbers of takes are known when all are drawn
        if (index, 1) in results:
            _put_in_order(engine, {place: rows[place] for place in sorted(results) if place[0] == index}, put)
    return [rows[place] for place in sorted(rows)]


def _planned(
    engine: Engine, requests: Sequence[ImageRequest], indexes: Sequence[int], options: DrawOptions
) -> list[tuple[Place, Task]]:
    """Return the tasks for requests at some indexes; all are checked before anything is sent.

    Raises:
        WenwenError: a limit would be passed, a request may be charged twice, or a default is not offered any more.
    """
    todo: list[tuple[Place, Task]] = []
    missing: list[Price] = []
    unanswered: list[Generation] = []
    asked: list[ImageRequest] = []
    largest = [requests[index] for index in indexes]
    for index, (request, found) in zip(indexes, _found(engine, largest, options), strict=True):
        own = _missing(engine, request, options, len(found.saved))
        missing += own
        unanswered += found.unanswered
        asked += [request] if own else []
        todo += [((index, number), task) for number, task in enumerate(tasks(engine, request, options, found.saved))]
    engine.check_limits(missing)
    if unanswered:
        raise outcomes.unanswered(unanswered)
    engine.check_defaults(asked)
    return todo


def _put_in_order(engine: Engine, rows: dict[Place, Generation], put: OnArrival) -> None:
    """Put the rows of one request again, in the order of their takes, with the history's numbers."""
    try:
        recorded = engine.history.takes(next(iter(rows.values())).request.fingerprint, partial=True)
    except HistoryError:  # what is drawn is shown all the same, in the order of asking
        return
    numbers = {one.id: one.take for one in recorded}
    numbered = {
        place: engine.takes.noted(replace(row, take=numbers.get(row.id, 0)), recorded) for place, row in rows.items()
    }
    drawn = iter(sorted((row for row in numbered.values() if row.take), key=lambda row: row.take))
    for place, row in numbered.items():
        put(place, next(drawn) if row.take else row)


# -- many --------------------------------------------------------------------------------------------------------------


class Rows(Sequence[Generation]):
    """The rows of a run, read from the history when they are used, so that many of them need little memory.

    Args:
        history: has the rows' records.
        ready: makes a generation ready to be shown.

    Attributes:
        refusal: the limit that ended the run; None for none.
    """

    def __init__(self, history: History, ready: Callable[[Generation], Generation]) -> None:
        self._history, self._ready = history, ready
        self._kept: dict[Place, tuple[str, int, bool, str] | Generation] = {}
        self._order: list[Place] = []
        self.refusal: LimitReached | None = None

    def put(self, place: Place, row: Generation) -> None:
        """Put a row at its place; where it can be read from its record, only the place of that is kept."""
        # No record says that it is not saved, or that the one before it has no answer.
        whole = row.id and (row.error or {}).get("kind") not in {"NotInHistory", "UnansweredRequest"}
        path = str(self._history.path(row, ".json")) if whole else ""
        self._kept[place] = (path, row.take, row.from_history, row.note) if whole else row

    @property
    def asked(self) -> bool:
        """Whether any of the rows with a record was asked for in this run, and not saved before."""
        return any(isinstance(row, tuple) and not row[2] for row in list(self._kept.values()))

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: Any) -> Any:
        places = self._places()[index]
        return tuple(map(self._row, places)) if isinstance(index, slice) else self._row(places)

    def __iter__(self) -> Iterator[Generation]:
        return map(self._row, self._places())

    def _places(self) -> Any:
        if len(self._order) != len(self._kept):
            self._order = sorted(list(self._kept))  # noqa: C414  other threads put rows in meanwhile
        return self._order

    def _row(self, place: Place) -> Generation:
        kept = self._kept[place]
        if isinstance(kept, Generation):
            return kept
        path, take, from_history, note = kept
        row = self._history.at(path)
        if row is None:
            raise outcomes.record_gone(Path(path).stem[-8:])
        return replace(self._ready(row), take=take, from_history=from_history, note=note)


def prepare_run(
    engine: Engine,
    requests: Iterable[ImageRequest],
    options: DrawOptions,
    estimate: Estimate | None = None,
    **how: Any,
) -> tuple[BatchRun[Any, Any], Rows]:
    """Return a run through any number of requests, not yet started, and the rows that it fills.

    Args:
        engine: draws one.
        requests: what is wanted; a generator's are taken one at a time.
        options: how.
        estimate: of the same requests, just made; None where they can be read only once.
        **how: ``width`` and ``tell`` of :class:`wenwen_magic.engine.worker_pool.BatchRun`.
    """
    rows = Rows(engine.history, engine.media.ready)
    unsaved = set(estimate.unsaved if estimate else ())
    failed: set[bytes] = set()

    def work(item: tuple[int, ImageRequest]) -> None:
        index, request = item
        mark = _mark(request)
        try:
            with engine.session.turn(("all of", *engine.same(request))):  # equal requests wait, and find these saved
                found = Found() if mark in unsaved else next(_found(engine, [request], options))[1]
                unsaved.discard(mark)  # an equal one finds what this one draws
                if mark in failed and not found.saved and (error := engine.shared_failure(found.recorded)):
                    rows.put((index, 0), _as_row(engine, request, error))
                    raise error
                try:
                    _draw_all(engine, index, request, list(tasks(engine, request, options, found.saved)), rows)
                except WenwenError:
                    failed.add(mark)
                    raise
        except LimitReached as error:
            rows.refusal = error
            run.stop()  # the rest would be refused too
            raise

    run = BatchRun(enumerate(requests), work, total=estimate.requests if estimate else None, **how)
    return run, rows


def _draw_all(engine: Engine, index: int, request: ImageRequest, todo: Sequence[Task], rows: Rows) -> None:
    """Draw all takes that a request wants, one after the other; raise the last error when the others are done."""
    failed: WenwenError | None = None
    for number, task in enumerate(todo):
        try:
            with giving_way(ignore) if task is not todo[-1] else nullcontext():  # it asks again in the same place
                result: Generation | WenwenError = task()
        except WenwenError as error:
            failed = result = error
        rows.put((index, number), _as_row(engine, request, result))
        if isinstance(result, LimitReached):
            break
    if failed is not None:
        raise failed


def finish_run(run: BatchRun[Any, Any], rows: Rows, session: Session) -> None:
    """Run through many requests and wait: the first interrupt begins no new one, the second ends the wait.

    Args:
        run: not yet started.
        rows: which it fills.
        session: whose account says whether anything was paid.

    Raises:
        WaitEnded: it was interrupted.
        LimitReached: a limit ended it.
    """

    def stopping(count: int) -> None:
        print(_("Stopping: waiting for {count} under way. Interrupt again to stop waiting.", count=count))

    before = session.account()
    try:
        job = WorkerPool().start_or_run(lambda _: run.run())
        wait_through(run, job.wait, stopping)
        stopped = run.stopped
    finally:
        run.stop()  # an interrupt between two lines must not leave a run that goes on paying
    if error := job.error or rows.refusal:
        raise error
    if stopped:
        raise outcomes.stopped(run.tally.done, paid=rows.asked or session.account() != before)


def move(bar: "tqdm[Any]", tally: Tally) -> None:
    """Show a tally in a progress bar."""
    bar.n = tally.done + tally.failed
    if tally.failed:
        bar.set_postfix_str(_("{failed} failed", failed=tally.failed), refresh=False)
    bar.refresh()
