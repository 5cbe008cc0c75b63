"""In a script results are values: they are handed on, compared and counted, and a call refuses what it cannot return."""

import pytest
from support.clock import HASTE
from support.demo import DemoServer
from support.relay import Relay
from support.shells import KEY

from wenwen_magic import Client
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ConfigError, HistoryError


@pytest.fixture
def client(here, quick_paint):
    with DemoServer(wait=lambda _: None) as server:
        yield Client(base_url=server.address, clock=HASTE, session=Session())


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, fox: client.generate("a dog", count=3),
        lambda client, fox: client.edit("make it night", references=fox, count=2),
        lambda client, fox: client.ask("which animals?", count=2),
        lambda client, fox: client.video("it runs", model="veo3.1-fast", count=2),
    ],
)
def test_a_call_that_returns_one_result_refuses_a_count_before_anything_is_sent(client, ask):
    fox = client.generate("a fox")
    with pytest.raises(ConfigError, match=r"one result, not [23]\.\n.*generate_many\(\[prompt\], count=[23]\)"):
        ask(client, fox)
    assert len(client.history.recent()) == 1
    assert client.generate(client.request("a fox", count=3)).id == fox.id  # a cell's request wants what the cell wanted


def test_an_answer_is_a_prompt(client):
    better = client.improve("a fox")
    assert client.generate(better).request.prompt == better.text
    assert [row.request.prompt for row in client.generate_many([better], progress=False)] == [better.text]
    assert client.edit(better, references=client.generate("a dog")).request.prompt == better.text
    assert better.text in client.improve(better).request.prompt


def test_several_models_are_refused_where_one_is_asked(client):
    with pytest.raises(ConfigError, match="model is of a wrong type"):
        client.generate("a fox", model=["gpt-4o-image", "nano-banana"])


@pytest.mark.parametrize("wrong", [None, 5, ["a fox"]])
def test_what_is_no_prompt_is_refused_by_every_call(client, wrong):
    for call in (client.generate, client.improve, client.ask):
        with pytest.raises(ConfigError, match="not a text"):
            call(wrong)
    with pytest.raises(ConfigError, match="not a text"):
        client.improve(client.generate("a fox"))


def test_a_generation_does_for_its_id_and_its_id_for_a_picture(client, here):
    fox = client.generate("a fox")
    client.generate("a dog")
    assert client.fetch(fox).id == client.history.get(fox).id == fox.id
    for meant in (fox, fox.id, [fox], [fox.id], client.gallery([fox])):
        assert client.export("lesson.zip", meant).records == 1
    night = client.edit("make it night", references=fox.id)
    assert night.parent == fox.id
    assert night.request == client.edit("make it night", references=[fox]).request
    with pytest.raises(HistoryError, match="No record"):
        client.edit("make it night", references="abcdef12")
    (here / "abcdef").write_bytes(fox.images[0].data)
    assert client.edit("make it night", references="abcdef").id == night.id  # a file comes first


def test_generations_are_found_again_in_lists_sets_and_tables(client):
    fox, dog = client.generate("a fox"), client.generate("a dog")
    again = client.generate("a fox")
    assert again.from_history
    assert fox == again == client.history.get(fox.id) != dog
    assert len({fox, again, dog}) == 2
    assert {fox.request: 1}[again.request] == 1
    assert fox in client.history.recent()


def test_a_clients_name_shows_its_address_and_no_key(here):
    assert repr(Client(base_url="https://example.com/v1", api_key=KEY)) == "<Client https://example.com>"


def test_a_picture_that_came_is_not_given_up(here, quick_paint):
    with Relay() as relay:
        client = Client(base_url=relay.address, api_key=KEY, session=Session(), clock=HASTE)
        fox = client.generate("a fox")
        client.give_up(fox.id)
        assert client.generate("a fox").id == fox.id
        assert len(relay.posts) == 1


def test_a_picture_is_saved_in_the_users_own_folder(client, here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setenv("USERPROFILE", str(here))
    assert client.generate("a fox").images[0].save("~/fox.png") == here / "fox.png"
