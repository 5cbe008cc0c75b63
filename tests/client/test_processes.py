"""Many prompts over real processes: interrupts, executors, memory, and two kernels that share one history."""

import copy
import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest
from distributed import Client as Dask
from distributed import LocalCluster
from support.relay import Relay
from support.scripted import answering, data_uri, png
from support.shells import KEY, prompts, records

from wenwen_magic import Client
from wenwen_magic.engine.limits import SESSION, Session
from wenwen_magic.engine.worker_pool import TURNS, WorkerPool
from wenwen_magic.errors import ConfigError

SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from wenwen_magic import Client, WenwenError
try:
    rows = Client().generate_many([f"cat {n}" for n in range(40)], concurrency=3, progress=False)
    print("all", len(rows.images), flush=True)
except WenwenError as error:
    print(type(error).__name__, error.charged, flush=True)
"""
SHARED = """
import sys
from wenwen_magic import Client
rows = Client().generate_many([f"{sys.argv[1]} {n}" for n in range(15)], progress=False)
print(len(rows.images), len({row.id for row in rows}), flush=True)
"""

FIRST_ANSWERS = """
import threading
from markdown_it.ruler import Ruler
from wenwen_magic import Client
compiled = Ruler.__compile__
def slowly(ruler):
    if "paragraph" in ruler.get_all_rules():
        ruler.__cache__ = {}
        threading.Event().wait(0.5)
    compiled(ruler)
Ruler.__compile__ = slowly
rows = Client().generate_many([f"cat {n}" for n in range(4)], concurrency=4, progress=False)
print(*(row.state for row in rows), flush=True)
"""

FIRST_ADDRESSES = """
import threading
from concurrent.futures import ThreadPoolExecutor
from mdurl import _decode, _encode
class Slowly(dict):
    def __setitem__(self, name, table):
        super().__setitem__(name, table)
        threading.Event().wait(0.5)
_decode.decode_cache, _encode.encode_cache = Slowly(), Slowly()
from wenwen_magic import Client
from wenwen_magic.formats.parse.markdown import render
rows = Client().generate_many([f"cat {n}" for n in range(4)], concurrency=4, progress=False)
print(*(row.state for row in rows), flush=True)
with ThreadPoolExecutor(4) as threads:
    print(len(set(threads.map(render, ["[a cat](https://a.example/?a=b)"] * 4))), flush=True)
"""


def child(script, *words, **more):
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, "-c", script, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, **more)


def wait_for(true, seconds=30):
    never = type(Relay().gate)()
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        never.wait(0.02)
    raise AssertionError("it never came true")


# -- copies ------------------------------------------------------------------------------------------------------------


def test_a_client_is_no_thing_to_pickle_and_says_what_to_do_and_a_copy_is_itself(here, relay):
    client = Client()
    assert copy.copy(client) is copy.deepcopy(client) is copy.deepcopy({"client": client})["client"] is client
    with pytest.raises(ConfigError, match="another process") as caught:
        pickle.dumps(client)
    assert "Client(" in caught.value.do
    assert KEY not in str(caught.value)
    with ProcessPoolExecutor(1) as pool, pytest.raises(ConfigError, match="another process"):
        pool.submit(str, client).result(20)


def test_results_can_be_pickled_and_are_shown_as_before(here, relay):
    rows = Client().generate_many(["a cat", "a dog"], progress=False)
    for made in (rows, rows[0]):
        again = pickle.loads(pickle.dumps(made))
        assert again.images == made.images
        assert again._repr_mimebundle_().keys() == made._repr_mimebundle_().keys()
    assert [row.request.prompt for row in copy.deepcopy(rows)] == ["a cat", "a dog"]


# -- past one machine --------------------------------------------------------------------------------------------------


def test_the_workers_of_a_dask_cluster_ask_and_everything_is_kept_here(here, relay):
    alone = {"no_proxy": "127.0.0.1", "WENWEN_API_KEY": KEY, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    size = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": "127.0.0.1:0"}
    wanted = [f"cat {number}" for number in range(8)]
    with LocalCluster(**size, env=alone, silence_logs=logging.CRITICAL) as cluster, Dask(cluster) as dask:
        client = Client(base_url=relay.address, session=Session())
        rows = client.generate_many(wanted, executor=dask.get_executor(), concurrency=4, progress=False)
        again = client.generate_many(wanted, executor=dask.get_executor(), progress=False)
    assert [row.request.prompt for row in rows if row.images] == wanted
    assert sorted(prompts(relay)) == sorted(wanted)
    assert [row.id for row in again] == [row.id for row in rows]
    assert {head["Authorization"] for head, _ in relay.posts} == {f"Bearer {KEY}"}


# -- threads -----------------------------------------------------------------------------------------------------------


def test_bug_the_first_answers_of_a_process_were_unread_where_several_came_at_once(relay, here):
    relay.gate.clear()
    with child(FIRST_ANSWERS) as script:
        try:
            wait_for(lambda: len(relay.posts) == 4)
            relay.gate.set()
            assert script.communicate(timeout=60)[0].split() == ["complete"] * 4
        finally:
            script.kill()


def test_bug_the_first_answers_with_an_address_were_unread_where_several_came_at_once(relay, here):
    relay.answer = lambda _: answering(f"![x]({data_uri(png())}) of <https://a.example/a%20cat>")
    relay.gate.clear()
    with child(FIRST_ADDRESSES) as script:
        try:
            wait_for(lambda: len(relay.posts) == 4)
            relay.gate.set()
            assert script.communicate(timeout=60)[0].split() == [*["complete"] * 4, "1"]
        finally:
            script.kill()


# -- interrupts --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent to one process")
def test_the_first_interrupt_finishes_what_runs_begins_nothing_and_saves_all(relay, here):
    relay.gate.clear()
    with child(SCRIPT) as script:
        try:
            wait_for(lambda: len(relay.posts) == 3)
            script.send_signal(signal.SIGINT)
            assert script.stdout.readline().startswith("Stopping: waiting for 3")
            relay.gate.set()
            assert script.stdout.readline().split() == ["WaitEnded", "yes"]
            assert script.wait(20) == 0
        finally:
            script.kill()
    assert len(relay.posts) == 3
    assert [record["state"] for record in records()] == ["complete"] * 3
    with child(SCRIPT) as script:
        assert script.communicate(timeout=60)[0].split() == ["all", "40"]
    assert len(relay.posts) == 40
    assert len(set(prompts(relay))) == 40


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent to one process")
def test_the_second_interrupt_ends_the_waiting_at_once(relay, here):
    relay.gate.clear()
    with child(SCRIPT) as script:
        try:
            wait_for(lambda: len(relay.posts) == 3)
            script.send_signal(signal.SIGINT)
            assert script.stdout.readline().startswith("Stopping")
            script.send_signal(signal.SIGINT)
            assert script.stdout.readline().split() == ["WaitEnded", "maybe"]
            assert script.wait(5) == 0
        finally:
            script.kill()
    assert [record["charged"] for record in records()] == ["maybe"] * 3
    assert len(relay.posts) == 3


# -- executors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_an_executors_workers_ask_and_the_callers_history_keeps(relay, here, kind):
    context = multiprocessing.get_context("spawn")
    pool = ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(2, mp_context=context)
    client = Client(base_url=relay.address, session=Session())
    wanted = [f"cat {number}" for number in range(6)]
    with pool as executor:
        rows = client.generate_many(wanted, executor=executor, progress=False)
        again = client.generate_many(wanted, executor=executor, progress=False)
    assert [row.request.prompt for row in rows] == wanted
    assert [row.id for row in again] == [row.id for row in rows]
    assert len(rows.images) == len(relay.posts) == len(records()) == 6
    assert {headers["Authorization"] for headers, _ in relay.posts} == {f"Bearer {KEY}"}
    assert client.generate("after").images  # and goes out from here again


# -- memory ------------------------------------------------------------------------------------------------------------


def most(relay, folder, count):
    """Bytes that a run through so many prompts holds at its peak beyond what it held before."""
    client = Client(base_url=relay.address, history=folder, session=Session(), session_limit=1000)
    source = (f"cat {number} " + "x" * 1000 for number in range(count))
    tracemalloc.start()
    rows = client.generate_many(source, progress=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(rows) == count
    return peak


def test_memory_does_not_grow_with_the_number_of_prompts(relay, here, monkeypatch):
    monkeypatch.setattr("wenwen_magic.history.index.REMEMBERED", 8)

    class Forgetting(list):
        def append(self, post):
            super().append(None)

    relay.posts = Forgetting()
    relay.answer = lambda _: answering(("w" * 20_000 + " ") * 10 + f" ![x]({data_uri(png())})")
    most(relay, "warm", 4)
    few, many = most(relay, "few", 12), most(relay, "many", 48)  # eight at most are under way at a time
    assert many < few + 4_000_000  # an answer alone is 200 kB: 7.2 MB more, were they all held


# -- two kernels -------------------------------------------------------------------------------------------------------


def test_two_processes_share_one_history_and_nothing_is_lost(relay, here, monkeypatch):
    monkeypatch.setenv("WENWEN_SESSION_LIMIT", "100")
    children = [child(SHARED, word) for word in ("left", "right")]
    try:
        assert [one.communicate(timeout=120)[0].split() for one in children] == [["15", "15"]] * 2
    finally:
        for one in children:
            one.kill()
    wanted = {f"{word} {number}" for word in ("left", "right") for number in range(15)}
    assert {record["request"]["prompt"] for record in records()} == wanted
    assert len(relay.posts) == len(records()) == 30
    assert {record["state"] for record in records()} == {"complete"}
    client = Client(mode="replay", session=Session())
    assert {row.request.prompt for row in client.history.search("", count=100)} == wanted
    assert all(row.images for row in client.generate_many(sorted(wanted), progress=False))
    assert client.history.unreadable() == []


def test_two_processes_that_ask_the_same_lose_nothing(relay, here, monkeypatch):
    monkeypatch.setenv("WENWEN_SESSION_LIMIT", "100")
    children = [child(SHARED, "same") for _ in range(2)]
    try:
        assert [one.communicate(timeout=120)[0].split()[0] for one in children] == ["15"] * 2
    finally:
        for one in children:
            one.kill()
    assert len(relay.posts) == len(records())
    assert {record["request"]["prompt"] for record in records()} == {f"same {number}" for number in range(15)}
    assert {record["state"] for record in records()} == {"complete"}


def _asked_in_a_fork(pipe):
    client = Client(session=SESSION)
    (made,) = client.draw([client.request("fox")], tell=lambda step: pipe.send(step.text))
    pipe.send((made.id, made.from_history))


HELD = {
    "all turns": lambda client: [TURNS.taken() for _ in range(4)],
    "the sandbox": lambda client: [client._media.pool._slots] * 2,
    "the account": lambda client: [client.session._lock],
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_bug_a_fork_waited_for_ever_for_what_threads_of_its_parent_held(relay, here, held):
    client, over, ends = Client(), Event(), multiprocessing.Pipe()
    things = held(client)
    all_held = Barrier(len(things) + 1)

    def hold(thing):
        with thing:
            all_held.wait(20)
            over.wait(60)

    fork = multiprocessing.get_context("fork").Process(target=lambda: ends[1].send(client.generate("fox").state))
    with ThreadPoolExecutor(len(things)) as threads:
        try:
            threads.map(hold, things)
            all_held.wait(20)
            fork.start()
            assert ends[0].poll(20)
            assert ends[0].recv() == "complete"
        finally:
            over.set()
            fork.kill()
            fork.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_bug_a_fork_that_wanted_what_its_parent_asked_for_waited_for_ever(relay, here):
    relay.gate.clear()
    asked = WorkerPool().start(lambda _: Client().generate("fox"))
    wait_for(lambda: relay.posts)
    pipe, its_end = multiprocessing.Pipe()
    fork = multiprocessing.get_context("fork").Process(target=_asked_in_a_fork, args=(its_end,))
    fork.start()
    try:
        assert pipe.poll(20)
        assert "has asked for this" in pipe.recv()
        relay.gate.set()
        assert asked.wait(20)
        while isinstance(told := pipe.recv() if pipe.poll(20) else None, str):
            pass
        assert told == (asked.result.id, True)
        assert len(relay.posts) == 1
    finally:
        fork.kill()
        fork.join()
