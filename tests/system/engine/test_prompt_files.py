"""Many prompts from files, lists and tables: all of them, as they are meant, or an error before anything is paid."""

import codecs
import itertools
import json
import tracemalloc
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic.engine.prompt_files import LONGEST_LINE, read
from wenwen_magic.engine.prompt_files import prompts as asked_for
from wenwen_magic.engine.prompt_rows import meaning
from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import is_chinese, speak


@pytest.fixture(autouse=True)
def _english():
    speak("en")
    yield
    speak("auto")


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def texts(row):
    """The texts of a row, by what their columns mean where that is known."""
    kinds = {name: meaning(name) for name in row.names}
    return {kind or name: row.meant(kind) if kind else row.text(name) for name, kind in kinds.items()}


def rows(source):
    return [texts(row) for row in read(source)]


def prompts(*texts):
    return [{"prompt": text} for text in texts]


def refused(source):
    with pytest.raises(ConfigError) as caught:
        rows(source)
    error = caught.value
    assert error.charged == "no"
    assert error.why
    assert error.do
    if isinstance(source, Path):
        assert source.name in error.what
        assert str(source.parent) not in str(error)
    return error


# -- text --------------------------------------------------------------------------------------------------------------


def test_a_text_file_holds_a_prompt_a_line_and_blank_lines_count_for_nothing(file):
    assert rows(file("a.txt", "画一只猫\n\n  \u3000\n a dog \nlast")) == prompts("画一只猫", "a dog", "last")


def test_a_prompt_may_begin_with_any_sign(file):
    lines = ["# a cat", "#a1b2c3", "// x", "; y", "- z", '"quoted, text"', "a,b", "{not json", "%%x"]
    assert rows(file("a.txt", "\n".join(lines))) == prompts(*lines)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_any_system_ends_them_and_nowhere_else(file, end):
    assert rows(file("a.txt", f"a\u2028b{end}c\x0bd\x85e{end}")) == prompts("a\u2028b", "c\x0bd\x85e")


def test_a_path_may_be_a_text_and_its_ending_in_capitals(file):
    assert rows(str(file("A.TXT", "a"))) == prompts("a")


# -- encodings ---------------------------------------------------------------------------------------------------------

CHINESE = "提示词,方向\n画一只猫，水彩,横屏\n镕䶮😀,竖屏\n"
READ = [
    {"prompt": "画一只猫，水彩", "orientation": "横屏"},
    {"prompt": "镕䶮😀", "orientation": "竖屏"},
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_what_excel_and_editors_write_is_read(file, encoding):
    assert rows(file("a.csv", CHINESE.encode(encoding))) == READ


@pytest.mark.parametrize("order", ["le", "be"])
def test_both_orders_of_utf_16_are_read(file, order):
    mark = codecs.BOM_UTF16_LE if order == "le" else codecs.BOM_UTF16_BE
    assert rows(file("a.csv", mark + CHINESE.encode(f"utf-16-{order}"))) == READ


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("plain", [1, 65_535, 65_536, 65_537, 200_000])
def test_the_encoding_is_told_wherever_chinese_begins(file, encoding, plain):
    assert rows(file("a.txt", b"a" * plain + "一只猫".encode(encoding))) == prompts("a" * plain + "一只猫")


@pytest.mark.parametrize(
    "prompt", ["一只猫", "美梦猫", "café, naïve", "Москва", "Ελλάδα", "שלום", "سلام", "café Москва", "½ × µ"]
)
def test_a_few_letters_are_told_apart_even_where_both_encodings_could_be_meant(file, prompt):
    """``一只猫`` in GB18030 is sound UTF-8 too: a Mongolian letter, a Hebrew point and an accent."""
    assert rows(file("a.txt", prompt.encode())) == prompts(prompt)
    if prompt == "一只猫":
        assert rows(file("a.txt", prompt.encode("gb18030"))) == prompts(prompt)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("shift", range(4))
def test_a_character_may_stand_across_the_end_of_what_is_looked_at(file, encoding, shift):
    text = "a" * shift + "画" * 100_000
    assert rows(file("a.txt", text.encode(encoding))) == prompts(text)


@pytest.mark.parametrize("lines", [3, 300, 30_000])
@pytest.mark.parametrize("wrong", [b"\xff", b"\x80", b"\xe7\x8c"])
def test_a_wrong_byte_in_utf_8_is_an_error_with_its_line_however_late(file, lines, wrong):
    content = "画一只猫\n".encode() * lines + b"a" + wrong + b"\nlast\n"
    error = refused(file("a.txt", content))
    assert f"a.txt, line {lines + 1}." in error.what
    assert "utf-8" in error.why
    assert "UTF-8" in error.do


@pytest.mark.parametrize("lines", [3, 30_000])
def test_a_wrong_byte_in_gb18030_is_an_error_with_its_line(file, lines):
    error = refused(file("a.txt", "画一只猫\r\n".encode("gb18030") * lines + b"a\xff\r\n"))
    assert f"a.txt, line {lines + 1}." in error.what


@pytest.mark.parametrize("lines", [3, 30_000])
@pytest.mark.parametrize("order", ["le", "be"])
def test_half_a_character_in_utf_16_is_an_error_with_its_line(file, lines, order):
    text = codecs.BOM_UTF16_LE if order == "le" else codecs.BOM_UTF16_BE
    text += ("画一只猫\r" * lines + "\ud800").encode(f"utf-16-{order}", "surrogatepass")
    assert f"a.txt, line {lines + 1}." in refused(file("a.txt", text + "x\r".encode(f"utf-16-{order}"))).what


def test_text_that_breaks_off_inside_a_character_is_an_error(file):
    assert "line 2." in refused(file("a.txt", "一二三四五六七八\n九".encode()[:-1])).what


@pytest.mark.parametrize(
    "content", [CHINESE.encode("utf-16-le"), b"PK\x03\x04\0\0\0\0", b"\x89PNG\r\n\x1a\n\0\0", b"a\0b"]
)
def test_what_is_no_text_at_all_is_refused(file, content):
    refused(file("a.csv", content))


@given(st.lists(st.text("画一只猫，水彩 abc😀é", min_size=1).filter(str.strip), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_chinese_prompts_survive_every_encoding(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("encodings") / "a.txt"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes("\n".join(texts).encode(encoding))
        assert rows(path) == prompts(*[text.strip() for text in texts])
    path.write_bytes("\n".join(["画一只猫", *texts]).encode("gb18030"))
    assert rows(path) == prompts("画一只猫", *[text.strip() for text in texts])


# -- tables ------------------------------------------------------------------------------------------------------------


def test_the_first_row_of_a_table_names_its_columns(file):
    path = file("a.csv", ' Prompt , 模型,animal\n"a cat, ""big""\nand wet",m,7\n')
    assert rows(path) == [{"prompt": 'a cat, "big"\nand wet', "model": "m", "animal": "7"}]
    assert rows(file("a.tsv", "提示词\t风格\na, b\tink\n")) == [{"prompt": "a, b", "style": "ink"}]


@pytest.mark.parametrize("name", ["提示词", "prompt", "PROMPT", " Prompt "])
def test_the_prompt_may_be_called_so_in_both_languages(name, file):
    assert rows([{name: "a"}]) == rows(file("a.csv", f"{name}\na\n")) == prompts("a")


def test_other_columns_keep_their_names(file):
    assert rows(file("a.csv", "Animal,动物\ncat,猫\n")) == [{"Animal": "cat", "动物": "猫"}]


def test_a_space_behind_a_comma_is_no_part_of_a_cell(file):
    assert rows(file("a.csv", 'prompt, model\n"a, b", m \n')) == [{"prompt": "a, b", "model": "m"}]


def test_rows_of_empty_cells_and_empty_cells_too_many_count_for_nothing(file):
    assert rows(file("a.csv", "\n,,\nprompt,model,,\n,,\n\na,,\nb\n , ,,,,\nc,m,,,,\n")) == [
        {"prompt": "a", "model": ""},
        {"prompt": "b", "model": ""},
        {"prompt": "c", "model": "m"},
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("prompt\na\nb,c\n", 3),
        ('prompt\n"a\n\nb"\nc,d\n', 5),
        ("prompt,\na,\nb,c\n", 3),
        ("prompt,Prompt\na,b\n", 2),
        ("\n\nprompt,提示词\na,b\n", 4),
        ("x, x\na,b\n", 2),
        ('prompt\na\n"b\nc\nd\n', 3),
        ('prompt\na\n"b" c\n', 3),
        ("prompt\na\n" + "b" * 200_000, 3),
    ],
    ids=["more", "after lines", "no name", "twice", "languages", "spaces", "open", "behind", "long"],
)
def test_a_wrong_row_of_a_table_is_named_by_its_line(file, content, line):
    assert f"a.csv, line {line}." in refused(file("a.csv", content)).what


def test_a_quote_that_is_never_closed_is_named_where_it_opens_and_fills_no_memory(file):
    path = file("a.csv", 'prompt\na\n"b\n' + "c\n" * 200_000)
    assert "line 3." in refused(path).what


# -- JSON --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["jsonl", "ndjson"])
def test_json_lines_hold_objects_or_texts(file, ending):
    path = file(f"a.{ending}", '{"prompt": "a", "n": 7, "x": null}\n\n"b"\r\n {"提示词": "c", "big": true} ')
    assert rows(path) == [{"prompt": "a", "n": "7", "x": ""}, {"prompt": "b"}, {"prompt": "c", "big": "true"}]


def test_a_json_file_is_a_list_of_the_same(file):
    assert rows(file("a.json", '[{"prompt":\n"a"}, "b"]')) == prompts("a", "b")


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"a": 1,',
        "a cat",
        "[1]",
        "7",
        "null",
        '""',
        '{"a": ""}',
        "{}",
        '{"a": [1]}',
        '{"a": {"b": 1}}',
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        '{"prompt": "a", "提示词": "b"}',
        '{"": "a"}',
        '{"a": "b"} {"a": "c"}',
        '{"a": ' + "9" * 5000 + "}",
        "[" * 100_000,
    ],
    ids=lambda line: line[:30],
)
def test_a_wrong_line_of_json_lines_is_named(file, line):
    assert "a.jsonl, line 3." in refused(file("a.jsonl", f'"a"\n\n{line}\n"b"\n')).what


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ('[\n"a"\n,]', "a.json, line 3."),
        ('["a"', "a.json, line 1."),
        ("", "a.json, line 1."),
        ('{"version": 1}', "a.json."),
        ('{"a": ["x"], "b": ["y"]}', "a.json."),
        ('"a cat"', "a.json."),
        ('{"prompt": ["a", "b"], "model": ["m"]}', "a.json, row 1."),
        ('"a"\n"b"\n{\n', "a.json, line 3."),
        ('["a", 7]', "a.json, row 2."),
        ('["a", null]', "a.json, row 2."),
        ('["a", {"x": 1, "x": 2}]', "a.json."),
        ("[" * 100_000, "a.json."),
    ],
)
def test_what_is_wrong_with_a_json_file_is_named(file, content, where):
    assert where in refused(file("a.json", content)).what


# -- lists and tables in memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda items: (item for item in items), dict.fromkeys])
def test_texts_in_any_order_of_python_are_prompts(kind):
    made = kind(["a", " b "])
    assert rows(made if not isinstance(made, dict) else made.keys()) == prompts("a", "b")


def test_an_iterator_is_read_as_it_goes():
    reading = read(itertools.repeat("a"))
    assert [texts(next(reading)) for _ in range(3)] == prompts("a", "a", "a")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (7.0, "7"),
        (-0.5, "-0.5"),
        (1e300, "1e+300"),
        (float("inf"), "inf"),
        (float("nan"), ""),
        (np.float32("nan"), ""),
        (np.float32(0.1), "0.1"),
        (np.int64(7), "7"),
        (np.int8(-128), "-128"),
        (np.str_("猫"), "猫"),
        (np.bool_(1), "true"),
        (False, "false"),
        (None, ""),
        (Decimal("1.50"), "1.50"),
        (Decimal("NaN"), ""),
        (date(2026, 11, 22), "2026-11-22"),
        (10**20, "100000000000000000000"),
        (10**14 + 1, "100000000000001"),
        (-0.0, "-0"),
        ("  x ", "x"),
    ],
)
def test_numbers_become_texts_and_what_is_missing_is_empty(value, text):
    assert rows([{"prompt": "a", "x": value}]) == [{"prompt": "a", "x": text}]


@pytest.mark.parametrize("value", [[1], {"a": 1}, (), b"a", object(), 10**5000], ids=lambda value: type(value).__name__)
def test_a_cell_that_is_no_text_is_refused(value):
    assert "row 2." in refused(["a", {"prompt": value}]).what


@pytest.mark.parametrize("row", ["", "  ", None, float("nan"), 7, ["a"], b"a", {}, {"x": ""}, {"": "a"}, {None: "a"}])
def test_a_row_that_is_empty_or_no_text_is_refused_and_not_dropped(row):
    assert "row 2." in refused(["a", row, "b"]).what


@pytest.mark.parametrize("source", [b"a.txt", {"prompt": ["a"]}, 7, None, object(), np.array("a")])
def test_what_is_no_list_is_refused_with_an_example(source):
    assert "generate_many" in refused(source).do


@pytest.mark.parametrize("source", [[], (), iter(()), np.array([], dtype=str)])
def test_a_list_without_prompts_is_refused(source):
    assert "no prompts" in refused(source).why


def test_an_array_of_texts_is_a_list_and_a_grid_is_none():
    assert rows(np.array(["画", "猫"])) == prompts("画", "猫")
    refused(np.array([["a", "b"]]))


class Frame:
    """As much of a DataFrame of polars as is used."""

    def __init__(self, columns, values):
        self.columns, self.values, self.taken = columns, values, 0

    def iter_rows(self):
        for row in self.values:
            self.taken += 1
            yield row


def test_a_table_of_polars_is_read_row_by_row():
    frame = Frame(["提示词", "n"], [("a", 1), ("b", None)])
    assert texts(next(read(frame))) == {"prompt": "a", "n": "1"}
    assert frame.taken == 1
    assert rows(frame) == [{"prompt": "a", "n": "1"}, {"prompt": "b", "n": ""}]


def test_arrays_in_a_table_in_memory_do_no_harm_where_nobody_uses_them():
    frame = Frame(["prompt", "vector"], [("a", np.array([1, 2])), ("b", np.array([]))])
    assert [prompt for prompt, _own in asked_for(frame, "", {})] == ["a", "b"]
    assert [prompt for prompt, _own in asked_for(frame, "{{prompt}} {{len(vector)}}", {})] == ["a 2", "b 0"]


def test_a_wrong_row_of_a_table_in_memory_is_named_by_its_number():
    assert "row 2." in refused(Frame(["prompt"], [("a",), (None,)])).what
    assert "row 1." in refused(Frame(["prompt"], [("a", "b")])).what
    assert "two columns" in refused(Frame(["prompt", "提示词"], [("a", "b")])).why
    assert "no prompts" in refused(Frame(["prompt"], [])).why


def test_tables_and_series_of_pandas_are_read():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {" 提示词": ["a", "b"], "n": [7, None], "flag": [True, False], 3: pandas.array([None, 2], "Int64")},
        index=[5, 5],
    )
    assert rows(frame) == [
        {"prompt": "a", "n": "7", "flag": "true", "3": ""},
        {"prompt": "b", "n": "", "flag": "false", "3": "2"},
    ]
    assert rows(frame[" 提示词"]) == prompts("a", "b")
    assert rows(pandas.Series(["a", "b"], dtype="category")) == prompts("a", "b")
    assert "row 2." in refused(pandas.Series(["a", None])).what
    assert "row 1." in refused(pandas.DataFrame({"prompt": [pandas.NaT], "x": [pandas.NA]})).what
    refused(pandas.DataFrame([["a", "b"]], columns=["x", "x"]))
    refused(pandas.DataFrame())


# -- files that are none -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.jsonl", "a.ndjson", "a.json"])
@pytest.mark.parametrize("content", [b"", b"\n\n  \n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_a_file_without_prompts_is_refused(file, name, content):
    refused(file(name, content))


@pytest.mark.parametrize("content", ["[]", '{"prompts": []}', '{"version": 1, "rows": []}', '{"prompt": [], "x": []}'])
def test_an_empty_list_in_a_json_file_is_told(file, content):
    refused(file("a.json", content))


def test_a_table_with_its_head_alone_is_refused(file):
    assert "no prompts" in refused(file("a.csv", "prompt,model\n,,\n")).why


def test_what_is_no_readable_file_is_refused_by_its_name(tmp_path, file):
    assert "no such file" in refused(tmp_path / "gone.csv").why
    (tmp_path / "folder.csv").mkdir()
    assert "not a file" in refused(tmp_path / "folder.csv").why
    (tmp_path / "link.txt").symlink_to("/dev/zero")
    assert "not a file" in refused(tmp_path / "link.txt").why
    refused("a\0b.txt")
    refused("a" * 5000 + ".txt")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("a.cvs", ".csv?"), ("a.josnl", ".jsonl?"), ("a.xlsx", ".csv"), ("a", ".csv"), ("画一只猫", '["a cat"]')],
)
def test_an_unknown_ending_names_the_nearest(name, nearest):
    assert nearest in refused(name).do


def test_a_line_without_end_is_refused_before_it_fills_the_memory(file, monkeypatch):
    monkeypatch.setattr("wenwen_magic.engine.prompt_files.LONGEST_LINE", 1000)
    assert LONGEST_LINE > 1_000_000
    assert rows(file("a.txt", "a\n" + "b" * 998 + "\n"))[1] == {"prompt": "b" * 998}
    for content in ("a\n" + "b" * 5000, "a\n" + "b" * 5000 + "\n"):
        assert "line 2." in refused(file("a.txt", content)).what


def test_an_error_in_the_last_row_is_named_when_it_is_reached(file):
    path = file("a.jsonl", '"a"\n' * 900 + "{\n")
    assert "line 901." in refused(path).what
    assert texts(next(read(path))) == {"prompt": "a"}


@pytest.mark.parametrize(
    ("name", "line"), [("a.txt", "画一只猫\n"), ("a.csv", "画一只猫,a\n"), ("a.jsonl", '{"prompt": "画一只猫"}\n')]
)
def test_memory_does_not_grow_with_the_rows_of_a_file(file, name, line, monkeypatch):
    monkeypatch.setattr("wenwen_magic.engine.prompt_files._WINDOW", 1 << 12)

    def peak(number):
        path = file(name, "prompt,x\n" + line * number if name == "a.csv" else line * number)
        tracemalloc.start()
        try:
            assert sum(1 for _ in read(path)) == number
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(9_000) < peak(1_000) + 400_000  # the rows themselves are 100 bytes each and more


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_error_speaks_the_language_of_the_reader(language, file, tmp_path):
    speak(language)
    for source in (
        file("a.csv", "x\na,b\n"),
        file("b.csv", "x,x\n"),
        file("c.csv", 'x\n"\n'),
        file("a.jsonl", "{\n"),
        file("a.json", "{}"),
        file("a.txt", b"\xff"),
        file("b.txt", ""),
        file("c.txt", "\0"),
        tmp_path / "gone.txt",
        "a.xls",
        ["a", ""],
        ["a", 7],
        [{"x": []}],
        [{}],
        7,
    ):
        error = refused(source)
        assert [is_chinese(error.what), is_chinese(error.why)] == [language == "zh"] * 2


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2).filter(lambda row: any(map(str.strip, row))), min_size=1))
@settings(max_examples=50, deadline=None)
def test_whatever_a_table_holds_comes_back(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("tables") / "a"
    meant = [{"a": row[0].strip(), "b": row[1].strip()} for row in table]
    quoted = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in table)
    path.with_suffix(".csv").write_text("a,b\n" + quoted, encoding="utf-8-sig", newline="")
    path.with_suffix(".jsonl").write_text(
        "\n".join(json.dumps({"a": row[0], "b": row[1]}) for row in table), encoding="utf-8"
    )
    assert rows(path.with_suffix(".csv")) == rows(path.with_suffix(".jsonl")) == meant
    assert rows([{"a": row[0], "b": row[1]} for row in table]) == meant


@given(st.binary(max_size=200), st.sampled_from(["txt", "csv", "tsv", "jsonl", "json"]))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_rows_or_an_error_of_ours(tmp_path_factory, content, ending):
    path = tmp_path_factory.mktemp("bytes") / f"a.{ending}"
    path.write_bytes(content)
    try:
        found = rows(path)
    except ConfigError as error:
        assert path.name in error.what  # noqa: PT017  either is a fair answer
    else:
        assert all(row and any(row.values()) for row in found)


# -- files as people have them -----------------------------------------------------------------------------------------

PARTI = 'Prompt\tCategory\n"hello" on a sign\tWorld\n'
WHOLE = {
    "quotes that begin a cell": ("a.tsv", PARTI, ['"hello" on a sign']),
    "a quote that is never closed": ("a.tsv", PARTI + '"a cat\tAnimals\n', ['"hello" on a sign', '"a cat']),
    "quotes over two rows": ("a.tsv", 'Prompt\tCategory\n"a cat\tAnimals\na dog"\tAnimals\n', ['"a cat', 'a dog"']),
    "quotes of one column": ("a.tsv", 'prompt\n"hello" on a sign\n"a cat\n', ['"hello" on a sign', '"a cat']),
    "quotes and a row cut short": ("a.tsv", 'prompt\tnote\n"hello" on a sign\na cat\tx\n', ['"hello" on a sign', "a cat"]),
    "letters that are not for Excel": ("a.csv", "sep=x,prompt\ny,a cat\n", ["a cat"]),
    "an inch": ("a.tsv", 'prompt\tnote\na 7" disc\tx\n', ['a 7" disc']),
    "a whole quoted cell": ("a.tsv", 'prompt\tnote\n"a ""big"" cat"\tx\na dog\t"y"\n', ['a "big" cat', "a dog"]),
    "a quoted tab": ("a.tsv", 'prompt\tnote\n"a\tcat"\tx\na dog\ty\n', ["a\tcat", "a dog"]),
    "a quoted line end": ("a.tsv", 'prompt\tnote\n"a\ncat"\tx\na dog\ty\n', ["a\ncat", "a dog"]),
    "a quoted line end in the last column": ("a.tsv", 'note\tprompt\nx\t"a\ncat"\ny\ta dog\n', ["a\ncat", "a dog"]),
    "quoted names": ("a.tsv", '"prompt"\t"note"\n"a cat"\t"x"\n', ["a cat"]),
    "Windows ends": ("A.TSV", PARTI.replace("\n", "\r\n"), ['"hello" on a sign']),
    "semicolons of Excel": ("a.csv", 'Prompt;Preis\n"a cat; big";1,5\na dog, small;2\n', ["a cat; big", "a dog, small"]),
    "semicolons and a comma in a name": ("a.csv", "prompt;a, b;c\nx, y;1;2\n", ["x, y"]),
    "a line for Excel": ("a.csv", 'sep=;\nprompt;note\n"a; b";x\n', ["a; b"]),
    "a quoted line for Excel": ("a.csv", '"sep=,"\r\nprompt,note\r\na cat,x\r\n', ["a cat"]),
    "a line for Excel of one column": ("a.csv", "sep=|\nprompt|note\na, b; c|x\n", ["a, b; c"]),
    "tabs under the name of commas": ("a.csv", "prompt\tnote\na cat, big\tx\n", ["a cat, big"]),
    "commas under the name of tabs": ("a.tsv", 'prompt,note\n"a cat, big",x\n', ["a cat, big"]),
    "Unicode text of Excel": ("a.txt", "Prompt\tNote\r\na cat\tx\r\n".encode("utf-16"), ["a cat"]),
    "semicolons in GB18030": ("a.CSV", "提示词;备注\n一只猫，水彩;好\n".encode("gb18030"), ["一只猫，水彩"]),
    "the numbers of pandas": ("a.csv", ",prompt,note\n0,a cat,x\n1,a dog,\n", ["a cat", "a dog"]),
    "empty rows and cells too few": ("a.csv", "prompt,note\n\n,\na cat\n\na dog,x\n", ["a cat", "a dog"]),
    "unused columns of one name": ("a.csv", "note,prompt,note\nx,a cat,y\n", ["a cat"]),
    "one column": ("a.csv", 'prompt\n"a, b"\nc\n', ["a, b", "c"]),
    "a list of lists": ("a.jsonl", '{"prompt":"a cat","tags":["x",{"y":[1]}],"size":{"w":1},"n":null,"ok":true}', ["a cat"]),
    "no number": ("a.jsonl", '{"prompt":"a cat","score":NaN,"worst":-Infinity}\n', ["a cat"]),
    "a mark and blank lines": ("a.ndjson", b'\xef\xbb\xbf{"prompt":"a cat"}\r\n\r\n"a dog"\r\n', ["a cat", "a dog"]),
    "a number as a prompt": ("a.jsonl", '{"prompt": 7}', ["7"]),
    "lines under the name of a list": ("a.json", '{"prompt":"a cat"}\n\n{"prompt":"a dog"}\n', ["a cat", "a dog"]),
    "one object": ("a.json", '{"prompt":"a cat","tags":["x"]}', ["a cat"]),
    "texts in an object": ("a.json", '{"version":1,"prompts":["a cat","a dog"]}', ["a cat", "a dog"]),
    "objects in an object": ("a.json", '{"data":[{"prompt":"a cat"}]}', ["a cat"]),
    "under items": ("a.json", '{"items":[{"prompt":"a cat"}],"tags":["x"]}', ["a cat"]),
    "under a name of its own": ("a.json", '{"title":"x","my animals":[{"提示词":"a cat"}]}', ["a cat"]),
    "two objects deep": ("a.json", '{"code":0,"data":{"list":[{"Prompt":"a cat"}]}}', ["a cat"]),
    "prompts by names": ("a.json", '{"fox":"a fox","猫":"a cat"}', ["a fox", "a cat"]),
    "objects by names": ("a.json", '{"fox":{"prompt":"a fox"},"cat":{"prompt":"a cat"}}', ["a fox", "a cat"]),
    "prompts by names in an object": ("a.json", '{"prompts":{"fox":"a fox","cat":"a cat"}}', ["a fox", "a cat"]),
    "columns": ("a.json", '{"prompt":["a cat","a dog"],"seed":[1,2]}', ["a cat", "a dog"]),
    "columns of pandas": ("a.json", '{"prompt":{"0":"a cat","1":"a dog"},"x":{"0":1,"1":2}}', ["a cat", "a dog"]),
    "rows of a data set": (
        "a.json",
        '{"features":[{"name":"Prompt"}],"rows":[{"row_idx":0,"row":{"Prompt":"a cat"},"truncated_cells":[]}]}',
        ["a cat"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "wanted"), WHOLE.values(), ids=WHOLE)
def test_a_file_as_people_have_it_gives_its_prompts(file, name, content, wanted):
    assert [prompt for prompt, _own in asked_for(file(name, content), "", {})] == wanted


FILLED = {
    "as it is written": ("Prompt,My Column,提示\na cat,red,x\n", "{{Prompt}} {{My Column}} {{提示}}", "a cat red x"),
    "in any case": ("Prompt,My Column\na cat,red\n", "{{PROMPT}} {{prompt}} {{my column}}", "a cat a cat red"),
    "in the other language": ("提示词,风格2\na cat,red\n", "{{prompt}} {{提示词}} {{风格2}}", "a cat a cat red"),
    "beside a builtin": ("ID,Type,max\n7,cat,big\n", "{{id}} {{type}} {{max}}", "7 cat big"),
    "and builtins work": ("Len,word\n7,cat\n", "{{len(word)}} {{word.upper()}}", "3 CAT"),
    "with signs": ("a-b,c.d,e/f,2nd\nw,x,y,z\n", "{{a-b}}{{c.d}}{{e/f}}{{2nd}}", "wxyz"),
    "before the notebook's": ("Animal\ncat\n", "{{animal}} {{hue}}", "cat blue"),
    "two that differ in case": ("animal,Animal\ncat,dog\n", "{{animal}} {{Animal}}", "cat dog"),
    "both languages at once": ("prompt,提示词\na,b\n", "{{prompt}} {{提示词}}", "a b"),
}


@pytest.mark.parametrize(("content", "template", "wanted"), FILLED.values(), ids=FILLED)
def test_a_column_answers_to_its_own_name(file, content, template, wanted):
    ((prompt, _own),) = asked_for(file("a.csv", content), template, {"animal": "fox", "hue": "blue", "id": "no"})
    assert prompt == wanted


@pytest.mark.parametrize(
    ("template", "nearest"),
    [
        ("{{promt}}", "Prompt"),
        ("{{my colum}}", "My column"),
        ("{{2nd}}", "Known: Prompt"),
        ("{{Promt.upper()}}", "Prompt"),
    ],
)
def test_a_column_that_is_none_names_the_nearest(file, template, nearest):
    with pytest.raises(ConfigError) as caught:
        list(asked_for(file("a.csv", "Prompt,My column\na,b\n"), template, {"property": 1}))
    assert nearest in caught.value.do
    assert caught.value.charged == "no"


NESTED = '{"tags": ["x", "y"], "meta": {"Style": {"name": "ink"}, "a.b": 1}, "size": 7}'


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{{tags[0]}} {{', '.join(tags)}}", "x x, y"),
        ("{{meta.style.name}} {{Meta.Style.Name}} {{meta['Style']['name']}}", "ink ink ink"),
        ("{{meta.a.b}}{{size}}", "17"),
    ],
)
def test_a_part_of_a_nested_cell_is_named_with_a_dot_or_as_in_python(file, template, wanted):
    assert [prompt for prompt, _own in asked_for(file("a.jsonl", NESTED), template, {})] == [wanted]


@pytest.mark.parametrize("template", ["", "{{prompt}}", "{{PROMPT}}", "x {{meta}}", "{{meta.tags}}"])
@pytest.mark.parametrize("value", ['["a"]', '{"a": "b"}'])
def test_a_list_or_an_object_where_a_text_is_used_is_named_by_its_line(file, template, value):
    line = f'{{"prompt": {value}, "meta": {{"tags": {value}}}}}'
    path = file("a.jsonl", f"\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        list(asked_for(path, template, {}))
    assert "a.jsonl, line 2." in caught.value.what
    assert "which is not text" in caught.value.why
    assert caught.value.charged == "no"


@pytest.mark.parametrize("name", ["model", "方向", "Style"])
def test_an_option_of_a_row_that_is_no_text_is_refused(file, name):
    with pytest.raises(ConfigError, match=r"line 1"):
        list(asked_for(file("a.jsonl", f'{{"prompt": "a cat", "{name}": ["m"]}}'), "", {}))


@pytest.mark.parametrize("encoding", ["shift-jis", "cp1252", "cp1251", "mac_roman"])
def test_text_that_is_no_chinese_in_gb18030_is_refused_and_names_what_was_tried(file, encoding):
    text = {"shift-jis": "猫の絵を描いてください", "cp1251": "Кошка у окна"}.get(
        encoding, "ein Bär für März, naïve Mädchen"
    )
    error = refused(file("a.txt", text.encode(encoding)))
    assert "Save the file as UTF-8" in error.do
    assert "gb18030" in error.why.casefold()


@pytest.mark.parametrize("text", ["畫一隻貓，水彩", "镕基，䶮", "一只猫", "café 一只猫", "一只😀猫", "“猫”"])
def test_chinese_in_gb18030_is_read_however_rare(file, text):
    assert rows(file("a.txt", text.encode("gb18030"))) == prompts(text)


def test_a_quoted_cell_that_goes_on_in_a_broken_table_is_an_error_and_no_prompts(file):
    assert "line 4." in refused(file("a.tsv", 'prompt\tnote\n"a big\ncat"\tx\n"b" c\ty\n')).what


@pytest.mark.parametrize("content", ["prompt；note\na；b\n", "提示词，备注\n猫，狗\n", "prompt|note\na|b\n"])
def test_columns_parted_by_another_sign_are_told(file, content):
    assert "commas" in refused(file("a.csv", content)).why


@pytest.mark.parametrize("content", ["a cat\na dog\n", "a cat, big\na dog\n", "text\na cat\n"])
def test_a_table_whose_first_row_is_a_prompt_draws_nothing(file, content):
    with pytest.raises(ConfigError, match="no column called prompt") as caught:
        list(asked_for(file("a.csv", content), "", {}))
    assert "first line" in caught.value.do
