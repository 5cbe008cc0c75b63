"""A clip comes by either way, from words or pictures, is kept, and is free the second time."""

import re
from dataclasses import replace

import pytest
from support.clock import HASTE
from support.demo import DemoServer

from wenwen_magic import Client
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ConfigError, WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.records import CLIP, ImageRequest, Reference

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


@pytest.mark.parametrize(
    ("options", "params"),
    [
        ({}, {"seconds": "8", "quality": "high"}),
        ({"seconds": 4}, {"seconds": "4", "quality": "high"}),
        ({"params": {"seconds": "12"}}, {"seconds": "12"}),
        ({"seconds": 4, "params": {"seconds": "12"}}, {"seconds": "12"}),
        ({"seconds": 4, "params": {"fps": 24}}, {"seconds": "4", "fps": 24}),
    ],
)
def test_bug_a_length_given_to_a_clips_request_was_passed_over(server, options, params):
    client = client_of(server)
    first = client.request("a fox", task=CLIP, seconds=8, params={"quality": "high"})
    assert client.request(first, **options).params == params


PICTURE = ImageRequest("a fox", "gpt-image-2", "landscape", format="images", params={"quality": "high", "n": 4})


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, ("veo3.1-fast", "chat", True)),
        ({"model": "sora-2"}, ("sora-2", "videos", True)),
        ({"format": "videos"}, ("veo3.1-fast", "videos", True)),
        ({"stream": False}, ("veo3.1-fast", "chat", False)),
        ({"model": "sora-2", "format": "chat", "stream": False}, ("sora-2", "chat", False)),
    ],
)
@pytest.mark.parametrize("way", ["chat", "images", "gemini", "midjourney"])
def test_bug_a_clip_of_a_pictures_request_was_asked_of_the_pictures_model_and_format(server, way, options, asked):
    made = client_of(server, way).request(PICTURE, task=CLIP, **options)
    assert (made.model, made.format, made.stream) == asked
    assert (made.prompt, made.orientation, made.params, made.usual) == ("a fox", "landscape", {}, "")


@pytest.mark.parametrize("format", ["chat", "images", "gemini"])
def test_a_clip_is_made_of_what_a_picture_was_asked_with(server, format):
    client = client_of(server)
    picture = client.generate("a fox", format=format)
    made = client.video(picture.request, references=picture)
    assert (len(made.clips), made.request.prompt, made.parent) == (1, "a fox", picture.id)


def test_what_only_the_pictures_model_takes_stays_with_the_picture(server):
    mask = Reference("data:image/png;base64,AAAA", "1")
    edited = replace(PICTURE, references=(Reference("https://example.org/a.png", "2"),), mask=mask)
    client = client_of(server)
    made = client.request(edited, task=CLIP, seconds=8)
    assert (made.params, made.mask, made.references) == ({"seconds": "8"}, None, edited.references)
    assert client.request(edited, task=CLIP, params={"seed": 7}).params == {"seed": 7}
    back = client.request(made, task="draw")
    assert (back.params, back.orientation) == ({}, "landscape")
    assert client.request(made, task="draw", orientation="square").orientation == "square"


def test_bug_a_pictures_request_asked_its_model_for_a_clip_where_nobody_named_one(server):
    with pytest.raises(ConfigError, match="No model for clips"):
        client_of(server, video_model="").video(PICTURE)
    assert server.posts == []


def test_a_clips_request_keeps_its_model_format_stream_and_pictures(server):
    client = client_of(server, video_model="")
    first = client.video("a fox", model="sora-2", stream=False, references=client.generate("a fox", format="chat"))
    asked = len(server.posts)
    again = client.video(first.request)
    assert (again.id, again.request.fingerprint, len(server.posts)) == (first.id, first.request.fingerprint, asked)
    assert again.request.references[0].origin == first.parent
    assert client.request(first.request, task=CLIP, references=()).references == ()


@pytest.mark.parametrize("settings", [{}, {"model": "gpt-4o-image"}, {"format": "videos"}])
def test_a_clips_request_becomes_a_pictures_by_the_settings_for_pictures(server, settings):
    client = client_of(server, **settings)
    made = client.request(ImageRequest("a fox", "sora-2", format="videos", stream=True, task=CLIP), task="draw")
    assert (made.model, made.format, made.stream) == ("gpt-4o-image", "chat", False)
    assert made.unnamed is not bool(settings.get("model"))
