"""A clip asks a person first, unless the cell says yes, or its price is known and within the cell's budget."""

import pytest
from support.clock import HASTE

from wenwen_magic import Client
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import LimitReached
from wenwen_magic.notebook.cell import Cancelled, Cell
from wenwen_magic.notebook.options import Options
from wenwen_magic.records import CLIP


def agree(answer="y", *, options=None, count=1, seconds=8, address="http://127.0.0.1:9", **settings):
    """Let a cell with a clip ask, and return its questions; ``answer`` is None where nobody can answer."""
    client = Client(base_url=address, api_key="k" * 20, session=Session(), clock=HASTE, **settings)
    request = client.request("a fox", task=CLIP, model="veo-3", seconds=seconds, count=count)
    asked = []

    def ask(question):
        asked.append(question)
        return answer

    chosen = Options()
    vars(chosen).update(options or {})
    cell = Cell(client, (request,), chosen, "", {}, ask if answer else None, None, None, lambda: client)
    cell._agree()
    return asked


@pytest.fixture(autouse=True)
def _folder(here):
    """A folder of its own."""


def test_one_clip_asks_and_tells_what_it_costs():
    asked = agree(prices={"veo-*": "0.03/s"}, currency="$")
    assert asked == ["This cell asks for 1 clip (in all counted as 10 pictures), 0.24 $. Go on? [y/N] "]


def test_several_tell_the_sum_first():
    [question] = agree(count=3, prices={"veo-*": "0.03/s"}, currency="$")
    assert "3 clips (in all counted as 30 pictures), 0.72 $" in question


def test_a_no_ends_the_cell():
    with pytest.raises(Cancelled):
        agree("n")


def test_without_a_person_it_is_refused_and_names_y():
    with pytest.raises(LimitReached, match="a clip must be confirmed") as caught:
        agree(None)
    assert "-y" in caught.value.do


def test_bug_two_clips_of_a_list_were_paid_without_a_question(shell, relay):
    typed = "%%wenwen_video -m veo3.1-fast --seconds 8 --from {{['a', 'b']}}\n"
    assert isinstance(shell.fail(typed), LimitReached)
    assert relay.posts == []


@pytest.mark.parametrize("text", ["a fox", "--from {{['a', 'b']}}"])
def test_bug_a_model_for_clips_made_one_in_a_cell_for_pictures_without_a_question(shell, relay, capsys, text):
    line, prompt = (text, "") if text.startswith("-") else ("", text)
    error = shell.fail(f"%%wenwen_image -m veo3.1-fast {line}\n{prompt}\n")
    assert isinstance(error, LimitReached)
    assert "a clip must be confirmed" in error.what
    assert "veo3.1-fast makes clips: %%wenwen_video asks for one." in capsys.readouterr().out
    assert relay.posts == []
    shell.run(f"%%wenwen_image -m veo3.1-fast -y {line}\n{prompt}\n")
    sent = len(relay.posts)
    capsys.readouterr()
    shell.run(f"%%wenwen_image -m veo3.1-fast {line}\n{prompt}\n")  # what is saved asks nothing
    assert (len(relay.posts), "makes clips" in capsys.readouterr().out) == (sent, False)


def test_a_model_that_draws_is_told_before_a_clip_is_asked_of_it(shell, relay, capsys):
    shell.fail("%%wenwen_video -m gpt-4o-image\na fox")
    assert "gpt-4o-image draws pictures: %%wenwen_image asks for one." in capsys.readouterr().out
    assert relay.posts == []


def test_a_model_for_clips_that_is_asked_a_question_asks_first_too(shell, relay):
    assert isinstance(shell.fail("%%wenwen_ask -m kling-v2\nWhat is a river?"), LimitReached)
    assert relay.posts == []


@pytest.mark.parametrize(("line", "told"), [("-m veo-3", True), ("-m veo-3 --seconds 8", False), ("-m veo-8s", False)])
def test_a_price_by_the_second_that_is_unknown_says_what_tells_it(shell, relay, capsys, line, told):
    shell.run("%config WenwenMagics.prices = {'veo*': '0.03/s'}")
    shell.run(f"%%wenwen_video --dry-run {line}\na fox")
    assert ("veo-3 is paid by the second: --seconds tells its price." in capsys.readouterr().out) == told


def test_yes_asks_nothing():
    assert agree(options={"yes": True}) == []


def test_a_known_price_within_the_cells_budget_asks_nothing():
    assert agree(options={"budget": 0.3}, prices={"veo-*": "0.03/s"}) == []


def test_an_unknown_price_asks_though_the_budget_would_hold_it():
    assert len(agree(options={"budget": 10.0})) == 1


def test_an_unknown_length_asks_though_each_second_has_a_price():
    [question] = agree(seconds=None, options={"budget": 20.0}, prices={"veo-*": "0.03/s"})
    assert "price unknown" in question


@pytest.mark.parametrize(("budget", "prices"), [(0.2, {"veo-*": "0.03/s"}), (9.0, {})])
def test_more_than_the_cells_budget_is_refused(budget, prices):
    with pytest.raises(LimitReached, match="budget"):
        agree(options={"budget": budget}, prices=prices)


def test_the_demos_clips_are_free_and_ask_nothing():
    assert agree(address="http://127.0.0.1:9/demo") == []
