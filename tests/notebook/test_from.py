"""A cell with many prompts: ``--from`` a file, a list, a column or a table, in a real IPython shell."""

import threading
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from support.relay import whole
from support.scripted import answering
from support.shells import cell, prompts, records

from wenwen_magic import Gallery
from wenwen_magic.engine import batch, worker_pool
from wenwen_magic.engine.worker_pool import Tally
from wenwen_magic.errors import ConfigError, LimitReached, NoImageError, WenwenError
from wenwen_magic.notebook.output_area import Area


@pytest.fixture
def things(shell, relay):
    """Prompts in every shape that a notebook has them in."""
    frame = pd.DataFrame({"prompt": ["a cat", "a dog"], "place": ["sea", "hill"]})
    shell.user_ns.update(listed=["a cat", "a dog"], df=frame, book={"x": ["a cat", "a dog"]})
    Path("my prompts.txt").write_text("a cat\na dog\n")
    frame.to_csv("p.csv", index=False)
    return shell


SOURCES = ["listed", 'df["prompt"]', "df['prompt']", "df.prompt", "df", "p.csv", "'my prompts.txt'", 'book["x"]']


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("form", ["%wenwen_image --from {}", "%%wenwen_image g --来自 {}\n{{{{prompt}}}}"])
def test_every_source_is_drawn_in_its_order_and_again_for_free(things, relay, source, form):
    for _ in range(2):
        drawn = things.run(form.format(source))
        assert isinstance(drawn, Gallery)
        assert [row.request.prompt for row in drawn] == ["a cat", "a dog"]
        assert things.words().count("<img") == 2
    assert len(relay.posts) == 2


def test_the_cells_text_is_a_template_for_columns_and_variables(things, relay):
    things.user_ns["hue"] = "blue"
    drawn = things.run(cell("g --from df -n 2 -o 横屏 -m m", "{{prompt}} at the {{place}}, {{hue}} {x}"))
    wanted = ["a cat at the sea, blue {x}", "a dog at the hill, blue {x}"]
    assert [row.request.prompt for row in drawn] == [wanted[0]] * 2 + [wanted[1]] * 2
    assert {(row.request.model, row.request.orientation) for row in drawn} == {("m", "landscape")}
    assert drawn is things.user_ns["g"]
    assert len(relay.posts) == 4


def test_a_dry_run_shows_the_first_prompts_the_count_and_the_price_and_sends_nothing(things, relay, capsys):
    things.user_ns["listed"] = [f"cat {number}" for number in range(30)]
    things.run("%config WenwenMagics.prices = {'gpt-*': 0.5}\n%config WenwenMagics.session_limit = 1")
    capsys.readouterr()
    assert things.run(cell("--from listed -n 2 --dry-run -o 横屏", "a {{prompt}}")) is None
    told = capsys.readouterr().out
    assert "1. a cat 0\nlandscape composition\n\n2. a cat 1" in told
    assert "cat 29" not in told
    assert "60 pictures" in told
    assert "30" in told
    assert (relay.posts, records()) == ([], [])


@pytest.mark.parametrize("line", ["", "--budget 4 -y", "--fresh"])
def test_limits_stand_before_the_first_call(things, relay, line):
    things.user_ns["listed"] = [f"cat {number}" for number in range(5)]
    assert isinstance(things.fail(f"%wenwen_image --from listed {line}"), LimitReached)
    things.run("%config WenwenMagics.session_limit = 4")
    assert isinstance(things.fail("%wenwen_image --from listed -y"), LimitReached)
    assert (relay.posts, records()) == ([], [])


def test_one_failure_is_a_row_and_all_of_them_an_error(things, relay):
    things.run("%config WenwenMagics.concurrency = 1")
    relay.answer = lambda number: answering("never") if number == 0 else whole(number)
    drawn = things.run("g = %wenwen_image --from listed") or things.user_ns["g"]
    assert [bool(row.images) for row in drawn] == [False, True]
    assert "✗" in things.words()
    relay.answer = lambda _: answering("never")
    assert isinstance(things.fail(cell("h --from listed", "other {{prompt}}")), NoImageError)
    assert "h" not in things.user_ns


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nobody.csv", "nobody.csv"),
        ("nobody", "There is no variable and no file called 'nobody'"),
        ('df["nothing"]', "nothing"),
        ("7", "7"),
        ("empty.txt", "no prompts"),
        ("wrong.jsonl", "line 2"),
        ("noprompt.csv", "prompt"),
        ("numbers", "int"),
    ],
)
def test_a_source_that_is_none_is_told_before_anything_is_sent(things, relay, source, told):
    things.user_ns["numbers"] = [1, 2]
    Path("empty.txt").write_text("\n\n")
    Path("wrong.jsonl").write_text('"a cat"\n{\n')
    Path("noprompt.csv").write_text("name\ncat\n")
    error = things.fail(f"%wenwen_image --from {source}")
    assert isinstance(error, ConfigError), error
    assert told in str(error)
    assert (relay.posts, records()) == ([], [])


def test_a_prompt_that_uses_no_column_is_refused_before_anything_is_sent(things, relay):
    for text in (
        cell("--from p.csv", "no columns here"),
        "%wenwen_image many --from listed",
        cell("--from df", "{{7}}"),
    ):
        error = things.fail(text)
        assert isinstance(error, ConfigError), text
        assert "uses no column" in error.what
        assert "{{prompt}}" in error.do
    assert (relay.posts, records()) == ([], [])


def test_one_prompt_for_several_models_of_a_column_is_drawn(things, relay):
    things.user_ns["rows"] = [{"model": "a"}, {"model": "b"}]
    assert [row.request.model for row in things.run(cell("--from rows", "a cat"))] == ["a", "b"]


@pytest.mark.parametrize(("name", "source"), [("n", "x.jsonl"), ("count", "x.jsonl"), ("张数", "x.csv")])
def test_a_number_of_pictures_in_a_row_is_refused_and_not_passed_over(things, relay, name, source):
    Path("x.jsonl").write_text(f'{{"prompt": "a cat", "{name}": 2}}\n')
    Path("x.csv").write_text(f"prompt,{name}\na cat,2\n", encoding="utf-8")
    error = things.fail(f"%wenwen_image --from {source}")
    assert isinstance(error, ConfigError)
    assert name in error.what
    assert relay.posts == []
    assert len(things.run(cell(f"--from {source}", f"{{{{{name}}}}} cats"))) == 1


def test_a_generator_is_drawn_or_refused_but_not_used_up_in_silence(things, relay):
    things.run("made = (text for text in listed)")
    result = things.run_cell("%wenwen_image --from made")
    assert isinstance(result.error_in_exec, WenwenError) or len(relay.posts) == 2


def test_an_empty_list_is_told_as_an_empty_file_is(things, relay):
    things.user_ns["listed"] = []
    assert isinstance(things.fail("%wenwen_image --from listed"), ConfigError)


def test_pictures_appear_while_others_are_still_drawn(things, relay, monkeypatch):
    things.user_ns["listed"] = [f"cat {number}" for number in range(3)]
    things.run("%config WenwenMagics.concurrency = 1")
    seen, steps = [], count()
    monkeypatch.setattr(worker_pool, "POLL", 0.001)
    monkeypatch.setattr(batch.BatchRun, "tally", property(lambda _: Tally(3, 1, 0, 1, float(next(steps)))))
    begun = threading.Event()

    def slow(number):
        if number == 2:
            begun.wait(20)
        return whole(number)

    relay.answer = slow
    monkeypatch.setattr(Area, "preview", lambda _, gallery, line: (seen.append(len(gallery)), begun.set()))
    things.attend(monkeypatch, "y")
    assert len(things.run("%wenwen_image -y --no-ui --from listed")) == 3
    assert seen
    assert seen[0] < 3


def test_a_quiet_run_shows_nothing(things, relay):
    things.run("g = %wenwen_image -q --from listed")
    assert things.shown() == []
    assert len(things.user_ns["g"].images) == 2


@pytest.mark.parametrize("line", ["--from {{listed}}", "--from {{listed[:]}}", "--from '{{listed}}'"])
def test_a_source_may_stand_in_braces_as_for_other_options(things, relay, line):
    assert [row.request.prompt for row in things.run(f"%wenwen_image {line}")] == ["a cat", "a dog"]


def test_a_table_with_semicolons_is_drawn_and_its_columns_answer_in_any_case(things, relay):
    things.user_ns["animal"] = "a stale name"
    Path("s.csv").write_text('Animal;My place;size\n"a ""big"" cat";sea;1,5\n')
    things.run(cell("--from s.csv", "{{animal}} at the {{my place}}"))
    assert prompts(relay) == ['a "big" cat at the sea']


def test_a_list_in_a_column_that_is_used_is_told_with_its_line_before_anything_is_sent(things, relay):
    Path("x.jsonl").write_text('{"prompt": "a cat", "tags": ["x"]}\n{"prompt": ["a", "b"], "tags": []}\n')
    assert "x.jsonl, line 2" in str(things.fail("%wenwen_image --from x.jsonl"))
    assert (relay.posts, records()) == ([], [])


def test_a_row_is_never_looked_into(things, relay):
    things.user_ns.update(listed=["{{1/0}} {x}"], x="no")
    things.run("%wenwen_image --from listed")
    assert prompts(relay) == ["{{1/0}} {x}"]
