"""What other people's words may do to a file, a page and a terminal: nothing."""

import pytest

from wenwen_magic.text import sanitize


@pytest.mark.parametrize(
    ("function", "text", "expected"),
    [
        (sanitize.replace_lone_surrogates, "一只狐狸", "一只狐狸"),
        (sanitize.replace_lone_surrogates, "a\ud83e\udd8ab\ud83e", "a🦊b\ufffd"),
        (sanitize.drop_controls, "a\x1b[31mred\x1b[0m\x07b\tc\nd\r\x9b", "aredb\tc\nd"),
        (sanitize.drop_controls, "a\x1b]0;title\x07b", "ab"),
        (sanitize.replace_unshown, "a\x00b\u202ec\u2066d\ud800e\tf\n", "a b c d e\tf\n"),
        (sanitize.xml_text, "a\x00b\ufffec\r\nd\re\ud800\ud83e\udd8a", "a\ufffdb\ufffdc\nd\ne\ufffd🦊"),
        (sanitize.one_line, "  a \n\t b  ", "a b"),
    ],
)
def test_each_replaces_what_it_names_and_nothing_else(function, text, expected):
    assert function(text) == expected


def test_a_line_is_cut_where_it_is_too_long_and_only_there():
    assert sanitize.one_line("abc d", 5, " …") == "abc d"
    assert sanitize.one_line("abc de", 5, " …") == "abc d …"
    assert sanitize.replace_unshown("a\ud800", "\ufffd") == "a\ufffd"
