"""Runs work beside the main thread, so that an interrupt ends the waiting and never the work."""

import threading
import time
from collections.abc import Callable, Hashable
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from wenwen_magic.protocol import Progress

Result = TypeVar("Result")
POLL = 0.1
"""Seconds between two looks at a job; an interrupt is heard at least so often."""


class Job:
    """One piece of work under way.

    Attributes:
        began: when it was started, in seconds of the runner's clock.
        progress: the endpoint's latest words, None before the first.
        preview: how far the picture is, a small file; None before there is something to see.
        arrived: what has come of the work so far, by its place.
        result: what the work gave; None until then.
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

    def tell(self, progress: "Progress") -> None:
        """Take the endpoint's words on progress."""
        self.progress = progress
        self.preview = progress.preview or self.preview

    def arrive(self, place: Any, thing: Any) -> None:
        """Take a part of the result that has come before the whole."""
        self.arrived[place] = thing

    def wait(self, seconds: float) -> bool:
        """Wait at most some seconds; tells whether the work is done."""
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


class Runner:
    """Starts jobs, each in a thread of its own that does not hold up the end of the kernel.

    Args:
        now: tells seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._jobs: dict[Hashable, Job] = {}
        self._lock = threading.Lock()

    def start(self, work: "Callable[[Job], Any]", key: Hashable = None) -> Job:
        """Start a piece of work, or join the one with the same key that is still under way.

        Args:
            work: is handed the job, to tell it of progress and of what arrives.
            key: what makes two works the same; None for work that is never joined.
        """
        with self._lock:
            self._jobs = {known: job for known, job in self._jobs.items() if not job.done}
            if key is not None and key in self._jobs:
                return self._jobs[key]
            job = Job(self.now())
            self._jobs[key if key is not None else id(job)] = job
        context = copy_context()
        try:
            threading.Thread(target=context.run, args=(job.run, work), daemon=True, name="wenwen-job").start()
        except RuntimeError:
            self._forget(job)
            raise
        return job

    def _forget(self, job: Job) -> None:
        """A job that could not be started is none; nobody may wait for it."""
        with self._lock:
            self._jobs = {key: known for key, known in self._jobs.items() if known is not job}

    def under_way(self) -> int:
        """How many jobs are not done."""
        with self._lock:
            return sum(not job.done for job in self._jobs.values())


def beside_main_thread(work: Callable[[], Result]) -> Result:
    """Do a piece of work and wait for it; an interrupt of the main thread ends the waiting and not the work.

    Args:
        work: what to do; in any other thread it is simply done.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    job = Runner().start(lambda _: work())
    while not job.wait(POLL):
        pass
    if job.error is not None:
        raise job.error
    return cast(Result, job.result)
