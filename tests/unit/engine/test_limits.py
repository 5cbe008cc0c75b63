"""What the clients of one process share: one count, one history a folder, one pool a limit."""

import threading
from contextlib import suppress
from itertools import permutations

import pytest

from wenwen_magic.engine.limits import Cost, Session, best_pattern
from wenwen_magic.errors import EndpointError, LimitReached, NoImageError
from wenwen_magic.settings import Settings


def fill(session, *prices, limit=100):
    for price in prices:
        with session.reserve([price], Settings(session_limit=limit)):
            pass


def ended(session, price, error):
    """A reservation whose block ends with an error."""
    with suppress(type(error)), session.reserve([price], Settings(session_limit=100)):
        raise error


def test_pictures_are_counted_up_to_the_limit_and_not_beyond():
    session = Session()
    fill(session, None, None, None, limit=3)
    with pytest.raises(LimitReached) as caught:
        fill(session, None, limit=3)
    assert (session.account().pictures, caught.value.charged) == (3, "no")
    assert "3" in caught.value.what
    assert "session_limit" in caught.value.do


def test_what_is_under_way_is_counted_as_it_may_cost():
    session = Session()
    with session.reserve([0.5, None], Settings(session_limit=2)):
        assert session.account("maybe") == Cost(2, 0.5, 1)
        with pytest.raises(LimitReached):
            fill(session, None, limit=2)
    assert (session.account("maybe"), session.account("yes")) == (Cost(), Cost(2, 0.5, 1))


def test_what_would_pass_the_limit_together_is_refused_together():
    session = Session()
    fill(session, None)
    with pytest.raises(LimitReached):
        session.check([None] * 3, Settings(session_limit=3))
    session.check([None] * 2, Settings(session_limit=3))


def test_a_limit_of_nothing_lets_nothing_through():
    with pytest.raises(LimitReached):
        fill(Session(), None, limit=0)


@pytest.mark.parametrize(
    ("error", "charged"),
    [
        (EndpointError("x", charged="no"), "no"),
        (EndpointError("x", charged="maybe"), "maybe"),
        (NoImageError("x", charged="yes"), "yes"),
        (KeyboardInterrupt(), "maybe"),
        (ValueError("a bug"), "maybe"),
    ],
)
def test_what_ended_badly_is_counted_as_its_error_says_and_makes_room_if_it_was_free(error, charged):
    session = Session()
    ended(session, 0.5, error)
    assert session.account(charged) == Cost(1, 0.5)
    assert session.account().pictures == (charged != "no")


def test_a_price_is_that_of_the_longest_pattern_that_fits_in_any_order():
    prices = {"gpt-*": 1.0, "gpt-4o-*": 2.0, "*": 3.0, "gpt-4o-im*": 4.0}
    for order in permutations(prices):
        table = {pattern: prices[pattern] for pattern in order}
        models = ("gpt-4o-image", "gpt-4o-mini", "gpt-5", "flux")
        assert [best_pattern(model, table) for model in models] == [4.0, 2.0, 1.0, 3.0]
        assert best_pattern("gpt-4o-image", {**table, "gpt-4o-image": 5.0}) == 5.0
    assert best_pattern("flux", {"gpt-*": 1.0}) is None


def test_a_budget_counts_known_prices_and_pictures_of_unknown_price_as_one():
    session = Session()
    fill(session, 0.3, 0.3)
    session.check([0.4], Settings(session_limit=100, budget=1.0))
    with pytest.raises(LimitReached) as caught:
        session.check([0.5], Settings(session_limit=100, budget=1.0, currency="元"))
    assert "0.6 元" in caught.value.why
    session.check([None], Settings(session_limit=100, budget=1.6))
    with pytest.raises(LimitReached, match="too small") as caught:
        session.check([None], Settings(session_limit=100, budget=1.5))
    assert "counts as 1" in caught.value.why


def test_a_budget_that_is_spent_stops_no_cell_that_asks_for_nothing():
    session = Session()
    fill(session, 2.0)
    session.check([], Settings(session_limit=100, budget=1.0))


def test_many_threads_together_do_not_pass_the_limit():
    session, meeting, refused = Session(), threading.Barrier(40, timeout=5), []

    def ask():
        meeting.wait()
        for _ in range(20):
            try:
                fill(session, None, limit=500)
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
