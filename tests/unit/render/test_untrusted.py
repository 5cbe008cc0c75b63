"""Whatever an endpoint, a prompt or a record says stays text in every bundle, and steers nothing that shows it."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.html import UNSHOWABLE, Document, read

from wenwen_magic.history.store import Page
from wenwen_magic.models import Model, ModelList
from wenwen_magic.records import Button, Gallery, Generation, ImageRequest, Reference
from wenwen_magic.render.comparison import Comparison
from wenwen_magic.render.comparison import bundle as comparison_bundle
from wenwen_magic.render.gallery import gallery_bundle, vote_result
from wenwen_magic.render.generation import generation_bundle, status_html
from wenwen_magic.render.history import family_bundle, page_bundle
from wenwen_magic.render.models import table

ATTACKS = [
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>" onerror="alert(1)',
    "' onmouseover='alert(1)",
    "</pre></details></summary></figcaption></figure><script>alert(1)</script>",
    "</th></thead></td></tr></table><h1>free",
    "<!--<script>--><![CDATA[<b>]]>",
    "&lt;script&gt;&#x3c;img src=x&#x3e;",
    "![x](http://evil.example/x.png) [y](javascript:alert(1))",
    "<style>*{display:none}</style><base href=//evil.example>",
    "$$\\href{javascript:alert(1)}{x}$$ {{7*7}} ${7*7} %s %(x)s {0}",
    "\x00<b>\x1b]8;;http://evil.example\x07\x1b[2J\x9b31m\x08b\x7f",
    "\ud83d half \udc00 a\u202eb\u2066c",
    "line\u2028line\r\nline\ttab ＜script＞",
]


def infected(make, words):
    """Generations hostile in every field: with pictures, without previews, failed."""
    good = make((9, 9), (8, 8), (7, 7), sent=words)
    path = Path(words.replace("/", "_").replace("\0", ""))
    first, second, third = (replace(image, alt=words, path=path) for image in good.pictures)
    request = ImageRequest(words, words, params={words: words}, references=(Reference("a", "b" * 64, words),))
    drawn = replace(
        good,
        pictures=(first, second, replace(third, problem=words)),
        request=request,
        buttons=(Button(words, {words: words}),),
        **dict.fromkeys((one.name for one in fields(Generation) if one.type is str), words),
    )
    lost = replace(drawn, pictures=(replace(first, preview=None),), still=None)
    return drawn, lost, replace(drawn, pictures=(), state="failed", error={"what": words, "why": words})


def page_of(rows, words):
    thumbnails = {row.id: row.still for row in rows if row.still}
    return page_bundle(Page(rows, 99, 1, 3), thumbnails=thumbnails, command=words, currency=words)


def family_of(rows, words):
    child = replace(rows[0], request=replace(rows[0].request, parent=words))
    return family_bundle([(rows[0], 0), (child, 1)], child, {words: rows[0].still})


BUNDLES = {
    "one": lambda rows, words: generation_bundle(rows[0]),
    "one picture": lambda rows, words: generation_bundle(replace(rows[0], pictures=rows[0].pictures[:1])),
    "lost": lambda rows, words: generation_bundle(rows[1]),
    "failure": lambda rows, words: generation_bundle(rows[2]),
    "gallery": lambda rows, words: gallery_bundle(Gallery(rows)),
    "column": lambda rows, words: gallery_bundle(Gallery(rows, tuple(((words, words + at),) for at in "123"))),
    "grid": lambda rows, words: gallery_bundle(Gallery(rows, tuple(((words, words), ("y", at)) for at in "123"))),
    "blind": lambda rows, words: gallery_bundle(Gallery(rows, blind=True)),
    "vote": lambda rows, words: vote_result(Gallery(rows, tuple(((words, words + at),) for at in "123")), "B"),
    "page": page_of,
    "empty page": lambda rows, words: page_of((), words),
    "lineage": family_of,
    "comparison": lambda rows, words: comparison_bundle(Comparison(rows[0], rows[2])),
    "models": lambda rows, words: table(ModelList((Model(words, words, (words,)),), 1.0)).bundle,
}
HIDES = {"blind", "empty page", "models", "one picture"}  # what was said is hidden, or cut, or is no prompt


@pytest.mark.parametrize("name", BUNDLES)
def test_what_is_said_from_outside_stays_text(name, make):
    for words in ATTACKS:
        reader = read(BUNDLES[name](infected(make, words), words))
        if name not in HIDES and not UNSHOWABLE.search(words):
            assert " ".join(words.split()) in " ".join(reader.words.split())


def test_formatted_words_have_no_html_of_their_own_and_load_nothing(make):
    for words in ATTACKS:
        described = make(request=ImageRequest("x", task="describe"), text=words)
        html = generation_bundle(described)["text/html"]
        assert not re.search(r"<(script|svg|img|style|base|b|h1)\b|href=\"java", html)
        assert not UNSHOWABLE.search(html)


def test_a_status_line_stays_text():
    assert Document(status_html(ATTACKS[0])).words == ATTACKS[0]


@settings(max_examples=50)
@given(st.text(max_size=80), st.sampled_from(["prompt_sent", "model_reported", "id", "created", "text"]))
def test_any_text_at_all_stays_in_its_cell(words, place):
    one = replace(Generation("a1b2", ImageRequest("x"), "x", "complete", ""), **{place: words})
    read(generation_bundle(one))
    assert [len(row) for row in read(page_of((one,), "x")).rows] == [1]
    (rows,) = read(gallery_bundle(Gallery((one, one), (((words, words),), ((words, words + "x"),))))).tables
    assert [len(row) for row in rows] == [1, 2, 2]


def test_a_text_table_has_one_line_for_each_row_whatever_is_in_it(make):
    text = page_of(infected(make, "a\nb\x0bc\x0c\x85d\u2028e"), "x")["text/plain"]
    assert len(text.split("\n")) == 6
