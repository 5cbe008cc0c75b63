"""A clip's job outlives the process that waits for it, is submitted once, and its clip comes however it is given."""

import base64
import gzip
import json
import os
import re
import signal
import sys
import threading
import tracemalloc
import zlib
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from support.clock import HASTE

from wenwen_magic import Client
from wenwen_magic.demo.exchange import Ask, as_clip, clip_file
from wenwen_magic.endpoint.transport import Clock
from wenwen_magic.engine.limits import Session
from wenwen_magic.engine.worker_pool import WorkerPool
from wenwen_magic.errors import EndpointError, ImageError, WaitEnded, WenwenError

KEY = "sk-clips-7f3a9c2b51d84e0612"
CLIP = clip_file(as_clip(Ask("veo3.1-fast", "a fox")))
CONTENT = "/base/v1/videos/video_1/content"
SCRIPT = """
import sys
from wenwen_magic import Client
more = {"format": "videos", "poll_seconds": 0.05, "worker": sys.argv[3] == "worker"}
Client(base_url=sys.argv[1], api_key=sys.argv[2], **more).video("a fox", model="veo3.1-fast")
"""


class Works:
    """Serves one job on loopback, and gives its clip to those who have the key; ``states`` are told in turn.

    Args:
        content: answers the question for the clip: status, headers, body, and how many bytes of it are sent.
        taken: the answer to the submission; as an object, or as for ``content``.
    """

    def __init__(self, *states, content=None, taken=None):
        self.states, self.asked, self.keys, self.ranges, works = list(states), [], [], [], self
        self.content = content or (lambda _: (200, {"Content-Type": "video/mp4"}, CLIP, None))
        self.taken = taken or {"id": "video_1", "object": "video", "status": "queued", "progress": 0}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self._tell(works.taken)

            def do_GET(self):
                if self.path == "/base/v1/videos/video_1":
                    state = works.states.pop(0) if len(works.states) > 1 else works.states[0]
                    self._tell({"id": "video_1", "status": state} if isinstance(state, str) else state)
                elif self.path == CONTENT and self.headers["Authorization"] != f"Bearer {KEY}":
                    self._note()
                    self._send(401, {}, b'{"error":{"message":"no key"}}')
                else:
                    self._note()
                    self._send(*works.content(self.path))

            def _note(self):
                works.asked.append(f"{self.command} {self.path}")
                works.keys += [self.path] if self.headers["Authorization"] else []
                works.ranges.append((self.headers["Range"], self.headers["If-Range"]))

            def _tell(self, body):
                self._note()
                json_type = {"Content-Type": "application/json"}
                self._send(*(body if isinstance(body, tuple) else (200, json_type, json.dumps(body).encode())))

            def _send(self, status, headers, body, most=None):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body[:most])
                self.close_connection = True

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/base"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @property
    def posts(self):
        return [call for call in self.asked if call.startswith("POST")]

    def client(self, **more):
        more = {"format": "videos", "video_model": "veo3.1-fast", "clock": HASTE, **more}
        return Client(base_url=self.address, api_key=KEY, session=Session(), **more)


def test_a_clip_is_fetched_from_the_endpoint_with_the_key(here):
    with Works("queued", "in_progress", "completed") as works:
        made = works.client().video("a fox")
    assert (made.clips[0].path.read_bytes(), made.clips[0].mime, made.job) == (CLIP, "video/mp4", "video_1")
    assert works.asked[-2:] == [f"GET {CONTENT}"] * 2  # the key is shown only when it is asked for
    assert not [
        path for path in (here / "wenwen_images").rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()
    ]


def until(true):
    never = threading.Event()
    assert any(true() or never.wait(0.02) for _ in range(1500))


def waiting(works, how):
    """Start a script that waits for the job; gives it and its children: a worker, or a sandbox."""
    command = [sys.executable, "-c", SCRIPT, works.address, KEY, how]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    script = psutil.Popen(command, env=environment, start_new_session=True)
    until(lambda: len(works.asked) > 2)
    return script, script.children()


@pytest.mark.parametrize("how", ["thread", "worker"])
def test_a_process_that_is_killed_while_the_job_runs_is_resumed_and_submits_once(here, how):
    with Works("in_progress") as works:
        script, children = waiting(works, how)
        for process in (script, *children):
            process.kill()
        script.wait()
        psutil.wait_procs(children, timeout=20)
        [record] = works.client().history.recent(2)
        assert (record.state, len(works.posts)) == ("sent", 1)
        works.states = ["in_progress", "completed"]
        made = works.client().video("a fox")
        assert (made.id, len(made.clips), len(works.posts)) == (record.id, 1, 1)
        assert works.client().history.recent(2)[0].clips[0].path.is_file()


def test_a_worker_goes_on_with_the_job_of_a_process_that_is_killed_and_the_next_one_has_its_clip(here):
    with Works("in_progress") as works:
        script, workers = waiting(works, "worker")
        os.killpg(script.pid, signal.SIGKILL)
        script.wait()
        asked = len(works.asked)
        until(lambda: len(works.asked) > asked + 1)  # nobody but the worker can be asking
        works.states = ["completed"]
        until(lambda: works.client().history.recent(2)[0].state == "complete")
        assert not psutil.wait_procs(workers, timeout=30)[1]
        made = works.client().video("a fox")
        assert (made.from_history, made.clips[0].path.read_bytes(), len(works.posts)) == (True, CLIP, 1)
        assert len(works.client().history.recent(2)) == 1


def test_a_process_that_wants_the_clip_of_a_killed_one_waits_for_the_worker_and_pays_nothing(here):
    with Works("in_progress") as works:
        script, workers = waiting(works, "worker")
        os.killpg(script.pid, signal.SIGKILL)
        script.wait()
        # In no time at all all its pauses would be over, before the worker has the clip.
        patient = Clock(sleep=lambda _: threading.Event().wait(0.05))
        second = WorkerPool().start(lambda _: works.client(worker=False, clock=patient).video("a fox"))
        assert not second.wait(0.3)
        works.states = ["completed"]
        assert second.wait(30)
        assert (second.error, len(works.posts), len(second.result.clips)) == (None, 1, 1)
        assert not psutil.wait_procs(workers, timeout=30)[1]


def test_a_job_that_takes_too_long_is_asked_about_again_and_not_submitted_again(here):
    with Works("in_progress") as works:
        with pytest.raises(WaitEnded, match=r"poll_limit.*\(in progress\)"):
            works.client(poll_limit=1).video("a fox")
        works.states = ["completed"]
        assert works.client().video("a fox").clips
        assert len(works.posts) == 1


def test_a_job_that_is_answered_about_with_errors_alone_is_asked_about_again_and_not_submitted_again(here):
    with Works({"code": "task_not_exist", "message": "no such task", "data": None}) as works:
        client = works.client()
        with pytest.raises(WaitEnded, match="no such task") as caught:
            client.video("a fox")
        assert (len(works.asked), client.history.get(caught.value.record).state) == (4, "sent")
        works.states = ["completed"]
        assert works.client().video("a fox").clips
        assert len(works.posts) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 1, "message": "submitted", "data": {"task_id": "video_1"}},
        {"code": "success", "data": "video_1"},
        (504, {}, b'{"error": {"message": "timeout"}, "task_id": "video_1"}'),
        (500, {}, b'{"id": "video_1", "status": "queued"}'),
    ],
)
def test_bug_a_job_that_was_taken_in_other_words_was_a_refusal_and_was_paid_twice(here, answer):
    with Works("completed", taken=answer) as works:
        assert works.client().video("a fox").clips
        assert works.client().video("a fox").from_history
        assert len(works.posts) == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "timeout", "task_id": "video_1"}}',
        b'{"message": "timeout", "task_id": 0}',
        b'{"message": "timeout", "task_id": "video_1", "status": "failed"}',
    ],
)
def test_bug_an_error_that_leads_to_no_job_was_told_as_an_answer_without_its_status(here, body):
    with Works("completed", taken=(504, {}, body)) as works, pytest.raises(EndpointError) as caught:
        works.client().video("a fox")
    assert (caught.value.status, caught.value.why, caught.value.charged) == (504, "timeout", "maybe")


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Length": "400"}, b'{"id":"video_1","object":"video","status":"que'),
        (200, {}, b'{"id":"video_1","object":"video","status":"queued"'),
        (200, {}, b'{"id":"video_1","status":"queued"}\n{"id":"video_1","status":"in_progress"}\n'),
        (200, {}, b': PROCESSING\n\n: PROCESSING\n\n{"id":"video_1","status":"queued"}'),
        (200, {"Content-Type": "text/event-stream"}, b'data: {"id":"video_1"}\n\ndata: [DONE]\n\n'),
    ],
    ids=["cut", "without its end", "lines", "keep-alive", "event"],
)
def test_bug_a_job_whose_number_came_in_a_broken_answer_was_paid_twice(here, answer):
    with Works("completed", taken=answer) as works:
        assert works.client().video("a fox").clips
        assert works.client().video("a fox").from_history
        assert len(works.posts) == 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: ({"Content-Type": "video/mp4"}, CLIP),
        lambda works: ({"Content-Type": "text/plain"}, f"{works.address}/out/1.mp4".encode()),
        lambda works: ({"Content-Type": "text/plain"}, f"[下载视频]({works.address}/out/1.mp4)".encode()),
    ],
    ids=["itself", "its address", "a link to it"],
)
def test_bug_a_clip_that_came_in_place_of_a_job_was_thrown_away_and_paid_twice(here, answer):
    with Works("completed") as works:
        works.taken = (200, *answer(works))
        assert works.client().video("a fox").clips[0].path.read_bytes() == CLIP
        assert works.client().video("a fox").from_history
        assert len(works.posts) == 1


@pytest.mark.parametrize("begun", [b'{"object":"video","id":"vid', b'{"object":"video","id":123', b'{"object":"video"'])
def test_a_number_that_broke_off_is_none(here, begun):
    with Works("completed", taken=(200, {"Content-Length": "400"}, begun)) as works:
        with pytest.raises(EndpointError, match="connection broke") as caught:
            works.client().video("a fox")
        assert (caught.value.charged, len(works.asked)) == ("maybe", 1)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_bug_a_job_that_was_not_known_everywhere_yet_counted_as_failed_and_was_paid_twice(here, status):
    unknown = status, {}, b'{"code":"task_not_exist","message":"task_not_exist","data":null}'
    with Works(unknown, unknown, "completed") as works:
        assert works.client().video("a fox").clips
        assert len(works.posts) == 1
        works.states = [unknown]
        with pytest.raises(EndpointError, match="no longer knows this job") as caught:
            works.client().video("a cat")
        assert (caught.value.charged, works.asked[-3:]) == ("maybe", ["GET /base/v1/videos/video_1"] * 3)


def test_a_failed_job_may_have_cost_and_its_words_are_told(here):
    with Works({"id": "video_1", "status": "failed", "error": {"code": "x", "message": "no faces"}}) as works:
        client = works.client()
        with pytest.raises(EndpointError, match="could not make the clip") as caught:
            client.video("a fox")
        assert (caught.value.why, caught.value.charged) == ("no faces", "maybe")
        assert client.history.get(caught.value.record).charged == "maybe"
        assert client.session.account("maybe").pictures > 0


@pytest.mark.parametrize("name", ["video_url", "url", "result_url"])
def test_the_address_that_the_job_names_is_fetched_without_the_key(here, name):
    with Works("completed") as works:
        works.states = [{"status": "completed", name: f"{works.address}/files/a.mp4"}]
        made = works.client().video("a fox")
    assert (made.clips[0].path.read_bytes(), f"{works.address}/files/a.mp4") == (CLIP, made.clips[0].address)
    assert "/base/files/a.mp4" not in works.keys


@pytest.mark.parametrize("told", ["@/files/gone.mp4", "http://10.0.0.1/a.mp4"])
def test_a_clip_whose_address_does_not_give_it_is_fetched_from_the_endpoint(here, told):
    gone = (404, {}, b"gone", None)
    with Works(content=lambda path: (200, {}, CLIP, None) if path == CONTENT else gone) as works:
        works.states = [{"id": "video_1", "status": "completed", "url": told.replace("@", works.address)}]
        assert works.client().video("a fox").clips[0].path.read_bytes() == CLIP
        works.content = lambda path: gone if path != CONTENT else (500, {}, b"never", None)
        with pytest.raises(ImageError) as caught:
            works.client().video("a cat")
    assert "never" not in str(caught.value)


@pytest.mark.parametrize(
    "told",
    [
        '{"id": "video_1", "status": "completed", "url": "@/files/a.mp4", "size": "small"}',
        '{"data": {"resultJson": "{\\"resultUrls\\": [\\"@/files/a.mp4\\"]}"}}',
        '{"state": "completed", "assets": {"video": "@/files/a.mp4", "image": "@/t.png"}}',
        '{"done": true, "response": {"generatedSamples": [{"video": {"uri": "@/files/a.mp4"}}]}}',
        '["@/files/a.mp4"]',
        '"@/files/a.mp4"',
        "@/files/a.mp4\n",
    ],
)
def test_an_address_in_place_of_the_clip_leads_to_it(here, told):
    def content(path):
        return 200, {}, told.replace("@", works.address).encode() if path == CONTENT else CLIP, None

    with Works("completed", content=content) as works:
        assert works.client().video("a fox").clips[0].path.read_bytes() == CLIP
    assert works.keys.count(CONTENT) == 1
    assert "/base/files/a.mp4" not in works.keys


@pytest.mark.parametrize("name", ["url", "video", "data", "b64_json", "video_base64"])
@pytest.mark.parametrize("head", ["", "data:video/mp4;base64,"])
def test_bug_a_clip_that_came_in_the_answer_itself_was_looked_for_elsewhere(here, name, head):
    told = {"id": "video_1", name: head + base64.b64encode(CLIP).decode()}
    for state in ({"status": "completed"}, {}):
        with Works({**told, **state}, content=lambda _: (404, {}, b"", None)) as works:
            assert works.client().video(f"a fox {state}").clips[0].path.read_bytes() == CLIP


def test_json_that_leads_back_to_itself_ends(here):
    again = Works("completed", content=lambda _: (200, {}, b'{"url":"/base/files/again"}', None))
    with again as works, pytest.raises(ImageError, match="could not be fetched"):
        works.client().video("a fox")
    assert len(works.asked) < 40


def test_a_redirect_is_followed_without_the_key(here):
    def content(path):
        return (302, {"Location": "/files/signed.mp4"}, b"", None) if path == CONTENT else (200, {}, CLIP, None)

    with Works("completed", content=content) as works:
        assert works.client().video("a fox").clips
    assert "/files/signed.mp4" not in works.keys


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain", "application/json"])
def test_the_first_bytes_decide_and_not_the_type(here, kind):
    with Works("completed", content=lambda _: (200, {"Content-Type": kind}, CLIP, None)) as works:
        assert works.client().video("a fox").clips[0].mime == "video/mp4"


def test_a_body_that_is_cut_is_fetched_again(here):
    sent = []

    def content(_):
        sent.append(1)
        return 200, {"Content-Type": "video/mp4"}, CLIP, None if len(sent) > 1 else len(CLIP) // 2

    with Works("completed", content=content) as works:
        assert works.client().video("a fox").clips[0].path.read_bytes() == CLIP
    assert (len(sent), len(works.posts)) == (2, 1)


PARTS = {
    "the rest": ({"ETag": '"1"'}, 0, 2500, ["bytes=2500-", "bytes=5000-"]),
    "less than was asked for": ({"ETag": '"1"', "Content-Length": "1000"}, 0, 1000, ["bytes=2500-", "bytes=3500-"]),
    "of another file": ({"ETag": '"2"'}, 0, None, ["bytes=2500-"]),
    "from elsewhere": ({"ETag": '"1"', "Content-Range": "bytes 9-5553/5554"}, 0, None, ["bytes=2500-"]),
    "packed": ({"ETag": '"1"', "Content-Encoding": "gzip"}, 0, None, ["bytes=2500-"]),
    "all of it": ({"ETag": '"1"'}, 200, None, ["bytes=2500-"]),
    "none": ({"ETag": '"1"'}, 416, None, ["bytes=2500-"]),
}
"""What a server gives for the rest of a clip: headers, another status than 206, the bytes that it sends at once, and
what it is asked for first."""


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("packing", ["", "gzip without header"])
def test_a_clip_that_its_server_always_cuts_is_gone_on_with_where_it_broke_off(here, part, packing):
    told, status, most, asked = PARTS[part]
    body = content_of(packing)[1](CLIP)

    def content(_):
        wanted, if_range = works.ranges[-1]
        if wanted is None:  # after some times it comes whole
            return 200, {"ETag": '"1"'}, body, 2500 if works.ranges.count((None, None)) < 7 else None
        assert if_range == '"1"'
        at = int(wanted.removeprefix("bytes=").removesuffix("-"))
        headers = {"Content-Range": f"bytes {at}-{len(body) - 1}/{len(body)}", **told}
        return status or 206, headers, body if status == 200 else body[at:], most

    with Works("completed", content=content) as works:
        assert works.client().video("a fox").clips[0].path.read_bytes() == CLIP
        ranges = list(dict.fromkeys(wanted for wanted, _ in works.ranges if wanted))
        assert (ranges[: len(asked)], len(works.posts)) == (asked, 1)
        assert (works.ranges.count((None, None)) < 7) is (most is not None)  # it came in parts alone


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_the_rest_of_a_clip_is_not_asked_for_where_it_could_be_of_another_file(here, etag):
    with Works("completed", content=lambda _: (200, {"ETag": etag} if etag else {}, CLIP, 2500)) as works:
        with pytest.raises(ImageError, match="could not be fetched"):
            works.client().video("a fox")
        assert {asked for asked, _ in works.ranges} == {None}


def test_a_clip_that_is_cut_whenever_it_is_fetched_is_kept_as_far_as_it_came_and_fetched_later_for_free(here):
    with Works("completed", content=lambda _: (200, {}, CLIP, len(CLIP) // 2)) as works:
        client = works.client()
        with pytest.raises(ImageError, match="could not be fetched") as caught:
            client.video("a fox")
        [kept] = (here / "wenwen_images").rglob("*.unsound")
        assert (kept.name in caught.value.why, caught.value.charged) == (True, "yes")
        assert kept.read_bytes() == CLIP[: len(CLIP) // 2]
        works.content = lambda _: (200, {}, CLIP, None)
        assert client.video("a fox").clips[0].path.read_bytes() == CLIP
        assert len(works.posts) == 1


def test_a_whole_clip_of_which_more_was_announced_is_shown_and_its_record_stays_open(here):
    with Works("completed", content=lambda _: (200, {"Content-Length": str(len(CLIP) + 999)}, CLIP, None)) as works:
        client = works.client()
        made = client.video("a fox")
        assert (made.clips[0].path.read_bytes(), made.clips[0].seconds) == (CLIP, 4.0)
        assert (made.state, "IncompleteRead" in made.error["why"]) == ("answered", True)
        assert client.video("a fox").from_history
        assert len(works.posts) == 1


@pytest.mark.parametrize(
    "early",
    [
        (400, {}, b'{"error":{"message":"Task is not completed yet"}}', None),
        (202, {}, b"", None),
        (425, {}, b"", None),
        (200, {}, b'{"id":"video_1","status":"in_progress"}', None),
        (200, {}, b"processing", None),
    ],
    ids=["400", "202", "425", "its state", "a word"],
)
def test_bug_a_clip_that_is_given_a_moment_later_was_not_waited_for(here, early):
    answers = [early, early, (200, {}, CLIP, None)]
    with Works("completed", content=lambda _: answers.pop(0)) as works:
        assert works.client().video("a fox").clips[0].path.read_bytes() == CLIP
        assert len(works.posts) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "Task is not completed yet"), (404, "Task not found"), (502, "Failed to fetch video content")],
)
def test_a_clip_that_is_not_given_yet_is_fetched_later_for_free(here, status, words):
    told = json.dumps({"error": {"message": words, "type": "invalid_request_error"}}).encode()
    with Works("completed", content=lambda _: (status, {}, told, None)) as works:
        client = works.client()
        with pytest.raises(WenwenError) as caught:
            client.video("a fox")
        assert (words in str(caught.value), caught.value.charged) == (True, "yes")
        assert not re.search("picture|It is at", str(caught.value))  # no browser has the key
        assert works.asked.count(f"GET {CONTENT}") == 8  # four times, without the key and with it
        works.content = lambda _: (200, {}, CLIP, None)
        assert client.video("a fox").clips
        assert len(works.posts) == 1


def content_of(packing):
    """What packs a body, and what its header says of it."""
    return {
        "": ({}, lambda body: body),
        "gzip": ({"Content-Encoding": "gzip"}, partial(gzip.compress, compresslevel=0)),
        "gzip without header": ({"Content-Type": "application/octet-stream"}, partial(gzip.compress, compresslevel=0)),
        "deflate": ({"Content-Encoding": "deflate"}, partial(zlib.compress, level=0)),
        "not at all": ({"Content-Encoding": "aws-chunked"}, lambda body: body),
    }[packing]


@pytest.mark.parametrize("packing", ["gzip", "gzip without header", "deflate", "not at all"])
def test_bug_a_clip_that_came_packed_was_never_fetched(here, packing):
    headers, pack = content_of(packing)
    with Works("completed", content=lambda _: (200, headers, pack(CLIP), None)) as works:
        assert works.client().video("a fox").clips[0].path.read_bytes() == CLIP


@pytest.mark.parametrize("packing", ["", "gzip"])
def test_a_large_clip_goes_to_the_disk_and_not_into_memory(here, packing):
    large, (headers, pack) = CLIP + bytes(50 << 20), content_of(packing)
    body = pack(large)
    with Works("completed", content=lambda _: (200, headers, body, None)) as works:
        client = works.client()
        tracemalloc.start()
        try:
            made = client.video("a fox")
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert made.clips[0].size == len(large)
    assert most < 10 << 20
