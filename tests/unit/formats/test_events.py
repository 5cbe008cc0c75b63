"""A body in pieces is the same body, wherever it is cut."""

import pytest

from wenwen_magic.errors import EndpointError
from wenwen_magic.formats.parse.stream import begin, event_data

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("first", [b"{", b"[", b": PING"])
def test_the_first_letter_is_enough_to_begin(first):
    def more():
        yield first
        raise AssertionError("read on")

    assert begin(more())[0] == first


def test_sixteen_letters_are_enough_to_begin():
    def more():
        yield b"<!DOCTYPE html>."
        raise AssertionError("read on")

    assert begin(more())[0] == b"<!DOCTYPE html>."


@pytest.mark.parametrize("nothing", [[], [b""], [b" ", b"\r\n\t"], [BOM]])
def test_an_empty_body_has_no_beginning(nothing):
    head, rest = begin(nothing)
    assert (head, list(rest)) == (b"", [])


def test_a_break_before_the_beginning_is_raised_at_once_and_a_later_one_where_it_is():
    def breaks(*pieces):
        yield from pieces
        raise EndpointError("broke")

    with pytest.raises(EndpointError):
        begin(breaks(b" ", b"d"))
    head, rest = begin(breaks(b'{"a"', b": 1"))
    got = []
    with pytest.raises(EndpointError):
        got.extend(rest)
    assert (head, got) == (b'{"a"', [b'{"a"', b": 1"])


def test_payloads_are_what_stands_behind_data_and_the_rest_is_passed_over():
    body = b'data: {"a":1}\r\n\r\n: PING\nevent: x\nid: 7\nretry: 5\ndata:{"b":2}\ndata: [DONE]\n'
    strays = []
    assert [data for _, data in event_data([body], strays)] == [b'{"a":1}', b'{"b":2}', b"[DONE]", None]
    assert strays == []


def test_lines_of_no_field_are_kept_as_strays():
    strays = []
    assert list(event_data([b'data: 1\n{"error": "x"}\n  plain  \n\n'], strays)) == [("", b"1")]
    assert strays == [b'{"error": "x"}', b"plain"]


def test_line_separators_of_other_alphabets_end_no_line():
    text = "data: a\u2028b\u0085c\x0bd\x1ce".encode()
    assert list(event_data([text], [])) == [("", text[6:])]


def test_an_event_has_a_name_up_to_its_end():
    body = b"event: error\ndata: 1\n\ndata: 2\n\nevent:x\ndata: 3\ndata: 4\n\n"
    assert list(event_data([body], [])) == [("error", b"1"), ("", b"2"), ("x", b"3"), ("x", b"4"), ("x", None)]
