"""A clip comes by either way, from words or pictures, is kept, and is free the second time."""

import re

import pytest
from support.clock import HASTE

from wenwen_magic import Client
from wenwen_magic.demo import DemoServer
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ConfigError, WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.records import CLIP

WAYS = pytest.mark.parametrize("way", [name for name, wire in FORMATS.items() if CLIP in wire.tasks])


@pytest.fixture
def server(here, quick_paint):
    """An endpoint that is paid for: the demo under an address that does not say so."""
    with DemoServer(wait=lambda _: None) as running:
        yield running


def client_of(server, way="chat", **more):
    address = server.address.removesuffix("/demo")
    more = {"format": way, "video_model": "veo3.1-fast", **more}
    return Client(base_url=address, api_key="k" * 20, session=Session(), clock=HASTE, **more)


@WAYS
def test_words_become_a_clip_and_the_same_again_is_free(server, way):
    client = client_of(server, way)
    made = client.video("雪地里的狐狸", seconds=8)
    assert (made.state, made.charged, made.images, len(made.clips)) == ("complete", "yes", (), 1)
    assert made.clips[0].mime == "video/mp4"
    assert made.clips[0].path.read_bytes()[4:8] == b"ftyp"
    assert made.request.params == {"seconds": "8"}
    asked = len(server.posts)
    again = client_of(server, way).video("雪地里的狐狸", seconds=8)
    assert (again.id, again.from_history, len(server.posts)) == (made.id, True, asked)


@WAYS
def test_a_clip_continues_the_picture_that_it_begins_with(server, way):
    client = client_of(server, way)
    first, last = client.generate("a fox", format="chat"), client.generate("a fox asleep", format="chat")
    made = client.video("it lies down", references=[first, last])
    assert (made.parent, len(made.clips), len(made.request.references)) == (first.id, 1, 2)


@WAYS
def test_a_portrait_is_a_portrait(server, way):
    assert client_of(server, way).video("a fox", orientation="portrait").clips[0].mime == "video/webm"


@WAYS
def test_a_refusal_says_why_and_is_kept(server, way):
    client = client_of(server, way)
    with pytest.raises(WenwenError) as caught:
        client.video("a cat [demo: refuse]")
    assert re.search("content policy|moderation", caught.value.why)
    assert client.history.get(caught.value.record).charged == caught.value.charged


def test_a_clip_without_a_models_name_is_refused_with_the_names_that_the_endpoint_lists(server):
    client = client_of(server, video_model="")
    with pytest.raises(ConfigError, match="No model for clips") as caught:
        client.video("a fox")
    assert "sora_video2, veo3.1-fast" in caught.value.why
    assert "video_model = 'sora_video2'" in caught.value.do
    assert server.posts == []


def test_by_chat_a_clip_is_asked_for_as_a_stream_as_gateways_end_a_silent_call(server):
    client = client_of(server)
    client.video("a fox")
    client.video("a cat", stream=False)
    assert [call.body["stream"] for call in server.posts] == [True, False]


@pytest.mark.parametrize("seconds", [0, -1, "x", True, 1e9, "nan"])
def test_a_length_that_cannot_be_is_refused_before_anything_is_sent(server, seconds):
    with pytest.raises(ConfigError, match="cannot last"):
        client_of(server).video("a fox", seconds=seconds)
    assert server.posts == []


def test_a_picture_has_no_length(server):
    with pytest.raises(ConfigError, match="no length"):
        client_of(server).generate("a fox", seconds=8)
