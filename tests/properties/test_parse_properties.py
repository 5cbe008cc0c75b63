"""What holds for any body: cut anywhere it is the same body, and reading it takes time in proportion to its length."""

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.replies import in_pieces
from support.scripted import grows_in_proportion

from wenwen_magic.formats.parse.json_text import Payloads, parse_partial_json
from wenwen_magic.formats.parse.stream import begin, lines

BOM = b"\xef\xbb\xbf"
RUN = base64.b64encode(bytes(range(256)) * 8).decode()
BODY = st.lists(st.sampled_from([b"data: {}", b"\n", b"\r", b" ", b"x", b":", BOM, "\u2028画".encode(), b"{"])).map(
    b"".join
)
PLACES = st.lists(st.integers(0, 200), max_size=8)


@given(BODY, PLACES)
def test_lines_do_not_depend_on_where_the_body_is_cut(body, places):
    expected = [line.rstrip(b"\r") for line in body.split(b"\n")]
    assert list(lines(in_pieces(body, places))) == expected


@given(BODY, PLACES)
@example(BOM + b"\n {}", [1, 2])
@example(b"  " + BOM + b"  data: x", [3, 4])
def test_the_beginning_does_not_depend_on_where_the_body_is_cut(body, places):
    head, rest = begin(iter(in_pieces(body, places)))
    expected = body.lstrip().removeprefix(BOM).lstrip()
    assert b"".join(rest) == expected
    assert expected.startswith(head)
    assert bool(head) == bool(expected)


def test_a_long_line_in_many_pieces_takes_time_in_proportion():
    assert grows_in_proportion(lambda factor: [b"x" * 1000] * 1_250 * factor, lambda pieces: list(lines(pieces)), 16)


def small_and_back(text):
    payloads = Payloads()
    small = json.loads(payloads.extract(json.dumps(text).encode()))
    return small, payloads.restore_text(small)


PIECES = st.lists(
    st.one_of(st.text(max_size=20), st.just(RUN), st.sampled_from(["\\", "/", "=", "\n", "\u2028", "u00", "A" * 1024])),
    max_size=8,
)


@given(PIECES)
@example(["\\", RUN])
@example(["\n", RUN, "=", RUN])
def test_any_text_with_runs_comes_back_as_it_was(pieces):
    text = "".join(pieces).encode("utf-8", "replace").decode()
    assert small_and_back(text)[1] == text


@pytest.mark.parametrize("unit", [b"A", b"\\/", b"\\", b"A\\", b"=", b"A=", b"\\u", b"\\u00e9", b"A/\\n"])
def test_any_body_is_cut_in_time_proportional_to_its_length(unit):
    assert grows_in_proportion(
        lambda factor: unit * (125_000 * factor // len(unit)), lambda body: Payloads().extract(body), 16
    )


@given(st.text('{}[]:,"\\tex u0', max_size=60))
def test_any_text_is_mended_or_given_up(text):
    assert json.dumps(parse_partial_json(text))


@pytest.mark.parametrize("piece", ['{"text":', "[", '"a",', '"', "\\", '{"a":"b"},', "[]"])
def test_mending_takes_time_in_proportion(piece):
    assert grows_in_proportion(lambda factor: "[" + piece * (5_000 * factor), parse_partial_json, 16)
