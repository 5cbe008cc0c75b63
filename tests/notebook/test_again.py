"""A request that an earlier process sent, and whose answer never came, is sent again only after a person said so."""

import pytest
from support.shells import cell, prompts, records

from wenwen_magic import Client
from wenwen_magic.errors import UnansweredRequest

CELLS = {
    "one": (cell("--no-ui"), ["a cat"], ["a cat"]),
    "two takes": (cell("--no-ui -n 2"), ["a cat"], ["a cat", "a cat"]),
    "a grid": (cell('--no-ui --for "x=cat;dog"', "a {{x}}"), ["a cat", "a dog"], ["a cat", "a dog"]),
    "many": (cell("--no-ui --from {{['a cat','a dog','a hen']}}", " "), ["a dog"], ["a cat", "a dog", "a hen"]),
    "in the background": (cell("--no-ui --background"), ["a cat"], ["a cat"]),
}


@pytest.fixture(params=CELLS.values(), ids=CELLS)
def unanswered(shell, relay, request):
    """A cell some of whose requests were sent by a process that is gone; with what they asked, and all that it asks."""
    text, sent, wanted = request.param
    client = Client()
    for number, prompt in enumerate(sent):
        client.history.begin(
            client.request(prompt),
            id=f"{number:08x}",
            prompt_sent=prompt,
            endpoint=client.saved_takes.origin,
            demo=False,
            price=None,
        )
    return text, len(sent), wanted


def idle(shell):
    runner = shell.magics_manager.registry["WenwenMagics"].state.runner
    return shell.wait_for(lambda: not runner.under_way())


def test_yes_sends_it_again_and_closes_the_records(shell, relay, monkeypatch, unanswered):
    text, sent, wanted = unanswered
    asked = shell.attend(monkeypatch, "y")
    shell.run(text)
    assert idle(shell)
    assert sorted(prompts(relay)) == wanted
    assert len(asked) == 1
    assert "It may have been charged. Send it again? [y/N]" in asked[0]
    old = [record for record in records() if record["id"].startswith("0000000")]
    assert [record["state"] for record in old] == ["failed"] * sent
    shell.run(text)
    assert (len(relay.posts), len(asked)) == (len(wanted), 1)


@pytest.mark.parametrize("answer", ["n", "", "what?"])
def test_anything_else_than_yes_sends_nothing_and_ends_quietly(
    shell, relay, monkeypatch, unanswered, *, capsys, answer
):
    asked = shell.attend(monkeypatch, answer)
    assert shell.run(unanswered[0]) is None
    assert capsys.readouterr().out.splitlines()[-1] == "Cancelled, nothing was sent."
    assert (len(asked), relay.posts) == (1, [])
    assert {record["state"] for record in records()} == {"sent"}


def test_yes_to_sending_again_is_not_asked_before_a_no_to_so_many_pictures(shell, relay, monkeypatch):
    client = Client()
    client.history.begin(client.request("cat 1"), prompt_sent="cat 1", endpoint=client.saved_takes.origin)
    asked = shell.attend(monkeypatch, "n")
    shell.run(cell("--no-ui --from {{[f'cat {n}' for n in range(9)]}}", " "))
    assert ("asks for" in asked[0], len(asked), relay.posts) == (True, 1, [])
    assert [record["state"] for record in records()] == ["sent"]


def test_where_nobody_is_the_cell_fails_and_names_what_sends_it_again(shell, relay, unanswered):
    error = shell.fail(unanswered[0])
    assert isinstance(error, UnansweredRequest)
    assert ("--fresh" in error.do, error.charged, relay.posts) == (True, "no", [])
