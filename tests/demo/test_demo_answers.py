"""The demo answers a question as a text model does: the same every time, in the question's language, as JSON if asked."""

import json

import pytest
from support.demo import DemoServer

from wenwen_magic import Client
from wenwen_magic.demo.exchange import _ANIMALS, answers
from wenwen_magic.demo.figures import ANIMALS, words_in


@pytest.fixture
def client(here, quick_paint):
    with DemoServer(wait=lambda _: None) as server:
        yield Client(base_url=server.address)


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("Ten animals, as a JSON list", _ANIMALS[0]),
        ("十种动物，JSON 列表", _ANIMALS[1]),
        ("Three animals, as one JSON list", _ANIMALS[0][:3]),
        ("给我一个 JSON 列表，包含5种动物", _ANIMALS[1][:5]),
        ("Animals as JSON", _ANIMALS[0]),
        ("Ten animals as a JSON object", {"animals": _ANIMALS[0]}),
        ("十种动物，JSON 对象", {"动物": _ANIMALS[1]}),
    ],
)
@pytest.mark.parametrize("wire", ["chat", "gemini"])
def test_a_question_that_names_json_is_answered_with_it(client, question, value, wire):
    assert json.loads(client.ask(question, format=wire).text) == value


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("wire", ["chat", "gemini"])
def test_another_question_is_answered_with_a_sentence(client, wire, stream):
    first = client.ask("What is ink?", format=wire, stream=stream)
    assert first.text.startswith("The demo knows")
    assert client.ask("What is ink?", format=wire, stream=stream, fresh=True).text == first.text
    assert client.ask("什么是墨？", format=wire, stream=stream).text.startswith("演示服务")


@pytest.mark.parametrize("name", [*_ANIMALS[0], *_ANIMALS[1]])
def test_it_can_paint_what_it_names_also_among_chinese_words(name):
    assert words_in(f"画一只{name}，水墨") & ANIMALS.keys()


@pytest.mark.parametrize(
    ("model", "talks"),
    [
        *(("gpt-4o", True), ("gemini-3.5-flash-lite", True), ("gpt-6-luna", True), ("claude-5", True), ("o3", True)),
        *(("deepseek/deepseek-v4", True), ("gpt-4o-image", False), ("gpt-image-2", False), ("nano-banana", False)),
        *(("gemini-3-pro-image", False), ("jimeng-3.0", False), ("demo-slow", False), ("any", False)),
    ],
)
def test_models_that_talk_do_not_draw(model, talks):
    assert answers(model) is talks
