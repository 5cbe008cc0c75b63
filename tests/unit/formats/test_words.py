"""Where words are wanted, an answer's words come whole and without thoughts, whatever pictures or JSON they hold."""

import json

import pytest
from support.replies import FOLDER, lead, recorded, request_in
from support.scripted import answering, event, reply_of, streaming

from wenwen_magic.engine.generate import run_protocol
from wenwen_magic.engine.outcomes import no_image
from wenwen_magic.errors import AnswerError, EndpointError
from wenwen_magic.formats import FORMATS
from wenwen_magic.records import ASK, ASK_JSON, DESCRIBE, QUESTIONS, Generation, Reference
from wenwen_magic.text.json_values import value_in

REPLIES = list(recorded("words").values())
SAID = [one for one in REPLIES if "text" in one.row]
SILENT = [one for one in REPLIES if "error" in one.row]
RAISED = [one for one in REPLIES if "raises" in one.row]
TALKERS = [name for name, wire in FORMATS.items() if ASK in wire.tasks]
PICTURE = Reference("data:image/png;base64,iVBORw0KGgo=", "1")


def answered(reply, wire="chat", task=ASK):
    return lead(FORMATS[wire].talk(request_in(wire, task=task)), reply)


def asked(wire, **more):
    return next(FORMATS[wire].talk(request_in(wire, **more)))


def test_every_recorded_reply_has_its_expectation():
    named = {path.name for path in (FOLDER / "words").iterdir()} - {"expected.json"}
    assert named == set(recorded("words"))
    assert TALKERS == ["chat", "gemini"]


@pytest.mark.parametrize("wire", TALKERS)
@pytest.mark.parametrize("one", SAID, ids=str)
def test_a_recorded_reply_gives_its_words_whichever_format_asked(one, wire):
    answer = answered(one.reply(), wire).result
    assert (answer.text, answer.finish_reason, answer.sources, answer.videos) == (
        one.row["text"],
        one.row["finish"],
        (),
        (),
    )


@pytest.mark.parametrize("one", [one for one in SAID if "value" in one.row], ids=str)
def test_a_recorded_reply_gives_its_json(one):
    assert value_in(answered(one.reply()).result.text) == (one.row["value"], one.row.get("whole", True))


@pytest.mark.parametrize("one", [one for one in SAID if "unread" in one.row], ids=str)
def test_json_that_cannot_be_read_is_told_with_the_answer_and_its_cost(one):
    answer = answered(one.reply()).result
    kept = Generation("ab12cd34", request_in("chat", task=ASK_JSON), "", "complete", "", "yes", text=answer.text)
    with pytest.raises(AnswerError) as caught:
        _ = kept.value
    error = caught.value
    assert one.row["unread"] in error.what
    assert (error.text, error.charged, error.record) == (answer.text, "yes", "ab12cd34")
    assert "%wenwen show ab12cd" in error.do


@pytest.mark.parametrize("wire", TALKERS)
@pytest.mark.parametrize("one", RAISED, ids=str)
def test_a_failure_behind_the_first_words_is_an_error_that_may_have_cost(one, wire):
    with pytest.raises(EndpointError, match=one.row["raises"]) as caught:
        answered(one.reply(), wire)
    assert caught.value.charged == "maybe"


@pytest.mark.parametrize("one", SILENT, ids=str)
def test_an_answer_without_words_says_why(one):
    answer = answered(one.reply()).result
    assert answer.text == ""
    error = no_image(answer, words=True)
    assert type(error).__name__ == one.row["error"]
    assert [word for word in one.row["words"] if word not in str(error)] == []


@pytest.mark.parametrize("task", [DESCRIBE, *QUESTIONS])
def test_a_picture_of_bytes_among_words_is_left_out_and_the_words_stay(task):
    body = answering("A fox: ![x](data:image/png;base64," + "A" * 4000 + ") in snow.")
    said = answered(reply_of(body), task=task).result.text
    assert said.startswith("A fox:")
    assert said.endswith("in snow.")
    assert "AAAA" not in said


def test_a_stream_that_breaks_off_is_an_error_that_may_have_cost():
    with pytest.raises(EndpointError) as caught:
        answered(reply_of(event('["fox", ') + event('"owl"'), "text/event-stream"))
    assert caught.value.charged == "maybe"


# -- words on their way ------------------------------------------------------------------------------------------------


def grown(body):
    return [step.said for step in answered(reply_of(body, "text/event-stream")).told if step.said]


def test_words_are_told_as_they_grow():
    told = grown(streaming("Ink is made ", "of soot, ", "glue ", "and much patience."))
    assert told == ["Ink is made", "Ink is made of soot,", "Ink is made of soot, glue and much patience."]


def test_thoughts_are_not_told():
    told = grown(streaming("<think>The user asks about ink.", " What is it?</think>", "Ink is soot, and glue."))
    assert told == ["Ink is soot, and glue."]


def test_what_is_told_of_a_long_answer_stays_in_proportion_to_it():
    words = ["word "] * 4000
    told = grown(streaming(*words))
    assert len(told) > 50
    assert sum(map(len, told)) < 25 * len("".join(words))


def test_words_on_their_way_hold_no_key():
    from wenwen_magic.endpoint.api_key import Secret

    told = []
    reply = reply_of(streaming("Your key is sk-7f3a", "9c2b51d84e06, and it is a secret one."), "text/event-stream")
    talk, key = FORMATS["chat"].talk(request_in("chat", task=ASK)), Secret("sk-7f3a9c2b51d84e06")
    run_protocol(talk, lambda _: reply, told.append, lambda: None, key)
    assert told
    assert not [step for step in told if "9c2b" in step.said]


def test_a_picture_on_its_way_tells_no_words():
    told = lead(FORMATS["chat"].talk(request_in("chat")), reply_of(streaming("A long text about ink and soot."))).told
    assert not any(step.said for step in told)


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_a_question_is_sent_as_it_is():
    body = asked("chat", task=ASK, stream=True).body
    assert body == {
        "model": "a-model",
        "stream": True,
        "messages": [{"role": "user", "content": "a cat"}],
    }
    assert asked("gemini", task=ASK).body == {"contents": [{"role": "user", "parts": [{"text": "a cat"}]}]}


@pytest.mark.parametrize("wire", TALKERS)
def test_json_is_asked_for_in_words_of_the_questions_language(wire):
    sent = json.dumps(asked(wire, task=ASK_JSON).body)
    assert "Answer with JSON only" in sent
    assert "response_format" not in sent
    assert "responseMimeType" not in sent
    request = request_in(wire, task=ASK_JSON, references=())
    assert FORMATS[wire].prompt_as_sent(request).startswith("a cat\n")
    chinese = type(request)("十种动物", "m", format=wire, task=ASK_JSON)
    assert "只用 JSON 回答" in FORMATS[wire].prompt_as_sent(chinese)


def test_pictures_go_along_with_a_question():
    body = asked("chat", task=ASK, references=(PICTURE,)).body
    assert [part["type"] for part in body["messages"][0]["content"]] == ["text", "image_url"]
    assert body["max_tokens"] == 2000
    assert "inline_data" in asked("gemini", task=ASK, references=(PICTURE,)).body["contents"][0]["parts"][1]
