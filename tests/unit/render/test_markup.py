"""HTML is escaped unless it is marked as finished; tables are legible without styles; text columns are aligned."""

import base64
import re
from html import escape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.html import Document

from wenwen_magic import render
from wenwen_magic.formats.parse import markdown
from wenwen_magic.render.markup import (
    Markup,
    bundle,
    cell,
    clipped,
    even_columns,
    folded,
    in_rows,
    join,
    lines,
    picture,
    stacked,
    table,
    tag,
    text_table,
    with_formulas,
)
from wenwen_magic.text.i18n import text_width

HOSTILE = "<b>\"x\" & 'y'</b>"


def test_only_the_builder_escapes_so_that_no_other_module_can_forget_it():
    modules = Path(render.__file__).parent.glob("*.py")
    escaping = {path.name for path in modules if re.search(r"\bescape\(|import escape|import html", path.read_text())}
    assert escaping == {"markup.py"}


def test_a_text_and_an_attribute_are_escaped_and_finished_html_is_not():
    inner = tag("b", HOSTILE)
    reader = Document(tag("p", inner, HOSTILE, style=None))
    assert reader.tags == [("p", {}), ("b", {})]
    assert reader.words == HOSTILE * 2
    assert Document(tag("img", alt=HOSTILE)).named("img") == [{"alt": HOSTILE}]


def test_text_put_together_by_other_means_is_escaped_again_and_never_taken_for_finished():
    for text in (f"{tag('b')}", tag("b") + "x", "".join([tag("b")]), tag("b").replace("b", "i")):
        assert "<" not in join(text)


def test_pieces_one_below_another_leave_out_the_empty_ones():
    assert stacked("a", "", Markup(), tag("b", "<")) == "a<br><b>&lt;</b>"
    assert join("a", "b", between="<") == "a&lt;b"


def test_a_word_as_long_as_a_line_may_break_and_loses_nothing():
    words = "short 短 " + "x" * 50 + "<&" + "\0" + "y" * 20 + "\nend"
    html = lines(words)
    assert html.count("<wbr>") == 2
    assert Document(html).words == words.replace("\0", " ")


def test_what_is_folded_follows_its_head():
    reader = Document(folded(HOSTILE, tag("pre", "all")))
    assert [name for name, _ in reader.tags] == ["details", "summary", "small", "pre"]
    assert reader.words == HOSTILE + "all"


# Tables


def test_a_table_has_headers_with_scopes_and_is_legible_with_styles_stripped():
    html = table(
        [[cell("a", scope="row", width=80), HOSTILE], ["b", tag("b", "c")]], head=[["x", cell("y", colspan=2)]]
    )
    ((head, first, second),) = Document(html).tables
    assert [(one.tag, one.attributes.get("scope"), one.words) for one in (*head, *first, *second)] == [
        *(("th", "col", "x"), ("td", None, "y"), ("th", "row", "a"), ("td", None, HOSTILE)),
        *(("td", None, "b"), ("td", None, "c")),
    ]
    assert (head[1].attributes["colspan"], first[0].attributes["width"]) == ("2", "80")
    assert {(one.attributes["align"], one.attributes["valign"]) for one in (*head, *first, *second)} == {
        ("left", "top")
    }
    assert Document(html).named("table")[0]["cellpadding"]


def test_a_table_without_rows_is_nothing():
    assert table([], head=[["x"]]) == ""


def test_front_ends_stripe_only_what_may_be_striped():
    assert "background:none" in table([["a"]])
    assert "background" not in table([["a"]], striped=True)


@pytest.mark.parametrize(
    ("count", "rows"), [(0, []), (1, [1]), (2, [2]), (3, [3]), (4, [2, 2]), (5, [4, 1]), (8, [4, 4]), (9, [4, 4, 1])]
)
def test_pictures_are_in_even_rows_of_at_most_four(count, rows):
    cut = in_rows(range(count), even_columns(count))
    assert [len(row) for row in cut] == rows
    assert [number for row in cut for number in row] == list(range(count))


def test_columns_of_text_are_aligned_with_chinese_in_them_and_one_line_high():
    text = text_table([["name", "", "end"], ["画一只猫", "★", "x"], ["a\nb \u2028c", "", "y"]])
    head, *rest = text.splitlines()
    assert text_width(head[: head.index("end")]) == 8 + 2 + 2 + 2 - 1
    assert [text_width(line[: line.index(last)]) for line, last in zip(rest, "xy", strict=True)] == [13, 13]
    assert text.splitlines()[2].startswith("a b c ")


@given(st.text("ab 猫，", max_size=40), st.integers(1, 30))
def test_a_clipped_text_fits_its_columns_and_is_whole_where_it_can_be(text, most):
    cut = clipped(text, most)
    assert text_width(cut) <= most
    assert cut == " ".join(text.split()) or cut.endswith("…")


# Formulas and sums of money


@pytest.mark.parametrize("shown", [join, lines])
def test_a_page_that_typesets_formulas_shows_what_was_typed_with_dollars_as_it_was(shown):
    html = shown("a sign: $5 & $10")
    assert "<span>$</span>5 &amp; <span>$</span>10" in html
    assert Document(html).words == "a sign: $5 & $10"


@pytest.mark.parametrize(
    "formula",
    [
        r"\(a_1 * b_2 * c\)",
        "\\[\n\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}\n\\]",
        "$$\na_i*b_j*c \\\\\n\n= <d>\n$$",
        "$x_1 * y_2 * z$",
        "$2x$",
    ],
)
def test_a_formula_in_a_models_words_is_what_it_wrote_for_the_page_to_typeset(formula):
    for text, shown in (
        (f"角{formula}是 *b*", f"<p>角{escape(formula)}是 <em>b</em></p>"),
        (f"`{formula}`", escape(formula)),
    ):
        assert shown in with_formulas(text, markdown.render)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("$5 and $10, US$4", "<span>$</span>5 and <span>$</span>10, US<span>$</span>4"),
        (r"\[1\] and \\(no\)", "[1] and \\(no)"),
        ("[a](http://b/$c$d?e=$5)", '<a rel="noopener noreferrer" href="http://b/$c$d?e=$5">a</a>'),
        ("\ue0007\ue001 &#xe000;7&#xe001; $x$", "7  $x$"),
    ],
)
def test_what_is_no_formula_is_shown_as_it_reads(text, html):
    assert with_formulas(text, markdown.render) == f"<p>{html}</p>\n"


# Pictures and bundles


@pytest.mark.parametrize(
    ("name", "head", "mime"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("a.jpg", b"\xff\xd8\xff", "image/jpeg"),
        ("a.png", b"\xff\xd8\xff", "image/jpeg"),
    ],
)
def test_a_picture_is_inside_the_html_and_the_bundle_with_its_type(tmp_path, name, head, mime):
    (tmp_path / name).write_bytes(head + b"bytes")
    data = base64.b64encode(head + b"bytes").decode()
    assert bundle("<p>a</p>", "a", tmp_path / name) == {mime: data, "text/html": "<p>a</p>", "text/plain": "a"}
    (shown,) = Document(picture(tmp_path / name, HOSTILE, width=7, height=9)).named("img")
    assert (shown["src"], shown["alt"], shown["width"]) == (f"data:{mime};base64,{data}", HOSTILE, "7")
    assert "max-height:9px" in shown["style"]


def test_a_picture_that_is_not_at_hand_is_empty(tmp_path):
    assert [picture(path, "a") for path in (None, tmp_path / "gone.png", tmp_path)] == [""] * 3
    assert bundle("a", "a", tmp_path / "gone.png") == bundle("a", "a")


@pytest.mark.parametrize("data", [b"", b"root:x:0:0", b"<svg/>", b"\xff\xd8\xff" + bytes(5 << 20)])
def test_what_is_no_small_picture_is_not_put_into_a_page(data, tmp_path):
    (tmp_path / "a.jpg").write_bytes(data)
    assert (picture(tmp_path / "a.jpg", "a"), bundle("a", "a", tmp_path / "a.jpg")) == ("", bundle("a", "a"))


def test_a_bundle_can_be_sent_and_steers_nothing():
    made = bundle("a\x00\x1b[2J\x9b\ud83d\u202eb\u2066c\n", "\ud800\x08\td")
    assert made == {"text/html": "a  [2J   b c\n", "text/plain": "  \td"}
