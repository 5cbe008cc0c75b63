"""A reply whose writing was broken off with its process: what holds a picture is used, and nothing else is believed."""

import json

import pytest
from support.scripted import answering, data_uri, png
from support.shells import records

from wenwen_magic import Client
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import NoImageError, NotInHistory, UnansweredRequest

HEAD = b'{"status": 200, "content_type": "application/json", "demo": false}\n'
WHOLE = answering(f"![x]({data_uri(png())}) and words").encode()
EVENTS = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": f"![x]({data_uri(png())})"}}]}).encode()
ANSWERS = {
    "whole": HEAD + WHOLE,
    "torn behind the picture": HEAD + WHOLE[: WHOLE.index(b"and words")],
    "a stream torn behind the picture": HEAD.replace(b"application/json", b"text/event-stream") + EVENTS + b"\n\n",
}
NO_ANSWERS = {
    "empty": b"",
    "a torn head": HEAD[:20],
    "a head": HEAD,
    "torn before the picture": HEAD + WHOLE[:60],
    "torn within the picture's address": HEAD + WHOLE.replace(b"data:image", b"https://h/a")[:110],
    "words torn": HEAD + answering("I cannot draw that, and I say why.").encode()[:90],
}


def client():
    return Client(session=Session())


@pytest.fixture
def left(relay, here):
    """Leave a record as a process leaves it that is killed while it reads the answer."""

    def leave(part):
        drawer = client()
        record = drawer.history.begin(drawer.request("fox"), prompt_sent="fox", endpoint=drawer.saved_takes.origin)
        drawer.history.path(record, ".reply.part").write_bytes(part)
        return record

    return leave


@pytest.mark.parametrize("part", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_lies_in_a_part_is_never_asked_for_again(part, left, relay):
    record = left(part)
    row = client().generate("fox")
    assert (row.id, row.from_history, row.state) == (record.id, True, "complete")
    assert relay.posts == []


def test_a_refusal_that_lies_in_a_part_is_an_answer_too(left, relay):
    record = left(HEAD + answering("I cannot draw that.").encode())
    for _ in range(2):
        with pytest.raises(NoImageError) as caught:
            client().generate("fox")
        assert (caught.value.charged, caught.value.record) == ("yes", record.id)
    assert relay.posts == []


@pytest.mark.parametrize("part", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_a_part_without_a_picture_leaves_the_record_unanswered(part, left, relay):
    record = left(part)
    with pytest.raises(UnansweredRequest):
        client().generate("fox")
    with pytest.raises(NotInHistory):
        client().fetch(record.id)
    with pytest.raises(UnansweredRequest):
        client().generate("fox")
    assert ([one["state"] for one in records()], relay.posts) == (["sent"], [])


def test_a_reply_that_is_just_arriving_is_nobody_elses(left, relay):
    record, drawer = left(ANSWERS["whole"]), client()
    with drawer._engine.claims.held(f"{record.request.fingerprint}.{record.id}", record.id):
        assert drawer.saved_takes.found(record.request).saved == []
    assert [one.id for one in drawer.saved_takes.found(record.request).saved] == [record.id]
