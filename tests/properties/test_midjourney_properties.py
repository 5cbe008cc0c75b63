"""What holds for every answer of a Midjourney proxy, however it is written, cut or swollen."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.replies import in_pieces, outcome, recorded
from support.scripted import grows_in_proportion, noise, reply_of

from wenwen_magic.formats.midjourney import FORMAT
from wenwen_magic.protocol import Answer, HttpReply
from wenwen_magic.records import ImageRequest, Reference

RECORDED = {name: one.body for name, one in recorded("midjourney").items()}
SUBMITS = sorted(name for name in RECORDED if name.startswith("submit"))
WORKS = sorted(set(RECORDED) - set(SUBMITS))
TAKEN, DONE = RECORDED["submit-text.json"], RECORDED["task-grid.json"]
PRESS = ImageRequest("Cat", task="action", params={"taskId": "1", "customId": "MJ::x"})
REQUESTS = [
    ImageRequest("Cat"),
    PRESS,
    ImageRequest("Cat", task="describe", references=(Reference("", "1"),)),
    ImageRequest("Cat", task="upload", references=(Reference("", "1"),)),
]


def outcome_of(request, *replies):
    """The outcome of a conversation whose job is done after these replies."""
    return outcome("midjourney", *replies, *(reply_of(DONE) for _ in range(3)), request=request)


def is_outcome(outcome):
    return outcome[0].finish_reason == "SUCCESS" if isinstance(outcome[0], Answer) else outcome[1] != ""


def after_submitting(body, request=REQUESTS[0]):
    return outcome_of(request, reply_of(TAKEN), reply_of(body))


@given(st.binary(max_size=300), st.sampled_from(REQUESTS))
def test_any_bytes_give_an_answer_or_an_error_of_ours(body, request):
    assert is_outcome(outcome_of(request, reply_of(body)))
    assert is_outcome(after_submitting(body, request))


NAMES = st.sampled_from(["code", "description", "properties", "result", "status", "progress", "imageUrl", "failReason"])
NAMES |= st.sampled_from(["buttons", "customId", "label", "emoji", "videoUrls", "url", "finalPrompt", "prompt", "id"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
LEAVES |= st.sampled_from(
    [1, 21, 22, "SUCCESS", "FAILURE", "MODAL", "45%", "https://h.example/x.png", "data:image/png"]
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=8) | VALUES


@given(BODIES, st.sampled_from(REQUESTS))
def test_any_json_gives_an_answer_or_an_error_of_ours(body, request):
    assert is_outcome(outcome_of(request, reply_of(json.dumps(body))))
    assert is_outcome(after_submitting(json.dumps(body), request))


@given(st.sampled_from(sorted(RECORDED)), st.integers(0), st.integers(0, 60), st.binary(max_size=4))
def test_a_damaged_reply_gives_an_answer_or_an_error_of_ours(name, place, lost, instead):
    body = RECORDED[name]
    at = place % max(len(body), 1)
    damaged = body[:at] + instead + body[at + lost :]
    assert is_outcome(outcome_of(PRESS, reply_of(damaged)) if name in SUBMITS else after_submitting(damaged))


@given(st.sampled_from(sorted(RECORDED)), st.lists(st.integers(0, 6) | st.integers(0, 3000), max_size=12))
def test_the_network_may_cut_a_reply_anywhere(name, places):
    body = RECORDED[name]
    pieces = HttpReply(200, "application/json", [*in_pieces(body, places), b""])
    if name in SUBMITS:
        assert outcome_of(PRESS, pieces) == outcome_of(PRESS, reply_of(body))
    else:
        assert outcome_of(PRESS, reply_of(TAKEN), pieces) == outcome_of(PRESS, reply_of(TAKEN), reply_of(body))


@given(st.text(max_size=300), st.sampled_from(["landscape", "portrait", "square"]))
def test_a_prompt_gets_one_ratio_at_most_and_stays_itself(prompt, orientation):
    request = ImageRequest(prompt + "x", orientation=orientation)
    sent = FORMAT.prompt_as_sent(request)
    assert sent.startswith(request.prompt)
    assert FORMAT.prompt_as_sent(ImageRequest(sent, orientation=orientation)) == sent


@pytest.mark.parametrize("piece", ["![](", "[", '{"a":', "\\u0041", "wwcut", "data:image/png;base64,"])
def test_a_hostile_answer_takes_time_in_proportion(piece):
    def body(factor):
        words = piece * (30_000 * factor // len(piece))
        return json.dumps({"status": "SUCCESS", "imageUrl": words, "failReason": words, "buttons": [{"label": words}]})

    assert grows_in_proportion(body, after_submitting)
    assert grows_in_proportion(lambda factor: piece * (30_000 * factor // len(piece)), after_submitting)


def test_a_large_picture_inside_an_answer_is_read_in_linear_time():
    def body(factor):
        return json.dumps({"status": "SUCCESS", "imageUrl": f"data:image/png;base64,{noise(3_750_000 * factor)}"})

    assert len(after_submitting(body(1))[0].sources[0].data) == 5_000_000
    assert grows_in_proportion(body, after_submitting)
