"""Takes in a real IPython shell: how many are asked for, which one is shown, and that none is paid twice or lost."""

from datetime import datetime, timedelta
from itertools import count

import pytest
from support.relay import whole
from support.scripted import answering
from support.shells import cell, prompts, records

from wenwen_magic import Gallery
from wenwen_magic.errors import ConfigError, NoImageError, NotInHistory


def takes(result):
    return [row.take for row in (result if isinstance(result, Gallery) else [result])]


def ids(result):
    return [row.id for row in (result if isinstance(result, Gallery) else [result])]


# -- more of the same --------------------------------------------------------------------------------------------------


def test_four_after_one_asks_for_three_more(shell, relay):
    first = shell.run(cell())
    rows = shell.run(cell("-n 4"))
    assert len(relay.posts) == 4
    assert takes(rows) == [1, 2, 3, 4]
    assert rows[0].id == first.id
    assert [row.from_history for row in rows] == [True, False, False, False]


def test_fewer_than_are_saved_shows_the_first_and_asks_for_none(shell, relay):
    four = shell.run(cell("-n 4"))
    assert ids(shell.run(cell("-n 2"))) == ids(four)[:2]
    assert ids(shell.run(cell())) == ids(four)[:1]
    assert len(relay.posts) == 4


@pytest.mark.parametrize("mode", ["cache", "replay"])
def test_a_notebook_run_again_or_replayed_shows_in_each_cell_what_it_showed_first(shell, relay, mode):
    cells = [cell("one"), cell("two -n 3"), cell("three"), cell("four -m other"), cell("five -m other -n 2")]
    first = [ids(shell.run(one)) for one in cells]
    asked = len(relay.posts)
    shell.run(f"%config WenwenMagics.mode = {mode!r}")
    assert [ids(shell.run(one)) for one in cells] == first
    assert len(relay.posts) == asked == 5


def test_a_fresh_take_is_shown_in_that_run_and_its_caption_says_how_to_see_it_again(shell, relay):
    first = shell.run(cell())
    assert "unless you star" not in shell.words()
    fresh = shell.run(cell("--fresh"))
    assert fresh.take == 2
    assert "A re-run shows version 1 unless you star this one." in shell.shown()[-1]["text/html"]
    assert shell.run(cell()).id == first.id
    assert shell.run(cell("--take 2")).id == fresh.id
    shell.run(f"%wenwen star {fresh.id}")
    assert shell.run(cell()).id == fresh.id
    assert ids(shell.run(cell("-n 2"))) == [first.id, fresh.id]
    assert len(relay.posts) == 2


def test_a_first_take_and_takes_that_a_re_run_shows_say_nothing_of_stars(shell, relay):
    for line in ("--fresh", "-n 3", "-m b --fresh -n 2"):
        shell.run(cell(line))
        assert "unless you star" not in shell.words()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_cell_of_a_take_shows_that_take(shell, relay, number):
    made = shell.run(cell("-n 3"))[number - 1]
    shell.run(f"%wenwen use {made.id}")
    shown = shell.run(shell.inserted[-1])
    assert (shown.id, len(relay.posts)) == (made.id, 3)


@pytest.mark.parametrize("line", ["", "-m a,b", "--stream", "--param seed=7 -o 横屏"])
def test_a_re_run_is_free_and_gives_the_very_same_pictures(shell, relay, line):
    first = shell.run(cell(line))
    asked = len(relay.posts)
    again = shell.run(cell(line))
    assert len(relay.posts) == asked
    assert (ids(again), takes(again)) == (ids(first), takes(first))
    assert [row.images[0].data for row in (again if isinstance(again, Gallery) else [again])] == [
        row.images[0].data for row in (first if isinstance(first, Gallery) else [first])
    ]


def test_takes_drawn_together_stand_in_the_order_of_their_numbers_as_they_will_in_a_re_run(shell, relay, monkeypatch):
    monkeypatch.setenv("WENWEN_CONCURRENCY", "1")
    history, began = shell.magics_manager.registry["WenwenMagics"]._client().history, datetime.now().astimezone()
    monkeypatch.setattr(history, "_now", map(began.__sub__, map(timedelta, count())).__next__)
    rows = shell.run(cell("-n 3"))
    assert takes(rows) == [1, 2, 3]
    assert ids(shell.run(cell("-n 3"))) == ids(rows)


def test_streaming_or_not_is_the_same_picture(shell, relay):
    first = shell.run(cell("--stream"))
    assert shell.run(cell()).id == first.id
    assert len(relay.posts) == 1


def test_a_re_run_in_live_mode_asks_and_adds_a_take(shell, relay):
    first = shell.run(cell())
    second = shell.run(cell("--mode live"))
    assert (first.take, second.take, len(relay.posts)) == (1, 2, 2)
    assert takes(shell.run(cell("-n 2"))) == [1, 2]
    assert len(relay.posts) == 2


# -- fresh -------------------------------------------------------------------------------------------------------------


def test_fresh_adds_takes_and_leaves_every_file_as_it_was(shell, relay, here):
    shell.run(cell("-n 2"))
    before = {path: path.read_bytes() for path in (here / "wenwen_images").rglob("*") if path.is_file()}
    assert takes(shell.run(cell("--fresh -n 2"))) == [3, 4]
    assert len(relay.posts) == 4
    assert all(path.read_bytes() == data for path, data in before.items())


def test_every_fresh_run_adds_one_take(shell, relay):
    assert [shell.run(cell("--fresh")).take for _ in range(3)] == [1, 2, 3]
    assert len({row.id for row in shell.run(cell("-n 3"))}) == 3
    assert len(relay.posts) == 3


def test_a_fresh_take_that_fails_is_no_take_and_the_old_one_stays(shell, relay):
    first = shell.run(cell())
    relay.answer = lambda _: answering("never")
    assert isinstance(shell.fail(cell("--fresh")), NoImageError)
    assert (shell.run(cell()).id, shell.run(cell("--take 1")).id) == (first.id, first.id)
    relay.answer = whole
    assert shell.run(cell("--fresh")).take == 2
    assert [record["state"] for record in records()].count("complete") == 2


# -- one take by its number --------------------------------------------------------------------------------------------


def test_each_take_is_shown_by_its_number_for_free(shell, relay):
    rows = shell.run(cell("-n 3"))
    for number, row in enumerate(rows, 1):
        shown = shell.run(cell(f"--take {number}"))
        assert (shown.id, shown.take, shown.from_history) == (row.id, number, True)
        assert row.id in shell.words()
    assert len(relay.posts) == 3


@pytest.mark.parametrize("line", ["--take 3", "--take 3 -n 1", "--take 3 --mode live"])
def test_a_take_that_is_not_saved_is_told_and_never_drawn(shell, relay, line):
    shell.run(cell("-n 2"))
    error = shell.fail(cell(line))
    assert isinstance(error, NotInHistory)
    assert "Take 3" in error.what
    assert error.why.endswith("Saved takes: 2.")
    assert len(relay.posts) == 2


@pytest.mark.parametrize("line", ["--take 2 --fresh", "--take 2 -n 3"])
def test_a_take_with_what_would_be_passed_over_is_refused(shell, relay, line):
    shell.run(cell("-n 2"))
    error = shell.fail(cell(line))
    assert isinstance(error, ConfigError)
    assert line.removeprefix("--take 2 ") in error.what
    assert len(relay.posts) == 2


def test_a_take_of_several_models_is_that_of_each(shell, relay):
    shell.run(cell("-m a,b -n 2"))
    rows = shell.run(cell("-m a,b --take 2"))
    assert [(row.request.model, row.take) for row in rows] == [("a", 2), ("b", 2)]
    assert len(relay.posts) == 4


def test_takes_are_counted_for_each_request_alone(shell, relay):
    shell.run(cell("-n 2"))
    assert shell.run(cell("", "a dog")).take == 1
    assert shell.run(cell("-o square")).take == 1
    assert shell.run(cell("-m other")).take == 1
    assert len(relay.posts) == 5


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_the_takes_of_one_cell_are_numbered_where_they_are_shown(shell, relay):
    shell.run(cell("-n 3"))
    html = shell.shown()[-1]["text/html"]
    assert [html.count(mark) for mark in "①②③④"] == [1, 1, 1, 0]


def test_a_later_take_alone_has_its_number_and_a_lonely_first_has_none(shell, relay):
    shell.run(cell())
    assert "version" not in shell.words()
    shell.run(cell("--fresh"))
    assert "version 2 · " in shell.shown()[-1]["text/html"]
    assert "version 2 · " in shell.shown()[-1]["text/plain"]


def test_a_saved_take_says_that_it_was_free_and_how_to_get_another(shell, relay):
    shell.run(cell())
    assert "--fresh" not in shell.words()
    shell.run(cell())
    assert "saved picture, free; --fresh draws a new one" in shell.shown()[-1]["text/html"]


def test_a_failure_among_several_takes_leaves_the_others_and_a_re_run_asks_only_for_it(shell, relay, monkeypatch):
    monkeypatch.setenv("WENWEN_CONCURRENCY", "1")
    relay.answer = lambda number: '{"error": {"message": "busy"}}' if number == 1 else whole(number)
    rows = shell.run(cell("-n 3"))
    assert [bool(row.images) for row in rows] == [True, False, True]
    assert takes(rows) == [1, 0, 2]
    assert "✗" in shell.words()
    assert takes(shell.run(cell("-n 3"))) == [1, 2, 3]
    assert len(relay.posts) == 4


def test_asking_for_more_after_a_refusal_counts_the_refusal_as_an_answer(shell, relay):
    relay.answer = lambda number: answering("never") if number == 0 else whole(number)
    shell.fail(cell())
    rows = shell.run(cell("-n 2"))
    assert [bool(row.images) for row in rows].count(True) == 1
    assert len(relay.posts) == 2


def test_more_takes_than_there_are_circled_numbers_are_numbered_all_the_same(shell, relay, monkeypatch):
    monkeypatch.setenv("WENWEN_SESSION_LIMIT", "100")
    rows = shell.run(cell("-n 22 -y"))
    assert sorted(takes(rows)) == list(range(1, 23))
    assert "21. " in shell.words()
    assert len(set(prompts(relay))) == 1
