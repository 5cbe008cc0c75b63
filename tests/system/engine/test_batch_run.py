"""Many items: a few at a time, none held that need not be, one failure alone, and both ways to stop."""

import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from contextvars import ContextVar
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic.engine.worker_pool import POLL, BatchRun, Tally, give_way, giving_way, ignore, wait_through
from wenwen_magic.errors import ConfigError, EndpointError, NoImageError, WaitEnded, WenwenError
from wenwen_magic.text.i18n import speak, spoken

WORD = ContextVar("WORD", default="")
PATIENCE = 10
"""Seconds after which a test that waits for an event has failed."""


class Gate:
    """A work that begins, says so, and ends when it is let through; remembers how many were inside at most."""

    def __init__(self):
        self.begun, self._pass = threading.Semaphore(0), threading.Semaphore(0)
        self._lock, self.inside, self.most = threading.Lock(), 0, 0

    def __call__(self, item):
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.begun.release()
        assert self._pass.acquire(timeout=PATIENCE)
        with self._lock:
            self.inside -= 1
        return item

    def wait_for(self, count):
        for _ in range(count):
            assert self.begun.acquire(timeout=PATIENCE)

    def let(self, count):
        self._pass.release(count)


@pytest.fixture
def gate():
    opened = Gate()
    yield opened
    opened.let(1000)


def let_others_run():
    for _ in range(20):
        time.sleep(0)  # gives way, and waits for nothing


class Running:
    """A run in a thread of its own."""

    def __init__(self, many):
        self.many, self.tally, self.error, self._over = many, None, None, threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            self.tally = self.many.run()
        except BaseException as error:
            self.error = error
        self._over.set()

    def end(self):
        assert self._over.wait(PATIENCE)
        return self.tally


def collected(items, work, **options):
    """All that was handed over, and the last tally."""
    heard = []
    tally = BatchRun(items, work, done=lambda *one: heard.append(one), **options).run()
    return heard, tally


def failing_at(*places, error=ZeroDivisionError):
    def work(item):
        if item in places:
            raise error(f"at {item}")
        return item

    return work


# -- what is handed over -----------------------------------------------------------------------------------------------


def test_every_item_is_worked_on_once_and_handed_over_with_its_index():
    heard, tally = collected("abcdefg", str.upper, total=7)
    assert sorted(heard) == list(enumerate("ABCDEFG"))
    assert (tally.total, tally.done, tally.failed, tally.under_way) == (7, 7, 0, 0)


def test_nothing_to_do_is_done_at_once():
    assert collected([], str.upper) == ([], Tally(None, seconds=pytest.approx(0, abs=5)))


def test_results_are_handed_over_in_the_order_in_which_they_come():
    second_heard, order = threading.Event(), []

    def work(item):
        if item == "first":
            assert second_heard.wait(PATIENCE)
        return item

    def done(index, result):
        order.append((index, result))
        if result == "second":
            second_heard.set()

    BatchRun(["first", "second"], work, done=done).run()
    assert order == [(1, "second"), (0, "first")]


def test_listeners_are_never_called_two_at_once():
    busy = threading.Lock()

    def listen(*_):
        assert busy.acquire(blocking=False)
        let_others_run()
        busy.release()

    tally = BatchRun(range(500), str, width=8, done=listen, tell=listen).run()
    assert tally.done == 500


def test_the_tally_after_each_result_counts_what_is_done_failed_and_under_way():
    told, clock = [], iter(range(100))
    work = failing_at(1, error=NoImageError)
    BatchRun(range(3), work, width=1, total=3, tell=told.append, now=lambda: float(next(clock))).run()
    assert told == [Tally(3, 1, 0, 0, 1.0), Tally(3, 1, 1, 0, 2.0), Tally(3, 2, 1, 0, 3.0)]


def test_the_last_tally_has_been_told_when_the_run_returns():
    def tell(tally):
        let_others_run()
        told.append(tally)

    for _ in range(50):
        told = []
        BatchRun(range(4), str, tell=tell).run()
        assert [one.done for one in told] == [1, 2, 3, 4]


def test_the_tally_can_be_looked_at_while_works_are_under_way(gate):
    running = Running(BatchRun(range(5), gate, width=3, total=5, now=lambda: 7.0))
    gate.wait_for(3)
    assert running.many.tally == Tally(5, 0, 0, 3, 0.0)
    gate.let(5)
    assert running.end() == Tally(5, 5, 0, 0, 0.0)


def test_a_run_that_has_not_begun_has_an_empty_tally():
    assert BatchRun(range(5), str).tally == Tally(None)


def test_works_items_and_listeners_see_the_callers_language_and_change_it_for_none():
    seen = []

    def items():
        yield from [spoken()] * 5

    def work(item):
        seen.append((item, spoken(), WORD.get()))
        WORD.set("inside")
        speak("en")

    speak("zh")
    WORD.set("outside")
    try:
        BatchRun(items(), work, width=1, tell=lambda _: seen.append(spoken())).run()
        assert seen == [("zh", "zh", "outside"), "zh"] * 5
        assert WORD.get() == "outside"
    finally:
        speak("")
        WORD.set("")


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 7])
def test_so_many_works_are_under_way_at_once_and_never_more(gate, width):
    running = Running(BatchRun(range(width * 3), gate, width=width))
    for _ in range(3):
        gate.wait_for(width)
        assert not gate.begun.acquire(blocking=False)
        gate.let(width)
    assert running.end().done == width * 3
    assert gate.most == width


def giving_way_first(work):
    def both(item):
        give_way()
        give_way()  # twice is once
        return work(item)

    return both


@pytest.mark.parametrize("width", [1, 2, 7])
def test_work_that_gives_way_lets_the_next_begin_until_as_many_again_are_under_way(gate, width):
    running = Running(BatchRun(range(width * 5), giving_way_first(gate), width=width))
    gate.wait_for(2 * width)
    let_others_run()
    assert not gate.begun.acquire(blocking=False)
    gate.let(width * 5)
    assert running.end().done == width * 5
    assert gate.most == 2 * width


def test_work_that_keeps_its_place_lets_none_begin(gate):
    def work(item):
        with giving_way(ignore):
            return giving_way_first(gate)(item)

    running = Running(BatchRun(range(4), work, width=2))
    gate.wait_for(2)
    let_others_run()
    assert not gate.begun.acquire(blocking=False)
    gate.let(4)
    assert running.end().done == 4


def test_a_stopped_run_begins_nothing_in_the_place_of_work_that_gives_way(gate):
    running = Running(BatchRun(range(9), lambda item: (gate(item), give_way(), gate(item)), width=1))
    gate.wait_for(1)
    running.many.stop()
    gate.let(1)
    gate.wait_for(1)
    gate.let(9)
    assert running.end().done == 1


def test_work_that_gives_way_and_fails_leaves_the_others_alone():
    def work(item):
        give_way()
        if item % 3 == 0:
            raise NoImageError("none")

    tally = BatchRun(range(30), work, width=3).run()
    assert (tally.done, tally.failed, tally.under_way) == (20, 10, 0)


def test_without_another_thread_work_keeps_its_place(gate, monkeypatch):
    many = BatchRun(range(4), giving_way_first(gate), width=1)

    def refuse():
        raise RuntimeError("can't start new thread")

    running = Running(many)
    gate.wait_for(2)
    monkeypatch.setattr(many, "_start", refuse)
    gate.let(4)
    assert running.end().done == 4


def test_outside_of_a_run_giving_way_does_nothing():
    assert give_way() is None


@pytest.mark.parametrize("width", [0, -1])
def test_a_width_below_one_is_refused_before_anything_begins(width):
    with pytest.raises(ConfigError, match="at least 1"):
        BatchRun(iter(()), str, width=width)


def test_an_item_is_taken_only_when_a_thread_is_free_to_work_on_it(gate):
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    running = Running(BatchRun(items(), gate, width=3))
    gate.wait_for(3)
    assert taken == [0, 1, 2]
    for finished in range(1, 20):
        gate.let(1)
        gate.wait_for(1)
        assert taken == list(range(3 + finished))
    gate.let(100)
    assert running.end().done == 100


def test_items_are_never_taken_by_two_threads_at_once():
    def items():
        yield from range(2000)  # a generator that is run by two threads at once raises ValueError

    heard, tally = collected(items(), str, width=16)
    assert tally.done == len(heard) == 2000


def peak_of(count):
    tracemalloc.start()
    try:
        assert BatchRun((f"item {number}" for number in range(count)), len).run().done == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_memory_needed_does_not_grow_with_the_number_of_items():
    peak_of(1000)
    assert peak_of(10_000) < 1.5 * peak_of(1000) + 10_000


# -- failures ----------------------------------------------------------------------------------------------------------


@given(failing=st.sets(st.integers(0, 29)), width=st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_any_set_of_failures_leaves_all_the_others_alone(failing, width):
    heard, tally = collected(range(30), failing_at(*failing, error=EndpointError), width=width)
    assert {index for index, result in heard if isinstance(result, EndpointError)} == failing
    assert {index for index, result in heard if index == result} == set(range(30)) - failing
    assert (len(heard), tally.done, tally.failed) == (30, 30 - len(failing), len(failing))


def test_an_error_that_is_not_ours_ends_the_run_and_what_is_under_way_is_handed_over(gate):
    heard, begun = [], []

    def work(item):
        begun.append(item)
        if item == 2:
            raise ZeroDivisionError("a bug")
        return gate(item)

    running = Running(BatchRun(range(100), work, width=3, done=lambda *one: heard.append(one)))
    gate.wait_for(2)
    gate.let(100)
    running.end()
    assert isinstance(running.error, ZeroDivisionError)
    assert sorted(index for index, _ in heard) == sorted(set(begun) - {2})
    assert len(begun) <= 4  # nothing new after the bug; one may have begun while it was on its way


def test_nothing_new_begins_after_a_bug():
    begun = []
    with pytest.raises(ZeroDivisionError):
        BatchRun(range(100), lambda item: begun.append(item) or failing_at(5)(item), width=1).run()
    assert begun == list(range(6))


@pytest.mark.parametrize("kind", [ZeroDivisionError, NoImageError, SystemExit, StopAsyncIteration])
def test_items_that_cannot_be_made_end_the_run_after_what_was_made_is_handed_over(kind):
    def items():
        yield from range(5)
        raise kind("line 6")

    heard = []
    with pytest.raises(kind, match="line 6"):
        BatchRun(items(), str, done=lambda *one: heard.append(one)).run()
    assert sorted(heard) == [(number, str(number)) for number in range(5)]


@pytest.mark.parametrize("listener", ["done", "tell"])
@pytest.mark.parametrize("kind", [ZeroDivisionError, NoImageError, KeyboardInterrupt])
def test_a_listener_that_fails_ends_the_run_and_is_told(listener, kind):
    calls = []

    def listen(*values):
        calls.append(values)
        raise kind("in the listener")

    with pytest.raises(kind, match="in the listener"):
        BatchRun(range(1000), str, width=2, **{listener: listen}).run()
    assert 1 <= len(calls) <= 4


def test_the_first_of_several_bugs_is_raised():
    with pytest.raises(ZeroDivisionError, match="at 3"):
        BatchRun(range(10), failing_at(*range(3, 10)), width=1).run()


def test_a_first_bug_that_counts_as_false_is_the_first_all_the_same():
    class Empty(Exception):
        def __len__(self):
            return 0

    told = threading.Event()

    def work(item):
        if item == 0:
            raise Empty
        assert told.wait(PATIENCE)
        raise ZeroDivisionError

    with pytest.raises(Empty):
        BatchRun([0, 1], work, width=2, tell=lambda _: told.set()).run()


def test_a_work_that_ends_its_thread_does_not_hang_the_run():
    with pytest.raises(SystemExit):
        BatchRun(range(10), lambda _: sys.exit(1)).run()


@pytest.mark.parametrize("most", [0, 2])
def test_where_no_further_thread_can_be_started_the_run_goes_on_with_those_there_are(monkeypatch, most):
    real, started = threading.Thread.start, []

    def start(thread):
        if thread.name.startswith("wenwen-many"):
            started.append(thread)
            if len(started) > most:
                raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    done = []
    BatchRun(range(10), lambda item: item, done=lambda index, _: done.append(index)).run()
    assert sorted(done) == list(range(10))


# -- stop --------------------------------------------------------------------------------------------------------------


def test_a_stopped_run_begins_nothing_new_and_returns_when_what_is_under_way_is_done(gate):
    heard = []
    running = Running(BatchRun(range(100), gate, width=3, done=lambda index, _: heard.append(index)))
    gate.wait_for(3)
    running.many.stop()
    assert running.many.stopped
    assert running.tally is None
    gate.let(100)
    assert running.end().done == 3
    assert sorted(heard) == [0, 1, 2]


def test_a_run_stopped_before_it_began_does_nothing():
    many = BatchRun(iter(lambda: pytest.fail("an item was taken"), None), str)
    many.stop()
    assert many.run() == Tally(None, seconds=pytest.approx(0, abs=5))


def test_a_listener_may_stop_the_run():
    many = BatchRun(range(100), str, width=1, done=lambda index, _: many.stop() if index == 4 else None)
    assert many.run().done == 5


def test_a_stopped_run_does_not_wait_for_an_item_that_never_comes():
    asked, never = threading.Event(), threading.Event()

    def items():
        yield 1
        asked.set()
        never.wait(PATIENCE)
        yield 2

    running = Running(BatchRun(items(), str))
    assert asked.wait(PATIENCE)
    running.many.stop()
    assert running.end().done == 1
    never.set()


def test_an_item_that_came_too_late_is_not_worked_on():
    asked, late, worked = threading.Event(), threading.Event(), []

    def items():
        asked.set()
        late.wait(PATIENCE)
        yield 1

    many = BatchRun(items(), worked.append)
    running = Running(many)
    assert asked.wait(PATIENCE)
    many.stop()
    running.end()
    late.set()
    for thread in [one for one in threading.enumerate() if one.name.startswith("wenwen-many")]:
        thread.join(PATIENCE)
    assert worked == []


def test_no_thread_is_left_behind():
    BatchRun(range(10), str, width=8).run()
    left = [one for one in threading.enumerate() if one.name.startswith("wenwen-many")]
    for thread in left:
        thread.join(PATIENCE)
    assert not any(one.is_alive() for one in left)


def test_an_interrupt_of_the_thread_that_runs_it_stops_it_and_is_raised_at_once(gate, monkeypatch):
    def interrupted(*_):
        gate.wait_for(4)
        raise KeyboardInterrupt

    many = BatchRun(range(100), gate)
    monkeypatch.setattr(many._change, "wait_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        many.run()
    assert (many.stopped, many.tally.under_way) == (True, 4)


# -- waiting for it ----------------------------------------------------------------------------------------------------


class Waiting:
    """A job's ``wait`` that plays a script: tells whether the job is over, or is interrupted."""

    def __init__(self, *script):
        self._script, self.polls = iter(script), []

    def __call__(self, seconds):
        self.polls.append(seconds)
        step = next(self._script)
        if step is KeyboardInterrupt:
            raise step
        return step


def test_waiting_ends_when_the_job_is_over():
    many, wait = BatchRun([], str), Waiting(False, False, True)
    wait_through(many, wait, pytest.fail)
    assert (wait.polls, many.stopped) == ([POLL] * 3, False)


def test_the_first_interrupt_stops_the_run_and_the_waiting_goes_on():
    many, told = BatchRun([], str), []
    wait_through(many, Waiting(False, KeyboardInterrupt, False, True), told.append)
    assert (told, many.stopped) == ([0], True)


@pytest.mark.parametrize("second_in", ["wait", "stopping"])
def test_the_second_interrupt_ends_the_waiting_and_says_that_answers_are_still_saved(gate, second_in):
    running, told = Running(BatchRun(range(100), gate, width=2)), []
    gate.wait_for(2)

    def stopping(count):
        told.append(count)
        if second_in == "stopping":
            raise KeyboardInterrupt

    with pytest.raises(WaitEnded, match="2 under way") as caught:
        wait_through(running.many, Waiting(KeyboardInterrupt, False, KeyboardInterrupt), stopping)
    assert told == [2]
    assert caught.value.charged == "maybe"
    assert "saved" in caught.value.do
    gate.let(100)
    assert running.end().done == 2


def test_a_second_interrupt_in_the_middle_of_stopping_still_stops_the_run(monkeypatch):
    many, calls = BatchRun(range(100), str), []
    real = many.stop

    def stop():
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real()

    monkeypatch.setattr(many, "stop", stop)
    with pytest.raises(WaitEnded):
        wait_through(many, Waiting(KeyboardInterrupt))
    assert many.stopped


def test_a_wait_that_ends_with_nothing_under_way_has_cost_nothing():
    with pytest.raises(WaitEnded) as caught:
        wait_through(BatchRun([], str), Waiting(KeyboardInterrupt, KeyboardInterrupt))
    assert caught.value.charged == "no"


SCRIPT = """
import signal, sys, threading
from wenwen_magic.errors import WaitEnded
from wenwen_magic.engine.worker_pool import BatchRun, WorkerPool, wait_through

signal.signal(signal.SIGINT, signal.default_int_handler)
answer, begun = threading.Event(), threading.Semaphore(0)

def work(item):
    begun.release()
    answer.wait(60)
    return item

def stopping(count):
    print("stopping", count, flush=True)
    if sys.argv[1] == "finish":
        answer.set()

many = BatchRun(iter(int, 1), work, width=3)
job = WorkerPool().start(lambda _: many.run())
for _ in range(3):
    begun.acquire()

def wait(seconds):
    if not many.stopped:
        print("waiting", flush=True)
    return job.wait(60)

try:
    wait_through(many, wait, stopping)
    print("over", job.result.done, flush=True)
except WaitEnded as error:
    print("left", error.charged, job.done, flush=True)
"""


def heard_from(process):
    return process.stdout.readline().split()


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent to one process")
@pytest.mark.parametrize(("ending", "last"), [("finish", ["over", "3"]), ("leave", ["left", "maybe", "False"])])
def test_a_script_is_stopped_by_one_interrupt_and_left_by_a_second_though_works_go_on(ending, last):
    command = [sys.executable, "-c", SCRIPT, ending]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert heard_from(process) == ["waiting"]
            process.send_signal(signal.SIGINT)
            assert heard_from(process) == ["stopping", "3"]
            if ending == "leave":
                process.send_signal(signal.SIGINT)
            assert heard_from(process) == last
            assert process.wait(PATIENCE) == 0  # the works of the second, a minute long, do not hold it up
        finally:
            process.kill()


# -- the line ----------------------------------------------------------------------------------------------------------


def test_the_line_has_a_bar_the_time_left_and_the_failures():
    line = Tally(10, 3, 1, 2, 40.0).line()
    assert line == " 40%|████████            | 4/10 [00:40, 01:00 left, 1 failed]"
    assert Tally(10, 10, 0, 0, 60.0).line().endswith("10/10 [01:00, 00:00 left]")


def test_the_line_speaks_chinese_to_a_chinese_reader():
    speak("zh")
    try:
        assert Tally(10, 3, 1, 2, 40.0).line().endswith("4/10 [00:40，剩余 01:00, 1 个失败]")
    finally:
        speak("")


def test_without_a_total_the_line_promises_no_end():
    assert Tally(None, 3, 1, 2, 40.0).line() == "4 [00:40, 1 failed]"


@given(
    st.none() | st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.floats(0, 1e9, allow_nan=False),
)
def test_every_tally_has_a_line_of_one_line(total, done, failed, seconds):
    line = Tally(total, done, failed, 0, seconds).line()
    assert len(line.splitlines()) == 1
    assert str(done + failed) in line


def test_an_error_can_be_a_result_that_a_work_returns():
    error = WenwenError("x")
    heard, tally = collected([1], lambda _: error)
    assert (heard, tally.failed) == ([(0, error)], 1)
