"""What holds for every answer of the chat format, however it is written, cut or swollen."""

import itertools
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted import answering, grows_in_proportion, noise, outcome_of, read, read_reply, reply_of, streaming

from wenwen_magic.protocol import Answer, HttpReply

REPLIES = Path(__file__).parents[1] / "replies" / "chat"
RECORDED = {path.name: path.read_bytes() for path in sorted(REPLIES.iterdir()) if path.name[0] in "cs"}
STREAMS = [name for name in RECORDED if name.endswith(".sse")]
CAT = "https://h.example/cat.png"
KINDS = st.sampled_from(["application/json", "text/event-stream", "text/html", "text/plain", ""])
SAMPLES = 150

settings.register_profile("chat", deadline=None, max_examples=SAMPLES)
often = settings(settings.get_profile("chat"))


def read_in_proportion(make, kind="application/json"):
    return grows_in_proportion(make, lambda body: outcome_of(reply_of(body, kind, chunk=65536)))


def cut_at(body, places):
    marks = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in itertools.pairwise(marks)]


def is_outcome(outcome):
    return isinstance(outcome, Answer) or outcome[1] != ""


# --- any body


@often
@given(st.binary(max_size=300), KINDS, st.integers(1, 40))
def test_any_bytes_give_an_answer_or_an_error_of_ours(body, kind, chunk):
    assert is_outcome(outcome_of(reply_of(body, kind, chunk=chunk)))


WORDS = st.sampled_from(
    [
        "choices",
        "message",
        "delta",
        "content",
        "images",
        "image_url",
        "url",
        "data",
        "b64_json",
        "error",
        "type",
        "text",
    ]
) | st.sampled_from(["object", "usage", "model", "finish_reason", "reasoning_content", "output", "image_urls", "image"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
LEAVES |= st.sampled_from([CAT, f"![a]({CAT})", "data:image/png;base64,iVBORw0K", "text", "error", "![", "data:", "/p"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=25
)
SHAPES = st.builds(lambda message: {"choices": [{"message": message, "delta": message}]}, VALUES) | VALUES


@often
@given(st.lists(SHAPES, min_size=1, max_size=4), KINDS)
def test_any_json_gives_an_answer_or_an_error_of_ours(values, kind):
    assert is_outcome(outcome_of(reply_of(json.dumps(values[0]), kind)))
    stream = "".join(f"data: {json.dumps(value)}\n\n" for value in values)
    assert is_outcome(outcome_of(reply_of(stream, kind)))


@often
@given(st.sampled_from(sorted(RECORDED)), st.integers(0), st.integers(0, 60), st.binary(max_size=4))
def test_a_damaged_reply_gives_an_answer_or_an_error_of_ours(name, place, lost, instead):
    body = RECORDED[name]
    at = place % len(body)
    assert is_outcome(outcome_of(reply_of(body[:at] + instead + body[at + lost :])))


# --- pieces


@often
@given(st.sampled_from(sorted(RECORDED)), st.lists(st.integers(0, 6) | st.integers(0, 20_000), max_size=12))
def test_the_network_may_cut_a_reply_anywhere(name, places):
    body = RECORDED[name]
    pieces = HttpReply(200, "text/event-stream", [*cut_at(body, places), b""])
    assert outcome_of(pieces) == outcome_of(reply_of(body, "text/event-stream"))


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


@often
@given(st.lists(st.integers(0, 5000), max_size=40))
def test_the_endpoint_may_cut_its_words_anywhere(places):
    whole, split = read(answering(CONTENT)), read(streaming(*cut_at(CONTENT, places)), "text/event-stream")
    assert (split.sources, split.text) == (whole.sources, whole.text)
    assert [source.address for source in whole.sources] == [f"{CAT}?a=1", "data:image/png"]
    assert whole.text.split() == ["好的，here:", "Done."]


# --- words around a picture

PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="`[]<>\\~"), max_size=60)
GAPS = st.sampled_from(["", " ", "\n", "\n\n", "。", "!"])
ADDRESSES = st.sampled_from([CAT, f"{CAT}?a=1&b=%2F", "https://h.example/x_(1).png", "http://h.example:81/a~b:c,d"])


def flush_left(lines):
    """The lines without indentation, which would make them code."""
    return "\n".join(line.strip() for line in lines)


@often
@given(st.lists(PLAIN, max_size=4), GAPS, ADDRESSES, GAPS, st.lists(PLAIN, max_size=4))
def test_any_words_around_a_picture_leave_it_found(before, gap, address, next_gap, after):
    content = f"{flush_left(before)}{gap}![猫]({address}){next_gap}{flush_left(after)}"
    for answer in (read(answering(content)), read(streaming(content), "text/event-stream")):
        assert address in [source.address for source in answer.sources]
        assert "![" not in answer.text


# --- size and speed

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


@pytest.mark.long
@pytest.mark.parametrize("piece", HARD)
def test_a_hostile_content_takes_time_in_proportion(piece):
    def content(factor):
        return piece * (20_000 * factor // len(piece))

    assert read_in_proportion(lambda factor: answering(content(factor)))
    assert read_in_proportion(lambda factor: answering(f"![a]({CAT})\n\n{content(factor)}"))
    assert read_in_proportion(lambda factor: streaming(content(factor), "\n", content(factor)), "text/event-stream")


@pytest.mark.long
@pytest.mark.parametrize("piece", ["![](", "word ", "> 进度 1%\n"])
def test_many_small_deltas_are_read_in_linear_time(piece):
    assert read_in_proportion(lambda factor: streaming(*[piece] * (4_000 * factor)), "text/event-stream")


@pytest.mark.long
def test_a_line_of_twelve_megabytes_is_read():
    picture = noise(9_000_000)
    answer = read(streaming(f"![a](data:image/png;base64,{picture})"), "text/event-stream", chunk=65536)
    assert answer.sources[0].data.decode() == picture


@pytest.mark.long
def test_a_picture_of_fifty_megabytes_is_read_in_linear_time():
    assert read_in_proportion(
        lambda factor: answering(f"![a](data:image/png;base64,{noise(9_375_000 * factor)})").encode()
    )


def in_small_deltas(content):
    return streaming(*[content[at : at + 3000] for at in range(0, len(content), 3000)])


@pytest.mark.long
@pytest.mark.parametrize(
    ("wrap", "kind"),
    [(answering, "application/json"), (streaming, "text/event-stream"), (in_small_deltas, "text/event-stream")],
)
def test_a_picture_of_fifty_megabytes_needs_three_times_its_size(wrap, kind):
    picture = noise(37_500_000)
    body = wrap(f"Look:\n![a](data:image/png;base64,{picture})").encode()
    size = len(body)
    parts = [body[at : at + 65536] for at in range(0, size, 65536)]
    tracemalloc.start()
    answer = read_reply(HttpReply(200, kind, parts))[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.sources[0].data == picture.encode()
    assert answer.text == "Look:"
    assert peak <= 3 * size
