"""What the clients of one process share: one count, one history a folder, one pool a limit."""

import threading

import pytest

from wenwen_magic.errors import LimitReached
from wenwen_magic.session import Session


def test_pictures_are_counted_up_to_the_limit_and_not_beyond():
    session = Session()
    session.count(2, 3)
    session.count(1, 3)
    with pytest.raises(LimitReached) as caught:
        session.count(1, 3)
    assert (session.asked, caught.value.charged) == (3, "no")
    assert "3" in caught.value.what
    assert "session_limit" in caught.value.do


def test_what_would_pass_the_limit_is_not_counted_in_part():
    session = Session(asked=1)
    with pytest.raises(LimitReached):
        session.count(3, 3)
    assert session.asked == 1
    session.count(2, 3)
    assert session.asked == 3


def test_a_limit_of_nothing_lets_nothing_through():
    with pytest.raises(LimitReached):
        Session().count(1, 0)


def test_a_raised_limit_counts_from_what_was_asked_before():
    session = Session(asked=50)
    session.count(1, 51)
    assert session.asked == 51


def test_many_threads_together_do_not_pass_the_limit():
    session, meeting, refused = Session(), threading.Barrier(40, timeout=5), []

    def ask():
        meeting.wait()
        for _ in range(20):
            try:
                session.count(1, 500)
            except LimitReached:
                refused.append(1)

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (session.asked, len(refused)) == (500, 300)


def test_a_folder_has_one_history_and_another_folder_another(tmp_path):
    session = Session()
    assert session.history(tmp_path / "a") is session.history(tmp_path / "a")
    assert session.history(tmp_path / "a") is not session.history(tmp_path / "b")
    assert not (tmp_path / "a").exists()


def test_a_limit_has_one_pool_of_children_and_none_is_started_before_it_is_needed():
    session = Session()
    assert session.pool(10) is session.pool(10)
    assert session.pool(10) is not session.pool(20)
    assert session.pool(10).pids == ()


def test_two_sessions_share_nothing(tmp_path):
    one, other = Session(), Session()
    one.count(5, 9)
    assert other.asked == 0
    assert one.history(tmp_path) is not other.history(tmp_path)
