"""Blind comparisons: nothing tells which is which before the vote, and votes are files that add up."""

import json
import shutil
import threading
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from support.relay import Relay, whole
from support.shells import cell
from support.widgets import client_of

from wenwen_magic.errors import ConfigError, HistoryError
from wenwen_magic.notebook import voting
from wenwen_magic.records import Gallery

LINE = '--blind -m secret-one,secret-two --for "animal=zebra;otter"'


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A history of the four pictures of the comparison."""
    folder = tmp_path_factory.mktemp("drawn")
    with Relay(lambda number: whole(number).replace('"model": "m"', '"model": "sora_image"')) as relay:
        client = client_of(relay, history=folder)
        for animal, model in product(("zebra", "otter"), ("secret-one", "secret-two")):
            client.generate(f"draw {animal}", model=model)
    return folder


@pytest.fixture
def blind(drawn, shell, painter):
    """A blind comparison of four pictures in ``g``, in a copy of their history."""
    shutil.copytree(drawn, "wenwen_images", dirs_exist_ok=True)
    shell.run(cell(f"g {LINE}", "draw {{animal}}"))
    assert painter.posts == []
    return shell


def tells(gallery):
    """Whatever would tell what a row is."""
    for row in gallery:
        yield from (row.request.model, row.request.prompt, row.prompt_sent, row.id[:6], row.images[0].path.name)
        yield from row.request.prompt.split()[1:]
    yield from ("animal", "sora_image")


def votes(folder=Path("wenwen_images")):
    return [json.loads(path.read_text("utf-8")) for path in (folder / "votes").glob("*.json")]


def tally(shell, capsys):
    capsys.readouterr()
    shell.run("%wenwen votes")
    lines = (line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines())
    return {f"{axis}={value}": rest.strip() for axis, value, rest in lines}


# -- before the vote ---------------------------------------------------------------------------------------------------


def test_nothing_that_is_shown_tells_which_is_which(blind):
    shown = json.dumps(blind.seen, ensure_ascii=False, default=str)
    gallery = blind.user_ns["g"]
    assert [word for word in tells(gallery) if word in shown] == []
    assert blind.words().count("<img") == 4
    assert all(f'alt="{letter}"' in blind.words() for letter in "ABCD")


def test_nothing_is_told_when_the_comparison_is_shown_again(blind):
    for use in ("g", "display(g)", "_"):
        blind.run(f"from IPython.display import display\n{use}")
        shown = json.dumps(blind.seen, ensure_ascii=False, default=str)
        assert [word for word in tells(blind.user_ns["g"]) if word in shown] == []


def test_the_variable_knows_the_labels_of_every_row(blind):
    for label, row in zip(blind.user_ns["g"].labels, blind.user_ns["g"], strict=True):
        assert dict(label) == {"model": row.request.model, "animal": row.request.prompt.split()[1]}


def test_a_failure_is_left_out_and_not_named(shell, painter):
    shell.run(cell('g --blind --for "x=cat;dog [demo: status=400];hen"', "draw {{x}}"))
    assert "status" not in shell.words()
    assert "dog" not in shell.words()
    assert "Left out, without a result: 1" in shell.words()
    assert isinstance(shell.fail("%wenwen vote C"), ConfigError)
    shell.run("%wenwen vote B")
    assert len(votes()[0]["candidates"]) == 2


def test_after_the_vote_a_failure_stands_below_with_its_name_and_its_reason(shell, painter):
    shell.run(cell('g --blind --for "x=cat;dog [demo: status=400];hen"', "draw {{x}}"))
    failed = next(row for row in shell.user_ns["g"] if not row.images)
    shell.run("%wenwen vote A")
    (html,) = [data["text/html"] for kind, data in shell.seen if kind == "update"]
    table, _, below = html.partition("</table>")
    assert table.count("<img") == 2
    assert "dog" not in table
    assert all(word in below for word in ("dog [demo: status=400]", failed.error["what"]))


def test_the_places_are_drawn_by_lot_once_for_all_who_have_the_pictures(shell, relay):
    def order(text):
        return [row.request.model for row in shell.run(cell("--blind -m a,b,c,d", text))]

    orders = [order(f"cat {number}") for number in range(12)]
    assert len(set(map(tuple, orders))) > 1
    assert order("cat 0") == orders[0]
    assert len(relay.posts) == 48


# -- the vote ----------------------------------------------------------------------------------------------------------


def test_after_the_vote_the_names_are_there_in_the_cell_and_in_the_variable(blind, capsys):
    blinded = blind.user_ns["g"]
    winner = blinded[1]
    blind.run("%wenwen vote B")
    told = capsys.readouterr().out
    assert f"B was {winner.request.model} · {winner.request.prompt.split()[1]}" in told
    update = [data for kind, data in blind.seen if kind == "update"][-1]
    for kind in ("text/html", "text/plain"):
        assert all(word in update[kind] for word in ("secret-one", "secret-two", "zebra", "otter"))
    assert [row.id for row in blind.user_ns["g"]] == [row.id for row in blinded]
    assert "secret-one" in blind.user_ns["g"]._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("letter", ["b", "\N{FULLWIDTH LATIN CAPITAL LETTER B}"])
def test_a_vote_is_one_file_that_names_what_won_and_all_that_stood(blind, letter):
    gallery = blind.user_ns["g"]
    blind.run(f"%wenwen vote {letter}")
    (vote,) = votes()
    assert vote["winner"] == dict(gallery.labels[1])
    assert vote["candidates"] == [dict(label) for label in gallery.labels]
    assert vote["ids"] == [row.id for row in gallery]


@pytest.mark.parametrize(
    "letter", ["E", "Z", "", "AB", "1", "é", "A B", "../A", "\N{FULLWIDTH LATIN CAPITAL LETTER E}"]
)
def test_a_letter_beyond_the_pictures_is_refused_and_the_vote_is_still_open(blind, letter):
    assert isinstance(blind.fail(f"%wenwen vote {letter}"), ConfigError)
    assert votes() == []
    blind.run("%wenwen vote A")
    assert len(votes()) == 1


def test_one_comparison_has_one_vote(blind):
    blind.run("%wenwen vote A")
    assert "nothing to vote on" in str(blind.fail("%wenwen vote A"))
    blind.run(cell(f"g {LINE}", "draw {{animal}}"))
    blind.run("%wenwen vote D")
    assert isinstance(blind.fail("%wenwen vote D"), ConfigError)
    assert len(votes()) == 2


def test_without_a_comparison_there_is_nothing_to_vote_on(shell, relay):
    assert isinstance(shell.fail("%wenwen vote A"), ConfigError)
    shell.run(cell("-m a,b"))
    assert "--blind" in shell.fail("%wenwen vote A").do


def test_a_blind_comparison_in_the_background_can_be_voted_on(shell, relay):
    shell.run(cell("g --blind -m a,b --background"))
    for thread in threading.enumerate():
        if thread.name == "wenwen-job":
            thread.join(5)
    assert "g" in shell.user_ns
    shell.run("%wenwen vote A")


def test_a_cell_that_is_run_again_before_the_vote_is_one_comparison(blind):
    blind.run(cell(f"g {LINE}", "draw {{animal}}"))
    blind.run("%wenwen vote A")
    assert isinstance(blind.fail("%wenwen vote A"), ConfigError)


def test_the_letters_that_are_shown_are_those_that_are_taken(shell, painter):
    shell.run("%config WenwenMagics.session_limit = 100")
    shell.run(cell('g --blind --for "x={{range(28)}}" -y', "draw {{x}}"))
    assert ">AB<" in shell.words()
    shell.run("%wenwen vote AB")


def test_a_history_that_cannot_be_written_keeps_the_vote_open(blind, here):
    (here / "wenwen_images" / "votes").write_text("in the way")
    assert isinstance(blind.fail("%wenwen vote A"), HistoryError)
    (here / "wenwen_images" / "votes").unlink()
    blind.run("%wenwen vote A")


# -- the tally ---------------------------------------------------------------------------------------------------------


def test_the_tally_counts_wins_by_axis_and_value(blind, capsys):
    letters = {tuple(dict(label).values()): "ABCD"[number] for number, label in enumerate(blind.user_ns["g"].labels)}
    blind.run(f"%wenwen vote {letters['secret-one', 'otter']}")
    told = tally(blind, capsys)
    assert told["model=secret-one"] == told["animal=otter"] == "1 of 1 votes"
    assert told["model=secret-two"] == told["animal=zebra"] == "0 of 1 votes"


def test_a_value_is_one_in_the_tally_however_it_was_typed(shell, relay, capsys):
    folder = Path("wenwen_images/votes")
    folder.mkdir(parents=True)
    for number, names in enumerate((("portrait", "landscape"), ("竖屏", "横屏"))):
        stood = [{"orientation": name} for name in names]
        (folder / f"{number}.json").write_text(json.dumps({"winner": stood[0], "candidates": stood}))
    told = tally(shell, capsys)
    assert told == {"orientation=portrait": "2 of 2 votes", "orientation=landscape": "0 of 2 votes"}


def test_the_tally_speaks_the_readers_language(shell, relay, capsys):
    shell.run(cell('--blind --grid "orientation=portrait;landscape" "model=a;b"', "画只猫"))
    shell.run("%wenwen vote A")
    shell.run("%config WenwenMagics.lang = 'zh'")
    capsys.readouterr()
    shell.run("%wenwen votes")
    told = capsys.readouterr().out
    assert all(word in told for word in ("模型", "方向", "横屏", "竖屏"))
    assert not any(word in told for word in ("model", "orientation", "portrait"))


def test_without_votes_the_tally_says_how_to_begin(shell, capsys):
    shell.run("%wenwen votes")
    assert "--blind" in capsys.readouterr().out


def test_the_votes_of_several_kernels_add_up(blind, tmp_path):
    gallery, folder = blind.user_ns["g"], tmp_path / "shared"
    threads = [threading.Thread(target=voting.cast, args=(folder, gallery, "A")) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    winner = dict(gallery.labels[0])
    assert voting.tally(folder)["model", winner["model"]] == (24, 24)
    assert len(list((folder / "votes").iterdir())) == 24


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"winner": 5, "candidates": []}', '{"winner": {}}', "null", "\xff", "[" * 5000]
)
def test_a_torn_or_foreign_file_is_no_vote_and_stays(blind, text, capsys):
    blind.run("%wenwen vote A")
    foreign = Path("wenwen_images/votes/zz.json")
    foreign.write_text(text, "latin-1")
    assert {rest.split()[-2] for rest in tally(blind, capsys).values()} == {"1"}
    assert foreign.read_text("latin-1") == text


def test_an_axis_that_did_not_vary_is_no_contest(blind, tmp_path):
    rows = blind.user_ns["g"][:2]
    labels = ((("model", "a"), ("x", "1")), (("model", "b"), ("x", "1")))
    voting.cast(tmp_path, replace(Gallery(rows), labels=labels), "A")
    assert voting.tally(tmp_path) == {("model", "a"): (1, 1), ("model", "b"): (0, 1)}


def test_the_votes_folder_is_no_part_of_the_history(blind, capsys):
    count = len(blind.run("%wenwen history"))
    blind.run("%wenwen vote A")
    assert len(blind.run("%wenwen history")) == count
    blind.run("%wenwen status")
    assert "unreadable" not in capsys.readouterr().out
