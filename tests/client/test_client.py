"""The straight way over real endpoints on loopback: what is asked, kept, shown again, and what it costs."""

import base64
import io
import json
import logging
import os
import pickle
import socket
import threading
import time
import traceback
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from http.client import HTTPResponse
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
import requests
import urllib3
from PIL import Image
from support.clock import HASTE
from support.demo import DemoServer
from support.relay import DEFAULTS, READERS, Relay, whole
from support.scripted import Scripted, answering, png, reply_of

from wenwen_magic import Client, Gallery, Generation, ImageRequest, WenwenError
from wenwen_magic.endpoint import transport
from wenwen_magic.engine import generate
from wenwen_magic.engine.generate import run_protocol
from wenwen_magic.engine.limits import Session
from wenwen_magic.engine.model_cache import FRESH, ModelCache
from wenwen_magic.errors import (
    AnswerError,
    ConfigError,
    EndpointError,
    HistoryError,
    ImageError,
    LimitReached,
    NoImageError,
    NotInHistory,
    NotSentError,
)
from wenwen_magic.formats.parse import markdown
from wenwen_magic.protocol import HttpCall, Pause, Progress

pytestmark = pytest.mark.usefixtures("quick_paint")

KEY = "MARKER7f3a9c-not-like-a-key"


@pytest.fixture
def demo():
    with DemoServer(wait=lambda _: None) as server:
        yield server


@pytest.fixture
def relay():
    with Relay() as server:
        yield server


@pytest.fixture
def client(demo, here):
    return Client(base_url=demo.address, clock=HASTE, session=Session())


@pytest.fixture
def payer(relay, here, monkeypatch):
    monkeypatch.setenv("WENWEN_API_KEY", KEY)
    return Client(base_url=relay.address, clock=HASTE, session=Session())


@pytest.fixture
def no_sockets(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)


def asked(server):
    return [call.body["messages"][0]["content"] for call in server.posts]


def records(folder=Path("wenwen_images")):
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("20*/*.json"))]


def everything_under(*folders):
    return b"".join(
        path.read_bytes() + os.fsencode(path) for one in folders for path in one.rglob("*") if path.is_file()
    )


# -- the straight way --------------------------------------------------------------------------------------------------


def test_a_prompt_becomes_one_call_and_the_picture_that_came_bit_for_bit(client, demo):
    drawn = client.generate("a cat", orientation="landscape")
    (image,) = drawn.images
    with urllib.request.urlopen(drawn.sources[0]) as reply:
        assert image.data == reply.read() == image.path.read_bytes()
    assert asked(demo) == ["a cat\nlandscape composition"] == [drawn.prompt_sent]
    assert (image.width, image.height, image.mime, image.alt) == (384, 256, "image/png", "a cat")
    assert (drawn.state, drawn.charged, drawn.demo, drawn.take) == ("complete", "yes", True, 1)
    assert drawn.model_reported == "sora_image"
    assert image.pil().size == (384, 256)
    assert image.save("copy.png").read_bytes() == image.data


def test_the_same_request_again_is_free_also_for_another_client(client, demo):
    first = client.generate("a cat")
    again = Client(base_url=demo.address, session=Session()).generate("a cat")
    assert len(demo.posts) == 1
    assert (again.id, again.from_history, first.from_history) == (first.id, True, False)


def test_what_is_saved_needs_no_network(payer, relay, no_sockets, monkeypatch):
    monkeypatch.undo()
    first = payer.generate("a cat")
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a socket was opened"))
    assert payer.generate("a cat").images[0].data == first.images[0].data


def test_fresh_adds_a_take_and_old_takes_are_found_by_number(payer, relay):
    takes = [payer.generate("a cat", fresh=fresh) for fresh in (False, True, True)]
    assert [one.take for one in takes] == [1, 2, 3]
    assert payer.generate("a cat", take=1).id == takes[0].id
    assert payer.generate("a cat").id == takes[0].id
    assert len(relay.posts) == 3
    with pytest.raises(NotInHistory, match="Take 4"):
        payer.generate("a cat", take=4)
    assert len(relay.posts) == 3


def test_mode_live_always_asks(payer, relay):
    live = Client(base_url=relay.address, mode="live", session=Session())
    assert [live.generate("a cat").take, live.generate("a cat").take] == [1, 2]
    assert len(relay.posts) == 2


def test_any_change_of_the_request_is_another_request(payer, relay):
    payer.generate("a cat")
    for change in ({"model": "b"}, {"orientation": "square"}, {"params": {"seed": 1}}, {"references": [png()]}):
        assert not payer.generate("a cat", **change).from_history
    assert payer.generate("a cat", stream=True).from_history
    assert len(relay.posts) == 5


def test_wanted_takes_count_the_saved_ones(payer, relay):
    def draw(count):
        return [one.take for one in payer.draw([payer.request("a cat", count=count)])]

    assert sorted(draw(3)) == [1, 2, 3]
    assert len(relay.posts) == 3
    assert draw(4) == [1, 2, 3, 4]
    assert len(relay.posts) == 4
    assert draw(2) == [1, 2]
    assert len(relay.posts) == 4


def test_the_record_is_on_disk_before_the_call_goes_out(relay, here, monkeypatch):
    relay.answer = lambda _: (seen.extend(records()), answering("no"))[1]
    seen = []
    with pytest.raises(NoImageError):
        Client(base_url=relay.address, api_key=KEY, session=Session()).generate("a cat")
    assert [(one["state"], one["charged"]) for one in seen] == [("sent", "maybe")]


def test_a_history_that_cannot_be_written_stops_the_call(payer, relay, here):
    (here / "taken").write_text("a file")
    with pytest.raises(HistoryError) as caught:
        Client(base_url=relay.address, history="taken", session=Session()).generate("a cat")
    assert caught.value.charged == "no"
    assert relay.posts == []


def test_several_answers_arrive_whole_side_by_side(payer, relay):
    wanted = [payer.request(f"cat {number}") for number in range(12)]
    rows = payer.draw(wanted)
    assert [row.request for row in rows] == wanted
    assert len({row.id for row in rows}) == len(relay.posts) == 12
    assert all(row.state == "complete" for row in payer.history.all())


def test_progress_is_told_while_a_stream_comes(client):
    told = []
    client.generate("a cat", stream=True, tell=told.append)
    assert [word.percent for word in told] == [None, 14.0, 34.0, 76.0]


@pytest.mark.parametrize("form", ["url", "data", "bare", "link", "parts", "images", "data_list"])
def test_every_form_of_an_answer_gives_its_picture(client, form):
    assert len(client.generate(f"a cat [demo: as={form}]").images) == 1


def test_several_pictures_of_one_answer_are_all_kept(client):
    drawn = client.generate("a cat [demo: images=3]")
    assert [image.path.stem[-2:] for image in drawn.images] == ["-1", "-2", "-3"]
    assert drawn.still is not None


def test_a_conversation_is_run_without_any_endpoint():
    def talk(_):
        yield Progress("soon")
        first = yield HttpCall("POST", "/v1/call-1")
        yield Pause()
        second = yield HttpCall("GET", "/v1/call-2")
        return first, second

    told, waits = [], []
    replies = iter(("reply 1", "reply 2"))
    found = run_protocol(talk(None), lambda _: next(replies), told.append, lambda: waits.append(1))
    assert found == ("reply 1", "reply 2")
    assert (told, waits) == ([Progress("soon")], [1])


def test_a_scripted_line_is_asked_exactly_once(here, monkeypatch):
    line = Scripted([reply_of(answering("![x](data:image/png;base64,AAAA)"))])
    monkeypatch.setattr(transport, "Transport", lambda *_, **__: SimpleNamespace(send=lambda call, _: line.send(call)))
    with pytest.raises(ImageError) as caught:
        Client(base_url="http://127.0.0.1:9", session=Session()).generate("a cat", model="m")
    assert caught.value.charged == "yes"
    assert [call.path for call in line.calls] == ["/v1/chat/completions"]


# -- references --------------------------------------------------------------------------------------------------------


def test_references_of_every_kind_go_along_as_pictures(payer, relay, here):
    (here / "x.png").write_bytes(png())
    earlier = payer.generate("first")
    kinds = [here / "x.png", "x.png", png(), Image.new("RGB", (3, 3)), np.zeros((3, 3, 3), "uint8"), earlier]
    for value in [*kinds, earlier.images[0], "https://pictures.example/x.png"]:
        payer.generate("as this", references=[value], fresh=True)
        words, picture = relay.posts[-1][1]["messages"][0]["content"]
        assert words == {"type": "text", "text": "as this"}
        assert picture["image_url"]["url"].startswith(("data:image/png;base64,", "https://pictures.example"))


@pytest.mark.parametrize("value", ["gone.png", b"no picture", 7, None, np.zeros((2, 2), "complex")])
def test_what_is_no_picture_is_refused_before_anything_is_sent(payer, relay, value):
    with pytest.raises(ConfigError, match="cannot be used"):
        payer.generate("as this", references=[value])
    assert relay.posts == []


# -- failures ----------------------------------------------------------------------------------------------------------

FAILURES = {
    "status=401": (EndpointError, "no", 1),
    "status=403": (EndpointError, "no", 1),
    "status=429": (EndpointError, "no", 3),
    "status=500": (EndpointError, "maybe", 1),
    "status=502": (EndpointError, "maybe", 1),
    "status=503": (EndpointError, "no", 1),  # the demo's words say that the model is not there
    "status=524": (EndpointError, "maybe", 1),
    "html": (EndpointError, "no", 1),
    "error200": (EndpointError, "maybe", 1),
    "refuse": (NoImageError, "yes", 1),
    "cut=early": (EndpointError, "maybe", 1),
    "empty": (AnswerError, "maybe", 1),
    "reset": (EndpointError, "maybe", 1),
    "broken": (ImageError, "yes", 1),
    "svg": (ImageError, "yes", 1),
    "html_picture": (ImageError, "yes", 1),
    "bomb": (ImageError, "yes", 1),
    "missing=1000": (ImageError, "yes", 1),
}


@pytest.mark.parametrize("directive", FAILURES)
def test_every_failure_is_told_recorded_and_never_paid_twice(client, demo, directive):
    kind, charged, posts = FAILURES[directive]
    with pytest.raises(WenwenError) as caught:
        client.generate(f"a cat [demo: {directive}]")
    error = caught.value
    assert (type(error).__mro__[:2].count(kind), error.charged, len(demo.posts)) == (1, charged, posts)
    assert f"charged: {charged}" in str(error)
    assert error.do
    assert len(str(error).splitlines()) <= 24
    (record,) = records()
    assert (record["id"], record["charged"], record["error"]["what"]) == (error.record, charged, error.what)
    assert client.generate("a dog").images


def test_a_body_cut_after_the_picture_gives_the_picture(client, demo):
    drawn = client.generate("a cat [demo: cut]")
    assert (len(drawn.images), drawn.finish_reason) == (1, "cut")


def test_a_refusal_is_shown_again_for_free(client, demo):
    for _ in range(2):
        with pytest.raises(NoImageError, match="content policy") as caught:
            client.generate("a cat [demo: refuse]")
        assert "content policy" in caught.value.text
    assert len(demo.posts) == 1
    with pytest.raises(NoImageError):
        client.generate("a cat [demo: refuse]", fresh=True)
    assert len(demo.posts) == 2


def test_a_failed_request_can_be_asked_again(payer, relay):
    relay.answer = lambda number: '{"error": {"message": "busy"}}' if number == 0 else whole(number)
    with pytest.raises(EndpointError, match="busy"):
        payer.generate("a cat")
    assert payer.generate("a cat").take == 1
    assert len(relay.posts) == 2


def test_a_port_where_nobody_listens_is_tried_three_times_and_costs_nothing(here):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    pauses = []
    client = Client(base_url=f"http://127.0.0.1:{port}", clock=transport.Clock(sleep=pauses.append), session=Session())
    with pytest.raises(NotSentError) as caught:
        client.generate("a cat")
    assert (caught.value.charged, len(pauses)) == ("no", 2)
    assert [record["charged"] for record in records()] == ["no"]


def test_an_endpoint_that_never_answers_is_asked_once(relay, here):
    relay.gate.clear()
    client = Client(base_url=relay.address, timeout=0.2, clock=HASTE, session=Session())
    with pytest.raises(EndpointError, match="in time") as caught:
        client.generate("a cat")
    arrived = Event()
    assert any(relay.posts or arrived.wait(0.02) for _ in range(250))  # the endpoint notes it in a thread of its own
    assert (caught.value.charged, len(relay.posts)) == ("maybe", 1)


def test_an_error_nobody_thought_of_after_sending_is_not_followed_by_a_second_call(payer, relay, monkeypatch):
    def begin(_):
        raise ValueError("something odd in the answer's head")

    monkeypatch.setattr(HTTPResponse, "begin", begin)
    with pytest.raises(WenwenError) as caught:
        payer.generate("a cat")
    arrived = Event()
    assert any(relay.posts or arrived.wait(0.02) for _ in range(250))  # the endpoint notes it in a thread of its own
    assert (len(relay.posts), caught.value.charged) == (1, "maybe")


def test_one_failure_leaves_the_others_alone_and_is_a_row(client):
    rows = client.draw([client.request("a cat"), client.request("a dog [demo: status=500]"), client.request("a hen")])
    assert [bool(row.images) for row in rows] == [True, False, True]
    assert rows[1].error["status"] == 500
    assert "✗" in client.gallery(rows)._repr_mimebundle_()["text/html"]


# -- what was paid for is not paid for again ---------------------------------------------------------------------------


def lose_the_picture(client, prompt, **options):
    with pytest.raises(ImageError) as caught:
        client.generate(f"{prompt} [demo: missing=4]", **options)
    return caught.value


def test_a_picture_that_could_not_be_fetched_is_fetched_by_the_next_run(client, demo):
    lost = lose_the_picture(client, "a cat")
    assert (lost.charged, records()[0]["state"]) == ("yes", "answered")
    found = client.generate("a cat [demo: missing=4]")
    assert (found.id, found.state, len(found.images)) == (lost.record, "complete", 1)
    assert len(demo.posts) == 1


def test_fetch_finishes_a_lost_picture_by_its_id(client, demo):
    lost = lose_the_picture(client, "a cat")
    assert client.fetch("#" + lost.record[:6]).images
    assert client.fetch(lost.record).images
    assert len(demo.posts) == 1


def test_a_lost_second_take_is_fetched_and_not_drawn_again(client, demo):
    prompt = "a cat [demo: missing=4]"
    lose_the_picture(client, "a cat")
    client.generate(prompt)
    lose_the_picture(client, "a cat", fresh=True)
    rows = client.draw([client.request(prompt, count=2)])
    assert sorted(row.take for row in rows) == [1, 2]
    assert len(demo.posts) == 2


def test_a_picture_whose_file_was_deleted_is_fetched_again_and_not_drawn(payer, relay):
    drawn = payer.generate("a cat")
    drawn.images[0].path.unlink()
    again = payer.generate("a cat")
    assert (again.id, again.images[0].path.is_file(), len(relay.posts)) == (drawn.id, True, 1)


def test_several_refusals_are_answers_and_are_not_paid_for_again(client, demo):
    wanted = client.request("a cat [demo: refuse]", count=3)
    for _ in range(2):
        with pytest.raises(NoImageError):
            client.draw([wanted])
        assert len(demo.posts) == 3


def test_several_lost_pictures_are_all_fetched_and_none_is_drawn_again(client, demo):
    wanted = [client.request("a cat [demo: missing=4]", count=3)]
    with pytest.raises(ImageError):
        client.draw(wanted)
    assert len(demo.posts) == 3
    assert client.missing(wanted) == []
    assert len([row for row in client.draw(wanted) if row.images]) == 3
    assert len(demo.posts) == 3


def die_between_answer_and_record(client, monkeypatch):
    """End the process between the answer's last byte and the record."""
    with monkeypatch.context() as patch:
        patch.setattr(generate, "_answered", lambda *_, **__: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            client.generate("a cat")


def test_the_demos_unread_answer_never_stands_for_a_real_endpoints(relay, demo, here, monkeypatch):
    die_between_answer_and_record(Client(base_url=demo.address, session=Session()), monkeypatch)
    assert [record["state"] for record in records()] == ["sent"]
    drawn = Client(base_url=relay.address, api_key=KEY, session=Session()).generate("a cat")
    assert (drawn.demo, len(relay.posts)) == (False, 1)


def test_a_demos_unread_answer_is_read_by_the_demos_next_run(demo, here, monkeypatch):
    die_between_answer_and_record(Client(base_url=demo.address, session=Session()), monkeypatch)
    assert Client(base_url=demo.address, session=Session()).generate("a cat").images
    assert len(demo.posts) == 1


def test_two_kernels_asking_the_same_at_once_leave_two_whole_records(relay, here):
    def draw(_):
        return Client(base_url=relay.address, api_key=KEY, session=Session()).generate("a cat")

    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(draw, range(8)))
    assert all(one.images for one in drawn)
    assert all(record["state"] == "complete" for record in records())
    assert len(relay.posts) == len(records())


# -- money rules -------------------------------------------------------------------------------------------------------


def test_the_sessions_limit_stops_the_call_before_it_is_sent(relay, here):
    client = Client(base_url=relay.address, session_limit=2, session=Session())
    client.generate("one")
    client.generate("two")
    with pytest.raises(LimitReached) as caught:
        client.generate("three")
    assert (caught.value.charged, len(relay.posts), len(records())) == ("no", 2, 2)
    assert client.generate("one").from_history


def test_many_pictures_beyond_the_sessions_limit_are_refused_before_the_first_is_sent(relay, here):
    client = Client(base_url=relay.address, session_limit=2, session=Session())
    with pytest.raises(LimitReached):
        client.draw([client.request("a cat", count=3)])
    assert relay.posts == []


def test_without_a_key_nothing_is_sent(here, no_sockets):
    with pytest.raises(ConfigError, match="no key") as caught:
        Client(session=Session()).generate("a cat")
    assert "%wenwen demo" in caught.value.do
    assert records() == []


def test_replay_gives_what_is_saved_and_names_what_is_not(payer, relay, no_sockets, monkeypatch):
    monkeypatch.undo()
    Client(base_url=relay.address, api_key=KEY, session=Session()).generate("a cat")
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a socket was opened"))
    replay = Client(mode="replay", session=Session())
    assert replay.generate("a cat").images
    for more in ({}, {"fresh": True}):
        with pytest.raises(NotInHistory, match="dog"):
            replay.generate("a dog", **more)
    assert replay.generate("a cat", fresh=True).images


def test_replay_of_more_takes_than_are_saved_does_not_show_one_twice(payer, relay):
    payer.generate("a cat")
    replay = Client(mode="replay", session=Session())
    rows = replay.draw([replay.request("a cat", count=2)])
    assert len([row for row in rows if row.images]) == 1
    assert rows[1].error["kind"] == "NotInHistory"


def test_the_demos_takes_and_a_real_endpoints_never_answer_for_one_another(relay, demo, here):
    pretend = Client(base_url=demo.address, session=Session())
    real = Client(base_url=relay.address, api_key=KEY, session=Session())
    assert [pretend.generate("a cat").demo, real.generate("a cat").demo] == [True, False]
    assert (len(demo.posts), len(relay.posts)) == (1, 1)
    assert [pretend.generate("a cat").demo, real.generate("a cat").demo] == [True, False]
    assert [one.generate("a cat", take=1).demo for one in (pretend, real)] == [True, False]
    assert (len(demo.posts), len(relay.posts)) == (1, 1)
    assert Client(mode="replay", session=Session()).generate("a cat").demo is False


def test_the_demo_at_its_plain_address_is_known_by_its_header(demo, here):
    plain = demo.address.removesuffix("/demo")
    assert Client(base_url=plain, session=Session()).generate("a cat").demo
    assert Client(base_url=plain, session=Session()).generate("a cat").from_history
    assert len(demo.posts) == 1


# -- settings and mistakes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_every_way_to_write_the_address_is_the_same(relay, here, ending):
    Client(base_url=relay.address + ending, session=Session()).generate("a cat")
    assert len(relay.posts) == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"base_ulr": "x"}, "base_url"), ({"mode": "chace"}, "cache"), ({"timeout": "soon"}, "seconds")],
)
def test_a_wrong_setting_is_told_with_the_right_one(here, wrong, told):
    with pytest.raises(ConfigError, match=told):
        Client(session=Session(), **wrong)


def test_a_script_speaks_the_language_that_it_names(here, monkeypatch):
    with pytest.raises(ConfigError, match="没有"):
        Client(session=Session(), lang="zh").generate("a cat")
    with pytest.raises(ConfigError, match="no key"):
        Client(session=Session(), lang="en").generate("画一只猫")
    monkeypatch.setenv("WENWEN_LANG", "zh")
    with pytest.raises(ConfigError, match="没有"):
        Client(session=Session()).generate("a cat")


@pytest.mark.parametrize("options", [{"modle": "x"}, {"format": "chaat"}, {"orientation": "diagonal"}, {"count": 0}])
def test_a_wrong_option_is_told_before_anything_is_sent(payer, relay, options):
    with pytest.raises(ConfigError):
        payer.generate("a cat", **options)
    assert relay.posts == []


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_an_empty_prompt_is_told(payer, relay, prompt):
    with pytest.raises(ConfigError, match="empty"):
        payer.generate(prompt)


@pytest.mark.parametrize(
    "prompt", ["画只猫", "../../etc/passwd", "a\0b", "🐱" * 500, '"{}"\\', "CON", "x" * 20_000, "\ud83d", "مرحبا"]
)
def test_any_prompt_goes_out_as_it_is_and_comes_back_from_the_history(payer, relay, prompt):
    drawn = payer.generate(prompt)
    assert payer.generate(prompt).id == drawn.id
    assert len(relay.posts) == 1
    assert drawn.images[0].path.resolve().is_relative_to(Path("wenwen_images").resolve())


def test_the_endpoints_models_are_listed(payer):
    assert [(model.id, model.picture) for model in payer.models()] == [
        *((name, True) for name in sorted(DEFAULTS)),
        *(("drawer-1", False), ("drawer-2", False)),
        *((name, False) for name in sorted(READERS)),
    ]


def test_the_endpoint_is_asked_for_its_models_once_a_day_or_when_that_is_wished(payer, relay):
    moment = [time.time()]
    payer.session.models = ModelCache(now=lambda: moment[0])
    for asked, seconds, refresh in ((1, 0, False), (1, FRESH - 1, False), (2, 0, True), (3, FRESH + 1, False)):
        moment[0] += seconds
        assert payer.models(refresh=refresh)
        assert relay.gets == asked


def test_an_error_of_the_question_for_models_costs_nothing_and_keeps_the_list(payer, relay):
    named = payer.models()
    relay.listing = lambda: '{"success": false, "message": "get user group failed"}'
    with pytest.raises(EndpointError, match="get user group failed") as caught:
        payer.models(refresh=True)
    assert caught.value.charged == "no"
    assert payer.models() == named


def test_the_demos_models_are_kept_in_the_process_only(demo):
    client = Client(base_url=demo.address, session=Session())
    assert client.models()[0].picture
    assert client.known_models() is not None
    assert Client(base_url=demo.address, session=Session()).known_models() is None


def test_in_mode_replay_the_models_at_hand_are_given_and_nobody_is_asked(payer, relay):
    named = payer.models()
    replay = Client(base_url=relay.address, mode="replay", session=Session())
    assert replay.models() == replay.models(refresh=True) == named
    assert relay.gets == 1
    with pytest.raises(ConfigError, match="Replay"):
        Client(base_url="http://127.0.0.1:9", mode="replay", session=Session()).models()


def test_a_request_of_ones_own_can_be_made_and_drawn(payer, relay):
    asked_for = ImageRequest("a cat", model="m", orientation="portrait")
    drawn = payer.generate(asked_for)
    assert isinstance(drawn, Generation)
    assert drawn.request == asked_for


# -- the key -----------------------------------------------------------------------------------------------------------


def test_the_key_is_in_the_calls_header_and_nowhere_else(demo, here, monkeypatch, caplog, tmp_path_factory):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("WENWEN_API_KEY", KEY)
    client = Client(base_url=demo.address.removesuffix("/demo"), clock=HASTE, session=Session())
    drawn = client.generate("a cat")
    for directive in FAILURES:
        with pytest.raises(WenwenError):
            client.generate(f"a cat [demo: {directive}]")
    keyed = [call for call in demo.calls if KEY in str(call.headers)]
    assert {call.headers["authorization"] for call in keyed} == {f"Bearer {KEY}"}
    assert {call.path for call in keyed} == {"/v1/chat/completions", "/v1/models"} < {call.path for call in demo.calls}
    said = [caplog.text, repr(client.__dict__), repr(drawn), str(vars(drawn)), str(drawn._repr_mimebundle_())]
    assert caplog.text
    assert not [text for text in said if KEY in text]
    assert KEY.encode() not in everything_under(here, tmp_path_factory.getbasetemp())


def frames_locals(error):
    """All that a traceback with locals, and the errors behind it, would show."""
    shown, waiting = [], [error]
    while waiting:
        one = waiting.pop()
        shown.append("".join(traceback.TracebackException.from_exception(one, capture_locals=True).format()))
        waiting += [inner for inner in (one.__context__, one.__cause__) if inner is not None]
    return "\n".join(shown)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (requests.Request, "prepare"),
        (requests.adapters.HTTPAdapter, "send"),
        (urllib3.connectionpool.HTTPConnectionPool, "_make_request"),
        (urllib3.connectionpool.HTTPConnectionPool, "_get_conn"),
        (urllib3.response.HTTPResponse, "read1"),
        (HTTPResponse, "begin"),
    ],
)
@pytest.mark.parametrize("kind", [RuntimeError, OSError, MemoryError, requests.exceptions.InvalidHeader])
def test_no_trouble_below_shows_the_key_even_with_all_locals(payer, monkeypatch, place, name, kind):
    def fail(*_, **__):
        raise kind("trouble")

    monkeypatch.setattr(place, name, fail)
    with pytest.raises(WenwenError) as caught:
        payer.generate("a cat")
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert KEY not in shown
    assert KEY not in frames_locals(caught.value)


def test_an_endpoint_that_echoes_the_key_does_not_get_it_saved_or_shown(payer, relay, here):
    relay.answer = lambda _: answering(f"your key is {KEY}")
    with pytest.raises(NoImageError) as caught:
        payer.generate("a cat")
    assert KEY not in str(caught.value)
    assert KEY.encode() not in everything_under(here)


@pytest.mark.parametrize("bad", ["with space", "line\nbreak", "Schlüssel", " "])
def test_a_key_that_cannot_stand_in_a_header_is_refused_without_being_shown(here, monkeypatch, bad):
    monkeypatch.setenv("WENWEN_API_KEY", bad)
    with pytest.raises(ConfigError) as caught:
        Client(session=Session()).generate("a cat")
    assert bad.strip() == "" or bad not in str(caught.value)
    if bad.strip():
        with pytest.raises(ConfigError):
            Client(api_key=bad)


def test_a_key_cannot_be_pickled_with_the_client(payer):
    keyed = Client(api_key=KEY, session=Session())
    with pytest.raises(TypeError):
        pickle.dumps(keyed._engine.key)
    assert KEY not in repr(keyed.__dict__)


# -- threads -----------------------------------------------------------------------------------------------------------


def test_many_pictures_leave_no_thread_and_at_most_two_children(relay, here):
    session = Session()
    client = Client(base_url=relay.address, api_key=KEY, session=session)
    client.generate("warm")
    before = threading.active_count()
    client.draw([client.request(f"cat {number}") for number in range(20)])
    assert threading.active_count() <= before + 4  # the relay's own, ending
    assert len(session.pool(100).pids) <= 2


# -- what a review found -----------------------------------------------------------------------------------------------


def test_a_full_disk_while_the_picture_is_written_costs_nothing_more(payer, relay, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr("wenwen_magic.media.save.ImagePipeline._inspect", full)
        with pytest.raises(HistoryError) as caught:
            payer.generate("a cat")
    assert caught.value.charged == "yes"
    assert payer.generate("a cat").images
    assert len(relay.posts) == 1


def test_a_request_that_could_not_be_read_back_is_refused_before_it_is_sent(payer, relay):
    for wrong in ({"stream": 1}, {"model": 5}, {"orientation": ["square"]}, {"params": [1]}, {"count": True}):
        with pytest.raises(ConfigError):
            payer.generate("a cat", **wrong)
    with pytest.raises(ConfigError):
        payer.generate(5)
    assert relay.posts == []


def test_a_complete_record_is_never_lowered_by_a_reader_that_came_late(payer, relay):
    drawn = payer.generate("a cat")
    payer._engine.failed(replace(drawn, state="sent"), HistoryError("late", charged="yes"))
    assert payer.history.get(drawn.id).state == "complete"


def test_the_users_own_key_does_not_go_where_a_project_file_says(here, relay, monkeypatch):
    monkeypatch.setenv("WENWEN_API_KEY", KEY)
    (here / "pyproject.toml").write_text('[tool.wenwen]\nbase_url = "https://stranger.example"\n')
    with pytest.raises(ConfigError, match="stranger"):
        Client(session=Session()).generate("a cat")
    monkeypatch.setenv("WENWEN_BASE_URL", relay.address)
    assert Client(session=Session()).generate("a cat").images


def test_the_users_own_key_goes_to_no_program_of_this_machine_that_a_project_file_names(here, relay, monkeypatch):
    monkeypatch.setenv("WENWEN_API_KEY", KEY)
    (here / "pyproject.toml").write_text(f'[tool.wenwen]\nbase_url = "{relay.address}"\n')
    assert Client(session=Session()).generate("a cat").images  # asked without a key, as it may need none
    assert KEY not in str(relay.posts)
    assert Client(api_key=KEY, session=Session()).generate("a dog").images
    assert KEY in str(relay.posts)


def test_a_process_that_outlives_this_one_looks_for_no_key_for_a_project_files_endpoint(
    here, relay, monkeypatch, tmp_path_factory
):
    ring = tmp_path_factory.mktemp("ring")
    # Backwards: other tests of this run look for the key in all files.
    (ring / "keyring.py").write_text(f"def get_password(*_):\n    return {KEY[::-1]!r}[::-1]\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ring), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.delenv("WENWEN_API_KEY", raising=False)
    (here / "pyproject.toml").write_text(f'[tool.wenwen]\nbase_url = "{relay.address}"\n')
    assert Client(session=Session(), worker=True).generate("a cat").images
    assert KEY not in str(relay.posts)


def test_bug_three_new_versions_said_that_a_re_run_shows_the_first_alone(here, relay):
    client = Client(base_url=relay.address, api_key=KEY, session=Session(), worker=True)
    assert [row.note for row in client.draw([client.request("a cat", count=3)])] == [""] * 3


def test_a_reference_goes_out_upright_and_without_the_place_it_was_taken(payer, relay):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    file = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(file, "JPEG", exif=exif)
    sent = payer.request("a cat", references=[file.getvalue()]).references[0]
    picture = Image.open(io.BytesIO(base64.b64decode(sent.address.partition(",")[2])))
    assert (picture.size, dict(picture.getexif())) == ((20, 40), {})
    with pytest.raises(ConfigError):
        payer.request("a cat", references=b"<svg/>")


def test_an_answer_that_holds_half_a_character_can_be_shown_and_kept(payer, relay, monkeypatch):
    monkeypatch.setattr(
        "wenwen_magic.formats.parse.markdown.read",
        lambda text, *_, _read=markdown.read, **more: _read(text + " \ud83d", *_, **more),
    )
    drawn = payer.generate("a cat")
    drawn._repr_mimebundle_()["text/html"].encode()
    assert payer.history.get(drawn.id).text == drawn.text


def test_a_clock_that_is_set_back_shows_no_other_picture_at_a_second_run(relay, here, monkeypatch):
    client = Client(base_url=relay.address, session=Session())
    first = client.generate("fox")
    earlier = datetime.now().astimezone() - timedelta(days=2)
    monkeypatch.setattr(client.history, "_now", lambda: earlier)
    second = client.generate("fox", fresh=True)
    assert (first.id != second.id, second.take, "version 1" in second.note) == (True, 2, True)
    assert Client(base_url=relay.address, session=Session()).generate("fox").id == first.id


def test_the_history_may_be_given_as_a_path(relay, here):
    assert Client(session=Session(), history=here / "elsewhere").history.folder == here / "elsewhere"


def test_an_empty_list_is_no_reference_and_any_other_value_is_one(payer, relay):
    for none in ([], (), None):
        assert payer.request("a cat", references=none).references == ()
    assert payer.request("a cat", references=np.zeros((3, 3, 3), "uint8")).references
    for value in ("", b"", {}, 0, False, Gallery(())):
        with pytest.raises(ConfigError, match="cannot be used"):
            payer.request("a cat", references=value)
    assert relay.posts == []
