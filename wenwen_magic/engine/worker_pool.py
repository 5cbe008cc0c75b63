"""Run work in threads beside the main one: a job that equal ones join, or a run through many items."""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tqdm import tqdm

from wenwen_magic.errors import ConfigError, WaitEnded, WenwenError
from wenwen_magic.forks import after_fork
from wenwen_magic.protocol import Progress
from wenwen_magic.text.i18n import _

Item = TypeVar("Item")
Result = TypeVar("Result")
POLL = 0.1
"""Seconds between two checks whether work is done; on Windows an interrupt is noticed only between them."""


class Job:
    """A task that runs in a thread of its own.

    Attributes:
        began: when it was started, in seconds of the pool's clock.
        progress: the endpoint's latest progress; None before the first.
        preview: the path of a small picture of what is drawn so far; None before the first.
        said: the words of an answer so far.
        arrived: the parts of the result that have come so far, by their places.
        result: what the task returned; None until then.
        error: what the task raised; None for none.
    """

    def __init__(self, began: float) -> None:
        self.began = began
        self.progress: Progress | None = None
        self.preview: Path | None = None
        self.said = ""
        self.arrived: dict[Any, Any] = {}
        self.result: Any = None
        self.error: BaseException | None = None
        self._done = threading.Event()

    def tell(self, progress: Progress) -> None:
        """Note the endpoint's latest progress."""
        self.progress = progress
        self.preview = progress.preview or self.preview
        self.said = progress.said or self.said

    def arrive(self, place: Any, part: Any) -> None:
        """Note a part of the result that has come before the whole."""
        self.arrived[place] = part

    def wait(self, seconds: float) -> bool:
        """Wait at most some seconds; return whether the task is done."""
        return self._done.wait(seconds)

    @property
    def done(self) -> bool:
        """Whether the task has returned or raised."""
        return self._done.is_set()

    def run(self, task: "Callable[[Job], Any]") -> None:
        """Run the task and keep its result or its error."""
        try:
            self.result = task(self)
        except BaseException as error:  # noqa: BLE001  the waiting thread raises it
            self.error = error
        finally:
            self._done.set()


_alone: ContextVar[bool] = ContextVar("_alone", default=False)


@contextmanager
def _without_threads() -> Iterator[None]:
    before = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(before)


def refuse_alone() -> None:
    """Refuse to ask or fetch anything where no thread can be had: the answer's files could not be saved.

    Raises:
        ConfigError: this work runs without a thread of its own.
    """
    if _alone.get():
        raise no_threads()


def no_threads() -> ConfigError:
    """Make the error for a place that has no threads, such as JupyterLite."""
    return ConfigError(
        _("Nothing was sent: no thread can be started here, and drawing needs some."),
        do=_("Saved pictures are shown: %config WenwenMagics.mode = 'replay'"),
    )


class WorkerPool:
    """Starts every thread of the engine: daemon threads, which do not keep Python or a kernel from ending.

    Args:
        now: returns seconds that only grow.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._jobs: dict[Hashable, Job] = {}
        self._lock = threading.Lock()

    def start(self, task: Callable[[Job], Any], key: Hashable = None, *, name: str = "wenwen-job") -> Job:
        """Start a task in a thread, or return the job with the same key that is still running.

        Args:
            task: is called with the job, to report progress and results to it; runs in a copy of the caller's context,
                such as its language.
            key: equal for tasks that are the same; None for a task that is never joined.
            name: of the thread.

        Raises:
            RuntimeError: no thread can be started; there is no job then.
        """
        with self._lock:
            self._jobs = {known: job for known, job in self._jobs.items() if not job.done}
            if key is not None and key in self._jobs:
                return self._jobs[key]
            job = Job(self.now())
            self._jobs[key if key is not None else id(job)] = job
        try:
            threading.Thread(target=copy_context().run, args=(job.run, task), daemon=True, name=name).start()
        except RuntimeError:
            with self._lock:  # it must not be joined: it never ends
                self._jobs = {known: other for known, other in self._jobs.items() if other is not job}
            raise
        return job

    def start_or_run(self, task: Callable[[Job], Any], key: Hashable = None) -> Job:
        """Start a task as :meth:`start` does; where no thread can be had, as in JupyterLite, run it here to its end.

        What runs so shows what is saved and asks the endpoint for nothing: see :func:`refuse_alone`.
        """
        try:
            return self.start(task, key)
        except RuntimeError:
            job = Job(self.now())
            with _without_threads():
                job.run(task)
            return job

    def under_way(self) -> int:
        """Count the jobs that are not done."""
        with self._lock:
            return sum(not job.done for job in self._jobs.values())


# -- many items --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """Hold how far a run is.

    Args:
        total: how many items there are; None for unknown.
        done: how many gave a result.
        failed: how many gave an error.
        under_way: how many are running.
        seconds: since the run began.
    """

    total: int | None
    done: int = 0
    failed: int = 0
    under_way: int = 0
    seconds: float = 0.0

    def line(self) -> str:
        """Format the tally as one line: a bar and the time left where the total is known, and the failures."""
        known = self.total is not None and self.done + self.failed <= self.total
        with_bar = "{percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} " + _("[{elapsed}, {remaining} left{postfix}]")
        return tqdm.format_meter(
            self.done + self.failed,
            self.total or 0,
            self.seconds,
            bar_format=with_bar if known else "{n_fmt} [{elapsed}{postfix}]",
            postfix=_("{failed} failed", failed=self.failed) if self.failed else "",
        )


def ignore(*_: object) -> None:
    """Do nothing: the listener where none is given."""


_way: ContextVar[Callable[[], None]] = ContextVar("_way", default=ignore)


def give_way() -> None:
    """Let the run that this work belongs to begin its next item: what is left to do here asks the endpoint nothing."""
    _way.get()()


@contextmanager
def giving_way(how: Callable[[], None]) -> Iterator[None]:
    """Have :func:`give_way` call a function while the block runs; :func:`ignore` for work that keeps its place."""
    before = _way.set(how)
    try:
        yield
    finally:
        _way.reset(before)


class Turns:
    """Let a few threads work at a time; of the others, those that prepare a request go before those that save.

    Python runs one thread at a time, and gives it to another at each look at a file: sixty threads that all save their
    pictures need twice as long as a few after each other. Of the few one may save: the others are for requests.

    Args:
        most: how many work at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._own = threading.local()
        self._renew()
        after_fork(self._renew)

    def _renew(self) -> None:
        self._free, self._lock = self._most, threading.Lock()
        self._first, self._later = deque[Any](), deque[Any]()
        self._saves = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a turn while the block runs; before all who wait to have their turn again."""
        self._take(self._first)
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def given_back(self, *, first: bool = False) -> Iterator[None]:
        """Give this thread's turn, if it has one, to others while the block runs: it waits for something else.

        Args:
            first: take the turn again before those that save, as an answer does: the next request may wait for it.
        """
        if getattr(self._own, "queue", None) is None:
            yield
            return
        self._leave()
        try:
            yield
        finally:
            self._take(self._first if first else self._later)

    def _take(self, queue: deque[Any]) -> None:
        """Wait in a queue for a turn."""
        called = threading.Lock()
        called.acquire()
        with self._lock:
            queue.append(called)
            self._call()
        try:
            called.acquire()
        except BaseException:  # an interrupt: the turn that came meanwhile goes to the next one
            with self._lock:
                if called in queue:
                    queue.remove(called)
                else:
                    self._put_back(queue)
            raise
        self._own.queue = queue

    def _leave(self) -> None:
        queue, self._own.queue = self._own.queue, None
        with self._lock:
            self._put_back(queue)

    def _put_back(self, queue: deque[Any]) -> None:
        """Free the turn of one who came from a queue."""
        self._free += 1
        self._saves = self._saves and queue is not self._later
        self._call()

    def _call(self) -> None:
        """Give what is free to those that wait longest."""
        while self._free and (queue := self._first or (deque() if self._saves else self._later)):
            self._free -= 1
            self._saves = self._saves or queue is self._later
            queue.popleft().release()


TURNS = Turns(4)
"""Of all that prepares a request and saves its answer in this process; more than four at a time are slower."""


class BatchRun(Generic[Item, Result]):
    """A run through many items, a few at a time, with bounded memory; one failure does not stop the others.

    Work may :func:`give_way` before it ends: then the next item begins beside it. At most as many as the width have
    done so at a time, so that never more than twice the width are under way.

    Args:
        items: one is taken whenever a thread is free for it, so that a generator's are never held all at once. A
            generator runs in several threads, but never in two at the same time.
        work: makes an item's result; runs in a copy of the context of :meth:`run`'s caller, such as its language.
        width: how many items are worked on at the same time.
        total: how many items there are; None for unknown.
        done: is called with each item's index and its result or error, as they come, one call at a time.
        tell: is called with the tally after each.
        now: returns seconds that only grow.

    Raises:
        ConfigError: a width below 1.

    Attributes:
        stopped: whether :meth:`stop` was called.
    """

    def __init__(
        self,
        items: Iterable[Item],
        work: Callable[[Item], Result],
        *,
        width: int = 4,
        total: int | None = None,
        done: Callable[[int, Result | WenwenError], None] = ignore,
        tell: Callable[[Tally], None] = ignore,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if width < 1:
            raise ConfigError(
                _("Requests cannot run {width} at a time.", width=width),
                do=_("Ask for at least 1 at a time."),
            )
        self.stopped = False
        self._items, self._work, self._width, self._total = enumerate(items), work, width, total
        self._done, self._tell, self._now = done, tell, now
        self._pulling, self._delivering, self._change = threading.Lock(), threading.Lock(), threading.Condition()
        self._began: float | None = None
        self._begun = self._left = self._failed = self._aside = 0
        self._ended = False
        self._fault: BaseException | None = None

    def run(self) -> Tally:
        """Work through the items; return when all are done, or, once stopped, when those that began are.

        A :class:`WenwenError` is its item's result. Any other exception of the work, the items or a listener ends the
        run: no new item begins, those that began are finished and reported, then it is raised.

        Raises:
            BaseException: what the work, the items or a listener raised. An interrupt of this thread stops the run and
                is raised at once.
        """
        self._began = self._now()
        try:
            number = 0
            try:
                for number in range(self._width):  # noqa: B007  it says how many there are when one cannot be had
                    self._start()
            except RuntimeError:  # no more can be had, such as while Python ends: those that there are, or this one
                if number == 0:
                    with _without_threads():
                        self._keep_working()
            with self._change:
                while not self._change.wait_for(lambda: self._is_closed() and self._begun == self._left, POLL):
                    pass
        except BaseException:
            self.stop()
            raise
        with self._delivering:  # until the last tally has been reported
            if self._fault is not None:
                raise self._fault
            return self.tally

    def stop(self) -> None:
        """Begin no new item; may be called from any thread, and from a listener."""
        self.stopped = True
        with self._change:
            self._change.notify_all()

    @property
    def tally(self) -> Tally:
        """How far the run is now."""
        seconds = self._now() - self._began if self._began is not None else 0.0
        with self._change:
            done = self._left - self._failed
            return Tally(self._total, done, self._failed, self._begun - self._left, seconds)

    def _is_closed(self) -> bool:
        return self._ended or self.stopped

    def _start(self) -> None:
        WorkerPool().start(self._keep_working, name="wenwen-many")

    def _keep_working(self, _: Job | None = None) -> None:
        aside = False

        def step_aside() -> None:
            nonlocal aside
            aside = aside or self._step_aside()

        while not aside and (pulled := self._pull()) is not None:
            with giving_way(step_aside):
                self._work_on(*pulled)
        if aside:  # another thread goes on in its place
            self._step_back()

    def _step_aside(self) -> bool:
        """Start a thread for the next item in place of one that only has to save its result; tell whether it did."""
        with self._change:
            if self._is_closed() or self._aside >= self._width or self._begun == self._total:
                return False
            self._aside += 1
        try:
            self._start()
        except RuntimeError:  # no further thread can be had
            self._step_back()
            return False
        return True

    def _step_back(self) -> None:
        with self._change:
            self._aside -= 1

    def _pull(self) -> tuple[int, Item] | None:
        """Return the next item and its index, counted as begun; None when no new one may begin."""
        with self._pulling:
            pulled = None
            try:
                pulled = None if self._is_closed() else next(self._items, None)
            except BaseException as fault:  # noqa: BLE001  the thread that called run raises it
                self._end(fault)
            with self._change:  # inside the other lock: the last item is counted before the end is seen
                if pulled is None or self._is_closed():
                    self._end()
                    return None
                self._begun += 1
                return pulled

    def _work_on(self, index: int, item: Item) -> None:
        result: Result | WenwenError
        broken = False
        try:
            result = copy_context().run(self._work, item)
        except WenwenError as error:
            result = error
        except BaseException as fault:  # noqa: BLE001  the thread that called run raises it
            self._end(fault)
            broken = True
        with self._delivering:
            if not broken:
                self._call(self._done, index, result)
            with self._change:
                self._left += 1
                self._failed += broken or isinstance(result, WenwenError)
                self._change.notify_all()
            self._call(self._tell, self.tally)

    def _call(self, listener: Callable[..., None], *values: object) -> None:
        try:
            listener(*values)
        except BaseException as fault:  # noqa: BLE001  the thread that called run raises it
            self._end(fault)

    def _end(self, fault: BaseException | None = None) -> None:
        """Begin no new item; of several faults the first is raised."""
        with self._change:
            self._ended = True
            self._fault = fault if self._fault is None else self._fault
            self._change.notify_all()


def wait_through(
    run: BatchRun[Any, Any], wait: Callable[[float], bool], stopping: Callable[[int], None] = ignore
) -> None:
    """Wait in the main thread for a run in another one; the first interrupt stops it, the second ends the wait.

    Args:
        run: what to wait for.
        wait: waits at most some seconds and returns whether the run is over, such as a job's ``wait``.
        stopping: is called with the number of items that are running when the run is stopped.

    Raises:
        WaitEnded: at the second interrupt; the items that are running go on.
    """
    try:
        while not wait(POLL):
            pass
    except KeyboardInterrupt:
        try:
            run.stop()
            stopping(run.tally.under_way)
            while not wait(POLL):
                pass
        except KeyboardInterrupt:
            run.stop()  # the second may have come in the middle of it
            count = run.tally.under_way
            raise WaitEnded(
                _("Stopped waiting; {count} under way go on.", count=count),
                do=_(
                    "Answers that arrive while this Python process runs are saved. "
                    "Asking again gives the saved ones for free."
                ),
                charged="maybe" if count else "no",
            ) from None
