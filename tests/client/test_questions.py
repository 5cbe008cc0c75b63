"""From Python one question gives words, or the value in them, streamed, saved, resumed and handed on as a picture is."""

import json

import pytest
from support.clock import HASTE
from support.demo import DemoServer
from support.relay import Relay
from support.scripted import answering, event, png, streaming
from support.shells import KEY

from wenwen_magic import Client, ImageRequest
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import AnswerError, ConfigError, EndpointError, NoImageError
from wenwen_magic.records import ASK, ASK_JSON

TEN = "Ten animals that look good in ink, as a JSON list of strings."


@pytest.fixture
def relay(here):
    with Relay() as server:
        yield server


@pytest.fixture
def demo(here, quick_paint):
    with DemoServer(wait=lambda _: None) as server:
        yield server


def client_of(relay, **more):
    return Client(base_url=relay.address, api_key=KEY, session=Session(), clock=HASTE, **more)


@pytest.mark.parametrize("wire", ["chat", "gemini"])
def test_a_question_is_answered_and_the_same_again_is_free(demo, wire):
    client = client_of(demo, format=wire)
    said = client.ask(TEN, json=True)
    assert (len(said.value), said.images, said.request.task) == (10, (), "ask_json")
    again = client_of(demo, format=wire).ask(TEN, json=True)
    assert (again.id, again.value, again.from_history, len(demo.posts)) == (said.id, said.value, True, 1)
    assert client.ask(TEN).id != said.id


@pytest.mark.parametrize(("more", "streams"), [({}, True), ({"stream": False}, False), ({"stream": True}, True)])
def test_it_is_asked_as_a_stream_unless_the_user_says_otherwise(relay, more, streams):
    relay.answer = lambda _: answering("Soot.")
    assert client_of(relay).ask("What is ink?", **more).text == "Soot."
    assert relay.posts[0][1]["stream"] is streams


def test_a_stream_and_a_whole_answer_are_the_same_answer(relay):
    relay.answer = lambda _: streaming("So", "ot.")
    assert client_of(relay).ask("What is ink?").text == "Soot."
    assert client_of(relay).ask("What is ink?", stream=False).text == "Soot."
    assert len(relay.posts) == 1


def test_the_words_are_told_as_they_come(relay):
    told = []
    relay.answer = lambda _: streaming("Ink is made of soot, ", "of glue, ", "and of much patience.")
    client = client_of(relay)
    request = client.request("What is ink?", task=ASK)
    client.generate(request, tell=told.append)
    assert [step.said for step in told] == [
        "Ink is made of soot,",
        "Ink is made of soot, of glue,",
        "Ink is made of soot, of glue, and of much patience.",
    ]


def test_the_words_are_told_through_the_process_that_outlives_the_kernel(relay):
    told = []
    relay.answer = lambda _: streaming("Ink is made of soot, ", "of glue, ", "and of much patience.")
    client = Client(base_url=relay.address, api_key=KEY, session=Session(), worker=True)
    said = client.generate(client.request("What is ink?", task=ASK), tell=told.append)
    assert [step.said for step in told][-1] == said.text == "Ink is made of soot, of glue, and of much patience."


def test_pictures_go_along(relay):
    relay.answer = lambda _: answering('{"colours": ["red"]}')
    said = client_of(relay).ask("Which colours?", references=[png()], json=True)
    assert said.value == {"colours": ["red"]}
    assert relay.posts[0][1]["messages"][0]["content"][1]["type"] == "image_url"


def test_a_value_that_cannot_be_read_is_told_and_the_answer_kept(relay):
    relay.answer = lambda _: answering("No.")
    client = client_of(relay)
    said = client.ask(TEN, json=True)
    with pytest.raises(AnswerError) as caught:
        _ = said.value
    assert (caught.value.charged, caught.value.text, caught.value.record) == ("yes", "No.", said.id)
    assert client.history.get(said.id).text == "No."


def test_an_answer_without_words_costs_and_is_not_asked_for_again(relay):
    relay.answer = lambda _: answering(None, refusal="I can't.")
    for _ in range(2):
        with pytest.raises(NoImageError) as caught:
            client_of(relay).ask("Who am I?")
        assert caught.value.charged == "yes"
    assert len(relay.posts) == 1


def test_words_that_break_off_may_have_cost(relay):
    relay.answer = lambda _: event("Ink is made of soot") + 'data: {"choices'
    with pytest.raises(EndpointError) as caught:
        client_of(relay).ask("What is ink?")
    assert caught.value.charged == "maybe"
    assert len(relay.posts) == 1


def test_a_record_says_what_it_was_for_and_is_read_back(demo):
    client = client_of(demo)
    said = client.ask(TEN, json=True)
    kept = client_of(demo).history.get(said.id)
    assert (kept.request, kept.value, str(kept)) == (said.request, said.value, said.text)


def test_questions_are_handed_on_and_replayed(demo, tmp_path):
    teacher = client_of(demo, history="teacher")
    said, words = teacher.ask(TEN, json=True), teacher.ask("What is ink?")
    assert teacher.export("lesson.zip").records == 2
    pupil = Client(mode="replay", history="pupil")
    pupil.import_("lesson.zip")
    assert pupil.ask(TEN, json=True).value == said.value
    assert pupil.ask("What is ink?").text == words.text


@pytest.mark.parametrize("format", ["images", "midjourney", "videos", "chat", "gemini"])
@pytest.mark.parametrize("more", [{}, {"describe_model": "claude-5"}, {"model": "claude-5"}])
def test_bug_a_question_was_refused_where_pictures_have_a_format_without_words(demo, format, more):
    own = {name: more.get(name) for name in ("model",) if name in more}
    said = client_of(demo, format=format, describe_model=more.get("describe_model")).ask("What is ink?", **own)
    able = format if format == "gemini" else "chat"
    usual = "gemini-3.5-flash-lite" if able == "gemini" else "gpt-4o"
    assert (said.request.format, said.request.model) == (able, next(iter(more.values()), usual))
    assert said.text


@pytest.mark.parametrize("format", ["images", "videos"])
def test_bug_a_description_was_refused_where_pictures_have_a_format_without_words(demo, format):
    said = client_of(demo, format=format).describe("what?", references=[png()])
    assert (said.request.format, said.request.model) == ("chat", "gpt-4o")


def test_a_format_by_the_models_name_is_passed_over_likewise(demo):
    client = client_of(demo, formats={"gpt-4o": "images", "claude*": "gemini"})
    assert client.request("what?", task=ASK).format == "chat"
    assert client.request("what?", task=ASK, model="claude-5").format == "gemini"


@pytest.mark.parametrize("format", ["images", "midjourney"])
def test_a_format_that_was_named_and_has_no_words_is_refused(demo, format):
    with pytest.raises(ConfigError, match="does not know the task"):
        client_of(demo).ask("What is ink?", format=format)
    assert demo.posts == []


@pytest.mark.parametrize("format", ["images", "midjourney", "chat"])
def test_a_pictures_request_is_asked_in_words_by_the_settings_for_words(demo, format):
    picture = ImageRequest("What is ink?", "gpt-image-2", "landscape", format=format, params={"n": 4})
    asked = client_of(demo).request(picture, task=ASK)
    assert (asked.params, asked.orientation) == ({}, "auto")
    assert (asked.model, asked.format, asked.stream, asked.unnamed) == ("gpt-4o", "chat", True, True)
    assert client_of(demo).request(picture, task=ASK, model="claude-5").model == "claude-5"


@pytest.mark.parametrize("shape", [{"orientation": "landscape"}, {"size": "2K"}])
def test_a_question_with_a_shape_is_refused_and_not_sent_as_words(demo, shape):
    with pytest.raises(ConfigError, match="no shape"):
        client_of(demo).ask("What is ink?", **shape)
    assert demo.posts == []


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_refused(demo, question):
    with pytest.raises(ConfigError):
        client_of(demo).ask(question)
    assert demo.posts == []


@pytest.mark.parametrize("taken", ["messages", "model", "stream"])
def test_a_param_goes_along_and_cannot_replace_the_question(relay, taken):
    relay.answer = lambda _: answering("Soot.")
    client_of(relay).ask("What is ink?", params={"temperature": 0})
    assert relay.posts[0][1]["temperature"] == 0
    with pytest.raises(ConfigError):
        client_of(relay).ask("What is ink?", params={taken: 1})


def test_words_json_and_pictures_are_different_requests():
    marks = {ImageRequest("a", "m", task=task).fingerprint for task in ("draw", "describe", ASK, ASK_JSON)}
    assert len(marks) == 4
    assert json.dumps(ImageRequest("a", "m", task=ASK).recipe)


def test_many_questions_are_asked_side_by_side(relay):
    relay.answer = lambda number: answering(f"answer {number}")
    rows = client_of(relay).generate_many(["a?", "b?", "c?"], task=ASK, progress=False)
    assert sorted(row.text for row in rows) == ["answer 0", "answer 1", "answer 2"]
