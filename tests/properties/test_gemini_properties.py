"""What holds for every answer of the gemini format, however it is written, cut or swollen."""

import itertools
import json
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted import grows_in_proportion, noise, outcome_of, read_reply, reply_of

from wenwen_magic.formats.gemini import FORMAT
from wenwen_magic.protocol import Answer, HttpReply
from wenwen_magic.records import ImageRequest

REPLIES = Path(__file__).parents[1] / "replies" / "gemini"
RECORDED = {path.name: path.read_bytes() for path in sorted(REPLIES.iterdir()) if path.name != "expected.json"}
KINDS = st.sampled_from(["application/json", "text/event-stream", "text/html", ""])
often = settings(deadline=None, max_examples=150)


def outcome(body, kind="application/json", chunk=None):
    return outcome_of(reply_of(body, kind, chunk=chunk), FORMAT)


def is_outcome(found):
    return isinstance(found, Answer) or found[1] != ""


def answering(*parts):
    return json.dumps({"candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP"}]})


def inline(data):
    return {"inlineData": {"mimeType": "image/png", "data": data}}


def streaming(*parts):
    return "".join(f"data: {answering(part)}\r\n\r\n" for part in parts)


def as_array(*parts):
    return f"[{','.join(answering(part) for part in parts)}]"


def cut_at(body, places):
    marks = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in itertools.pairwise(marks)]


@often
@given(st.binary(max_size=300), KINDS, st.integers(1, 40))
def test_any_bytes_give_an_answer_or_an_error_of_ours(body, kind, chunk):
    assert is_outcome(outcome(body, kind, chunk))


WORDS = st.sampled_from(
    [
        *("candidates", "content", "parts", "text", "thought", "inlineData", "inline_data", "mimeType", "data", "url"),
        *("fileData", "fileUri", "finishReason", "finishMessage", "promptFeedback", "blockReason", "error", "index"),
        *("usageMetadata", "modelVersion", "images", "choices"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
LEAVES |= st.sampled_from(
    ["https://h.example/a.png", "iVBORw0K", "image/png", "STOP", "data:image/png;base64,iVBO", "SAFETY"]
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=25
)
PARTS = st.lists(st.dictionaries(WORDS, VALUES, max_size=4) | VALUES, max_size=4)
SHAPES = (
    st.builds(lambda parts, more: {"candidates": [{"content": {"parts": parts}}], **more}, PARTS, st.just({})) | VALUES
)


@often
@given(st.lists(SHAPES, min_size=1, max_size=4), KINDS)
def test_any_json_gives_an_answer_or_an_error_of_ours(values, kind):
    assert is_outcome(outcome(json.dumps(values[0]), kind))
    assert is_outcome(outcome(json.dumps(values), kind))
    assert is_outcome(outcome("".join(f"data: {json.dumps(value)}\n\n" for value in values), kind))


@often
@given(st.sampled_from(sorted(RECORDED)), st.integers(0), st.integers(0, 60), st.binary(max_size=4))
def test_a_damaged_reply_gives_an_answer_or_an_error_of_ours(name, place, lost, instead):
    body = RECORDED[name]
    at = place % len(body)
    assert is_outcome(outcome(body[:at] + instead + body[at + lost :]))


@often
@given(st.sampled_from(sorted(RECORDED)), st.lists(st.integers(0, 6) | st.integers(0, 20_000), max_size=12))
def test_the_network_may_cut_a_reply_anywhere(name, places):
    body = RECORDED[name]
    pieces = HttpReply(200, "text/event-stream", [*cut_at(body, places), b""])
    assert outcome_of(pieces, FORMAT) == outcome(body, "text/event-stream")


@often
@given(st.sampled_from([name for name in sorted(RECORDED) if name.startswith("g0")]), st.integers(0))
def test_a_reply_may_break_off_anywhere_and_gives_no_half_picture(name, place):
    body = RECORDED[name]
    torn = outcome(body[: place % len(body)])
    for source in torn.sources if isinstance(torn, Answer) else ():
        # A picture of a thought may be taken for one of the answer: what says that it is none stands behind it.
        assert re.search(re.escape(source.data or source.address.encode()) + rb"[^\w/+=.-]", body)


@often
@given(st.lists(st.integers(0, 5000), max_size=40))
def test_the_model_may_cut_its_words_anywhere(places):
    words = f"Here:\n\n![a](data:image/png;base64,{noise(2400)})\n\nDone."
    pieces = [{"text": piece} for piece in cut_at(words, places)]
    found = [read_reply(reply_of(make(*pieces)), ImageRequest("a cat"), FORMAT)[1] for make in (streaming, as_array)]
    for answer in found:
        assert answer.sources[0].data.decode() == noise(2400)
        assert answer.text.split() == ["Here:", "Done."]


@pytest.mark.long
@pytest.mark.parametrize("make", [answering, streaming, as_array])
def test_a_picture_of_twenty_megabytes_is_read_whole_in_linear_time(make):
    picture = noise(15_000_000)
    assert outcome(make(inline(picture)), chunk=65536).sources[0].data == picture.encode()
    assert grows_in_proportion(
        lambda factor: make({"text": "Look:"}, inline(noise(3_000_000 * factor))).encode(),
        lambda body: outcome(body, chunk=65536),
    )


@pytest.mark.long
def test_a_torn_picture_of_twenty_megabytes_is_given_up_in_linear_time():
    body = answering({"text": "Look:"}, inline(noise(15_000_000)))
    assert outcome(body[:-20]).sources[0].data.decode() == noise(15_000_000)
    assert outcome(body[:-60])[0].__name__ == "AnswerError"


@pytest.mark.long
def test_a_picture_of_twenty_megabytes_needs_three_times_its_size():
    body = answering(inline(noise(15_000_000))).encode()
    parts = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    tracemalloc.start()
    answer = outcome_of(HttpReply(200, "application/json", parts), FORMAT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(answer.sources[0].data) == 20_000_000
    assert peak <= 3 * len(body)


@pytest.mark.long
@pytest.mark.parametrize(
    "part", [{"text": "word "}, {"text": "![](", "thought": True}, inline("iVBORw0K"), {}, {"url": "/a"}]
)
def test_many_parts_are_read_in_linear_time(part):
    assert grows_in_proportion(lambda factor: answering(*[part] * (1_000 * factor)), outcome)
    assert grows_in_proportion(lambda factor: streaming(*[part] * (1_000 * factor)), outcome)
