"""Calls through an executor: each made once, by a worker with a key of its own, and whole answers brought back."""

import json
import logging
import multiprocessing
import os
import pickle
import signal
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import cloudpickle
import pytest
from support.demo import DemoServer
from support.relay import Relay

from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.transport import Transport
from wenwen_magic.engine import executor as remote
from wenwen_magic.errors import ConfigError, EndpointError, NotSentError, WenwenError
from wenwen_magic.protocol import HttpCall
from wenwen_magic.text.i18n import is_chinese, speak, spoken

CALLERS, WORKERS = "CALLERS7f3a9c-not-like-a-key", "WORKERS2b8e11-not-like-a-key"
BEARER = ("Authorization", "Bearer {key}")
PATIENCE = 20
"""Seconds after which a test that waits for an event has failed."""


def call(prompt):
    return HttpCall("POST", "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": prompt}]})


def asked(server):
    return [post.body["messages"][0]["content"] for post in server.posts]


def body_of(reply):
    return b"".join(reply.chunks)


def spawned(count, **options):
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), **options)


def all_at_once(line, prompts):
    """The replies' bodies, all asked for at the same time."""
    with ThreadPoolExecutor(len(prompts)) as pool:
        return list(pool.map(lambda prompt: body_of(line.send(call(prompt))), prompts))


class HeldDemo(DemoServer):
    """A demo whose answers wait until they are let through; tells of each that waits."""

    def __init__(self):
        self.came, self._pass = threading.Semaphore(0), threading.Event()
        super().__init__(delay=1, wait=self._hold)

    def _hold(self, _):
        self.came.release()
        self._pass.wait(PATIENCE)

    def wait_for(self, count):
        for _ in range(count):
            assert self.came.acquire(timeout=PATIENCE)

    def let(self):
        self._pass.set()


@pytest.fixture
def demo():
    with DemoServer(wait=lambda _: None) as server:
        yield server


@pytest.fixture
def held():
    with HeldDemo() as server:
        yield server
        server.let()


@pytest.fixture
def relay():
    with Relay() as server:
        yield server


@pytest.fixture
def threads():
    with ThreadPoolExecutor(4) as pool:
        yield pool


@contextmanager
def dask_cluster():
    """A client of a cluster of two processes with two threads each, which runs the tasks of lost workers again."""
    from distributed import Client as Dask
    from distributed import LocalCluster

    alone = {"no_proxy": "127.0.0.1", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "LC_ALL": "C.UTF-8"}
    size = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**size, env=alone, silence_logs=logging.CRITICAL) as cluster, Dask(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def dask():
    with dask_cluster() as client:
        yield client


@pytest.fixture
def doomed():
    """A cluster for the one test that loses a worker of it."""
    with dask_cluster() as client:
        yield client


@pytest.fixture(scope="module")
def processes():
    with spawned(2) as pool:
        yield pool


@pytest.fixture(params=["threads", "processes", "dask"])
def executor(request):
    if request.param == "dask":
        return request.getfixturevalue("dask").get_executor()
    return request.getfixturevalue(request.param)


# -- the straight way --------------------------------------------------------------------------------------------------


def test_eight_prompts_are_asked_once_each_and_their_answers_brought_to_whom_they_belong(executor, demo):
    prompts = [f"画 {number} 只猫 [demo: images={number}]" for number in range(1, 9)]
    bodies = all_at_once(remote.ExecutorTransport(executor, demo.address, read=PATIENCE), prompts)
    assert sorted(asked(demo)) == sorted(prompts)
    assert [said(body).count("/pictures/") for body in bodies] == list(range(1, 9))


def said(body):
    return json.loads(body)["choices"][0]["message"]["content"]


def test_the_same_call_twice_is_asked_twice(executor, demo):
    bodies = all_at_once(remote.ExecutorTransport(executor, demo.address, read=PATIENCE), ["a cat"] * 3)
    assert asked(demo) == ["a cat"] * 3
    assert len({said(body) for body in bodies}) == 3  # three takes, not one thrice


def test_the_reply_is_the_one_that_the_transport_would_have_given(executor, demo):
    reply = remote.ExecutorTransport(executor, demo.address + "/v1/", read=PATIENCE).send(call("a cat"))
    direct = Transport(demo.address, None).send(call("a cat"))
    assert (reply.status, reply.content_type, reply.demo) == (direct.status, direct.content_type, direct.demo)
    assert json.loads(body_of(reply)).keys() == json.loads(body_of(direct)).keys()


def test_a_get_is_brought_too(threads, demo):
    reply = remote.ExecutorTransport(threads, demo.address, read=PATIENCE).send(HttpCall("GET", "/v1/models"))
    assert json.loads(body_of(reply))["data"]


def test_dask_has_both_its_workers_ask_at_the_same_time(dask, held):
    pids = dask.run(os.getpid)
    line = remote.ExecutorTransport(dask.get_executor(), held.address, read=PATIENCE)
    with ThreadPoolExecutor(8) as pool:
        replies = [pool.submit(line.send, call(f"cat {number}")) for number in range(8)]
        held.wait_for(4)
        busy = {pids[address] for address, tasks in dask.processing().items() if tasks}
        held.let()
        assert [reply.result(PATIENCE).status for reply in replies] == [200] * 8
    assert len(busy) == 2
    assert os.getpid() not in busy
    assert sorted(asked(held)) == [f"cat {number}" for number in range(8)]


# -- the key -----------------------------------------------------------------------------------------------------------


class Watching(ThreadPoolExecutor):
    """Remembers what it was handed."""

    def __init__(self):
        self.handed = []
        super().__init__(1)

    def submit(self, *task):
        self.handed.append(task)
        return super().submit(*task)


def test_what_is_handed_to_the_executor_does_not_hold_the_key(relay, monkeypatch):
    monkeypatch.setenv("WENWEN_API_KEY", CALLERS)
    with Watching() as executor:
        body_of(remote.ExecutorTransport(executor, relay.address, read=PATIENCE).send(call("a cat")))
    ((_, packed),) = executor.handed
    assert type(packed) is bytes
    assert b"a cat" in packed
    assert CALLERS.encode() not in packed
    assert relay.posts[0][0]["Authorization"] == f"Bearer {CALLERS}"


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_a_key_refuses_to_be_pickled_by_any_executors_means(dumps):
    with pytest.raises(TypeError, match="not written"):
        dumps(Secret(CALLERS))


def have_a_key_of_its_own():
    os.environ["WENWEN_API_KEY"] = WORKERS


def test_a_worker_asks_with_the_key_of_its_own_environment(relay, monkeypatch):
    monkeypatch.setenv("WENWEN_API_KEY", CALLERS)
    with spawned(1, initializer=have_a_key_of_its_own) as executor:
        body_of(
            remote.ExecutorTransport(executor, relay.address, read=PATIENCE).send(call("a cat"), ("x-api-key", "{key}"))
        )
    headers = {name.lower(): value for name, value in relay.posts[0][0].items()}
    assert headers["x-api-key"] == WORKERS
    assert CALLERS not in str(headers)


def test_the_demo_is_not_told_the_key(demo, monkeypatch):
    monkeypatch.setenv("WENWEN_API_KEY", CALLERS)
    for address in (demo.address, demo.address + "/", demo.address + "/v1"):
        remote.deliver(address, call("a cat"), BEARER, PATIENCE)
    assert CALLERS not in str([post.headers for post in demo.posts])
    assert len(demo.posts) == 3


def test_an_endpoint_on_the_workers_own_machine_may_be_asked_without_a_key(relay):
    assert remote.deliver(relay.address, call("a cat"), BEARER, PATIENCE).reply.status == 200
    assert "Authorization" not in relay.posts[0][0]


def test_a_worker_without_a_key_asks_no_other_machine(threads, routes):
    with pytest.raises(ConfigError, match="worker has no key") as caught:
        remote.ExecutorTransport(threads, "https://relay.example", read=PATIENCE).send(call("a cat"))
    assert "WENWEN_API_KEY" in caught.value.do
    assert caught.value.charged == "no"


def test_an_answer_that_echoes_the_workers_key_comes_without_it(relay, monkeypatch):
    monkeypatch.setenv("WENWEN_API_KEY", WORKERS)
    relay.answer = lambda _: f"your key is {WORKERS}"
    delivery = remote.deliver(relay.address, call("a cat"), BEARER, PATIENCE)
    assert body_of(delivery.reply) == b"your key is ***"


# -- errors ------------------------------------------------------------------------------------------------------------


def error_of(line, prompt):
    with pytest.raises(WenwenError) as caught:
        body_of(line.send(call(prompt)))
    return caught.value


@pytest.mark.parametrize(
    "directive", ["status=400", "status=401", "status=500", "status=429 retry_after=100", "html", "reset"]
)
def test_an_endpoints_error_comes_back_as_the_transport_raises_it(threads, demo, directive):
    prompt = f"a cat [demo: {directive}]"
    brought, direct = (
        error_of(line, prompt)
        for line in (remote.ExecutorTransport(threads, demo.address, read=PATIENCE), Transport(demo.address, None))
    )
    assert type(brought) is type(direct)
    different = {"request_id", "text"}  # the demo numbers its answers
    assert {name: value for name, value in brought.as_dict().items() if name not in different} == {
        name: value for name, value in direct.as_dict().items() if name not in different
    }
    assert (brought.what, brought.retry_after) == (direct.what, direct.retry_after)
    assert len(demo.posts) == 2


def test_an_error_crosses_processes_with_all_it_knows(executor, demo):
    error = error_of(
        remote.ExecutorTransport(executor, demo.address, read=PATIENCE), "a cat [demo: status=429 retry_after=100]"
    )
    assert isinstance(error, EndpointError)
    assert (error.status, error.charged, error.retry_after) == (429, "no", 100.0)
    assert 0 < error.seconds < PATIENCE
    assert error.text
    assert error.request_id
    assert len(demo.posts) == 1


@pytest.mark.parametrize("directive", ["cut=early", "cut=late"])
def test_what_came_of_a_broken_answer_is_brought_before_the_error(executor, demo, directive):
    chunks = (
        remote.ExecutorTransport(executor, demo.address, read=PATIENCE).send(call(f"a cat [demo: {directive}]")).chunks
    )
    came = next(chunks)
    with pytest.raises(EndpointError) as caught:
        next(chunks)
    assert caught.value.charged == "maybe"
    assert came.startswith(b'{"')
    assert (b"/pictures/" in came) is (directive == "cut=late")
    assert len(demo.posts) == 1


def test_an_endpoint_that_is_not_there_was_not_sent_to(threads, monkeypatch):
    monkeypatch.setattr("wenwen_magic.endpoint.transport.REPEATS", 0)
    error = error_of(remote.ExecutorTransport(threads, "http://127.0.0.1:9/demo", read=PATIENCE), "a cat")
    assert isinstance(error, NotSentError)
    assert error.charged == "no"


@pytest.mark.parametrize("value", [lambda: 1, threading.Lock(), {1, 2}, float("nan")])
def test_a_parameter_that_is_no_json_is_refused_before_it_is_sent(threads, demo, value):
    with pytest.raises(ConfigError, match="as JSON"):
        remote.ExecutorTransport(threads, demo.address, read=PATIENCE).send(
            HttpCall("POST", "/v1/chat/completions", {"x": value})
        )
    assert demo.posts == []


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="base_url"):
        remote.ExecutorTransport(None, "not an address", read=PATIENCE)


def test_errors_speak_the_callers_language_and_the_workers_thread_keeps_its_own(executor, demo):
    line = remote.ExecutorTransport(executor, demo.address, read=PATIENCE)
    try:
        for language in ("zh", "en", "zh"):
            speak(language)
            assert is_chinese(error_of(line, "a cat [demo: status=401]").what) is (language == "zh")
        assert executor.submit(spoken).result(PATIENCE) == "en"
    finally:
        speak("")


# -- executors that fail -----------------------------------------------------------------------------------------------


class Scripted(Executor):
    """Gives one future that ends as it is told to, or refuses the task; counts."""

    def __init__(self, *, refusal=None, ending=None):
        self.refusal, self.ending, self.submitted = refusal, ending, 0

    def submit(self, *_):
        self.submitted += 1
        if self.refusal:
            raise self.refusal
        future = Future()
        if self.ending:
            future.set_exception(self.ending)
        else:
            future.cancel()
            future.set_running_or_notify_cancel()
        return future


@pytest.mark.parametrize(
    "refusal",
    [RuntimeError("cannot schedule new futures after shutdown"), BrokenProcessPool("broken"), TypeError("no")],
)
def test_what_the_executor_does_not_take_was_not_sent(refusal):
    executor = Scripted(refusal=refusal)
    error = error_of(remote.ExecutorTransport(executor, "http://127.0.0.1:9", read=1), "a cat")
    assert (type(error), error.charged, executor.submitted) == (NotSentError, "no", 1)
    assert str(refusal) in error.why


@pytest.mark.parametrize(
    "refusal", [RuntimeError("can't start new thread"), BlockingIOError(11, "fork"), MemoryError()]
)
def test_what_was_queued_before_no_thread_or_process_could_be_started_may_have_been_sent(refusal):
    executor = Scripted(refusal=refusal)
    error = error_of(remote.ExecutorTransport(executor, "http://127.0.0.1:9", read=1), "a cat")
    assert (type(error), error.charged, executor.submitted) == (EndpointError, "maybe", 1)


def test_a_thread_that_cannot_be_started_leaves_a_task_that_is_run_all_the_same(demo, monkeypatch):
    """Why the test above is right: the standard library's own executor does it."""
    begun, go_on = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        pool.submit(lambda: begun.set() or go_on.wait(PATIENCE))
        assert begun.wait(PATIENCE)
        with monkeypatch.context() as context:
            context.setattr(threading.Thread, "start", failing_start)
            error = error_of(remote.ExecutorTransport(pool, demo.address, read=PATIENCE), "a cat")
        go_on.set()
    assert (error.charged, asked(demo)) == ("maybe", ["a cat"])


def failing_start(_):
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    "ending", [None, BrokenProcessPool("a process died"), ModuleNotFoundError("x"), KeyboardInterrupt(), SystemExit(1)]
)
def test_a_worker_that_is_lost_may_have_sent_and_is_not_asked_again(ending):
    executor = Scripted(ending=ending)
    error = error_of(remote.ExecutorTransport(executor, "http://127.0.0.1:9", read=1), "a cat")
    assert (type(error), error.charged, executor.submitted) == (EndpointError, "maybe", 1)
    assert type(ending or Future).__name__ in error.why or "CancelledError" in error.why


def test_what_looks_like_a_key_in_an_executors_words_is_masked():
    executor = Scripted(ending=RuntimeError("Bearer abcdefghijklmnop"))
    assert "abcdefghijklmnop" not in str(
        error_of(remote.ExecutorTransport(executor, "http://127.0.0.1:9", read=1), "a cat")
    )


def test_an_interrupt_while_waiting_is_an_interrupt():
    class Interrupted(Scripted):
        def submit(self, *_):
            future = Future()
            future.exception = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
            return future

    with pytest.raises(KeyboardInterrupt):
        remote.ExecutorTransport(Interrupted(), "http://127.0.0.1:9", read=1).send(call("a cat"))


def test_an_executor_that_is_shut_down_takes_nothing(demo):
    with ThreadPoolExecutor(1) as pool:
        line = remote.ExecutorTransport(pool, demo.address, read=PATIENCE)
    assert error_of(line, "a cat").charged == "no"
    assert demo.posts == []


@pytest.mark.skipif(os.name == "nt", reason="processes are killed by a signal")
def test_a_pools_process_killed_in_mid_call_has_asked_once(held):
    before = set(multiprocessing.active_children())
    with spawned(1) as pool, ThreadPoolExecutor(1) as beside:
        line = remote.ExecutorTransport(pool, held.address, read=PATIENCE)
        reply = beside.submit(line.send, call("a cat"))
        held.wait_for(1)
        (worker,) = set(multiprocessing.active_children()) - before
        worker.kill()
        error = reply.exception(PATIENCE)
        assert (type(error), error.charged) == (EndpointError, "maybe")
        assert error_of(line, "another").charged == "no"
    assert asked(held) == ["a cat"]


# -- Dask, which runs the tasks of lost workers again ------------------------------------------------------------------


def lose(dask, way, address):
    if way == "killed":
        os.kill(dask.run(os.getpid)[address], signal.SIGKILL)
    else:
        threading.Thread(target=dask.retire_workers, args=([address],), daemon=True).start()


def worker_at_work(dask):
    (address,) = (address for address, tasks in dask.processing().items() if tasks)
    return address


@pytest.mark.skipif(os.name == "nt", reason="processes are killed by a signal")
@pytest.mark.parametrize("way", ["killed", "retired"])
def test_a_dask_worker_lost_in_mid_call_has_asked_once_though_dask_runs_the_task_again(doomed, held, way):
    with ThreadPoolExecutor(1) as beside:
        line = remote.ExecutorTransport(doomed.get_executor(), held.address, read=PATIENCE)
        reply = beside.submit(line.send, call("a cat"))
        held.wait_for(1)
        lose(doomed, way, worker_at_work(doomed))
        error = reply.exception(PATIENCE)
    assert (type(error), error.charged) == (EndpointError, "maybe")
    assert "again" in error.why  # a second worker had the task in hand, and left it
    assert asked(held) == ["a cat"]


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="processes are killed by a signal")
@pytest.mark.parametrize("way", ["killed", "retired"])
def test_without_a_ticket_dask_would_have_asked_twice(doomed, held, way):
    """Why there is a ticket; if this fails, Dask has changed its ways and the ticket may go."""
    future = doomed.get_executor().submit(remote.deliver, held.address, call("a cat"), BEARER, PATIENCE)
    held.wait_for(1)
    lose(doomed, way, worker_at_work(doomed))
    held.wait_for(1)
    held.let()
    assert future.result(PATIENCE).reply.status == 200
    assert asked(held) == ["a cat"] * 2


def test_an_order_that_dask_runs_again_for_any_reason_is_carried_out_once(dask, demo):
    order = pickle.dumps(("en", "ticket 1", demo.address, call("a cat"), BEARER, PATIENCE))
    first, second = (dask.submit(remote.carry_out, order, pure=False).result(PATIENCE) for _ in "12")
    assert first.reply.status == 200
    assert (type(second), second.charged) == (EndpointError, "maybe")
    assert len(demo.posts) == 1


def test_dasks_own_retries_do_not_repeat_a_call_that_failed(dask, demo):
    executor = dask.get_executor(retries=3)
    error = error_of(remote.ExecutorTransport(executor, demo.address, read=PATIENCE), "a cat [demo: status=500]")
    assert (error.status, len(demo.posts)) == (500, 1)
