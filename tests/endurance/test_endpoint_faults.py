"""An endpoint that fails in every way there is: nothing is paid twice unasked, and the cost is never told too low."""

import gc
import json
import threading

import psutil
import pytest
from support.clock import Ticks
from support.faults import CALL_FAULTS, LINKED, PICTURE_FAULTS, WAYS, FaultyEndpoint

from wenwen_magic import Client, WenwenError
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import CHARGES

WITH_FILES = (
    LINKED,
    *(way for way in WAYS if way.name in {"clip by chat", "clip submission", "midjourney submission"}),
)
CASES = [
    *((way, fault) for fault in CALL_FAULTS for way in WAYS),
    *((way, fault) for fault in PICTURE_FAULTS for way in WITH_FILES),
]
SAMPLE = [CASES[at * len(WAYS) + at % len(WAYS)] for at in range(len(CALL_FAULTS))]
SAMPLE += [
    CASES[len(CALL_FAULTS) * len(WAYS) + at * len(WITH_FILES) + at % len(WITH_FILES)]
    for at in range(len(PICTURE_FAULTS))
]
ASKS_AGAIN = ("asks again", "ask again", "submits again", "submits it again")
"""How an error says that the same cell, run again, is a new request."""


def draw(server, clock):
    """Draw in a process that has just begun, as far as that goes within one; gives what came, picture or error."""
    client = Client(
        base_url=server.origin,
        api_key="k" * 20,
        clock=clock,
        session=Session(),
        timeout=0.2 if server.fault and server.fault.name == "silence" else 5.0,
        poll_limit=8.0,
    )
    try:
        return client, (client.video if server.way.clip else client.generate)("fox", **server.way.options)
    except WenwenError as error:
        return client, error


def left_open():
    gc.collect()
    threads = {thread for thread in threading.enumerate() if thread.is_alive()}
    return threads, len(psutil.Process().net_connections("tcp"))


def wrong_behind(before):
    """What a run has left open, once its threads have had time to end."""
    for thread in left_open()[0] - before[0]:
        thread.join(10)
    threads, sockets = left_open()
    left = threads - before[0], sockets - before[1]
    return [f"left open: {left[0]}, {left[1]} sockets"] if left[0] or left[1] > 0 else []


def wrong_in(way, fault):
    """What is wrong when a call meets a fault, in the run itself and in the next one."""
    before, wrong, clock = left_open(), [], Ticks()
    server = FaultyEndpoint(way, fault, clock)
    try:
        client, first = draw(server, clock)
        record = client.history.recent()[0]
        billed = server.came_whole and (fault.billed or way.questions)
        failed = isinstance(first, WenwenError)
        if server.posts > (1 if billed else 3) or (fault.tries == 0 and server.posts):
            wrong.append(f"sent {server.posts} times")
        if failed and CHARGES.index(first.charged) < CHARGES.index("maybe" if billed else "no"):
            wrong.append(f"told to have cost less than it may have: {first}")
        if failed and (record.charged, record.id) != (first.charged, first.record):
            wrong.append(f"the record says {record.charged} {record.state}, not {first.charged}: {first}")
        if fault.shown and failed and not (way.job or way.clip):
            wrong.append(f"the picture came, and is not shown: {first}")
        if not failed and (record.state, record.charged) != ("complete", "yes"):
            wrong.append(f"the record of a picture says {record.state} {record.charged}")
        posts = server.posts
        server.heal()
        posts = server.posts if fault.say is None else posts
        client, second = draw(server, clock)
        told = failed and (first.charged == "no" or any(words in first.do for words in ASKS_AGAIN))
        if server.posts > posts + told:
            wrong.append(f"paid again unasked: {first}")
        if isinstance(second, WenwenError):
            wrong.append(f"a healed endpoint gives no picture: {second}")
        if any(json.loads(path.read_text())["state"] == "sent" for path in client.history.folder.rglob("*.json")):
            wrong.append("a record says that an answer is waited for")
    finally:
        server.stop()
    return [*wrong, *wrong_behind(before)]


@pytest.mark.parametrize(
    ("way", "fault"),
    [
        *(pytest.param(*case, id=f"{case[0].name}, {case[1].name}") for case in SAMPLE),
        *(pytest.param(*case, id=f"{case[0].name}, {case[1].name}, long", marks=pytest.mark.long) for case in CASES),
    ],
)
def test_a_fault_of_the_endpoint_is_paid_once_at_most_and_told_truly(way, fault, here):
    assert not wrong_in(way, fault)


def test_the_long_form_has_each_fault_with_each_way_of_asking_and_the_short_one_each_fault_once():
    assert len(CASES) == 424
    assert {fault.name for _, fault in SAMPLE} == {fault.name for fault in (*CALL_FAULTS, *PICTURE_FAULTS)}


@pytest.mark.parametrize(
    ("question", "fault"),
    [
        ("seed", "an error with status 200"),
        *((name, fault) for name in ("query", "seed") for fault in ("a web page", "an empty answer", "status 500")),
    ],
)
def test_bug_a_free_question_about_a_job_was_told_to_may_have_cost(question, fault, here):
    faults, clock = {one.name: one for one in CALL_FAULTS}, Ticks()
    server = FaultyEndpoint(WAYS[-1], faults["closed unread"], clock)
    server.heal()
    try:
        client, made = draw(server, clock)
        server.fault = faults[fault]
        with pytest.raises(WenwenError) as caught:
            client.ask_about([made], question)
    finally:
        server.stop()
    assert (caught.value.charged, "again later" in caught.value.do, server.posts) == ("no", True, 1)
