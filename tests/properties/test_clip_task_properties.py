"""What holds for every answer to a clip's submission and to the questions about its job."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.replies import in_pieces, outcome, recorded, request_in
from support.scripted import grows_in_proportion, noise, reply_of

from wenwen_magic.errors import WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.protocol import Answer, HttpReply
from wenwen_magic.records import CLIP

RECORDED = {name: one.body for name, one in recorded("videos").items()}
TAKEN, DONE = RECORDED["c30.json"], RECORDED["c20-completed.json"]
REQUEST = request_in("videos", task=CLIP)
NAMES = st.sampled_from(["id", "task_id", "data", "status", "state", "task_status", "error", "code", "message", "url"])
NAMES |= st.sampled_from(["video_url", "output", "result", "content", "progress", "fail_reason", "success", "response"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
LEAVES |= st.sampled_from(
    ["completed", "failed", "queued", "task_9", "45%", "/a", "https://h.example/v.mp4", "http://["]
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=8) | VALUES


def outcome_of(*bodies):
    """The outcome of a conversation whose job is done after these answers."""
    return outcome("videos", *map(reply_of, bodies), *(reply_of(DONE) for _ in range(3)), request=REQUEST)


def is_outcome(outcome):
    return bool(outcome[0].videos) if isinstance(outcome[0], Answer) else outcome[1] != ""


@given(st.binary(max_size=300))
def test_any_bytes_give_a_clip_or_an_error_of_ours(body):
    assert is_outcome(outcome_of(body))
    assert is_outcome(outcome_of(TAKEN, body))


@given(BODIES)
def test_any_json_gives_a_clip_or_an_error_of_ours(body):
    assert is_outcome(outcome_of(json.dumps(body)))
    assert is_outcome(outcome_of(TAKEN, json.dumps(body)))


@given(st.sampled_from(sorted(RECORDED)), st.integers(0), st.integers(0, 60), st.binary(max_size=4))
def test_a_damaged_reply_gives_a_clip_or_an_error_of_ours(name, place, lost, instead):
    body = RECORDED[name]
    at = place % max(len(body), 1)
    damaged = body[:at] + instead + body[at + lost :]
    assert is_outcome(outcome_of(damaged))
    assert is_outcome(outcome_of(TAKEN, damaged))


@given(st.sampled_from(sorted(RECORDED)), st.lists(st.integers(0, 6) | st.integers(0, 3000), max_size=12))
def test_the_network_may_cut_a_reply_anywhere(name, places):
    pieces = HttpReply(200, "application/json", [*in_pieces(RECORDED[name], places), b""])
    assert outcome("videos", pieces, *map(reply_of, [DONE] * 3), request=REQUEST) == outcome_of(RECORDED[name])


@given(st.lists(BODIES, max_size=6))
def test_whatever_is_answered_nothing_is_submitted_twice(bodies):
    calls, replies = [], [TAKEN, *map(json.dumps, bodies), DONE]
    talk, answer = FORMATS["videos"].talk(REQUEST), None
    try:
        while True:
            step = talk.send(answer)
            is_call = hasattr(step, "method")
            calls += [step.method] if is_call else []
            answer = reply_of(replies[min(len(calls), len(replies)) - 1]) if is_call else None
    except (StopIteration, WenwenError):
        assert calls.count("POST") == 1


@pytest.mark.parametrize(
    "body",
    [
        lambda size: json.dumps({"id": "video_1", "status": "x" * size}),
        lambda size: json.dumps({"id": "video_1", "data": [{}] * (size // 4)}),
        lambda size: json.dumps({"id": "video_1", "error": {"message": noise(size)}}),
        lambda size: json.dumps({"data": {"videos": [{"url": f"https://h/{n}"} for n in range(size // 20)]}}),
        lambda size: '{"id": "video_1", "status": "_' + "not_" * (size // 4) + '"}',
        lambda size: '{"data":' * (size // 8),
    ],
)
def test_a_swollen_answer_takes_time_in_proportion(body):
    assert grows_in_proportion(lambda factor: body(50_000 * factor), lambda made: outcome_of(TAKEN, made), 16)
