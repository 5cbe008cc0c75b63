"""Work goes on beside the main thread, once for each key, and its end reaches those who wait."""

import threading
from contextvars import ContextVar

import pytest

from wenwen_magic.engine.worker_pool import Turns, WorkerPool
from wenwen_magic.errors import EndpointError
from wenwen_magic.protocol import Progress
from wenwen_magic.text.i18n import speak, spoken

WORD = ContextVar("WORD", default="")
SOON = 5


@pytest.fixture
def gate():
    """Holds work back until it is set; set at the end, so that no thread is left behind."""
    event = threading.Event()
    yield event
    event.set()


def held_back(gate, result=None):
    def work(_tell):
        gate.wait(SOON)
        return result

    return work


def ended(job):
    assert job.wait(SOON)
    return job


def test_work_is_done_in_another_thread_that_does_not_hold_up_the_end():
    def work(_tell):
        me = threading.current_thread()
        return me.daemon, me is threading.main_thread(), "picture"

    assert ended(WorkerPool().start(work)).result == (True, False, "picture")


@pytest.mark.parametrize(
    "error", [EndpointError("x"), ValueError("x"), KeyboardInterrupt(), SystemExit(3), MemoryError()]
)
def test_what_the_work_raises_reaches_those_who_wait(error):
    def work(_tell):
        raise error

    job = ended(WorkerPool().start(work))
    assert (job.error, job.result, job.done) == (error, None, True)


def test_waiting_ends_after_the_time_given_and_the_work_goes_on(gate):
    job = WorkerPool().start(held_back(gate, "late"))
    assert (job.wait(0.01), job.done) == (False, False)
    gate.set()
    assert (ended(job).result, job.error) == ("late", None)


def test_a_job_with_the_same_key_is_joined_while_it_is_under_way(gate):
    runner, second = WorkerPool(), []
    first = runner.start(held_back(gate, "one"), key=("a", 1))
    assert runner.start(second.append, key=("a", 1)) is first
    assert runner.under_way() == 1
    gate.set()
    assert (ended(first).result, second) == ("one", [])


def test_a_job_with_the_same_key_starts_anew_when_the_first_is_done_well_or_badly():
    runner = WorkerPool()
    for work in (lambda _: "well", lambda _: 1 / 0):
        first = ended(runner.start(work, key="k"))
        assert runner.start(lambda _: None, key="k") is not first


def test_jobs_with_other_keys_and_without_a_key_run_side_by_side(gate):
    runner = WorkerPool()
    jobs = [runner.start(held_back(gate, name), key=name) for name in ("a", "b", None, None)]
    assert (len(set(map(id, jobs))), runner.under_way()) == (4, 4)
    gate.set()
    assert ([ended(job).result for job in jobs], runner.under_way()) == (["a", "b", None, None], 0)


def test_many_threads_that_start_the_same_work_start_it_once(gate):
    runner, jobs, starts = WorkerPool(), [], []
    meeting = threading.Barrier(16, timeout=SOON)

    def work(_tell):
        starts.append(1)
        gate.wait(SOON)

    def start():
        meeting.wait()
        jobs.append(runner.start(work, key="k"))

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    gate.set()
    ended(jobs[0])
    assert (len(jobs), len(set(map(id, jobs))), len(starts)) == (16, 1, 1)


def test_a_thread_that_cannot_be_started_leaves_no_job_that_others_would_join(monkeypatch):
    runner = WorkerPool()

    def refused(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        with pytest.raises(RuntimeError):
            runner.start(lambda _: None, key="k")
    assert runner.under_way() == 0
    assert ended(runner.start(lambda _: "drawn", key="k")).result == "drawn"


def test_the_language_and_other_context_of_the_cell_goes_along_and_nothing_comes_back():
    def work(_tell):
        seen = spoken(), WORD.get()
        speak("en")
        WORD.set("inside")
        return seen

    speak("zh")
    WORD.set("outside")
    try:
        assert ended(WorkerPool().start(work)).result == ("zh", "outside")
        assert (spoken(), WORD.get()) == ("zh", "outside")
    finally:
        speak("")
        WORD.set("")


def test_the_latest_words_on_progress_can_be_read_while_the_work_goes_on(gate):
    told = threading.Event()

    def work(job):
        job.tell(Progress("queue", 1))
        job.tell(Progress("drawing", 50))
        told.set()
        gate.wait(SOON)

    job = WorkerPool().start(work)
    assert told.wait(SOON)
    assert job.progress == Progress("drawing", 50)


def test_a_job_knows_when_it_began():
    assert WorkerPool(now=lambda: 17.5).start(lambda _: None).began == 17.5


def test_done_jobs_are_not_kept():
    runner = WorkerPool()
    for _ in range(50):
        ended(runner.start(lambda _: "x" * 1000))
    runner.start(lambda _: None)
    assert len(runner._jobs) <= 2


def test_a_turn_is_held_by_so_many_threads_at_a_time_and_given_to_others_while_one_waits(gate):
    turns, inside, waits, worked = Turns(1), threading.Event(), threading.Event(), threading.Event()

    def first():
        with turns.taken():
            inside.set()
            waits.wait(SOON)
            with turns.given_back():
                worked.wait(SOON)
            gate.set()

    def second():
        with turns.taken():
            worked.set()

    one, other = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    assert inside.wait(SOON)
    other.start()
    other.join(0.05)
    assert not worked.is_set()
    waits.set()
    assert gate.wait(SOON)
    assert worked.is_set()
    one.join(SOON)
    other.join(SOON)


def test_a_thread_without_a_turn_gives_none_back():
    turns = Turns(1)
    with turns.given_back(), turns.taken(), turns.given_back(), turns.given_back():
        pass
    with turns.taken(), pytest.raises(ValueError, match="odd"), turns.given_back():
        raise ValueError("odd")
    with turns.taken():  # it was given back once, and not twice
        pass


def await_one_in(queue):
    """Wait until a thread is in a queue."""
    for _look in range(10_000):
        if queue:
            return
        threading.Event().wait(0.001)
    pytest.fail("nobody waits")


def test_what_prepares_a_request_goes_before_what_saves(gate):
    turns, order = Turns(1), []

    def save():
        with turns.taken(), turns.given_back():
            gate.wait(SOON)
        order.append("saved")

    def prepare():
        with turns.taken():
            order.append("prepared")

    saving, preparing = threading.Thread(target=save), threading.Thread(target=prepare)
    saving.start()
    with turns.taken():
        gate.set()
        await_one_in(turns._later)
        preparing.start()
        await_one_in(turns._first)
    saving.join(SOON)
    preparing.join(SOON)
    assert order == ["prepared", "saved"]


def test_one_saves_at_a_time_and_the_other_turns_are_for_requests(gate):
    turns, begun = Turns(2), []

    def save():
        with turns.taken():
            with turns.given_back():
                pass
            begun.append(threading.get_ident())
            gate.wait(SOON)

    both = [threading.Thread(target=save) for _ in range(2)]
    for one in both:
        one.start()
    await_one_in(begun)
    await_one_in(turns._later)
    with turns.taken():
        assert len(begun) == 1
    gate.set()
    for one in both:
        one.join(SOON)
    assert len(set(begun)) == 2


@pytest.mark.parametrize("comes_first", [False, True], ids=["before its turn", "with its turn"])
def test_an_interrupt_of_one_who_waits_keeps_no_turn(monkeypatch, comes_first):
    turns = Turns(1)

    class Interrupted:
        """A lock whose wait is interrupted, before or after the turn has come."""

        def acquire(self):
            if self.waits:
                if comes_first:
                    turns._leave()
                raise KeyboardInterrupt
            self.waits = True

        waits = False

        def release(self):
            pass

    with turns.taken():
        with monkeypatch.context() as patch:
            patch.setattr(threading, "Lock", Interrupted)
            with pytest.raises(KeyboardInterrupt), turns.taken():
                pytest.fail("it has no turn")
        if comes_first:  # what the interrupted one was given is free again; this one's was given away above
            turns._take(turns._first)
    assert (turns._free, len(turns._first)) == (1, 0)
