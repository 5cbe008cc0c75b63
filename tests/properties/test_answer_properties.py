"""What holds for every answer that the one parser reads, however it is written, cut or swollen, whatever was asked."""

import json
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import mutations
from support.replies import READERS, STREAM, in_pieces, outcome, recorded
from support.scripted import answering, grows_in_proportion, noise, read, reply_of, streaming

from wenwen_magic.protocol import Answer, HttpReply

RECORDED = [one for wire in READERS for one in recorded(wire).values()]
ONE, WIRE = st.sampled_from(RECORDED), st.sampled_from(READERS)
CAT = "https://h.example/cat.png"
KINDS = st.sampled_from(["application/json", STREAM, "text/html", "text/plain", ""])


def is_outcome(found):
    return isinstance(found[0], Answer) or found[1] != ""


def answer_to(body, kind="application/json", wire="chat"):
    found = outcome(wire, reply_of(body, kind, chunk=65536))
    assert isinstance(found[0], Answer), found
    return found[0]


def in_proportion(make, kind="application/json", wire="chat"):
    return grows_in_proportion(make, lambda body: outcome(wire, reply_of(body, kind, chunk=65536)), 16)


# -- any body


@given(st.binary(max_size=300), KINDS, st.integers(1, 40), WIRE)
def test_any_bytes_give_an_answer_or_an_error_of_ours(body, kind, chunk, wire):
    assert is_outcome(outcome(wire, reply_of(body, kind, chunk=chunk)))


NAMES = st.sampled_from(mutations.NAMES)
LEAVES = st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(mutations.LEAVES)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=25
)
SHAPES = VALUES | st.builds(lambda message: {"choices": [{"message": message, "delta": message}]}, VALUES)
SHAPES |= st.builds(lambda parts: {"candidates": [{"content": {"parts": parts}}]}, st.lists(VALUES, max_size=4))


@given(st.lists(SHAPES, min_size=1, max_size=4), KINDS, WIRE)
def test_any_json_gives_an_answer_or_an_error_of_ours(values, kind, wire):
    assert is_outcome(outcome(wire, reply_of(json.dumps(values[0]), kind)))
    assert is_outcome(outcome(wire, reply_of(json.dumps(values), kind)))
    stream = "".join(f"data: {json.dumps(value)}\n\n" for value in values)
    assert is_outcome(outcome(wire, reply_of(stream, kind)))


# -- pieces


@given(ONE, st.lists(st.integers(0, 6) | st.integers(0, 20_000), max_size=12))
def test_the_network_may_cut_a_reply_anywhere(one, places):
    pieces = HttpReply(200, STREAM, [*in_pieces(one.body, places), b""])
    assert outcome(one.format, pieces) == outcome(one.format, reply_of(one.body, STREAM))


@given(st.sampled_from([one for one in RECORDED if one.format == "gemini" and one.name[:2] == "g0"]), st.integers(0))
def test_a_reply_may_break_off_anywhere_and_gives_no_half_picture(one, place):
    body = one.body
    torn = outcome("gemini", reply_of(body[: place % len(body)]))
    for source in torn[0].sources if isinstance(torn[0], Answer) else ():
        # A picture of a thought may be taken for one of the answer: what says that it is none comes behind it.
        assert re.search(re.escape(source.data or source.address.encode()) + rb"[^\w/+=.-]", body)


CONTENT = "\n\n".join(
    [
        "> 排队中.",
        "> 进度 **34%**",
        "好的，here:",
        f"![猫]({CAT}?a=1)",
        f"![a](data:image/png;base64,{noise(2400)})",
        "Done.",
    ]
)


@given(st.lists(st.integers(0, 5000), max_size=40))
def test_the_endpoint_may_cut_its_words_anywhere(places):
    whole, pieces = read(answering(CONTENT)), in_pieces(CONTENT, places)
    parts = [candidate({"text": piece}) for piece in pieces]
    for body in (streaming(*pieces), events(*parts), f"[{','.join(parts)}]"):
        split = answer_to(body, STREAM)
        assert (split.sources, split.text) == (whole.sources, whole.text)
    assert [source.address for source in whole.sources] == [f"{CAT}?a=1", "data:image/png"]
    assert whole.text.split() == ["好的，here:", "Done."]


# -- words around a picture

PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="`[]<>\\~"), max_size=60)
GAPS = st.sampled_from(["", " ", "\n", "\n\n", "。", "!"])
ADDRESSES = st.sampled_from([CAT, f"{CAT}?a=1&b=%2F", "https://h.example/x_(1).png", "http://h.example:81/a~b:c,d"])


def flush_left(lines):
    """The lines without indentation, which would make them code."""
    return "\n".join(line.strip() for line in lines)


@given(st.lists(PLAIN, max_size=4), GAPS, ADDRESSES, GAPS, st.lists(PLAIN, max_size=4))
def test_any_words_around_a_picture_leave_it_found(before, gap, address, next_gap, after):
    content = f"{flush_left(before)}{gap}![猫]({address}){next_gap}{flush_left(after)}"
    for answer in (read(answering(content)), read(streaming(content), "text/event-stream")):
        assert address in [source.address for source in answer.sources]
        assert "![" not in answer.text


# -- size and speed

HARD = [
    "![](",
    "[",
    "<",
    "`",
    "> ",
    "![a](https://h.example/x.png",
    "(",
    "[![",
    '<img src="',
    "data:image/png;base64,",
    "` ``",
]
HARD += [
    "```\n",
    "- ",
    "*a_",
    "&#",
    "![a](((",
    "\\",
    "https://h.example/",
    "> 进度 ",
    "[a]: x\n",
    "![a](<",
    "<img ",
    "](",
]


@pytest.mark.parametrize("piece", HARD)
def test_a_hostile_content_takes_time_in_proportion(piece):
    def content(factor):
        return piece * (1_000 * factor // len(piece))

    assert in_proportion(lambda factor: answering(f"![a]({CAT})\n\n{content(factor)}"))
    assert in_proportion(lambda factor: streaming(content(factor), "\n", content(factor)), "text/event-stream")


@pytest.mark.parametrize("piece", ["![](", "word ", "> 进度 1%\n"])
def test_many_small_deltas_are_read_in_linear_time(piece):
    assert in_proportion(lambda factor: streaming(*[piece] * (250 * factor)), "text/event-stream")


def in_small_deltas(content):
    return streaming(*[content[at : at + 3000] for at in range(0, len(content), 3000)])


def candidate(*parts):
    return json.dumps({"candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP"}]})


def events(*bodies):
    return "".join(f"data: {body}\r\n\r\n" for body in bodies)


def inline(data):
    return {"inlineData": {"mimeType": "image/png", "data": data}}


def completed(data):
    return json.dumps({"type": "image_generation.completed", "b64_json": data})


@pytest.mark.parametrize(
    "part", [{"text": "word "}, {"text": "![](", "thought": True}, inline("iVBORw0K"), {}, {"url": "/a"}]
)
def test_many_parts_are_read_in_linear_time(part):
    assert in_proportion(lambda factor: candidate(*[part] * (64 * factor)))
    assert in_proportion(lambda factor: events(*[candidate(part)] * (64 * factor)), STREAM)


WRAPS = {
    "Markdown": lambda data: answering(f"Look:\n![a](data:image/png;base64,{data})"),
    "stream": lambda data: streaming(f"Look:\n![a](data:image/png;base64,{data})"),
    "small deltas": lambda data: in_small_deltas(f"Look:\n![a](data:image/png;base64,{data})"),
    "part": lambda data: candidate({"text": "Look:"}, inline(data)),
    "event": lambda data: events(completed(data)),
    "list": lambda data: json.dumps({"data": [{"b64_json": data}]}),
}
"""The ways in which a picture may be in an answer itself."""


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_large_picture_needs_three_times_its_size_and_linear_time(wrap):
    picture = noise(3_000_000)
    body = WRAPS[wrap](picture).encode()
    parts = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    size = len(body)
    del body
    tracemalloc.start()
    answer = outcome("chat", HttpReply(200, "", parts))[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.sources[0].data == picture.encode()
    assert answer.text in {"Look:", ""}
    assert peak <= 3 * size
    assert in_proportion(lambda factor: WRAPS[wrap](noise(400_000 * factor)).encode())


def test_a_large_picture_that_is_torn_is_given_up():
    body = candidate({"text": "Look:"}, inline(noise(3_000_000)))
    assert answer_to(body[:-20]).sources[0].data.decode() == noise(3_000_000)
    assert outcome("gemini", reply_of(body[:-60]))[0].__name__ == "AnswerError"


@pytest.mark.parametrize("wrap", ['{"data":[%s]}', '{"data":%s}', "[%s]", '{"output":[{"result":%s}]}'])
def test_deep_nests_are_no_harm(wrap):
    nested = '{"data":[' * 300 + '{"url":"https://h.example/x.png"}' + "]}" * 300
    assert is_outcome(outcome("images", reply_of(wrap % nested)))
