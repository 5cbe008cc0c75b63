"""The images format sends what its pages say, refuses what cannot be, and reads what relays are known to answer."""

import base64
import io
import json

import pytest
from PIL import Image
from support.replies import STREAM, lead, recorded
from support.scripted import broken_connection, data_uri, noise, png, reply_of, told

from wenwen_magic.errors import ConfigError, EndpointError
from wenwen_magic.formats import FORMATS
from wenwen_magic.formats.images import CHANGING, DRAWING, FORMAT
from wenwen_magic.records import ImageRequest, Reference

RECORDED = recorded("images")
ASKED = ImageRequest("a cat", model="gpt-image-1", format="images")
CAT = "https://h.example/cat.png"


def asking(prompt="a cat", model="gpt-image-1", **more):
    return ImageRequest(prompt, model=model, format="images", **more)


def call_of(request):
    return next(FORMAT.talk(request))


def body_of(*words, **more):
    return call_of(asking(*words, **more)).body


def refusal(*words, **more):
    with pytest.raises(ConfigError) as caught:
        call_of(asking(*words, **more))
    assert caught.value.charged == "no"
    assert caught.value.do
    return str(caught.value)


def picture(width=8, height=6, mode="RGB", kind="PNG"):
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, kind)
    return out.getvalue()


def sent(data, kind="png"):
    return Reference(data_uri(data, f"image/{kind}"), "1", label="photo")


def read(reply, request=ASKED):
    return lead(FORMAT.talk(request), reply).result


# -- what is sent


def test_the_format_is_known_by_its_name_and_draws_only():
    assert FORMATS["images"] is FORMAT
    assert FORMAT.tasks == ("draw",)


def test_a_prompt_is_sent_with_its_model_and_nothing_else():
    call = call_of(asking("画只猫", "dall-e-3"))
    assert (call.method, call.path, call.stream, call.files) == ("POST", "/v1/images/generations", False, ())
    assert call.body == {"model": "dall-e-3", "prompt": "画只猫"}


@pytest.mark.parametrize(
    ("model", "square", "landscape", "portrait"),
    [
        ("gpt-image-1", "1024x1024", "1536x1024", "1024x1536"),
        ("gpt-image-2", "1024x1024", "1536x1024", "1024x1536"),
        ("dall-e-3", "1024x1024", "1792x1024", "1024x1792"),
        ("openai/DALL-E-3", "1024x1024", "1792x1024", "1024x1792"),
        ("flux-dev", "1024x1024", "1536x1024", "1024x1536"),
    ],
)
def test_an_orientation_is_a_size_of_the_model_and_never_a_word(model, square, landscape, portrait):
    for orientation, size in {"square": square, "landscape": landscape, "portrait": portrait}.items():
        request = asking(model=model, orientation=orientation)
        assert call_of(request).body == {"model": model, "prompt": "a cat", "size": size}
        assert FORMAT.prompt_as_sent(request) == "a cat"


def test_a_model_that_draws_squares_only_says_so_before_it_is_paid():
    assert body_of(model="dall-e-2", orientation="square")["size"] == "1024x1024"
    assert "squares only" in refusal(model="dall-e-2", orientation="landscape")


def test_a_size_given_as_a_param_stands_above_the_orientation():
    assert body_of(orientation="landscape", params={"size": "auto"})["size"] == "auto"
    assert body_of(model="dall-e-2", orientation="landscape", params={"size": "512x512"})["size"] == "512x512"


def test_params_are_passed_through():
    more = {"n": 2, "quality": "high", "background": "transparent", "output_format": "webp", "moderation": "low"}
    more |= {"output_compression": 80, "seed": 7, "user": "me"}
    assert body_of(params=more) == {"model": "gpt-image-1", "prompt": "a cat", **more}
    assert body_of(model="dall-e-3", params={"style": "vivid", "quality": "hd", "response_format": "b64_json", "n": 1})
    assert body_of(model="seedream-4", params={"size": "2K", "style": "ink", "quality": "draft"})["size"] == "2K"


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        *(("gpt-image-2.5", "quality", value) for value in ("low", "high", "xhigh", "max", "auto")),
        *(("gpt-image-2.6-sunburst", "quality", value) for value in ("medium", "xhigh", "max")),
        ("openai/gpt-image-2.6-flare-vip", "quality", "max"),
        ("gpt-image-2.6-flare", "output_format", "gif"),
        ("gpt-image-2.6-flare", "complexity", "high"),
        ("gpt-image-2.6-flare", "frame_count", 16),
        ("gpt-image-2.6-flare", "size", "1000x1000"),
        ("gpt-image-2.6-flare", "response_format", "url"),
        ("gpt-image-2-all", "quality", "max"),
        ("gpt-image-3", "quality", "ultra"),
        ("gpt-image-3-mini", "output_format", "avif"),
        ("gpt-image-20", "style", "vivid"),
        ("a-new-one", "response_format", "file"),
        ("gpt-image-2", "size", "3840x2160"),
        ("gpt-image-2-2026-04-21", "quality", "high"),
    ],
)
def test_what_a_newer_or_unknown_model_may_take_is_sent(model, name, value):
    assert body_of(model=model, params={name: value})[name] == value


def test_a_stream_asks_for_two_pictures_on_their_way_unless_told_otherwise():
    call = call_of(asking(stream=True))
    assert call.stream
    assert (call.body["stream"], call.body["partial_images"]) == (True, 2)
    assert body_of(stream=True, params={"partial_images": 0})["partial_images"] == 0


def test_pictures_to_change_go_as_files_in_order_with_the_names_of_their_types():
    first, second = picture(), picture(kind="JPEG")
    call = call_of(asking("红色背景", references=(sent(first), sent(second, "jpeg")), params={"n": 2}))
    assert (call.path, call.body) == ("/v1/images/edits", {"model": "gpt-image-1", "prompt": "红色背景", "n": 2})
    assert [(part.name, part.filename, part.mime, part.data) for part in call.files] == [
        ("image[]", "image-1.png", "image/png", first),
        ("image[]", "image-2.jpeg", "image/jpeg", second),
    ]


def test_a_mask_goes_beside_the_picture():
    mask = picture(mode="RGBA")
    call = call_of(asking(references=(sent(picture()),), mask=sent(mask), stream=True))
    assert [part.name for part in call.files] == ["image[]", "mask"]
    assert (call.files[1].filename, call.files[1].mime, call.files[1].data) == ("mask.png", "image/png", mask)
    assert call.body["stream"] is True


def test_a_request_out_of_the_history_has_no_bytes_and_its_answer_is_read_all_the_same():
    request = asking(references=(Reference("", "1", "photo"),), mask=Reference("", "2"))
    assert call_of(request).path == CHANGING
    assert len(read(RECORDED["g01-url.json"].reply(), request).sources) == 1


# -- what is refused


@pytest.mark.parametrize("name", ["model", "prompt", "stream", "image", "image[]", "image[0]", "mask"])
def test_params_cannot_replace_what_the_request_says(name):
    assert name in refusal(params={name: "x"})


@pytest.mark.parametrize(
    ("model", "params", "words"),
    [
        ("gpt-image-1", {"size": "1024×1024"}, "size=1024x1024"),
        ("flux", {"size": "1024 × 1024"}, "size=1024x1024"),
        ("gpt-image-1", {"size": 1024}, "size=1024"),
        ("gpt-image-1", {"size": "large"}, "size=large"),
        ("gpt-image-2", {"size": "1000x1000"}, "steps of 16"),
        ("dall-e-3", {"size": "1536x1024"}, "1792x1024"),
        ("dall-e-2", {"size": "1024x1792"}, "256x256"),
        ("gpt-image-1", {"n": 0}, "1 to 10"),
        ("gpt-image-1", {"n": 11}, "1 to 10"),
        ("gpt-image-1", {"n": "2"}, "whole number"),
        ("gpt-image-1", {"n": True}, "whole number"),
        ("dall-e-3", {"n": 2}, "-n"),
        ("gpt-image-1", {"response_format": "url"}, "Leave --param response_format out"),
        ("dall-e-3", {"response_format": "png"}, "b64_json"),
        ("gpt-image-1", {"quality": "hd"}, "medium"),
        ("dall-e-3", {"quality": "high"}, "hd"),
        ("gpt-image-1", {"style": "vivid"}, "refuses style"),
        ("gpt-image-1", {"output_format": "gif"}, "webp"),
        *((model, {"quality": "max"}, "medium") for model in ("gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2")),
        ("gpt-image-2.6-flare", {"output_format": "svg"}, "gif"),
        ("gpt-image-2.5", {"quality": "hd"}, "xhigh"),
        ("openai/gpt-image-1-2025-04-23", {"style": "vivid"}, "refuses style"),
        ("gpt-image-1", {"background": ["red"]}, "opaque"),
        ("gpt-image-1", {"output_compression": 101}, "0 to 100"),
        ("gpt-image-1", {"moderation": "none"}, "low"),
        ("gpt-image-1", {"input_fidelity": "full"}, "high"),
        ("gpt-image-1", {"background": "transparent", "output_format": "jpeg"}, "JPEG"),
        ("gpt-image-1", {"partial_images": 2}, "--stream"),
    ],
)
def test_what_a_model_is_known_to_refuse_is_never_sent(model, params, words):
    assert words in refusal(model=model, params=params)


def test_a_stream_wants_a_model_that_streams_and_at_most_three_pictures_on_their_way():
    assert "--stream" in refusal(model="dall-e-3", stream=True)
    assert "0 to 3" in refusal(stream=True, params={"partial_images": 4})


@pytest.mark.parametrize(("model", "most"), [("gpt-image-1", 32_000), ("dall-e-3", 4_000), ("dall-e-2", 1_000)])
def test_a_prompt_longer_than_the_model_takes_is_not_sent(model, most):
    assert body_of("x" * most, model)["prompt"] == "x" * most
    assert str(most) in refusal("x" * (most + 1), model)


def test_a_picture_on_the_web_cannot_be_sent_as_a_file():
    words = refusal(references=(Reference(CAT, "1", label=CAT),))
    assert "Download" in words
    assert "--format chat" in words
    assert "Download" in refusal(references=(sent(picture()),), mask=Reference(CAT, "1"))
    assert "Download" in refusal(references=(Reference("data:image/png;base64,%%%", "1"),))


def test_a_mask_wants_a_picture_and_something_transparent():
    see_through = sent(picture(mode="RGBA"))
    assert "--ref" in refusal(mask=see_through)
    assert "transparent" in refusal(references=(sent(picture()),), mask=sent(picture()))
    assert "transparent" in refusal(references=(sent(picture()),), mask=sent(picture(kind="JPEG"), "jpeg"))


def test_dall_e_2_changes_one_small_square_png():
    square = sent(picture(8, 8))
    assert call_of(asking(model="dall-e-2", references=(square,))).path == CHANGING
    for wrong in [(sent(picture(8, 6)),), (sent(picture(8, 8, kind="JPEG"), "jpeg"),), (square, square)]:
        assert "one square PNG" in refusal(model="dall-e-2", references=wrong)
    assert call_of(asking(model="dall-e-2")).path == DRAWING


# -- what is read


def test_pictures_that_came_whole_before_the_connection_broke_are_kept():
    body = json.dumps({"data": [{"b64_json": noise(2400)}, {"b64_json": noise(9000)}]})
    answer = read(reply_of(body[:8000], broken=broken_connection()))
    assert [source.data.decode() for source in answer.sources] == [noise(2400)]
    assert answer.finish_reason == "cut"


def test_a_stream_that_broke_before_the_picture_was_complete_may_have_cost():
    with pytest.raises(EndpointError) as caught:
        read(RECORDED["s03-only-partials.sse"].reply(broken=broken_connection()))
    assert caught.value.charged == "maybe"


def test_a_stream_is_not_read_on_when_all_pictures_are_complete():
    assert len(read(RECORDED["s01.sse"].reply(broken=AssertionError("read on"))).sources) == 1


def test_a_stream_of_two_pictures_is_read_to_the_second():
    one, two = RECORDED["s01.sse"].body, RECORDED["s01-webp.sse"].body
    blue, red = (data_uri(png(colour=colour)).partition(",")[2].encode() for colour in ("blue", "red"))
    answer = read(reply_of(one + two.replace(blue, red), STREAM), asking(stream=True, params={"n": 2}))
    assert [told(source) for source in answer.sources] == ["data:image/png blue", "data:image/webp red"]


def test_an_answer_is_read_by_what_it_is_and_not_by_what_was_asked():
    for name in ("g02-b64.json", "s01.sse", "g06-chat.json", "s07-chat.sse"):
        for stream in (False, True):
            answer = read(RECORDED[name].reply(), asking(stream=stream))
            assert [told(source) for source in answer.sources] == RECORDED[name].row["pictures"]


@pytest.mark.parametrize("value", ["pending", "null", "", "   ", "{}", None, 7, ["x"]])
def test_a_word_in_the_place_of_base64_is_no_picture(value):
    body = json.dumps({"data": [{"b64_json": value}, {"url": CAT}]})
    assert [told(source) for source in read(reply_of(body)).sources] == [CAT]


def test_a_sentence_with_an_address_is_no_address():
    sentence = {"output": f"{CAT} will be there soon"}
    assert [source.address for source in read(reply_of(json.dumps({**sentence, "data": [CAT]}))).sources] == [CAT]
    assert read(reply_of(json.dumps(sentence))).sources == ()


def test_a_large_picture_is_not_changed_on_its_way():
    body = json.dumps({"data": [{"b64_json": noise(300_000)}]})
    (source,) = read(reply_of(body, chunk=1000)).sources
    assert base64.b64decode(source.data) == base64.b64decode(noise(300_000))


def test_a_code_and_a_message_are_no_error_beside_data_without_a_picture():
    answer = read(reply_of('{"code": 0, "message": "ok", "data": [{"id": "1"}], "model": "m"}'))
    assert (answer.sources, answer.model) == ((), "m")
