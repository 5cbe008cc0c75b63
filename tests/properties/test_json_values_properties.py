"""A text that is hard to read as JSON takes no longer than its length asks for."""

from contextlib import suppress

import pytest
from support.scripted import grows_in_proportion

from wenwen_magic.text.json_values import value_in


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "[",
            "{",
            '{"a":',
            '["a"',
            "['",
            '"[',
            '[1 "x',
            '[1 \\"',
            "[],",
            "[ ",
            "[a ",
            "[-",
            '[""',
            '["\\',
            "{[",
            "[1,[2],x",
            "[//",
            "[1 /*",
            "[1 /*a*/ //b",
            "[“",
            "[1 “x",
            "[1，",
            "[" + " " * 60,
        ),
        *("```[1,2] x ", '{"a":1}\n', '{"a":1} x ', "[1] ", "'[", '["a", ', '{"a":["b"],'),
    ],
)
def test_it_takes_time_in_proportion_to_the_text(piece):
    def read(text):
        with suppress(ValueError):
            value_in(text)

    assert grows_in_proportion(lambda times: piece * (375 * times), read, 16)
