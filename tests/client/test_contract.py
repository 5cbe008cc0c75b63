"""What every wire format has to keep: pictures or clips come, trouble is told with its cost, nothing is paid for twice."""

import socket
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clock import HASTE
from support.demo import DemoServer

from wenwen_magic import Client
from wenwen_magic.engine.generate import Engine
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import AnswerError, ConfigError, EndpointError, NoImageError, NotInHistory, WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.records import CLIP, DRAW, ImageRequest, Reference

KEY = "sk-contract-7f3a9c2b51d84e06"
EVERY = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture
def server(here, quick_paint):
    """An endpoint that is paid for: the demo under an address that does not say so."""
    with DemoServer(wait=lambda _: None) as running:
        yield running


def client_of(server, name, **more):
    address = server.address.removesuffix("/demo")
    return Client(base_url=address, api_key=KEY, format=name, session=Session(), clock=HASTE, **more)


def paid(server):
    """The calls that may cost: each is made once and never again."""
    return [call for call in server.posts if not call.path.endswith("list-by-condition")]


def wanted(client, prompt="a cat", **options):
    """A request for what the client's format makes: a picture, or a clip."""
    if DRAW in FORMATS[client.settings.format].tasks:
        return client.request(prompt, **options)
    return client.request(prompt, **{**options, "task": CLIP, "model": "veo3.1-fast"})


def made(client, prompt="a cat", **options):
    return client.generate(wanted(client, prompt, **options))


def results(generation):
    return generation.images or generation.clips


def trouble(client, directive, kind=WenwenError):
    with pytest.raises(kind) as caught:
        made(client, f"a cat [demo: {directive}]")
    return caught.value


def record(client):
    [row] = client.history.recent(2)
    return row


@EVERY
def test_a_picture_comes_and_the_same_again_is_free(name, server):
    client = client_of(server, name)
    drawn = made(client, orientation="landscape")
    assert (drawn.state, drawn.charged, len(results(drawn))) == ("complete", "yes", 1)
    assert not drawn.images or drawn.images[0].width > drawn.images[0].height
    assert results(drawn)[0].path.is_file()
    asked = len(paid(server))
    again = made(client_of(server, name), orientation="landscape")
    assert (again.id, again.from_history, len(paid(server))) == (drawn.id, True, asked)


@EVERY
def test_several_pictures_are_takes_of_one_request(name, server):
    client = client_of(server, name)
    rows = client.draw([wanted(client, count=3)])
    assert sorted(row.take for row in rows) == [1, 2, 3]
    assert len({results(row)[0].sha256 for row in rows}) == 3


@EVERY
def test_a_picture_is_drawn_from_another(name, server):
    cat = client_of(server, name if DRAW in FORMATS[name].tasks else "chat").generate("a cat")
    changed = made(client_of(server, name), "make it blue", references=[cat])
    assert (changed.parent, len(results(changed))) == (cat.id, 1)


@EVERY
@pytest.mark.parametrize("directive", ["refuse", "safety"])
def test_a_refusal_says_why_and_whether_it_cost_and_is_kept(name, server, directive):
    client = client_of(server, name)
    error = trouble(client, directive, (NoImageError, EndpointError))
    assert error.why
    assert error.charged in {"no", "yes"}
    assert (record(client).id, record(client).charged) == (error.record, error.charged)


@EVERY
def test_a_refusal_that_was_paid_for_is_shown_again_for_free(name, server):
    client = client_of(server, name)
    if trouble(client, "refuse").charged != "yes":
        return  # then asking again costs nothing either
    asked = len(paid(server))
    trouble(client, "refuse", NoImageError)
    assert len(paid(server)) == asked


@EVERY
@pytest.mark.parametrize(
    ("status", "charged", "calls"), [(401, "no", 1), (429, "no", 3), (500, "maybe", 1), (524, "maybe", 1)]
)
def test_an_error_status_is_told_and_a_paid_call_is_never_made_again(name, server, status, charged, calls):
    client = client_of(server, name)
    error = trouble(client, f"status={status}", EndpointError)
    assert (error.status, error.charged, len(paid(server))) == (status, charged, calls)
    assert record(client).state == "failed"


@EVERY
def test_a_web_page_is_told_as_such(name, server):
    error = trouble(client_of(server, name), "html", EndpointError)
    assert "web page" in error.what
    assert error.charged == "no"


@EVERY
@pytest.mark.parametrize("directive", ["cut=early", "empty", "reset"])
def test_an_answer_that_does_not_come_whole_may_have_cost_and_is_not_asked_for_again(name, server, directive):
    client = client_of(server, name, model="nano-banana")  # no model that shows drafts, which may be all that comes
    error = trouble(client, directive, (EndpointError, AnswerError))
    assert (error.charged, len(paid(server)), record(client).charged) == ("maybe", 1, "maybe")


@EVERY
def test_an_interrupt_ends_the_waiting_and_the_picture_is_saved(name, here, quick_paint, monkeypatch):
    gate = threading.Event()
    with DemoServer(wait=lambda _: gate.wait(20)) as server:
        client = client_of(server, name)
        began, done = threading.Event(), threading.Event()
        save, wait_for, own = Engine._save, threading.Condition.wait_for, threading.current_thread()

        def interrupt(*given):
            if threading.current_thread() is not own:  # which sends what is waited for
                return wait_for(*given)
            while not server.posts:
                began.wait(0.01)
            raise KeyboardInterrupt

        def saving(*given):
            try:
                return save(*given)
            finally:
                done.set()

        monkeypatch.setattr(Engine, "_save", saving)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Condition, "wait_for", interrupt)
            with pytest.raises(KeyboardInterrupt):
                made(client, "a cat [demo: delay=1]")
        gate.set()
        assert done.wait(20)
        asked = len(paid(server))
        assert made(client, "a cat [demo: delay=1]").from_history
        assert len(paid(server)) == asked


@EVERY
def test_a_replay_opens_no_socket(name, server, monkeypatch):
    made(client_of(server, name))

    def refuse(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    replay = client_of(server, name, mode="replay")
    assert made(replay).from_history
    with pytest.raises(NotInHistory):
        made(replay, "a dog")


@EVERY
def test_a_kernel_that_died_before_the_picture_goes_on_from_what_is_kept(name, server, monkeypatch):
    client = client_of(server, name)
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "_save", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            made(client)
    asked = len(paid(server))
    assert results(made(client_of(server, name)))
    assert len(paid(server)) == asked


@EVERY
def test_the_key_stands_in_no_record_and_no_reply(name, server, here):
    client = client_of(server, name)
    made(client)
    trouble(client, "status=500")
    files = [path.read_bytes() for path in (here / "wenwen_images").rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert not [data for data in files if KEY.encode() in data]


@EVERY
@given(prompt=st.text(min_size=1).filter(str.strip), orientation=st.sampled_from(("auto", "square", "portrait")))
def test_any_prompt_makes_one_call_with_it(name, prompt, orientation):
    wire = FORMATS[name]
    request = ImageRequest(prompt, model="m", orientation=orientation, format=name, task=wire.tasks[0])
    call = next(wire.talk(request))
    assert (call.method, call.free) == ("POST", False)
    assert prompt in wire.prompt_as_sent(request)


PICTURE = Reference("data:image/png;base64," + "iVBORw0KGgo" + "A" * 40, "a" * 64)


@EVERY
@pytest.mark.parametrize(
    "more",
    [
        {"orientation": "landscape"},
        {"references": (PICTURE,)},
        {"references": (PICTURE,), "mask": PICTURE},
        {"params": {"seed": 7}},
    ],
    ids=lambda more: list(more)[-1],
)
def test_what_a_request_asks_for_is_sent_or_refused_before_anything_is_sent(name, more):
    wire = FORMATS[name]
    plain = ImageRequest("a cat", model="veo3.1-fast", format=name, task=wire.tasks[0])
    without = replace(plain, **dict(list(more.items())[:-1]))
    try:
        call = next(wire.talk(replace(plain, **more)))
    except ConfigError:
        return
    assert call != next(wire.talk(without))
