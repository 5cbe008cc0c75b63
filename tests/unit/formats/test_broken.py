"""Broken, foreign and hostile bodies: what had come whole is saved, the rest is a clear error."""

import json

import pytest
from support.scripted import (
    addresses,
    answering,
    broken_connection,
    data_uri,
    event,
    noise,
    png,
    read,
    told,
)

from wenwen_magic.errors import AnswerError, EndpointError, WenwenError
from wenwen_magic.formats.parse import stream

CAT = "https://h.example/cat.png"
STREAM = "text/event-stream"


@pytest.mark.parametrize("body", ["", " \n\r\n ", "\ufeff"])
@pytest.mark.parametrize("kind", ["application/json", STREAM, ""])
def test_an_empty_body_is_no_answer(body, kind):
    with pytest.raises(AnswerError) as caught:
        read(body, kind)
    assert caught.value.charged != "no"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", STREAM])
@pytest.mark.parametrize(
    "body", ["<!doctype html><p>x</p>", "\n<html><p>x</p></html>", "\ufeff<!DOCTYPE HTML>\n<p>x</p>"]
)
def test_a_web_page_is_called_a_web_page(body, kind):
    with pytest.raises(EndpointError, match="web page"):
        read(body, kind)


@pytest.mark.parametrize("body", ["{", '{"choices":', "out of service", "5", "null", "true", "NaN", b"\xff\xfe\x00"])
def test_what_is_no_object_of_json_is_no_answer(body):
    with pytest.raises(AnswerError):
        read(body)


@pytest.mark.parametrize("deep", ["[" * 20_000, '{"a":' * 20_000, "[" * 500_000 + "]" * 500_000])
@pytest.mark.parametrize("frame", ["{}", '{{"choices":{}}}', "data: {}\n\ndata: [DONE]\n\n"])
def test_deep_nesting_is_no_answer_and_no_crash(deep, frame):
    with pytest.raises(AnswerError):
        read(frame.format(deep), STREAM if frame.startswith("data") else "application/json")


@pytest.mark.parametrize(
    "message",
    [
        "null",
        "{}",
        *(f'{{"content":{value}}}' for value in ("null", "[]", "7", "true", "{}", '[null,7,[],{"type":"text"}]')),
    ],
)
def test_a_message_without_words_is_an_answer_without_pictures(message):
    answer = read(f'{{"choices":[{{"message":{message}}}]}}')
    assert (answer.sources, answer.finish_reason, answer.model) == ((), "", "")


@pytest.mark.parametrize("choices", ['"choices":[],', '"choices":null,', '"choices":[null],', '"choices":[{}],', ""])
def test_an_answer_may_have_no_choices(choices):
    assert read(f'{{{choices}"id":"x","object":"chat.completion","usage":null}}').sources == ()


def test_names_and_numbers_may_have_any_type():
    choice = {"index": "0", "message": {"role": 1, "content": f"![a]({CAT})"}, "finish_reason": 3}
    answer = read(
        json.dumps({"id": 7, "object": None, "created": "now", "model": 5, "usage": [1], "choices": [choice]})
    )
    assert addresses(answer) == [CAT]
    assert (type(answer.model), type(answer.finish_reason), dict(answer.usage)) == (str, str, {})


def test_an_error_may_have_any_code():
    for code in (None, "", 502, 5.2, True, [], {"a": 1}):
        with pytest.raises(EndpointError, match="too busy"):
            read(json.dumps({"error": {"message": "too busy", "code": code, "type": code, "param": code}}))


WHOLE = f"![a]({CAT})\n\n"
TORN = answering(WHOLE + "more").partition("more")[0]
CUTS = {
    "a stream": (event("好的，") + event(WHOLE), STREAM),
    "a stream inside its second picture": (event(WHOLE) + event("![b](https://h.exam"), STREAM),
    "a stream inside an event": (event(WHOLE) + 'data: {"choices":[{"delta":{"con', STREAM),
    "JSON behind the picture": (TORN, "application/json"),
    "JSON inside its second picture": (TORN + "![b](https://h.e", "application/json"),
    "JSON inside its second address": (TORN + "https://h.example/b.pn", "application/json"),
    "escaped JSON": (TORN.replace("/", "\\/"), "application/json"),
    "an address in a field": (f'{{"data":[{{"url":"{CAT}"}},{{"url":"https://h.exa', "application/json"),
    "an address in a message": (answering("", images=[CAT]).partition("]")[0], "application/json"),
}
CUT_EARLY = {
    "words": (event("> 进度 34%\n"), STREAM),
    "an address": (event("![a](https://h.example/cat.p"), STREAM),
    "an address perhaps whole": (event(f"![a]({CAT}"), STREAM),
    "a data URI": (event(f"![a]({data_uri(png())[:-20]}"), STREAM),
    "an address in JSON": (TORN.partition(")")[0], "application/json"),
    "a data URI in JSON": (answering(f"![a]({data_uri(png())}")[:-50], "application/json"),
    "a data URI in a field": (f'{{"data":[{{"b64_json":"{noise(3000)[:-9]}', "application/json"),
}


@pytest.mark.parametrize("error", [broken_connection(), None], ids=["broken", "silent"])
@pytest.mark.parametrize("name", CUTS)
def test_a_whole_picture_is_saved_from_a_cut(name, error):
    body, kind = CUTS[name]
    answer = read(body, kind, broken=error)
    assert (addresses(answer), answer.finish_reason) == ([CAT], "cut")


def test_a_whole_data_uri_is_saved_from_a_cut():
    body = answering(f"![a]({data_uri(png())})\n![b]({data_uri(png(colour='blue'))})")
    answer = read(body[:-90], broken=broken_connection())
    assert [told(source) for source in answer.sources] == ["data:image/png red"]


@pytest.mark.parametrize("name", CUT_EARLY)
def test_a_cut_before_a_whole_picture_is_the_connections_error(name):
    error = broken_connection()
    with pytest.raises(EndpointError) as caught:
        read(*CUT_EARLY[name], broken=error)
    assert caught.value is error


@pytest.mark.parametrize("name", CUT_EARLY)
def test_a_silent_end_before_a_whole_picture_may_have_cost(name):
    with pytest.raises(WenwenError) as caught:
        read(*CUT_EARLY[name])
    assert caught.value.charged == "maybe"


def test_of_a_broken_answer_only_the_beginning_is_searched_which_takes_time(monkeypatch):
    searched, parse = [], stream.parse_partial_json
    monkeypatch.setattr(stream, "parse_partial_json", lambda text: searched.append(len(text)) or parse(text))
    monkeypatch.setattr(stream, "_LONGEST_TORN", 1000)
    assert addresses(read('{"data":[{"url":"' + CAT + '"},' + "[]," * 1000)) == [CAT]
    assert searched == [1000]


@pytest.mark.parametrize("chunk", [None, 7])
def test_bug_a_picture_in_the_event_at_which_the_connection_broke_was_lost(chunk):
    body = event("here: ") + event(f"![x]({data_uri(png())})")
    answer = read(body[: body.rindex(")") + 2], STREAM, chunk=chunk, broken=broken_connection())
    assert [told(source) for source in answer.sources] == ["data:image/png red"]
    assert answer.finish_reason == "cut"
