"""A process that dies while the endpoint thinks: nothing is lost where a worker draws, nothing is paid again unasked."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from support.relay import whole
from support.scripted import answering, png
from support.shells import KEY, records

from wenwen_magic import Client
from wenwen_magic.endpoint.transport import Clock
from wenwen_magic.engine.limits import Session
from wenwen_magic.engine.worker_pool import WorkerPool
from wenwen_magic.errors import EndpointError, UnansweredRequest, WenwenError
from wenwen_magic.history import atomic, store

SCRIPT = """
import sys
from wenwen_magic import Client, WenwenError
try:
    made = Client(worker=sys.argv[1] == "worker").generate("fox", fresh="fresh" in sys.argv)
    print(made.id, made.from_history, made.charged, flush=True)
except WenwenError as error:
    print(type(error).__name__, error.charged, flush=True)
"""


@pytest.fixture
def processes():
    """Start scripts; those that still run are killed at the end."""
    started = []

    def start(*words):
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", SCRIPT, *words]
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(true):
    never = threading.Event()
    for _ in range(1500):
        if true():
            return
        never.wait(0.02)
    raise AssertionError("it never came true")


def killed_while_thinking(relay, processes, how):
    """Kill a script, and all of its process group, after its POST and before the answer."""
    relay.gate.clear()
    script = processes(how)
    wait_for(lambda: relay.posts)
    os.killpg(script.pid, signal.SIGKILL)
    script.communicate()


def client(**more):
    return Client(session=Session(), **more)


def test_bug_an_answer_kept_when_its_process_ended_lost_its_words_when_its_picture_was_gone(relay, here, monkeypatch):
    class Ended(BaseException):
        """Stands for the end of the process."""

    def ends(*_, **__):
        raise Ended

    relay.answer = lambda _: answering("Here it is. ![gone](/gone.png)")
    with monkeypatch.context() as patch:
        patch.setattr("wenwen_magic.media.save.ImagePipeline.save", ends)
        with pytest.raises(Ended):
            client().generate("fox", fresh=True)
    [record] = records()
    assert (record["state"], record.get("sources", [])) == ("sent", [])
    relay.file = lambda path, headers: (410, b"gone") if path == "/gone.png" else None
    with pytest.raises(WenwenError):
        client().generate("fox")
    [record] = records()
    assert (record["state"], record["charged"], len(relay.posts)) == ("answered", "yes", 1)
    assert "Here it is." in record["text"]
    assert "/gone.png" in record["sources"]


def test_what_a_killed_process_asked_for_is_in_the_history_and_paid_once(relay, here, processes):
    killed_while_thinking(relay, processes, "worker")
    again = processes("worker")
    relay.gate.set()
    out, _ = again.communicate(timeout=60)
    (record,) = records()
    assert out.split() == [record["id"], "True", "yes"]
    assert (record["state"], len(relay.posts)) == ("complete", 1)


def test_the_worker_ends_with_its_work_and_holds_no_key_in_arguments_or_environment(relay, here, processes):
    relay.gate.clear()
    script = processes("worker")
    wait_for(lambda: relay.posts)
    (worker,) = psutil.Process(script.pid).children()
    assert not [text for text in (*worker.cmdline(), *worker.environ().values()) if KEY in text]
    os.killpg(script.pid, signal.SIGKILL)
    script.communicate()
    assert worker.is_running()
    relay.gate.set()
    assert psutil.wait_procs([worker], timeout=60)[0]
    assert [record["state"] for record in records()] == ["complete"]


def test_the_end_of_the_process_alone_ends_an_idle_worker(relay, here, processes):
    relay.gate.clear()
    script = processes("worker")
    wait_for(lambda: relay.posts)
    (worker,) = psutil.Process(script.pid).children()
    relay.gate.set()
    out, _ = script.communicate(timeout=60)
    assert out.split()[1:] == ["False", "yes"]
    assert psutil.wait_procs([worker], timeout=60)[0]


def test_without_a_worker_the_next_run_pays_nothing_and_says_what_is_open(relay, here, processes):
    killed_while_thinking(relay, processes, "thread")
    relay.gate.set()
    out, _ = processes("thread").communicate(timeout=60)
    assert out.split() == ["UnansweredRequest", "no"]
    assert len(relay.posts) == 1
    out, _ = processes("thread", "fresh").communicate(timeout=60)
    assert out.split()[1:] == ["False", "yes"]
    assert len(relay.posts) == 2
    out, _ = processes("thread").communicate(timeout=60)
    assert out.split()[1:] == ["True", "yes"]


def test_what_was_given_up_may_be_asked_for_again(relay, here, processes):
    killed_while_thinking(relay, processes, "thread")
    relay.gate.set()
    with pytest.raises(UnansweredRequest) as caught:
        client().generate("fox")
    (record,) = records()
    assert caught.value.records == (record["id"],)
    client().give_up(caught.value.records)
    assert client().generate("fox").charged == "yes"
    assert sorted(one["state"] for one in records()) == ["complete", "failed"]


def test_bug_an_answer_that_came_while_a_person_was_asked_was_given_up(relay, here, processes):
    killed_while_thinking(relay, processes, "thread")
    relay.gate.set()
    with pytest.raises(UnansweredRequest) as caught:
        client().generate("fox")
    history = client().history
    history.update(history.get(caught.value.record), state="complete", charged="yes")  # by a machine that had slept
    client().give_up(caught.value.records)
    assert [(one["state"], one["charged"]) for one in records()] == [("complete", "yes")]


def test_of_several_requests_none_is_sent_while_one_is_open(relay, here, processes):
    killed_while_thinking(relay, processes, "thread")
    relay.gate.set()
    drawer = client()
    with pytest.raises(UnansweredRequest):
        drawer.draw([drawer.request("cat"), drawer.request("fox")])
    assert len(relay.posts) == 1


def test_who_waits_for_a_process_that_dies_pays_nothing_and_says_what_is_open(relay, here, processes):
    relay.gate.clear()
    first, waiting = processes("thread"), threading.Event()
    wait_for(lambda: relay.posts)

    def draw(job):
        drawer = client()
        drawer.draw([drawer.request("fox")], tell=lambda _: waiting.set())

    second = WorkerPool().start(draw)
    assert waiting.wait(20)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert second.wait(20)
    assert (type(second.error), len(relay.posts)) == (UnansweredRequest, 1)


GAVE_UP = 504, '{"error": {"message": "gateway timeout"}}'


def test_bug_an_error_that_came_when_the_kernel_was_gone_was_told_to_nobody_and_paid_for_again(relay, here, processes):
    relay.answer = lambda _: GAVE_UP
    relay.gate.clear()
    script = processes("worker")
    wait_for(lambda: relay.posts)
    (worker,) = psutil.Process(script.pid).children()
    os.killpg(script.pid, signal.SIGKILL)
    script.communicate()
    relay.gate.set()
    assert psutil.wait_procs([worker], timeout=60)[0]
    with pytest.raises(UnansweredRequest, match="504"):
        client().generate("fox")
    assert len(relay.posts) == 1


def test_bug_who_waited_for_another_process_whose_request_failed_paid_again_at_once(relay, here):
    relay.answer = lambda _: GAVE_UP
    relay.gate.clear()
    waiting = threading.Event()
    first = WorkerPool().start(lambda _: client().generate("fox"))
    wait_for(lambda: relay.posts)
    second = WorkerPool().start(lambda _: client(clock=Clock(sleep=lambda _: waiting.set())).generate("fox"))
    assert waiting.wait(20)
    relay.gate.set()
    assert first.wait(20)
    assert second.wait(20)
    assert (str(second.error), second.error.charged) == (str(first.error), "maybe")
    assert len(relay.posts) == 1
    relay.answer = whole
    assert client().generate("fox").charged == "yes"


def test_bug_who_wanted_what_another_was_saving_fetched_it_too_and_wrote_over_its_record(relay, here):
    going_on, waiting = threading.Event(), threading.Event()
    fetched = []

    def file(path, _):
        if path == "/fox.png":
            fetched.append(path)
            going_on.wait(20)
            return 200, png()
        return None

    relay.answer = lambda _: answering("![fox](/fox.png)")
    relay.file = file
    first = WorkerPool().start(lambda _: client().generate("fox"))
    wait_for(lambda: fetched)
    second = WorkerPool().start(lambda _: client(clock=Clock(sleep=lambda _: waiting.set())).generate("fox"))
    assert waiting.wait(20)
    [record] = records()
    going_on.set()
    assert first.wait(20)
    assert second.wait(20)
    assert (record["state"], len(fetched), len(relay.posts)) == ("sent", 1, 1)
    assert first.result.id == second.result.id
    assert second.result.images


@pytest.mark.parametrize("lost", [("/fox.png", "/owl.png"), ("/owl.png",)], ids=["all", "one"])
def test_bug_a_fetch_that_failed_unmade_what_another_had_saved_meanwhile(relay, here, lost):
    gone, found = (410, b"gone"), {"/fox.png": (200, png()), "/owl.png": (200, png(colour="blue"))}
    fetched, going_on = [], threading.Event()

    def file(path, _):
        if path not in found:
            return None
        fetched.append(path)
        if len(fetched) <= 2:  # what the request itself fetches
            return gone
        if len(fetched) > 4:
            return found[path]
        going_on.wait(20)
        return gone if path in lost else found[path]

    relay.answer = lambda _: answering("![fox](/fox.png) ![owl](/owl.png)")
    relay.file = file
    with pytest.raises(WenwenError):
        client().generate("fox")
    [record] = records()
    assert record["state"] == "answered"
    late = WorkerPool().start(lambda _: client().fetch(record["id"]))
    wait_for(lambda: len(fetched) == 4)
    assert len(client().fetch(record["id"]).images) == 2
    going_on.set()
    assert late.wait(20)
    [record] = records()
    assert (record["state"], len(record["pictures"])) == ("complete", 2)
    assert len(client().generate("fox").images) == 2


class Slow:
    """Gives a file when it is let, and notes that it was asked for it."""

    def __init__(self):
        self.asked, self.let = threading.Event(), threading.Event()

    def __call__(self, path, _):
        if path != "/fox.png":
            return None
        self.asked.set()
        self.let.wait(20)
        return 200, png()


def starred(history, row):
    history.star(row)


def tagged(history, row):
    history.tag(row, ["winter"])


@pytest.mark.parametrize("mark", [starred, tagged])
def test_bug_a_mark_that_was_set_while_the_picture_was_fetched_was_lost(relay, here, mark):
    relay.answer = lambda _: answering("![fox](/fox.png)")
    relay.file = slow = Slow()
    first = WorkerPool().start(lambda _: client().generate("fox"))
    assert slow.asked.wait(20)
    other = client()
    [row] = other.history.recent()
    mark(other.history, row)
    slow.let.set()
    assert first.wait(20)
    [record] = records()
    assert record["state"] == "complete"
    assert record.get("star") or record.get("tags") == ["winter"]


@pytest.mark.parametrize("mark", [starred, tagged])
def test_bug_a_mark_that_was_just_being_written_unmade_what_another_had_saved(relay, here, monkeypatch, mark):
    marking, going_on = threading.Event(), threading.Event()
    write = store.write_whole

    def slowly(path, data, **more):
        if threading.current_thread() is not threading.main_thread() and path.suffix == ".json":
            marking.set()
            going_on.wait(20)
        write(path, data, **more)

    relay.answer = lambda _: answering("![fox](/fox.png)")
    relay.file = lambda path, _: (410, b"gone") if path == "/fox.png" else None
    with pytest.raises(WenwenError):
        client().generate("fox")
    relay.file = lambda path, _: (200, png()) if path == "/fox.png" else None
    fetcher, marker = client(), client()
    [row] = marker.history.recent()
    monkeypatch.setattr(store, "write_whole", slowly)
    monkeypatch.setattr(atomic, "sleep", lambda _: going_on.set() or second.wait(20), raising=False)
    second = WorkerPool().start(lambda _: mark(marker.history, row))
    assert marking.wait(20)
    assert fetcher.fetch(row.id).images
    going_on.set()
    assert second.wait(20)
    [record] = records()
    assert (record["state"], len(record["pictures"])) == ("complete", 1)
    assert record.get("star") or record.get("tags") == ["winter"]


def test_bug_who_fetched_beside_the_request_itself_wrote_over_what_that_had_saved(relay, here):
    answers = []

    def file(path, _):
        if path != "/fox.png":
            return None
        answers.append(let := threading.Event())
        let.wait(20)
        return 200, png()

    relay.answer = lambda _: answering("![fox](/fox.png)")
    relay.file = file
    seconds = itertools.count()
    first = WorkerPool().start(lambda _: client(clock=Clock(now=lambda: float(next(seconds)))).generate("fox"))
    wait_for(lambda: len(answers) == 1)
    other = client()
    [row] = other.history.recent()
    second = WorkerPool().start(lambda _: other.fetch(row.id))
    wait_for(lambda: len(answers) == 2)
    answers[0].set()
    assert first.wait(20)
    [before] = records()
    answers[1].set()
    assert second.wait(20)
    assert before["state"] == "complete"
    assert before["elapsed"] > 0
    assert records() == [before]
    assert second.result.elapsed == before["elapsed"]


@pytest.mark.parametrize("when", ["before it is opened", "while it is read"])
def test_bug_who_read_a_large_reply_that_another_had_just_used_and_deleted_failed(relay, here, monkeypatch, when):
    relay.answer = lambda _: answering("x" * 300_000 + " ![fox](/fox.png)")
    relay.file = lambda path, _: (410, b"gone") if path == "/fox.png" else None
    with pytest.raises(WenwenError):
        client().generate("fox")
    relay.file = lambda path, _: (200, png()) if path == "/fox.png" else None
    fetcher, other = client(), client()
    [record] = records()
    reply = fetcher.history.reply

    def late(generation):
        if when == "while it is read":
            kept = reply(generation)
            assert other.fetch(record["id"]).images
            return kept
        assert other.fetch(record["id"]).images
        return reply(generation)

    monkeypatch.setattr(fetcher.history, "reply", late)
    assert len(fetcher.fetch(record["id"]).images) == 1
    [record] = records()
    assert (record["state"], len(relay.posts)) == ("complete", 1)


def test_bug_a_fetch_of_nothing_forgot_the_one_picture_that_another_had_got(relay, here):
    fetched, going_on = [], threading.Event()

    def file(path, _):
        if path not in {"/fox.png", "/owl.png"}:
            return None
        fetched.append(path)
        late = len(fetched) in {3, 4}
        found = path == "/fox.png" and len(fetched) > 4
        if late:
            going_on.wait(20)
        return (200, png()) if found else (410, b"gone")

    relay.answer = lambda _: answering("![fox](/fox.png) ![owl](/owl.png)")
    relay.file = file
    with pytest.raises(WenwenError):
        client().generate("fox")
    [record] = records()
    late = WorkerPool().start(lambda _: client().fetch(record["id"]))
    wait_for(lambda: len(fetched) == 4)
    assert len(client().fetch(record["id"]).images) == 1
    going_on.set()
    assert late.wait(20)
    [record] = records()
    assert (record["state"], [one["problem"] for one in record["pictures"]]) == ("answered", [""])


def test_bug_who_waited_for_another_thread_whose_request_failed_paid_again_at_once(relay, here):
    class Second(Session):
        @contextmanager
        def turn(self, key):
            with pytest.raises(EndpointError):
                client().generate("fox")
            yield True

    relay.answer = lambda _: GAVE_UP
    with pytest.raises(EndpointError, match="504"):
        Client(session=Second()).generate("fox")
    assert len(relay.posts) == 1


@pytest.mark.parametrize("how", ["thread", "worker"])
def test_two_processes_that_want_the_same_pay_once(relay, here, processes, how):
    relay.gate.clear()
    first, second = processes(how), processes(how)
    wait_for(lambda: relay.posts)
    relay.gate.set()
    outs = [process.communicate(timeout=60)[0].split() for process in (first, second)]
    assert len(relay.posts) == 1
    assert outs[0][0] == outs[1][0]
    assert sorted(out[1] for out in outs) == ["False", "True"]


@pytest.mark.parametrize(
    ("first", "second"), [((3, 1), (3, 1)), ((3, 1), (3, 4)), ((1, 4), (3, 4)), ((2, 1), (5, 2)), ((4, 2), (1, 1))]
)
@pytest.mark.parametrize("processes", [1, 2])
def test_bug_two_that_want_several_of_the_same_paid_for_both(relay, here, processes, first, second):
    relay.gate.clear()
    waiting, jobs, sessions = threading.Event(), [], [Session() for _ in range(processes)]
    for session, (count, width) in zip((sessions[0], sessions[-1]), (first, second), strict=True):
        drawer = Client(session=session, concurrency=width, clock=Clock(sleep=lambda _: waiting.set()))

        def draw(_, drawer=drawer, count=count):
            return drawer.draw([drawer.request("fox", count=count)])

        jobs.append(WorkerPool().start(draw))
        wait_for(lambda: relay.posts)
    assert waiting.wait(20)
    relay.gate.set()
    assert [job.wait(30) for job in jobs] == [True, True]
    shown = [{row.id for row in job.result} for job in jobs]
    assert [len(ids) for ids in shown] == [first[0], second[0]]
    assert len(relay.posts) == len(records()) == max(first[0], second[0])
    assert shown[0] <= shown[1] or shown[1] <= shown[0]
