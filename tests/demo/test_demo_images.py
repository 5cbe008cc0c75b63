"""The demo speaks images: OpenAI's own client draws and changes with it, and so does ours, from the wish to the file."""

import base64
import contextlib
import http.client
import io
import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw
from support.demo import ask_server
from support.pictures import painted

from wenwen_magic import Client, WenwenError
from wenwen_magic.demo.exchange import Ask, Question, Refused, Studio
from wenwen_magic.demo.images import FORMAT, Form
from wenwen_magic.endpoint.transport import Clock
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import AnswerError, ConfigError, EndpointError
from wenwen_magic.protocol import FilePart


@pytest.fixture
def official(demo):
    import openai

    return openai.OpenAI(api_key="demo", base_url=f"{demo.address}/v1", max_retries=0)


@pytest.fixture
def client(demo, tmp_path, quick_paint):
    haste = Clock(sleep=lambda _: None)
    return Client(
        base_url=demo.address,
        format="images",
        model="gpt-image-1",
        history=str(tmp_path),
        clock=haste,
        session=Session(),
    )


def post(demo, path, body, kind="application/json"):
    return ask_server(demo, "POST", f"/demo{path}", body, {"Content-Type": kind})


def ask(demo, prompt="a cat", model="gpt-image-1", **more):
    return post(demo, "/v1/images/generations", json.dumps({"model": model, "prompt": prompt, **more}))


def png(size=(96, 64), colour="gold", mode="RGB"):
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, "PNG")
    return out.getvalue()


def mask(size=(96, 64)):
    out, picture = io.BytesIO(), Image.new("RGBA", size, "black")
    ImageDraw.Draw(picture).rectangle((10, 10, 40, 40), fill=(0, 0, 0, 0))
    picture.save(out, "PNG")
    return out.getvalue()


SMALL = png()


def opened(data):
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def decoded(item):
    return base64.b64decode(item.b64_json, validate=True)


# -- OpenAI's own client


def test_the_official_client_draws_a_picture_with_usage(official):
    answer = official.images.generate(model="gpt-image-1", prompt="a cat", size="1536x1024", quality="high")
    assert decoded(answer.data[0]) == painted("a cat", "landscape", hand="gpt-image-1")
    assert (answer.size, answer.quality, answer.output_format) == ("1536x1024", "high", "png")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 4000


@pytest.mark.usefixtures("quick_paint")
def test_the_official_client_gets_several_of_a_kind(official):
    answer = official.images.generate(model="gpt-image-1", prompt="a cat", n=2, output_format="webp")
    first, second = (opened(decoded(item)) for item in answer.data)
    assert (first.format, second.format, answer.output_format) == ("WEBP", "WEBP", "webp")
    assert first.tobytes() != second.tobytes()


def test_dall_e_gives_addresses_and_says_what_it_made_of_the_prompt(official, demo):
    answer = official.images.generate(model="dall-e-3", prompt="a cat", size="1024x1024")
    (item,) = answer.data
    assert (item.b64_json, answer.usage) == (None, None)
    assert item.revised_prompt.startswith("a cat, ")
    assert ask_server(demo, "GET", urlsplit(item.url).path).body == painted("a cat", "square", hand="dall-e-3")
    inline = official.images.generate(model="dall-e-3", prompt="a dog", response_format="b64_json")
    assert opened(decoded(inline.data[0])).size == (1024, 1024)


def test_a_small_size_is_honoured(official):
    answer = official.images.generate(model="dall-e-2", prompt="a cat", size="256x256", response_format="b64_json")
    assert opened(decoded(answer.data[0])).size == (256, 256)
    assert answer.data[0].revised_prompt is None


def test_the_official_client_changes_a_picture_only_where_the_mask_is_transparent(official):
    answer = official.images.edit(model="gpt-image-1", image=png(), mask=mask(), prompt="make it blue")
    assert answer.usage.input_tokens_details.image_tokens > 0
    changed = ImageChops.difference(opened(decoded(answer.data[0])), opened(png()))
    assert changed.getbbox() == (10, 10, 41, 41)
    hand = {"hand": "gpt-image-1", "references": [png(), png(colour="red")]}
    several = official.images.edit(model="gpt-image-1", image=hand["references"], prompt="a dog")
    assert decoded(several.data[0]) == painted("a dog", **hand)


@pytest.mark.usefixtures("quick_paint")
@pytest.mark.parametrize("what", ["image_generation", "image_edit"])
def test_the_official_client_streams_a_picture(official, what):
    wish = {"model": "gpt-image-1", "prompt": "a cat", "stream": True, "partial_images": 2}
    if what == "image_edit":
        events = list(official.images.edit(image=png(), **wish))
    else:
        events = list(official.images.generate(**wish))
    kinds = [f"{what}.partial_image", f"{what}.partial_image", f"{what}.completed"]
    assert [event.type for event in events] == kinds
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    sizes = [opened(decoded(event)).size for event in events]
    assert sizes == [(512, 512), (512, 512), (1024, 1024)]
    assert events[2].usage.total_tokens > 0


def test_the_official_client_meets_the_refusals_it_knows(official):
    import openai

    for model, code in (("gpt-image-1", "moderation_blocked"), ("dall-e-3", "content_policy_violation")):
        with pytest.raises(openai.BadRequestError) as caught:
            official.images.generate(model=model, prompt="a cat [demo: refuse]")
        assert caught.value.code == code
    with pytest.raises(openai.BadRequestError, match="safety system"):
        official.images.generate(model="gpt-image-1", prompt="a cat [demo: refuse]", stream=True)


# -- the shapes of the relay's family


def test_another_model_answers_with_all_three_keys(demo):
    (item,) = ask(demo, model="flux-dev").json["data"]
    assert item.keys() == {"url", "b64_json", "revised_prompt"}
    assert item["url"].startswith("http://")
    assert item["b64_json"] == item["revised_prompt"] == ""


@pytest.mark.usefixtures("quick_paint")
def test_the_forms_of_an_answer(demo):
    def made(form):
        return ask(demo, f"a cat [demo: as={form}]", "dall-e-2").json

    assert made("data")["data"][0]["url"].startswith("data:image/png;base64,")
    assert made("bare_data")["data"][0]["b64_json"].startswith("data:image/png;base64,")
    assert made("bare")["data"][0].startswith("http://")
    assert made("images")["images"][0]["url"].startswith("http://")


@pytest.mark.usefixtures("quick_paint")
def test_a_plain_answer_may_come_where_a_stream_was_asked_and_the_other_way_round(demo):
    plain = ask(demo, "a cat [demo: as=data_list]", stream=True)
    assert plain.json["data"][0]["b64_json"]
    assert ask(demo, "a cat [demo: sse]").kind.startswith("text/event-stream")


# -- mistakes


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"size": "1024×1024"}, 500, "multiplication sign"),
        ({"model": "dall-e-3", "size": "512x512"}, 500, "1792x1024 for dall-e-3"),
        ({"model": "dall-e-2", "size": "1792x1024"}, 500, "for dall-e-2"),
        ({"size": "512x512"}, 400, "Supported values are: '1024x1024'"),
        ({"model": "flux", "size": "huge"}, 400, "Supported values"),
        ({"size": 7}, 400, "size is not a string"),
        ({"n": 11}, 400, "'n'"),
        ({"n": "two"}, 400, "'n'"),
        ({"n": True}, 400, "'n'"),
        ({"model": "dall-e-3", "n": 2}, 400, "n=1"),
        ({"response_format": "url"}, 400, "Unknown parameter"),
        ({"quality": "hd"}, 400, "'medium'"),
        ({"output_format": "gif"}, 400, "'webp'"),
        ({"model": "flux", "output_format": ["gif"]}, 400, "'webp'"),
        ({"partial_images": 4, "stream": True}, 400, "partial_images"),
        ({"model": 5}, 400, "model"),
        ({"prompt": " "}, 400, "'prompt'"),
        ({"prompt": None}, 400, "'prompt'"),
        ({"prompt": "a cat [demo: nonsense]"}, 400, "nonsense"),
    ],
)
def test_a_bad_request_is_answered_as_the_relay_and_the_model_do(demo, more, status, words):
    got = ask(demo, **more)
    assert got.status == status
    assert words in got.fault["message"]
    assert "request id: " in got.fault["message"]
    assert (got.fault["code"] == "invalid_request") is (status == 500)


NAMES = ("model", "prompt", "n", "size", "quality", "output_format", "stream", "partial_images", "response_format")
WORDS = ("a cat", "gpt-image-1", "dall-e-3", "1024x1024", "auto", "webp", "1x1", "2", "[demo: x]", "\ud800")
VALUES = st.none() | st.booleans() | st.integers(-2, 12) | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS)
VALUES |= st.lists(VALUES, max_size=2) | st.dictionaries(st.text(max_size=2), VALUES, max_size=2)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_any_fields_are_a_request_or_an_error(fields):
    files = (FilePart("image", "", "", SMALL),)
    for path, body in (("generations", fields), ("edits", Form(fields, files))):
        question = Question("POST", f"/v1/images/{path}", "", body, "", Studio())
        with contextlib.suppress(ValueError, Refused):
            assert isinstance(FORMAT.read(question), Ask)


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/images/edits"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"model": "gpt-image-1"}'])
def test_a_body_that_cannot_be_read_is_a_json_error(demo, path, body):
    assert post(demo, path, body).fault["message"]


def test_a_change_wants_a_picture_and_a_mask_of_its_size_that_is_transparent(official, demo):
    import openai

    def refused(**files):
        with pytest.raises(openai.APIStatusError) as caught:
            official.images.edit(model="gpt-image-1", prompt="a cat", **files)
        return caught.value.message

    assert "not a picture" in refused(image=b"no picture")
    assert "not a picture" in refused(image=png(), mask=b"no picture")
    assert "size does not match" in refused(image=png(), mask=mask((64, 64)))
    assert "alpha channel" in refused(image=png(), mask=png())
    form = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na cat\r\n--b--\r\n'
    without = post(demo, "/v1/images/edits", form, "multipart/form-data; boundary=b")
    assert (without.status, without.fault["code"]) == (500, "convert_request_failed")


def test_a_picture_is_not_got_by_asking_for_the_path(demo):
    assert ask_server(demo, "GET", "/demo/v1/images/generations").status == 404


# -- directives


def test_failures_on_request(demo, waits):
    assert ask(demo, "a cat [demo: status=429 delay=3]").status == 429
    assert waits == [3]
    assert ask(demo, "a cat [demo: html]").kind.startswith("text/html")
    assert ask(demo, "a cat [demo: empty]").body == b""
    assert ask(demo, "a cat [demo: error200]").fault["code"] == "bad_response"
    with pytest.raises(ConnectionResetError):
        ask(demo, "a cat [demo: reset]")


@pytest.mark.usefixtures("quick_paint")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("word", "whole"), [("cut", True), ("cut=early", False)])
def test_an_answer_breaks_off_after_or_before_the_picture(demo, word, whole, stream):
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(demo, f"a cat [demo: {word}]", stream=stream, partial_images=1)
    came = caught.value.partial
    start = came.find(b"completed" if stream else b"b64_json")
    assert (len(came) - start > 3000 and start >= 0) is whole


@pytest.mark.usefixtures("quick_paint")
def test_spoilt_pictures_come_in_the_answer_too(demo):
    svg = ask(demo, "a cat [demo: svg]").json["data"][0]["b64_json"]
    assert base64.b64decode(svg).startswith(b"<svg")
    stream = ask(demo, "a cat [demo: broken]", stream=True, partial_images=2)
    assert b"partial_image_index" not in stream.body


# -- from the wish to the file


def test_a_picture_is_drawn_in_the_orientations_size_and_the_same_wish_is_free(client, demo):
    drawn = client.generate("a cat", orientation="portrait")
    (image,) = drawn.images
    assert (image.width, image.height, image.mime) == (1024, 1536, "image/png")
    assert (drawn.state, drawn.charged, drawn.prompt_sent) == ("complete", "yes", "a cat")
    assert drawn.usage["output_tokens"] > 0
    assert demo.posts[0].body == {"model": "gpt-image-1", "prompt": "a cat", "size": "1024x1536"}
    again = client.generate("a cat", orientation="portrait")
    assert (again.id, again.from_history, len(demo.posts)) == (drawn.id, True, 1)


def test_what_the_model_made_of_the_prompt_is_kept(client):
    drawn = client.generate("画只猫", model="dall-e-3", orientation="landscape")
    assert drawn.revised_prompt.startswith("画只猫，")
    assert (drawn.images[0].width, drawn.images[0].height) == (1792, 1024)
    assert client.generate("画只猫", model="dall-e-3", orientation="landscape").revised_prompt == drawn.revised_prompt


def test_one_answer_may_hold_two_pictures(client, demo):
    drawn = client.generate("a cat", params={"n": 2, "output_format": "jpeg"})
    assert [image.mime for image in drawn.images] == ["image/jpeg"] * 2
    assert drawn.images[0].data != drawn.images[1].data
    assert len(demo.posts) == 1


def test_a_picture_is_changed_and_the_new_one_knows_where_it_came_from(client, demo):
    first = client.generate("a cat")
    changed = client.generate("红色背景", references=[first])
    assert changed.images[0].width == 1024
    assert changed.parent == first.id
    (call,) = demo.posts[1:]
    assert call.path.endswith("/v1/images/edits")
    assert call.body.fields == {"model": "gpt-image-1", "prompt": "红色背景"}
    assert [(part.name, part.filename, part.mime) for part in call.body.files] == [
        ("image[]", "image-1.png", "image/png")
    ]
    assert client.generate("红色背景", references=[first]).id == changed.id
    assert len(demo.posts) == 2


def test_a_mask_tells_where(client, demo):
    drawn = client.generate("a hat", references=[png((64, 64))], mask=mask((64, 64)))
    assert drawn.state == "complete"
    assert [part.name for part in demo.posts[0].body.files] == ["image[]", "mask"]
    assert client.generate("a hat", references=[png((64, 64))]).id != drawn.id


def test_a_stream_tells_of_the_picture_on_its_way_with_a_preview(client, demo):
    said = []
    drawn = client.generate("a cat", stream=True, tell=said.append)
    previews = [progress.preview for progress in said if progress.preview]
    assert len(previews) == 2
    assert all(Image.open(path).size == (512, 512) for path in previews)
    assert all(progress.percent is None for progress in said)
    assert len(drawn.images) == 1
    assert (demo.posts[0].body["stream"], demo.posts[0].body["partial_images"]) == (True, 2)


def test_a_changed_picture_streams_as_well(client):
    said = []
    drawn = client.generate("a cat", references=[png()], stream=True, params={"partial_images": 1}, tell=said.append)
    assert (len(drawn.images), len([progress for progress in said if progress.preview])) == (1, 1)


@pytest.mark.parametrize("form", ["data", "bare_data", "bare", "images", "data_list"])
def test_the_picture_comes_in_whatever_form(client, form):
    assert len(client.generate(f"a cat [demo: as={form}]", model="flux-dev").images) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_names_its_reason_and_costs_nothing(client, stream):
    with pytest.raises(EndpointError, match="safety system") as caught:
        client.generate("a cat [demo: refuse]", stream=stream)
    assert (caught.value.status, caught.value.charged) == (400, "no")


FAILURES = {
    "error200": (EndpointError, "maybe"),
    "html": (EndpointError, "no"),
    "empty": (AnswerError, "maybe"),
    "reset": (EndpointError, "maybe"),
    "cut=early": (WenwenError, "maybe"),
    "status=403": (EndpointError, "no"),
    "status=524": (EndpointError, "maybe"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("word", FAILURES)
def test_a_failure_says_whether_it_may_have_cost(client, demo, word, stream):
    kind, charged = FAILURES[word]
    with pytest.raises(kind) as caught:
        client.generate(f"a cat [demo: {word}]", stream=stream)
    assert caught.value.charged == charged
    assert len(demo.posts) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_picture_that_came_whole_before_the_break_is_kept(client, stream):
    assert len(client.generate("a cat [demo: cut]", stream=stream).images) == 1


def test_what_cannot_be_is_refused_before_anything_is_recorded(client, demo, tmp_path):
    with pytest.raises(ConfigError):
        client.generate("a cat", references=["https://h.example/cat.png"])
    with pytest.raises(ConfigError):
        client.generate("a cat", params={"size": "1024×1024"})
    assert demo.posts == []
    assert list(tmp_path.rglob("*.json")) == []


def test_a_lost_picture_comes_again_out_of_the_kept_answer(client, demo):
    drawn = client.generate("a hat", references=[png((64, 64))], mask=mask((64, 64)))
    drawn.images[0].path.unlink()
    again = client.generate("a hat", references=[png((64, 64))], mask=mask((64, 64)))
    assert (again.id, again.images[0].data) == (drawn.id, drawn.images[0].data)
    assert len(demo.posts) == 1
