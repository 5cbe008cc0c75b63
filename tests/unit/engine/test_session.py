"""What the clients of one process share: one count, one history a folder, one pool a limit."""

import threading

import pytest

from wenwen_magic.engine.limits import Cost, Limits, Session
from wenwen_magic.errors import LimitReached


def fill(session, *prices, limit=100):
    for price in prices:
        session.enter(price, Limits(limit))


def test_pictures_are_counted_up_to_the_limit_and_not_beyond():
    session = Session()
    fill(session, None, None, None, limit=3)
    with pytest.raises(LimitReached) as caught:
        session.enter(None, Limits(3))
    assert (session.account().pictures, caught.value.charged) == (3, "no")
    assert "3" in caught.value.what
    assert "session_limit" in caught.value.do


def test_what_would_pass_the_limit_together_is_refused_together():
    session = Session()
    fill(session, None)
    with pytest.raises(LimitReached):
        session.check([None] * 3, Limits(3))
    session.check([None] * 2, Limits(3))


def test_a_limit_of_nothing_lets_nothing_through():
    with pytest.raises(LimitReached):
        Session().enter(None, Limits(0))


def test_a_picture_that_was_not_charged_makes_room_again():
    session = Session()
    fill(session, 0.5, 0.5)
    session.settle(0.5, "no")
    session.settle(0.5, "yes")
    assert (session.account("no"), session.account("yes"), session.account("maybe")) == (
        Cost(1, 0.5),
        Cost(1, 0.5),
        Cost(),
    )
    session.enter(None, Limits(2))


def test_a_budget_counts_known_prices_and_pictures_of_unknown_price_as_one():
    session = Session()
    fill(session, 0.3, 0.3)
    session.check([0.4], Limits(100, budget=1.0))
    with pytest.raises(LimitReached) as caught:
        session.check([0.5], Limits(100, budget=1.0, currency="元"))
    assert "0.6 元" in caught.value.why
    session.check([None], Limits(100, budget=1.6))
    with pytest.raises(LimitReached, match="too small") as caught:
        session.check([None], Limits(100, budget=1.5))
    assert "counts as 1" in caught.value.why


def test_a_budget_that_is_spent_stops_no_cell_that_asks_for_nothing():
    session = Session()
    fill(session, 2.0)
    session.check([], Limits(100, budget=1.0))


def test_many_threads_together_do_not_pass_the_limit():
    session, meeting, refused = Session(), threading.Barrier(40, timeout=5), []

    def ask():
        meeting.wait()
        for _ in range(20):
            try:
                session.enter(None, Limits(500))
            except LimitReached:
                refused.append(1)

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (session.account().pictures, len(refused)) == (500, 300)


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
    fill(one, None, None)
    assert other.account().pictures == 0
    assert one.history(tmp_path) is not other.history(tmp_path)
