"""The chain of edits: what a picture came from and what was made of it, as a tree."""

from dataclasses import replace

import pytest
from support.shells import cell

from wenwen_magic.render.lineage import MOST, family


@pytest.fixture
def chain(shell, painter):
    """A fox, two edits of it, and an edit of the second edit; a cat that has nothing to do with them."""
    shell.run(cell("fox", "a fox"))
    shell.run(cell("blue --ref fox", "make it blue"))
    shell.run(cell("hat --ref fox", "give it a hat"))
    shell.run(cell("old --ref hat", "make it old"))
    shell.run(cell("cat", "a cat"))
    return {name: shell.user_ns[name] for name in ("fox", "blue", "hat", "old", "cat")}


def order(shown):
    return [row.request.prompt for row in shown]


def test_any_of_a_family_shows_the_whole_family_each_behind_what_it_came_from(shell, chain):
    wanted = ["a fox", "make it blue", "give it a hat", "make it old"]
    for name in ("fox", "hat", "old"):
        assert order(shell.run(f"%wenwen show {chain[name].id} --lineage")) == wanted
    assert order(shell.run("%wenwen show cat --来历")) == ["a cat"]


def test_the_tree_says_depth_and_which_was_asked_for_in_html_and_in_plain_text(shell, chain):
    shell.run("%wenwen show hat --lineage")
    data = shell.shown()[-1]
    assert data["text/html"].count("<img") == 4
    assert "<b>give it a hat</b> ← this one" in data["text/html"]
    lines = data["text/plain"].splitlines()
    assert [line.split("#")[0] for line in lines] == ["", "  ─ ", "  ─ ", "    ── "]
    assert lines[2].endswith("←")


def test_without_the_option_one_picture_is_shown(shell, chain):
    assert shell.run("%wenwen show hat").id == chain["hat"].id


def test_a_parent_that_is_gone_ends_the_way_back(shell, chain, here):
    [path] = here.glob(f"wenwen_images/*/*-{chain['fox'].id}.json")
    path.unlink()
    assert order(shell.run("%wenwen show old --lineage")) == ["give it a hat", "make it old"]


def test_a_circle_in_the_records_is_walked_once(shell, chain):
    history = shell.magics_manager.registry["WenwenMagics"]._client().history
    fox = history.get(chain["fox"].id)
    history.write(replace(fox, request=replace(fox.request, parent=chain["old"].id)))
    found = [one.generation.id for one in family(history, chain["hat"])]
    assert sorted(found) == sorted(chain[name].id for name in ("fox", "blue", "hat", "old"))


def test_a_very_large_family_is_cut(shell, chain):
    history = shell.magics_manager.registry["WenwenMagics"]._client().history
    child = replace(chain["blue"], pictures=())
    for number in range(MOST + 5):
        history.write(replace(child, id=f"{number:08x}"))
    assert len(family(history, chain["fox"])) == MOST
