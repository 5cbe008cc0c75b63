"""%wenwen show --lineage: the family of a picture, found by a variable's name or by an id."""

import re

from support.shells import cell


def test_the_lineage_of_any_of_a_family_shows_it_all_and_marks_the_one(shell, painter):
    for words in (cell("fox", "a fox"), cell("hat --ref fox", "give it a hat"), cell("cat", "a cat")):
        shell.run(words)
    for line in (f"%wenwen show {shell.user_ns['fox'].id} --lineage", "%wenwen show hat --来历"):
        assert [row.request.prompt for row in shell.run(line)] == ["a fox", "give it a hat"]
    html = shell.shown()[-1]["text/html"]
    assert html.count("<img") == 2
    assert "<b>give it a hat</b> ← this one" in html
    assert re.search(rf"white-space:nowrap[^>]*>#{shell.user_ns['hat'].id[:6]}<", html), "an id is cut in two"
    assert [row.request.prompt for row in shell.run("%wenwen show cat --lineage")] == ["a cat"]
    assert shell.run("%wenwen show hat").id == shell.user_ns["hat"].id
