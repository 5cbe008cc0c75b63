"""Pictures are found in Markdown as models write it."""

import json

import pytest
from support.replies import FOLDER, STREAM
from support.scripted import addresses, answering, noise, read, streaming

CAT = "https://h.example/cat.png"


WILD = json.loads((FOLDER / "chat" / "markdown.json").read_text("utf-8"))


@pytest.mark.parametrize("name", WILD["one"])
def test_a_picture_is_found_in_markdown_with(name):
    for answer in (read(answering(WILD["one"][name])), read(streaming(*WILD["one"][name]), STREAM)):
        assert [address.replace("_(1)", "") for address in addresses(answer)] == ["https://h.example/x.png"]


@pytest.mark.parametrize("content", WILD["address"])
def test_an_address_is_given_as_it_was_meant(content):
    assert addresses(read(answering(content))) == [WILD["address"][content]]


def test_an_address_may_hold_a_space():
    (address,) = addresses(read(answering("![a](https://h.example/my cat.png)")))
    assert address.replace("%20", " ") == "https://h.example/my cat.png"


@pytest.mark.parametrize("name", WILD["none"])
def test_no_picture_is_found_in(name):
    assert addresses(read(answering(WILD["none"][name]))) == []


def test_words_that_came_with_a_picture_become_its_alternative_text():
    answer = read(answering(f'![a [b] **c**]({CAT})\n<img src="https://h.example/2.png" alt="two &amp; three">'))
    assert [source.alt for source in answer.sources][1:] == ["two & three"]
    assert "b" in answer.sources[0].alt


@pytest.mark.parametrize(
    "frame", ["{}", "![a]({})", "[a]({})", "`{}`", "```\n{}\n```", "<img src='{}'>", "> {}", '"{}"', "x{}y"]
)
@pytest.mark.parametrize("size", [300, 3000])
def test_the_text_never_holds_a_picture(frame, size):
    answer = read(answering(f"one {frame.format('data:image/png;base64,' + noise(size))} two\n\nthree"))
    assert noise(size)[200:230] not in answer.text
    assert "three" in answer.text
    assert not any("base64" in source.address for source in answer.sources)
