"""In a notebook ``Client()`` has what the cells have: the demo, the settings, the typed key, the folder."""

import os

import pytest
from support.shells import KEY, cell

from wenwen_magic import Client
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.errors import LimitReached, NotInHistory


def test_it_draws_with_the_demo_that_is_on(shell):
    shell.run("%wenwen demo")
    fox = shell.run(cell("", "a fox"))
    assert Client().generate("a fox").id == fox.id
    assert Client(base_url="https://example.com").address == "https://example.com"
    shell.run("%wenwen demo off")
    assert not Client().is_demo


def test_it_keeps_to_what_config_sets_and_a_keyword_wins(shell, relay):
    shell.run("%config WenwenMagics.prices = {'*': 1}\n%config WenwenMagics.budget = 1")
    Client().generate("a fox")
    with pytest.raises(LimitReached):
        Client().generate("a dog")
    Client(budget=5).generate("a dog")
    shell.run("%config WenwenMagics.mode = 'replay'")
    with pytest.raises(NotInHistory):
        Client().generate("a cat")
    assert len(relay.posts) == 2


def test_the_typed_key_is_its_key_at_the_cells_endpoint_and_goes_to_no_other(shell, relay, monkeypatch):
    monkeypatch.delenv("WENWEN_API_KEY")
    shell.magics_manager.registry["WenwenMagics"].state.key = Secret(KEY)
    Client().generate("a fox")
    Client(base_url=os.environ["WENWEN_BASE_URL"]).generate("a dog")
    assert [headers.get("Authorization") for headers, _body in relay.posts] == [f"Bearer {KEY}", None]


def test_a_changed_folder_is_not_paid_for_again(shell, relay, here):
    fox = shell.run(cell("", "a fox"))
    (here / "elsewhere").mkdir()
    os.chdir(here / "elsewhere")
    assert Client().generate("a fox").id == fox.id


def test_without_the_magics_it_is_a_script_again(shell, here):
    shell.run("%config WenwenMagics.mode = 'replay'\n%unload_ext wenwen_magic")
    assert Client().settings.mode == "cache"
    shell.run("%load_ext wenwen_magic")


def test_no_function_is_named_for_a_picture_that_is_not_there(shell, relay):
    assert "open" not in shell.fail("%wenwen_image --ref nope make it night").do
