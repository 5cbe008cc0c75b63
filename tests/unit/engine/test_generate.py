"""The engine: how often it asks the history, how long it waits between questions, and what users may give it."""

from collections import Counter
from contextvars import ContextVar
from dataclasses import fields

import pytest
from support.scripted import answering

from wenwen_magic import Client
from wenwen_magic.engine import batch
from wenwen_magic.engine.build_request import EditOptions, RequestOptions
from wenwen_magic.engine.generate import GROWTH, LONGEST, Backoff
from wenwen_magic.engine.limits import Session
from wenwen_magic.engine.worker_pool import BatchRun
from wenwen_magic.errors import NoImageError, WaitEnded
from wenwen_magic.history.store import History
from wenwen_magic.records import ImageRequest
from wenwen_magic.settings import Settings, SettingsOptions

READS = ("takes", "find", "get", "take_of", "search", "children", "known")
WRITES = ("begin", "update")


@pytest.fixture
def client(relay, here):
    return Client(base_url=relay.address, session=Session())


@pytest.fixture
def calls(monkeypatch):
    """Counts the calls of the history's methods, those that it makes itself left out."""
    counted, within = Counter(), ContextVar("within", default=False)

    def counting(name, method):
        def call(self, *args, **more):
            if not within.get():
                counted[name] += 1
            before = within.set(True)
            try:
                return method(self, *args, **more)
            finally:
                within.reset(before)

        return call

    for name in (*READS, *WRITES):
        monkeypatch.setattr(History, name, counting(name, getattr(History, name)))
    return counted


# -- what the history is asked -----------------------------------------------------------------------------------------


def test_a_new_picture_asks_the_history_twice_and_writes_its_record_twice(client, calls):
    [drawn] = client.draw([client.request("a cat")])
    assert (drawn.take, drawn.from_history) == (1, False)
    assert calls == {"takes": 2, "begin": 1, "update": 1}


def test_a_batch_asks_the_history_once_before_the_run_and_for_each_picture_just_before_it_pays(client, calls):
    rows = client.generate_many(["a cat", "a dog", "a cat"], concurrency=1, progress=False)
    assert [row.from_history for row in rows] == [False, False, True]
    assert calls == {"known": 1, "takes": 2 + 1, "begin": 2, "update": 2}


def test_a_saved_picture_asks_the_history_once_and_writes_nothing(client, calls):
    client.generate("a cat")
    calls.clear()
    client.draw([client.request("a cat")])
    assert calls == {"takes": 1}
    client.generate("a cat")
    assert calls == {"takes": 2}


def test_a_fresh_take_is_numbered_without_asking_again(client, calls):
    client.generate("a cat")
    calls.clear()
    drawn = client.generate("a cat", fresh=True)
    assert (drawn.take, "unless you star" in drawn.note) == (2, True)
    assert calls == {"takes": 1, "begin": 1, "update": 1}


def test_several_takes_are_numbered_as_the_history_numbers_them(client, calls):
    rows = client.draw([client.request("a cat", count=3)])
    assert [row.take for row in rows] == [1, 2, 3]
    assert {row.id: row.take for row in rows} == {one.id: one.take for one in client.takes(rows[0].request)}
    assert calls["takes"] <= 3 + 3


def test_what_was_drawn_elsewhere_since_it_was_looked_for_is_not_paid_for_again(client, relay):
    request = client.request("a cat")
    [task] = batch.tasks(client._engine, request, batch.DrawOptions(), ())
    drawn = Client(base_url=relay.address, session=Session()).generate(request)  # another kernel
    assert task().id == drawn.id
    assert len(relay.posts) == 1


# -- pauses ------------------------------------------------------------------------------------------------------------


def pauses(first, limit, count):
    slept = []
    backoff = Backoff(first, limit, slept.append)
    for _ in range(count):
        backoff.wait()
    return slept


def test_pauses_grow_up_to_the_longest_and_a_longer_first_one_stays():
    assert pauses(3.0, 1000.0, 4) == pytest.approx([3.0, 3.0 * GROWTH, 3.0 * GROWTH**2, 3.0 * GROWTH**3])
    assert pauses(3.0, 1000.0, 20)[-5:] == [LONGEST] * 5
    assert pauses(60.0, 1000.0, 3) == [60.0] * 3


def test_pauses_together_are_as_long_as_the_limit_and_then_the_waiting_ends():
    slept = []
    backoff = Backoff(4.0, 10.0, slept.append)
    for _ in range(3):  # 4 and 4.8, and then what is left
        backoff.wait()
    assert sum(slept) == pytest.approx(10.0)
    with pytest.raises(WaitEnded) as caught:
        backoff.wait()
    assert caught.value.charged == "maybe"
    with pytest.raises(WaitEnded):
        Backoff(4.0, 0.0, pytest.fail).wait()


# -- an interrupt ------------------------------------------------------------------------------------------------------


def test_an_interrupt_between_two_lines_leaves_no_run_that_goes_on_paying(client, relay, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "wait_through", interrupted)
    run, rows = client.begin_many(client.requests_from([f"cat {number}" for number in range(50)]), concurrency=1)
    relay.gate.clear()
    with pytest.raises(KeyboardInterrupt):
        batch.finish_run(run, rows, client.session)
    assert run.stopped
    relay.gate.set()
    assert len(relay.posts) <= 1


def test_a_run_that_is_refused_by_a_limit_begins_nothing_new(relay, here):
    client = Client(base_url=relay.address, session=Session(), session_limit=1, concurrency=1)
    run, rows = client.begin_many(client.requests_from(iter(f"cat {number}" for number in range(50))))
    assert isinstance(run, BatchRun)
    run.run()
    assert (run.stopped, len(relay.posts), len(rows)) == (True, 1, 2)
    assert rows.refusal.charged == "no"


def test_equal_requests_of_a_cell_count_once_towards_the_limits(relay, here):
    client = Client(base_url=relay.address, session=Session(), session_limit=2)
    wanted = [client.request("a cat"), client.request("a cat", count=2), client.request("a cat")]
    assert len(client.missing(wanted)) == 2
    rows = client.draw(wanted)
    assert (len(rows), len({row.id for row in rows}), len(relay.posts)) == (4, 2, 2)


def test_a_refusal_while_an_equal_request_waits_is_told_to_both_and_paid_once(client, relay):
    relay.answer = lambda _: answering("never")
    with pytest.raises(NoImageError):
        client.draw([client.request("a cat"), client.request("a cat")])
    assert len(relay.posts) == 1


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"format": "gemini"}, ("gemini", "gemini-3-pro-image")),
        ({"format": "images"}, ("images", "gpt-image-2")),
        ({"format": "gemini", "model": "gpt-x"}, ("gemini", "gpt-x")),
        ({}, ("images", "gpt-4o-image")),
        ({"model": "gpt-x"}, ("images", "gpt-x")),
        ({"model": "flux-2"}, ("chat", "flux-2")),
    ],
)
def test_bug_a_pattern_of_formats_chose_the_model_for_a_typed_format(here, given, asked):
    client = Client(session=Session(), formats={"gpt-*": "images"})
    request = client.request("a cat", **given)
    assert (request.format, request.model) == asked


def test_bug_a_request_whose_format_was_changed_kept_the_default_of_the_other():
    client = Client(session=Session())
    changed = client.request(client.request("a cat"), format="images")
    assert (changed.model, changed.unnamed) == ("gpt-image-2", True)
    assert client.request(changed, count=2).model == "gpt-image-2"
    named = client.request(client.request("a cat", model="gpt-4o-image"), format="images")
    assert (named.model, named.unnamed) == ("gpt-4o-image", False)


# -- what users may give -----------------------------------------------------------------------------------------------


def test_the_typed_options_are_the_fields_of_a_request_and_the_typed_settings_all_settings():
    of_request = {item.name for item in fields(ImageRequest) if item.init} - {"prompt", "usual"}
    assert {*RequestOptions.__annotations__} == of_request | {"style", "size", "seconds"}
    assert EditOptions.__annotations__.keys() < RequestOptions.__annotations__.keys()
    assert [*SettingsOptions.__annotations__] == [item.name for item in fields(Settings)]
