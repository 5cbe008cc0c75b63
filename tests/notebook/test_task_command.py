"""Asking after works that the endpoint numbers, and pressing their buttons, by command."""

import pytest
from support.shells import cell

from wenwen_magic.errors import ConfigError


@pytest.fixture
def four(shell, painter):
    """Four pictures in one, drawn by a work that can be asked after."""
    shell.run("%config WenwenMagics.format = 'midjourney'")
    shell.run("%config WenwenMagics.poll_seconds = 0.01")
    return shell.run(cell("four", "a boat"))


def told(shell, capsys, text):
    capsys.readouterr()
    shell.run(text)
    return capsys.readouterr().out


def test_a_work_is_asked_after_by_its_pictures_variable_or_id(shell, four, capsys):
    for word in ("four", four.id, four.id[:6]):
        said = told(shell, capsys, f"%wenwen task {word}")
        assert "SUCCESS" in said
        assert four.job in said


def test_several_works_are_asked_after_at_once(shell, four, capsys, painter):
    shell.run(cell("other", "a ship"))
    asked = len(painter.calls)
    said = told(shell, capsys, "%wenwen task four other")
    assert four.job in said
    assert shell.user_ns["other"].job in said
    assert len(painter.calls) == asked + 1


def test_the_seed_is_told(shell, four, capsys):
    assert told(shell, capsys, "%wenwen task four seed").split()[0] == "seed"


def test_a_button_is_pressed_once_and_shown_for_free_after_that(shell, four, painter):
    first = shell.run("%wenwen task four U2")
    asked = len(painter.posts)
    again = shell.run("%wenwen task four u2")
    assert (first.parent, first.request.task, len(first.images)) == (four.id, "action", 1)
    assert (again.id, len(painter.posts)) == (first.id, asked)
    assert [row.request.task for row in shell.run("%wenwen show four --lineage").rows] == ["draw", "action"]


def test_a_question_that_the_format_does_not_have_names_those_it_has(shell, four):
    error = shell.fail("%wenwen task four sead")
    assert isinstance(error, ConfigError)
    assert "seed" in error.do


def test_a_picture_without_a_work_is_told(shell, painter):
    shell.run(cell("cat --format chat", "a cat"))
    error = shell.fail("%wenwen task cat")
    assert isinstance(error, ConfigError)
    assert error.do


def test_nobody_is_asked_in_a_replay(shell, four, painter):
    shell.run("%config WenwenMagics.mode = 'replay'")
    asked = len(painter.calls)
    assert isinstance(shell.fail("%wenwen task four seed"), ConfigError)
    assert len(painter.calls) == asked


# -- what else the format can do ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["blend", "swap"])
def test_two_pictures_make_one(shell, four, painter, task):
    shell.run(cell("two", "a ship"))
    made = shell.run(cell(f"--task {task} --ref four --ref two", "both"))
    assert (made.request.task, made.parent, len(made.images)) == (task, four.id, 1)


def test_a_part_is_changed_by_the_formats_own_edit(shell, four, painter):
    assert shell.run(cell("--task edit --ref four", "in the night")).images


def test_an_upload_gives_links_as_words(shell, four):
    assert "http" in shell.run(cell("links --task upload --ref four", "upload")).text


def test_the_format_describes_too(shell, four):
    said = shell.run("%%wenwen_describe -m mj_describe --ref four\nwhat?")
    assert (said.request.format, said.request.task) == ("midjourney", "describe")
    assert said.text


@pytest.mark.parametrize(("task", "do"), [("blend", "These formats do: midjourney"), ("nothing", "It knows: draw")])
def test_a_task_that_the_format_does_not_know_names_the_formats_that_do_else_what_it_knows(shell, painter, task, do):
    error = shell.fail(cell(f"--format images --task {task}", "x"))
    assert isinstance(error, ConfigError)
    assert error.do == do
    assert painter.posts == []


def test_a_model_chooses_its_format_and_an_option_goes_before(shell, painter):
    shell.run("%config WenwenMagics.formats = {'gpt-image-*': 'images', 'mj_*': 'midjourney'}")
    shell.run("%config WenwenMagics.poll_seconds = 0.01")
    assert shell.run(cell("-m gpt-image-1", "a cat")).request.format == "images"
    assert shell.run(cell("-m mj_imagine", "a cat")).request.format == "midjourney"
    assert shell.run(cell("-m other", "a cat")).request.format == "chat"
    assert shell.run(cell("-m gpt-image-1 --format chat", "a cat")).request.format == "chat"
    rows = shell.run(cell("-m gpt-image-1,mj_imagine", "a dog"))
    assert [row.request.format for row in rows] == ["images", "midjourney"]
