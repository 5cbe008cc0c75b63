"""The chain of edits: what a picture came from and what was made of it, as a tree."""

from dataclasses import replace

import pytest
from support.html import read

from wenwen_magic.records import Button, Generation, ImageRequest
from wenwen_magic.render.history import MOST_RELATED, family, family_bundle


class Records:
    """A history in memory, as far as a family needs one."""

    def __init__(self, *generations):
        self.kept = {generation.id: generation for generation in generations}

    def find(self, name):
        return self.kept.get(name)

    def children(self, name):
        return [one for one in self.kept.values() if one.parent == name]


def drawn(name, parent=""):
    return Generation(name, ImageRequest(f"{name} words", parent=parent), f"{name} words", "complete", "")


FAMILY = [drawn("fox"), drawn("blue", "fox"), drawn("hat", "fox"), drawn("old", "hat"), drawn("cat")]


def members(wanted, *generations):
    records = Records(*(generations or FAMILY))
    return [(member.id, depth) for member, depth in family(records, records.kept[wanted])]


@pytest.mark.parametrize("wanted", ["fox", "blue", "hat", "old"])
def test_any_of_a_family_leads_to_all_of_it_each_behind_what_it_came_from(wanted):
    assert members(wanted) == [("fox", 0), ("blue", 1), ("hat", 1), ("old", 2)]
    assert members("cat") == [("cat", 0)]


def test_a_parent_that_is_gone_ends_the_way_back():
    assert members("old", *FAMILY[1:]) == [("hat", 0), ("old", 1)]


def test_a_circle_in_the_records_is_walked_once():
    found = members("hat", drawn("fox", "old"), *FAMILY[1:])
    assert sorted(name for name, _depth in found) == ["blue", "fox", "hat", "old"]


def test_a_very_large_family_is_cut():
    assert (
        len(members("fox", *FAMILY, *(drawn(str(number), "fox") for number in range(MOST_RELATED + 5)))) == MOST_RELATED
    )


def test_the_tree_says_depth_button_and_which_was_asked_for_in_html_and_in_plain_text(make, failed):
    fox = make((90, 60), id="fox", sent="a fox", buttons=(Button("U1", {"index": 1}),))
    hat = make((90, 60), id="hat", sent="a hat", request=ImageRequest("x", parent="fox", params={"index": 1}))
    old = failed(id="old", sent="old", request=ImageRequest("x", parent="hat"))
    shown = family(Records(fox, hat, old), old)
    bundle = family_bundle(shown, hat, {"fox": fox.still, "hat": hat.still})
    ((head, *rows),) = read(bundle).tables
    assert [cell.words for cell in head] == ["picture", "what was asked", "model", "id"]
    assert [[cell.words for cell in row] for row in rows] == [
        ["", "a fox", "gpt-4o-image", "#fox"],
        ["", "─ U1: a hat ← this one", "gpt-4o-image", "#hat"],
        ["✗ The endpoint failed.", "── old", "gpt-4o-image", "#old"],
    ]
    assert [image["alt"] for row in rows for cell in row for image in cell.images] == ["a cat"] * 2
    assert bundle["text/plain"].splitlines() == [
        "#fox  a fox  gpt-4o-image",
        "  ─ #hat  U1: a hat  gpt-4o-image  ←",
        "    ── #old  old  gpt-4o-image",
    ]


def test_a_text_that_was_asked_for_is_no_failure(make):
    described = make(id="described", request=ImageRequest("x", task="describe"), text="A fox.")
    assert (
        read(family_bundle(family(Records(described), described), replace(described, id="x"), {})).rows[1][0].words
        == "text"
    )
