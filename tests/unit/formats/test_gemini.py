"""The gemini format sends what the page shows, and reads what Google and relays of the family are known to answer."""

import json

import pytest
from support.replies import lead, outcome, recorded
from support.scripted import broken_connection, data_uri, png, reply_of, told

from wenwen_magic.errors import ConfigError, EndpointError
from wenwen_magic.formats import FORMATS
from wenwen_magic.formats.gemini import FORMAT
from wenwen_magic.protocol import HttpCall
from wenwen_magic.records import ImageRequest, Reference

RECORDED = recorded("gemini")
MODEL = "gemini-2.5-flash-image-preview"
PATH = f"/v1beta/models/{MODEL}:generateContent"
DOG = data_uri(png())


def asked(prompt="a cat", **more):
    return ImageRequest(prompt, **{"model": MODEL, "format": "gemini", **more})


def call_of(**more):
    return next(FORMAT.talk(asked(**more)))


def settings_of(**more):
    return call_of(**more).body.get("generationConfig", {})


def refusal_of(**more):
    with pytest.raises(ConfigError) as caught:
        call_of(**more)
    assert caught.value.charged == "no"
    return str(caught.value)


def read(name, request=None, **more):
    return lead(FORMAT.talk(request or asked()), RECORDED[name].reply(**more)).result


# What is sent


def test_a_prompt_is_one_part_and_a_picture_is_asked_for():
    parts = {"role": "user", "parts": [{"text": "画只猫"}]}
    body = {"contents": [parts], "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}
    assert next(FORMAT.talk(asked("画只猫"))) == HttpCall("POST", PATH, body)


def test_a_stream_has_an_address_of_its_own():
    call = call_of(stream=True)
    assert (call.path, call.stream) == (PATH.replace("generate", "streamGenerate") + "?alt=sse", True)
    assert call.body == call_of().body


def test_references_follow_the_words_as_the_page_writes_them():
    pictures = (Reference(DOG, "1"), Reference(DOG.replace("png", "webp"), "2"))
    words, *rest = call_of(references=pictures).body["contents"][0]["parts"]
    data = DOG.partition(",")[2]
    assert words == {"text": "a cat"}
    assert [part["inline_data"] for part in rest] == [
        {"mime_type": "image/png", "data": data},
        {"mime_type": "image/webp", "data": data},
    ]


def test_a_reference_that_is_an_address_is_refused_with_what_to_do():
    said = refusal_of(references=(Reference("https://h.example/dog.png", "1", "dog.png"),))
    assert "dog.png" in said
    assert "Download" in said


def test_a_mask_is_refused_with_what_to_do():
    said = refusal_of(references=(Reference(DOG, "1"),), mask=Reference(DOG, "2"))
    assert "mask" in said
    assert "images" in said


@pytest.mark.parametrize(("orientation", "ratio"), [("landscape", "3:2"), ("portrait", "2:3"), ("square", "1:1")])
def test_an_orientation_is_a_ratio_and_leaves_the_words_alone(orientation, ratio):
    assert settings_of(orientation=orientation)["imageConfig"] == {"aspectRatio": ratio}
    assert call_of(orientation=orientation).body["contents"] == call_of().body["contents"]
    assert FORMAT.prompt_as_sent(asked(orientation=orientation)) == "a cat"


@pytest.mark.parametrize("names", [("aspectRatio", "imageSize"), ("aspect_ratio", "image_size")])
def test_ratio_and_size_may_be_given_in_either_spelling_and_go_before_the_orientation(names):
    params = dict(zip(names, ("16:9", "2k"), strict=True))
    assert settings_of(orientation="portrait", params=params)["imageConfig"] == {
        "aspectRatio": "16:9",
        "imageSize": "2K",
    }


@pytest.mark.parametrize(("name", "value"), [("aspectRatio", "7:9"), ("image_size", "3K"), ("imageSize", 2048)])
def test_a_ratio_or_size_that_is_none_is_refused_with_those_there_are(name, value):
    said = refusal_of(params={name: value})
    assert f"{name} cannot be {value!r}" in said
    assert "16:9" in said or "1K, 2K, 4K" in said


def test_generation_settings_join_the_others_in_googles_spelling():
    config = settings_of(params={"temperature": 0.5, "top_p": 0.9, "maxOutputTokens": 99, "seed": 7})
    assert config == {**settings_of(), "temperature": 0.5, "topP": 0.9, "maxOutputTokens": 99, "seed": 7}
    assert settings_of(params={"response_modalities": ["IMAGE"]}) == {"responseModalities": ["IMAGE"]}


def test_other_params_stand_at_the_top():
    more = {"safetySettings": [{"category": "X"}], "tools": [{"google_search": {}}], "extra": 1}
    assert call_of(params=more).body == {**call_of().body, **more}


def test_an_instruction_may_be_plain_words():
    body = call_of(params={"systemInstruction": "Draw in ink."}).body
    assert body["systemInstruction"] == {"parts": [{"text": "Draw in ink."}]}


@pytest.mark.parametrize(
    "name",
    ["model", "contents", "stream", "generationConfig", "generation_config", "imageConfig", "n", "candidateCount"],
)
def test_params_cannot_replace_what_the_request_says_nor_ask_for_more_than_is_counted(name):
    assert f"cannot set {name}" in refusal_of(params={name: 4})


def test_a_models_name_is_written_so_that_it_stays_one_piece_of_the_address():
    assert call_of(model="画图 a:b").path == "/v1beta/models/%E7%94%BB%E5%9B%BE%20a%3Ab:generateContent"


@pytest.mark.parametrize(
    ("model", "piece"),
    [
        ("google/gemini-2.5-flash-image", "google/gemini-2.5-flash-image"),
        ("models/gemini-2.5-flash-image", "gemini-2.5-flash-image"),
        ("a/b/c", "a/b/c"),
    ],
)
def test_a_models_name_with_its_makers_prefix_is_sent_as_it_is(model, piece):
    assert call_of(model=model).path == f"/v1beta/models/{piece}:generateContent"


@pytest.mark.parametrize(
    ("model", "name", "value", "sent"),
    [
        *(("gemini-3.1-flash-image", "imageSize", value, value) for value in ("512", "0.5K", "1K", "4K")),
        ("gemini-3.1-flash-image-preview", "imageSize", "0.5k", "0.5K"),
        ("google/gemini-3-pro-image", "imageSize", "2k", "2K"),
        ("gemini-nano-banana-2.1", "imageSize", "512", "512"),
        ("gemini-nano-banana-2.1", "imageSize", 512, 512),
        ("gemini-4-image", "imageSize", "8k", "8K"),
        ("gemini-4-image", "aspectRatio", "2:1", "2:1"),
        ("gemini-4-image", "aspectRatio", "auto", "auto"),
        ("nano-banana-3", "aspectRatio", "7:9", "7:9"),
    ],
)
def test_what_a_newer_or_unknown_model_may_take_is_sent(model, name, value, sent):
    assert settings_of(model=model, params={name: value})["imageConfig"] == {name: sent}


@pytest.mark.parametrize("model", ["gemini-3-pro-image", "google/gemini-3-pro-image-preview", "nano-banana-pro"])
def test_what_is_known_wrong_for_a_family_is_refused_whatever_it_is_called(model):
    assert "1K, 2K, 4K" in refusal_of(model=model, params={"imageSize": "512"})


@pytest.mark.parametrize(
    "model", ["../a", "a/../b", "a//b", "/a", "a/", "models/", ".", "a?b", "a#b", "a%2Fb", "a\\b", "a\nb", "a\ud800"]
)
def test_a_models_name_that_would_lead_elsewhere_is_refused(model):
    assert "cannot be used in an address" in refusal_of(model=model)


def test_a_question_about_pictures_asks_for_words_alone():
    body = call_of(task="describe", references=(Reference(DOG, "1"),), orientation="landscape").body
    assert body.keys() == {"contents"}


def test_the_key_goes_into_a_header_and_may_go_into_the_address():
    assert (FORMAT.auth, FORMAT.key_parameter) == (("x-goog-api-key", "{key}"), "key")
    assert FORMATS["gemini"] is FORMAT


def test_a_request_read_back_from_its_record_can_be_led_again():
    answer = read("g01.json", request=asked(references=(Reference("", "1"),)))
    assert len(answer.sources) == 1


# What is read


@pytest.mark.parametrize("name", ["g09-safety.json", "g09-blocked.json", "g09-no-image.json", "s04-safety.sse"])
def test_a_refusal_says_its_reason_before_its_words(name):
    answer = read(name)
    assert answer.text.startswith(f"{answer.finish_reason}: ")


def test_a_reason_is_not_hidden_behind_many_words():
    body = {"candidates": [{"content": {"parts": [{"text": "word " * 500}]}, "finishReason": "IMAGE_SAFETY"}]}
    assert outcome("gemini", reply_of(json.dumps(body)))[0].text.startswith("IMAGE_SAFETY: ")


def test_a_refusal_to_describe_does_not_pass_for_a_description():
    question = asked(task="describe", references=(Reference(DOG, "1"),))
    refused = read("g09-safety.json", request=question)
    assert (refused.text, refused.finish_reason[:13]) == ("", "IMAGE_SAFETY:")
    assert read("g09-no-image.json", request=question).text == "Which cat?"


def test_a_draft_is_shown_while_it_is_drawn_and_its_thought_told():
    title, draft = lead(FORMAT.talk(asked()), RECORDED["s02-thoughts.sse"].reply()).told
    assert title.text == "Composing"
    assert told(draft.picture) == "data:image/png red"


@pytest.mark.parametrize("name", ["t01-second.json", "s06-torn-event.sse", "s01-no-reason.sse"])
def test_a_connection_that_breaks_behind_a_picture_leaves_it(name):
    answer = read(name, chunk=64, broken=broken_connection())
    assert [told(source) for source in answer.sources] == ["data:image/png red"]
    assert answer.finish_reason == "cut"


def test_a_connection_that_breaks_before_a_picture_is_an_error_that_may_have_cost():
    with pytest.raises(EndpointError, match="connection broke") as caught:
        read("t04-early.json", broken=broken_connection())
    assert caught.value.charged == "maybe"
