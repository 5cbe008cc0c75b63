"""Works beside the main thread: one job, joined by its key, or a run through many items, a few at a time."""

import threading
import time
from collections.abc import Callable, Hashable, Iterable
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tqdm import tqdm

from wenwen_magic.errors import ConfigError, WaitEnded, WenwenError
from wenwen_magic.protocol import Progress
from wenwen_magic.text.i18n import _

Item = TypeVar("Item")
Result = TypeVar("Result")
POLL = 0.1
"""Seconds between two looks; an interrupt is heard at least so often."""


class Job:
    """One piece of work under way.

    Attributes:
        began: when it was started, in seconds of the pool's clock.
        progress: the endpoint's latest words, None before the first.
        preview: how far the picture is, a small file; None before there is something to see.
        arrived: the parts of the result that have come so far, by their places.
        result: what the work returned; None until then.
        error: what the work raised; None for none.
    """

    def __init__(self, began: float) -> None:
        self.began = began
        self.progress: Progress | None = None
        self.preview: Path | None = None
        self.arrived: dict[Any, Any] = {}
        self.result: Any = None
        self.error: BaseException | None = None
        self._done = threading.Event()

    def tell(self, progress: Progress) -> None:
        """Take the endpoint's words on progress."""
        self.progress = progress
        self.preview = progress.preview or self.preview

    def arrive(self, place: Any, part: Any) -> None:
        """Take a part of the result that has come before the whole."""
        self.arrived[place] = part

    def wait(self, seconds: float) -> bool:
        """Wait at most some seconds; tell whether the work is done."""
        return self._done.wait(seconds)

    @property
    def done(self) -> bool:
        """Whether the work is done, well or badly."""
        return self._done.is_set()

    def run(self, work: "Callable[[Job], Any]") -> None:
        """Do the work and keep its result or its error."""
        try:
            self.result = work(self)
        except BaseException as error:  # noqa: BLE001  the waiting thread raises it
            self.error = error
        finally:
            self._done.set()


class WorkerPool:
    """Starts every thread of the engine: daemon threads, for which neither Python's end nor the kernel's waits.

    Args:
        now: tells seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._jobs: dict[Hashable, Job] = {}
        self._lock = threading.Lock()

    def start(self, work: Callable[[Job], Any], key: Hashable = None, *, name: str = "wenwen-job") -> Job:
        """Start a piece of work, or join the one with the same key that is still under way.

        Args:
            work: is handed the job, to tell it of progress and of what arrives; sees the caller's context, such as
                its language.
            key: what makes two works the same; None for work that is never joined.
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
            threading.Thread(target=copy_context().run, args=(job.run, work), daemon=True, name=name).start()
        except RuntimeError:
            with self._lock:  # nobody may wait for it
                self._jobs = {known: other for known, other in self._jobs.items() if other is not job}
            raise
        return job

    def under_way(self) -> int:
        """Count the jobs that are not done."""
        with self._lock:
            return sum(not job.done for job in self._jobs.values())


# -- many items --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """How far a run is.

    Args:
        total: how many items there are; None for unknown.
        done: how many gave a result.
        failed: how many gave an error.
        under_way: how many are being worked on.
        seconds: since the run began.
    """

    total: int | None
    done: int = 0
    failed: int = 0
    under_way: int = 0
    seconds: float = 0.0

    def line(self) -> str:
        """Format the tally as one line: a bar and the time left, as far as the total is known, and the failures."""
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
    """Take what nobody asked to be told."""


class BatchRun(Generic[Item, Result]):
    """A run through many items, a few at a time, with bounded memory; one failure leaves the others alone.

    Args:
        items: are taken one at a time, when there is a thread free to work on the next; a generator's are never held
            all at once. It is run in several threads, never in two at once.
        work: makes an item's result; runs in the context of the caller of :meth:`run`, such as its language.
        width: how many works are under way at the same time.
        total: how many items there are, where that is known; only for the tally.
        done: is handed each item's index and its result or its error, in the order in which they come, never two at
            once.
        tell: is handed the tally after each.
        now: tells seconds that only grow.

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
                _("{width} at a time is none.", width=width),
                do=_("Ask for at least 1 at a time."),
            )
        self.stopped = False
        self._items, self._work, self._width, self._total = enumerate(items), work, width, total
        self._done, self._tell, self._now = done, tell, now
        self._pulling, self._delivering, self._change = threading.Lock(), threading.Lock(), threading.Condition()
        self._began: float | None = None
        self._begun = self._left = self._failed = 0
        self._ended = False
        self._fault: BaseException | None = None

    def run(self) -> Tally:
        """Work through the items; return when all are done, or, once stopped, when those under way are.

        An error of ours is its item's result. Anything else that is raised, by a task, the items or a listener, ends
        the run: nothing new begins, what is under way is finished and delivered, then it is raised.

        Raises:
            BaseException: what a task, the items or a listener raised; at once an interrupt of this thread: it stops.
        """
        self._began = self._now()
        try:
            pool = WorkerPool()
            for _number in range(self._width):
                pool.start(self._keep_working, name="wenwen-many")
            with self._change:  # on Windows an interrupt is heard between two waits only
                while not self._change.wait_for(lambda: self._is_closed() and self._begun == self._left, POLL):
                    pass
        except BaseException:
            self.stop()
            raise
        with self._delivering:  # the last tally may still be being told
            if self._fault is not None:
                raise self._fault
            return self.tally

    def stop(self) -> None:
        """Begin nothing new; may be called from any thread, and from a listener."""
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

    def _keep_working(self, _: Job) -> None:
        while (pulled := self._pull()) is not None:
            self._work_on(*pulled)

    def _pull(self) -> tuple[int, Item] | None:
        """Take the next item, counted as begun; None when nothing new may begin."""
        with self._pulling:
            pulled = None
            try:
                pulled = None if self._is_closed() else next(self._items, None)
            except BaseException as fault:  # noqa: BLE001  the thread that called run raises it
                self._end(fault)
            with self._change:  # inside the other lock: the end may not be seen before the last item is counted
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
        """Let nothing new begin; the first fault is the one that is raised."""
        with self._change:
            self._ended = True
            self._fault = fault if self._fault is None else self._fault
            self._change.notify_all()


def wait_through(
    run: BatchRun[Any, Any], wait: Callable[[float], bool], stopping: Callable[[int], None] = ignore
) -> None:
    """Wait in the main thread for a run in another one; the first interrupt stops it, the second ends the waiting.

    Args:
        run: what to wait for.
        wait: waits at most some seconds and tells whether the run is over, such as a job's ``wait``.
        stopping: is handed the number of works under way when the run is being stopped.

    Raises:
        WaitEnded: at the second interrupt; what is under way goes on.
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
                    "Answers that come while this Python lives are saved. Asking again gives the saved ones for free."
                ),
                charged="maybe" if count else "no",
            ) from None
