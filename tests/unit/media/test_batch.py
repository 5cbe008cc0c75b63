"""Several works at once: in order, at most so many, one failure alone."""

import threading
from contextvars import ContextVar

import pytest

from wenwen_magic.errors import EndpointError, NoImageError
from wenwen_magic.media.save import WIDTH, side_by_side
from wenwen_magic.text.i18n import speak, spoken

WORD = ContextVar("WORD", default="")


def raising(error):
    def work():
        raise error

    return work


def test_results_stand_in_the_order_asked_whichever_is_ready_first():
    second_done = threading.Event()

    def first():
        assert second_done.wait(5)
        return "first"

    def second():
        second_done.set()
        return "second"

    assert side_by_side([first, second]) == ["first", "second"]


def test_nothing_to_do_gives_nothing():
    assert side_by_side([]) == []


def test_one_work_alone_runs_in_the_calling_thread():
    assert side_by_side([threading.current_thread]) == [threading.current_thread()]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_failure_stands_in_its_works_place_and_leaves_the_others_alone(place):
    error = NoImageError("x", charged="yes")
    works = [lambda: "a", lambda: "b", lambda: "c"]
    works[place] = raising(error)
    expected = ["a", "b", "c"]
    expected[place] = error
    assert side_by_side(works) == expected


def test_one_work_alone_that_fails_is_its_error():
    error = EndpointError("x")
    assert side_by_side([raising(error)]) == [error]


@pytest.mark.parametrize("count", [1, 3])
def test_an_error_that_is_not_ours_is_raised_after_the_others_have_done_their_work(count):
    done = []
    works = [raising(ZeroDivisionError()), *[lambda: done.append(1)] * (count - 1)]
    with pytest.raises(ZeroDivisionError):
        side_by_side(works)
    assert len(done) == count - 1


def test_at_most_so_many_works_are_under_way_at_once_and_so_many_are():
    full = threading.Barrier(WIDTH, timeout=5)
    now, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        full.wait()
        with lock:
            now -= 1

    side_by_side([work] * (WIDTH * 3))
    assert most == WIDTH


def test_the_width_can_be_chosen():
    names = side_by_side([lambda: threading.current_thread().name] * 9, width=1)
    assert len(set(names)) == 1


def test_every_work_sees_the_language_and_context_of_the_caller_and_changes_it_for_none():
    def work():
        seen = spoken(), WORD.get()
        WORD.set("inside")
        return seen

    speak("zh")
    WORD.set("outside")
    try:
        assert side_by_side([work] * 9, width=2) == [("zh", "outside")] * 9
        assert WORD.get() == "outside"
    finally:
        speak("")
        WORD.set("")
