"""Streams and JSON of the chat format may be written in many ways; progress is reported on the way."""

import json

import pytest
from support.replies import STREAM, recorded, request_in
from support.scripted import (
    addresses,
    answering,
    data_uri,
    noise,
    png,
    progress_of,
    read,
    streaming,
)

from wenwen_magic.errors import EndpointError
from wenwen_magic.formats.parse.answer import AnswerParser
from wenwen_magic.formats.parse.json_text import Payloads

CAT = "https://h.example/cat.png"


_GONE = {"error": {"message": "The model was removed", "code": "model_not_found"}}
_PARTIAL = {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": data_uri(png())[22:]}


@pytest.mark.parametrize("end", ["", "data: [DONE]\n\n"])
@pytest.mark.parametrize(
    ("before", "charged"),
    [
        ([], "no"),
        ([{"choices": [{"delta": {"role": "assistant", "content": ""}}]}], "no"),
        ([{"choices": [{"delta": {"content": "Here it"}}]}], "maybe"),
        ([{"choices": [{"delta": {"reasoning_content": "A cat."}}]}], "maybe"),
        ([_PARTIAL], "maybe"),
        ([{"choices": [{"delta": {"content": f"![a]({CAT[:-2]}"}}]}], "maybe"),
    ],
    ids=["nothing", "no words", "words", "thoughts", "a draft", "half an address"],
)
def test_bug_a_stream_that_ended_in_an_error_after_part_of_its_answer_was_called_free(before, charged, end):
    body = "".join(f"data: {json.dumps(value)}\n\n" for value in [*before, _GONE]) + end
    with pytest.raises(EndpointError) as caught:
        read(body, STREAM)
    assert caught.value.charged == charged


PLAIN = streaming("好的，", f"![猫]({CAT})")


@pytest.mark.parametrize(
    "body",
    [
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        ": hello\n\n" + PLAIN.replace("\n\n", "\n\n: PING\n\n"),
        PLAIN.replace("data: ", "data:"),
        "retry: 3000\n\n" + PLAIN.replace("data: ", "event: message\nid: 7\ndata: "),
        PLAIN.rstrip("\n"),
        PLAIN.removesuffix("data: [DONE]\n\n").rstrip("\n"),
        PLAIN + "data: [DONE]\n\n",
        PLAIN.replace("\n\n", "\n"),
        "\n\n\n" + PLAIN,
        PLAIN + "data: \n\n: bye",
        PLAIN.replace('{"choices', '{"id": "a\tb", "choices'),
        PLAIN.replace('{"choices', '{"id": "a", "choices').encode().replace(b'"a"', b'"\xe5\x9b"'),
    ],
    ids=[
        "CRLF",
        "BOM",
        "comments",
        "no space",
        "fields",
        "no newline",
        "no DONE",
        "DONE twice",
        "dense",
        "loose",
        "more",
        "a tab",
        "half a character",
    ],
)
def test_a_stream_may_be_written_in_many_ways(body):
    answer = read(body, STREAM)
    assert (addresses(answer), answer.text, answer.finish_reason) == ([CAT], "好的，", "stop")
    assert read(body, STREAM, chunk=3) == answer
    assert read(body, "text/event-stream; charset=iso-8859-1") == answer
    assert read(body, "application/json") == answer


def piece(delta=None, choice=None, **body):
    return {"choices": [{"index": 0, "delta": {"content": "好 ", **(delta or {})}, **(choice or {})}], **body}


@pytest.mark.parametrize(
    "event",
    [
        piece(),
        piece({"content": ""}),
        piece({"content": None}),
        piece({"role": "assistant", "refusal": None, "tool_calls": []}, {"finish_reason": None, "logprobs": None}),
        piece(model="gpt-4o-image", usage={"total_tokens": 7}, object="chat.completion.chunk", created=1),
        piece(model=None, usage=None),
        piece(model=7, usage=[7]),
        piece(choice={"index": 1}),
        piece(choice={"index": None}),
        piece(choice={"index": "0"}),
        piece(choice={"finish_reason": "content_filter"}),
        piece({"role": "user"}),
        piece({"role": ["assistant"]}),
        piece({"refusal": "no"}),
        piece({"reasoning_content": "well"}),
        piece({"images": [{"image_url": {"url": CAT}}]}),
        piece({"content": f"![x]({CAT})"}),
        piece({"content": [{"type": "text", "text": "好"}]}),
        piece(choice={"message": {"content": f"![x]({CAT})"}}),
        piece(data=[{"url": CAT}]),
        piece(error={"message": "no"}),
        piece(object="error"),
        piece(type="error"),
        {"choices": []},
        {"choices": [piece()["choices"][0], piece({}, {"index": 1})["choices"][0]]},
        {"choices": {"0": piece()["choices"][0]}},
        {"choices": ["好"], "usage": {"total_tokens": 7}},
    ],
    ids=str,
)
def test_an_event_of_words_alone_is_read_as_any_other_is(event, monkeypatch):
    def read_all():
        payloads = Payloads()
        parser = AnswerParser(request_in("chat"), payloads)
        for body in (piece(), event, piece()):
            list(parser.add(body))
        return parser.answer(), parser.error, parser.seen, parser.ended

    quickly = read_all()
    monkeypatch.setattr("wenwen_magic.formats.parse.answer.piece_in", lambda _: None)
    assert quickly == read_all()


@pytest.mark.parametrize("body", ["  \n\n \r\n\t{}", "\ufeff{}", "\ufeff \n{}", "{}\n\n  "])
@pytest.mark.parametrize("kind", ["application/json", "text/html", "text/plain; charset=gbk", "", STREAM])
def test_json_is_read_behind_white_space_and_under_any_name(body, kind):
    assert addresses(read(body.replace("{}", answering(f"![a]({CAT})")), kind, chunk=2)) == [CAT]


@pytest.mark.parametrize("strange", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_no_strange_line_end_cuts_a_string(strange):
    content = f"one{strange}two\n\n![猫]({CAT})"
    for body, kind in [(streaming(content), STREAM), (answering(content), "application/json")]:
        raw = body.replace(json.dumps(strange)[1:-1], strange)
        answer = read(raw if strange >= "\x80" else body, kind, chunk=5)
        assert addresses(answer) == [CAT]
        assert "one" in answer.text
        assert "two" in answer.text


def test_a_data_uri_may_be_split_over_many_deltas():
    picture = noise(60_000)
    content = f"Here:\n![a](data:image/png;base64,{picture})\nDone."
    answer = read(streaming(*(content[at : at + 97] for at in range(0, len(content), 97))), STREAM, chunk=1000)
    assert [(source.address, source.data.decode()) for source in answer.sources] == [("data:image/png", picture)]
    assert answer.text.split() == ["Here:", "Done."]


@pytest.mark.parametrize("escape", ["\\/", "\\u002f", "\\u002F"])
def test_escapes_of_json_do_not_reach_addresses_or_pictures(escape):
    picture = noise(30_000)
    content = f"![a](https://h.example/a/b.png?x=1&y=2)\n![b](data:image/png;base64,{picture})"
    for body, kind in [(answering(content), "application/json"), (streaming(content), STREAM)]:
        escaped = body.replace("/", escape).replace("+", "\\u002B").replace("=", "\\u003d").replace("&", "\\u0026")
        first, second = read(escaped, kind, chunk=4096).sources
        assert first.address == "https://h.example/a/b.png?x=1&y=2"
        assert (second.address, second.data.decode()) == ("data:image/png", picture)


@pytest.mark.parametrize("brk", ["\n", "\r\n", " "])
@pytest.mark.parametrize("width", [76, 2000])
def test_a_picture_may_be_broken_into_lines(brk, width):
    picture = noise(9000)
    lines = brk.join(picture[at : at + width] for at in range(0, len(picture), width))
    (source,) = read(answering(f"![a](data:image/png;base64,{lines})")).sources
    assert b"".join(source.data.split()).decode() == picture


@pytest.mark.parametrize("escape", ["\\u002b", "\\u002B", "+"])
def test_an_escape_may_stand_before_a_long_run(escape):
    picture = "iVBO+" + "A" * 3003
    body = answering(f"![a](data:image/png;base64,{picture})\n").replace("+", escape)
    assert read(body).sources[0].data.decode() == picture


def test_a_long_word_may_follow_a_line_end():
    answer = read(answering("one\n" + "a" * 3000 + f"\n![a]({CAT})"))
    assert addresses(answer) == [CAT]
    assert answer.text.startswith("one")


def test_a_picture_is_found_behind_very_many_words():
    assert addresses(read(answering("Once upon a time. " * 10_000 + f"\n\n![a]({CAT})"))) == [CAT]


def test_progress_is_told_once_a_line_and_with_its_number():
    body = recorded("chat")["s01.sse"].body
    assert [step.percent for step in progress_of(body, STREAM)] == [None, 34]
    assert "排队中" in progress_of(body, STREAM, chunk=1)[0].text
    split = streaming("> 进", "度 **3", "4", "%", "**\n\n", f"![a]({CAT})")
    assert [step.percent for step in progress_of(split, STREAM)] == [34]
    one_line = streaming("> 进度 ", "17....", "45..", "78", "..", f"[100]({CAT}?video)\n\n", f"![a]({CAT})\n\nA cat.")
    assert [step.percent for step in progress_of(one_line, STREAM)] == [17, 45, 78]
    assert read(one_line, STREAM).text == "A cat."
    assert "https://h.example/9f" in read(answering("> 进度 17....[100](https://h.example/9f)")).text


@pytest.mark.parametrize(
    ("line", "percent"),
    [
        ("> 进度 **2%**", 2),
        ("> 进度 14%", 14),
        (">🏃 进度 76..", 76),
        ("🏃 Progress: 41.2", 41.2),
        ("> 排队中......", None),
        ("> 🎨 生成中...", None),
        ("> Generating", None),
    ],
)
def test_progress_is_known_in_its_many_words(line, percent):
    body = streaming(f"{line}\n\n", f"![a]({CAT})\n\nA cat.")
    assert [step.percent for step in progress_of(body, STREAM)] == [percent]
    assert read(body, STREAM).text == "A cat."


def test_a_picture_tells_no_progress():
    body = streaming(f"![progress 14%]({CAT})\n\n![进度]({data_uri(png())})\n")
    assert progress_of(body, STREAM) == []


def test_a_whole_answer_behind_a_comment_is_read_once():
    answer = read(": PING\n\n" + answering("Two cats."), "text/event-stream")
    assert answer.text == "Two cats."


def test_the_lines_of_a_torn_object_behind_keep_alive_comments_are_no_words():
    torn = ["{", f' "data": [{{"url": "{CAT}"}}],', ' "tags": [', ' "input: a photo of a cat"', " ],", ' "usage": {']
    body = "\n".join([": k", "", *torn])
    answer = read(body, STREAM)
    assert (addresses(answer), answer.text) == ([CAT], "")
