"""Money in a real IPython shell: every limit is told before anything is sent, and what was not charged makes room."""

import re
import threading

import pytest
from support.relay import Relay, whole
from support.scripted import answering
from support.shells import KEY, cell, records

from wenwen_magic import Client
from wenwen_magic.engine.limits import SESSION, Session
from wenwen_magic.errors import EndpointError, LimitReached, NoImageError, WenwenError
from wenwen_magic.render.generation import MOST_SHOWN

PRICES = "%config WenwenMagics.prices = {'gpt-*': 0.5, 'gpt-4o-image': 0.1, 'gemini-*': 0.25, 'free': 0}"
REFUSED = '{"error": {"message": "no such model", "type": "invalid_request_error"}}'


@pytest.fixture
def priced(shell, relay):
    """A shell with prices, whose endpoint is no demo."""
    shell.run(PRICES)
    return shell


def refused(shell, relay, text):
    """A cell that fails by a limit before anything is sent."""
    error = shell.fail(text)
    assert isinstance(error, LimitReached), shell.told
    assert (error.charged, relay.posts, records()) == ("no", [], [])
    return error


def budget(shell, capsys):
    """What ``%wenwen budget`` says, by its first words."""
    capsys.readouterr()
    shell.run("%wenwen budget")
    lines = capsys.readouterr().out.strip().splitlines()
    return dict(re.split(r" {2,}", line, maxsplit=1) for line in lines if "  " in line)


# -- a question before many pictures -----------------------------------------------------------------------------------


def test_the_question_tells_how_many_and_what_they_cost(priced, relay, monkeypatch):
    asked = priced.attend(monkeypatch, "n")
    assert priced.run(cell("-n 5 --no-ui")) is None
    assert asked == ["This cell asks for 5 pictures, 0.5. Go on? [y/N] "]
    assert relay.posts == []


def test_bug_a_person_said_yes_to_what_the_sessions_limit_then_refused(shell, relay, monkeypatch):
    shell.run("%config WenwenMagics.session_limit = 4")
    asked = shell.attend(monkeypatch, "y")
    assert isinstance(shell.fail(cell("-n 5")), LimitReached)
    assert (asked, relay.posts) == ([], [])


@pytest.mark.parametrize("line", ["-n 5", "-m a,b,c -n 2", "--background -n 5", "--fresh -n 5", "-q -n 5"])
def test_without_a_person_too_many_pictures_fail_and_yes_lets_them_pass(shell, relay, line):
    assert "-y" in refused(shell, relay, cell(line)).do
    shell.run(cell(f"{line} -y"))
    assert until_idle()
    assert SESSION.account().pictures >= 5


def test_saved_pictures_do_not_count_towards_the_question(shell, relay):
    shell.run(cell("-n 3"))
    shell.run(cell("-n 7"))
    assert len(relay.posts) == 7


def test_fresh_counts_though_all_is_saved(shell, relay):
    shell.run(cell("-n 5 -y"))
    assert isinstance(shell.fail(cell("-n 5 --fresh")), LimitReached)
    assert len(relay.posts) == 5


def test_no_question_may_be_asked_for_any_number(shell, relay):
    shell.run("%config WenwenMagics.confirm_above = 0")
    refused(shell, relay, cell())


# -- the session's limits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["-n 3 -y", "-m a,b,c -y", '--grid "param.k=1;2;3" -y', "--background -n 3 -y"])
def test_the_sessions_limit_counts_all_of_a_cell_before_its_first_picture(shell, relay, line):
    shell.run("%config WenwenMagics.session_limit = 2")
    assert "session_limit" in refused(shell, relay, cell(line)).do


def until_idle():
    """Whether no thread of ours is at work any more, after five seconds at most."""
    for thread in threading.enumerate():
        if thread.name == "wenwen-job":
            thread.join(5)
    return not any(thread.name == "wenwen-job" for thread in threading.enumerate())


@pytest.mark.parametrize(("limit", "line"), [(0.29, "-n 3"), (0.59, "-m gpt-4o-image,gpt-5,free"), (0.9, "-m unheard")])
def test_the_budget_counts_prices_by_pattern_and_an_unknown_one_as_1(priced, relay, limit, line):
    priced.run(f"%config WenwenMagics.budget = {limit}")
    assert "budget" in refused(priced, relay, cell(line)).do
    priced.run(f"%config WenwenMagics.budget = {limit + 0.11}")
    priced.run(cell(line))


def test_the_budget_holds_for_the_whole_session(priced, relay):
    priced.run("%config WenwenMagics.budget = 0.25")
    priced.run(cell("-n 2"))
    error = priced.fail(cell("-n 3"))
    assert isinstance(error, LimitReached)
    assert "0.2" in error.why
    assert len(relay.posts) == 2
    assert len(priced.run(cell("-n 2"))) == 2  # what is saved is free
    priced.run(cell("-m free"))
    assert len(relay.posts) == 3


def test_a_budget_can_be_spent_to_its_end(priced, relay):
    priced.run("%config WenwenMagics.budget = 0.3")
    for number in range(3):
        priced.run(cell("", f"cat {number}"))
    assert len(relay.posts) == 3
    assert isinstance(priced.fail(cell("", "cat 3")), LimitReached)


def test_a_cells_own_budget_is_for_this_cell_alone(priced, relay):
    error = refused(priced, relay, cell("--budget 0.29 -n 3"))
    assert "--budget" in error.do
    for _ in range(2):
        priced.run(cell("--budget 0.31 -n 3 --fresh"))
    assert len(relay.posts) == 6


@pytest.mark.parametrize("line", ["--budget 0.5 -y", "--预算 0.5", "--budget=0.5 --background"])
def test_a_cells_budget_counts_an_unknown_price_as_1_and_yes_does_not_lift_it(shell, relay, line):
    assert "counts as 1" in refused(shell, relay, cell(line)).why


def test_a_cells_budget_does_not_lift_the_sessions(priced, relay):
    priced.run("%config WenwenMagics.budget = 0.1")
    refused(priced, relay, cell("--budget 5 -n 2"))


@pytest.mark.parametrize("line", ["--budget 0", "--budget -1", "--budget nan", "--budget much", "--budget"])
def test_a_budget_that_is_none_is_told(shell, relay, line):
    assert isinstance(shell.fail(cell(line)), WenwenError)
    assert relay.posts == []


def test_what_was_not_charged_makes_room_again(shell, relay, capsys):
    shell.run("%config WenwenMagics.session_limit = 1")
    relay.stop_listening()
    assert shell.fail(cell()).charged == "no"
    assert SESSION.account().pictures == 0
    assert budget(shell, capsys)["left in this session"] == "1 picture"


@pytest.fixture
def relay(monkeypatch):
    """The relay, which can go away."""
    monkeypatch.setenv("WENWEN_API_KEY", KEY)
    with Relay() as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address)
        server.stop_listening = lambda: monkeypatch.setenv("WENWEN_BASE_URL", "http://127.0.0.1:1")
        yield server


def test_what_may_have_been_charged_takes_room(shell, relay):
    shell.run("%config WenwenMagics.session_limit = 1")
    relay.answer = lambda _: answering("never")
    assert isinstance(shell.fail(cell()), NoImageError)
    assert isinstance(shell.fail(cell("", "a dog")), LimitReached)
    assert len(relay.posts) == 1


def test_two_who_ask_the_same_and_are_refused_have_paid_once(relay, here):
    relay.gate.clear()
    relay.answer = lambda _: answering("never")
    session, errors, came = Session(), [], threading.Semaphore(0)
    client, turn = Client(base_url=relay.address, session=session), session.turn
    session.turn = lambda key: (came.release(), turn(key))[1]

    def draw():
        with pytest.raises(NoImageError) as caught:
            client.generate("a cat")
        errors.append(caught.value)

    threads = [threading.Thread(target=draw) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in threads:  # until the second one waits for its turn
        assert came.acquire(timeout=10)
    relay.gate.set()
    for thread in threads:
        thread.join(10)
    assert (len(errors), len(relay.posts)) == (2, 1)
    assert session.account().pictures == 1


# -- %wenwen budget ----------------------------------------------------------------------------------------------------


def test_the_budget_tells_what_is_spent_and_left(priced, relay, capsys):
    priced.run("%config WenwenMagics.budget = 2\n")
    priced.run("%config WenwenMagics.currency = '元'")
    priced.run(cell("-n 3"))
    told = budget(priced, capsys)
    assert told["spent"] == "3 pictures, 0.3 元"
    assert told["maybe"].startswith("0 pictures")
    assert told["limit"] == "50 pictures, 2 元"
    assert told["left in this session"] == "47 pictures, 1.7 元"


def test_the_budget_says_that_a_price_is_unknown_and_how_to_set_one(shell, relay, capsys):
    shell.run(cell())
    shell.run("%wenwen budget")
    told = capsys.readouterr().out
    assert "price unknown" in told
    assert "WenwenMagics.prices" in told


def test_the_demo_is_free_and_counts_nothing(shell, capsys):
    shell.run("%wenwen demo")
    shell.run("%config WenwenMagics.session_limit = 0")
    shell.run("%config WenwenMagics.budget = 0")
    shell.run(cell("-n 6 --budget 0.01"))
    assert budget(shell, capsys)["spent"].startswith("0 pictures")


# -- a dry run ---------------------------------------------------------------------------------------------------------


def dry(shell, capsys, text):
    capsys.readouterr()
    assert shell.run(text) is None
    assert records() == []
    return capsys.readouterr().out


@pytest.mark.usefixtures("no_calls")
def test_a_dry_run_needs_no_key_and_tells_every_prompt_as_sent_the_count_and_the_price(shell, capsys):
    shell.run(PRICES)
    told = dry(shell, capsys, cell('-m gpt-4o-image,gpt-5 --for "animal=猫;狗" -o 横屏 -n 2 --dry-run', "画{{animal}}"))
    assert [told.count(f"画{animal}\n横屏构图") for animal in "猫狗"] == [2, 2]
    for label in ("gpt-4o-image · 猫", "gpt-4o-image · 狗", "gpt-5 · 猫", "gpt-5 · 狗"):
        assert f"({label})" in told
    assert re.search(r"8 (pictures|张图片)", told)
    assert "2.4" in told


@pytest.mark.usefixtures("no_calls")
def test_a_dry_run_of_many_combinations_shows_the_first_and_counts_and_prices_all(shell, capsys):
    shell.run(PRICES)
    told = dry(shell, capsys, cell('-m gpt-4o-image --for "n={{range(200)}}" --dry-run', "fox {{n}}"))
    assert (told.count("as sent ("), "… 200 prompts in all" in told) == (MOST_SHOWN, True)
    assert "200 pictures, 20" in told


@pytest.fixture
def no_calls(monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a socket was opened"))


@pytest.mark.usefixtures("no_calls")
def test_a_dry_run_of_an_unknown_price_says_so(shell, capsys):
    assert "1 picture, price unknown" in dry(shell, capsys, cell("--dry-run"))


def test_a_dry_run_counts_only_what_is_missing_and_ends_above_no_limit(priced, relay, capsys):
    priced.run(cell("-n 3"))
    priced.run("%config WenwenMagics.session_limit = 1")
    capsys.readouterr()
    priced.run(cell("-n 9 --dry-run"))
    assert "6 pictures, 0.6" in capsys.readouterr().out
    priced.run(cell("-n 3 --dry-run"))
    assert "0 pictures, 0." in capsys.readouterr().out
    assert len(relay.posts) == 3


def test_a_price_is_kept_in_the_record(priced, relay):
    assert priced.run(cell()).price == 0.1
    assert priced.run(cell("-m other")).price is None
    assert [record["price"] for record in records()].count(0.1) == 1


def test_an_endpoints_own_error_is_charged_as_it_says_and_counted_so(shell, relay):
    relay.answer = lambda number: REFUSED if number == 0 else whole(number)
    error = shell.fail(cell())
    assert isinstance(error, EndpointError)
    assert SESSION.account(error.charged).pictures == 1
