"""The chat format sends what the page says."""

import pytest
from support.scripted import data_uri, png

from wenwen_magic.errors import ConfigError
from wenwen_magic.formats.chat import FORMAT
from wenwen_magic.protocol import HttpCall
from wenwen_magic.records import ImageRequest, Reference

CAT = "https://h.example/cat.png"


def call_of(request):
    return next(FORMAT.talk(request))


def test_a_prompt_is_sent_as_one_plain_message():
    body = {"model": "gpt-4o-image", "stream": False, "messages": [{"role": "user", "content": "画只猫"}]}
    assert call_of(ImageRequest("画只猫")) == HttpCall("POST", "/v1/chat/completions", body)


def test_a_wish_for_a_stream_is_sent():
    call = call_of(ImageRequest("a cat", stream=True))
    assert call.stream
    assert call.body["stream"] is True


def test_references_follow_the_words_in_order():
    pictures = [Reference("https://h.example/a.png", "1"), Reference(data_uri(png()), "2")]
    content = call_of(ImageRequest("a cat", references=tuple(pictures))).body["messages"][0]["content"]
    parts = [{"type": "image_url", "image_url": {"url": picture.address}} for picture in pictures]
    assert content == [{"type": "text", "text": "a cat"}, *parts]


@pytest.mark.parametrize(
    ("prompt", "orientation", "phrase"),
    [
        ("画只猫", "landscape", "横屏构图"),
        ("画只猫", "portrait", "竖屏构图"),
        ("画只猫", "square", "方形构图"),
        ("a cat", "landscape", "landscape composition"),
        ("a cat", "portrait", "portrait composition"),
        ("a cat", "square", "square composition"),
    ],
)
def test_an_orientation_is_said_in_the_prompts_language(prompt, orientation, phrase):
    request = ImageRequest(prompt, orientation=orientation)
    content = call_of(request).body["messages"][0]["content"]
    assert content.startswith(prompt)
    assert content.count(phrase) == 1
    assert len(content) <= len(prompt) + len(phrase) + 2
    assert FORMAT.prompt_as_sent(request) == content


def test_a_prompt_without_an_orientation_stays_as_typed():
    prompt = '  {"subject": "cat"}\n\n横屏 '
    assert FORMAT.prompt_as_sent(ImageRequest(prompt)) == prompt
    assert call_of(ImageRequest(prompt)).body["messages"][0]["content"] == prompt


def test_an_orientation_goes_into_the_text_part_beside_references():
    request = ImageRequest("a cat", orientation="portrait", references=(Reference(CAT, "1"),))
    text = call_of(request).body["messages"][0]["content"][0]["text"]
    assert text == FORMAT.prompt_as_sent(request)
    assert "portrait composition" in text


def test_params_join_the_body_at_its_top():
    more = {"temperature": 1, "extra_body": {"google": {"image_config": {"aspect_ratio": "3:2"}}}}
    body = call_of(ImageRequest("a cat", params=more)).body
    assert body == {**call_of(ImageRequest("a cat")).body, **more}


@pytest.mark.parametrize(
    ("name", "value"), [("model", "other"), ("messages", []), ("stream", True)], ids=["model", "messages", "stream"]
)
def test_params_cannot_replace_what_the_request_says(name, value):
    with pytest.raises(ConfigError, match=name) as caught:
        call_of(ImageRequest("a cat", params={name: value}))
    assert caught.value.charged == "no"
