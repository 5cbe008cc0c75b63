"""Reads many prompts, one row at a time, from a file, a list or a table.

No row is dropped silently: a list or a table with an empty row is refused, because results come in the order of the
rows. Only the blank lines and rows of empty cells of files are skipped. A line of a text file that begins with ``#`` is
a prompt like any other.
"""

import codecs
import csv
import itertools
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, time
from functools import partial
from numbers import Number, Real
from pathlib import Path
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.records import ImageRequest
from wenwen_magic.text.i18n import _
from wenwen_magic.text.suggest import did_you_mean
from wenwen_magic.text.template import interpolate, names_in

LONGEST_LINE = 1 << 24
"""Characters of one line of a file; a longer line is refused."""
_ALIASES = {"提示词": "prompt", "模型": "model", "方向": "orientation", "风格": "style"}
_COLUMNS = _ALIASES | {name: name for name in _ALIASES.values()}
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_WINDOW = 1 << 16  # bytes that are read, from the first that is not ASCII, to tell UTF-8 from GB18030
_TELLING = 8  # after so many valid characters of UTF-8 in a row, a wrong byte is taken for an error in UTF-8
_MISSING = ("NoneType", "NAType", "NaTType")  # recognized by name: those of pandas do not compare equal
_BOOLS = ("bool", "bool_")  # recognized by name: those of numpy are not instances of bool
_LARGEST_WHOLE = 1e15  # larger floats cannot represent every whole number

Row = tuple[str, Any]
"""The text that says where a row is, such as ``a.csv, line 3``, and its raw value."""


def read(source: Any) -> Iterator[Mapping[str, str] | ImageRequest]:
    """Yield the rows of a source, each as column names with their texts; memory does not grow with their number.

    A plain text becomes ``{"prompt": text}``; a request is yielded as it is. Texts lose outer spaces, numbers become
    texts, and missing values (None, NaN, an empty cell) become empty texts. The columns 提示词, 模型, 方向 and 风格 are
    called ``prompt``, ``model``, ``orientation`` and ``style``, as are those with capital letters.

    Args:
        source: the path of a file: ``.txt`` (a prompt a line), ``.csv`` or ``.tsv`` (the first row names the columns),
            ``.jsonl`` or ``.ndjson`` (an object or a text a line), ``.json`` (a list; read whole); in UTF-8 or UTF-16
            with a byte order mark, in UTF-8 without one, else in GB18030. Or a list or any iterable of texts, mappings
            and requests; or a Series or DataFrame of pandas or polars; or a numpy array of texts.

    Raises:
        ConfigError: while rows are taken, at the first one that is wrong; it names the file and the line. Earlier rows
            may have been used by then.
    """
    empty = True
    for where, raw in _rows(source):
        empty = False
        yield raw if isinstance(raw, ImageRequest) else _row(where, raw)
    if empty:
        raise _wrong(_named(source), _("there are no prompts in it"))


def _rows(source: Any) -> Iterator[Row]:
    if isinstance(source, (str, Path)):
        return _file_rows(Path(source))
    for name, how in (("itertuples", {"index": False, "name": None}), ("iter_rows", {})):  # of pandas, of polars
        if hasattr(source, "columns") and hasattr(source, name):
            columns = _columns(list(source.columns), _named(source))
            return ((where, _joined(columns, cells, where)) for where, cells in _numbered(getattr(source, name)(**how)))
    if not isinstance(source, (bytes, bytearray, Mapping)):
        with suppress(TypeError):  # not iterable, which some types say only when iter() is called
            return _numbered(iter(source))
    example = 'client.generate_many(["a cat", {"prompt": "a dog", "model": "gpt-4o-image"}])'
    raise _wrong(_named(source), _("it is not a list of prompts"), do=example)


def _numbered(rows: Iterable[Any], name: str = "") -> Iterator[Row]:
    return ((name + _("row {number}", number=number), raw) for number, raw in enumerate(rows, start=1))


def _row(where: str, raw: Any) -> dict[str, str]:
    """Return the texts of a row by the names of their columns."""
    if isinstance(raw, Mapping):
        cells = _joined(_columns(list(raw), where), list(raw.values()), where)
    elif isinstance(raw, str) or _is_missing(raw):
        cells = {"prompt": raw}
    else:
        kind = type(raw).__name__
        raise _wrong(where, _("{kind} is neither text nor mapping", kind=kind))
    row = {name: _text(value, where) for name, value in cells.items()}
    if not any(row.values()):
        raise _wrong(where, _("it is empty"))
    return row


def _columns(names: Iterable[Any], where: str) -> list[str]:
    """Return the English names of columns; an empty name means that the column is not used."""
    typed = ["" if _is_missing(name) else str(name).strip() for name in names]
    columns = [_COLUMNS.get(name.casefold(), name) for name in typed]
    if twice := next((name for name in columns if name and columns.count(name) > 1), ""):
        raise _wrong(where, _("two columns are called {twice!r}", twice=twice[:80]))
    if not any(columns):
        raise _wrong(where, _("it names no column"), do="prompt,model,orientation")
    return columns


def _joined(columns: Sequence[str], cells: Sequence[Any], where: str) -> dict[str, Any]:
    """Return cells by the names of their columns; cells of columns without a name have to be empty."""
    named = [*columns, *[""] * (len(cells) - len(columns))]
    filled = [*cells, *[""] * (len(columns) - len(cells))]
    if any(_text(cell, where) for name, cell in zip(named, filled, strict=True) if not name):
        raise _wrong(
            where,
            _("there are more cells than named columns"),
            do=_('Put a text with commas in quotes: "a, b"'),
        )
    return {name: cell for name, cell in zip(named, filled, strict=True) if name}


def _is_missing(value: Any) -> bool:
    return type(value).__name__ in _MISSING or (isinstance(value, Number) and bool(value != value))  # noqa: PLR0124  NaN


def _text(value: Any, where: str) -> str:
    if _is_missing(value):
        return ""
    if type(value).__name__ in _BOOLS:
        return str(value).lower()
    if not isinstance(value, (str, Number, date, time)):
        raise _wrong(where, _("{kind} is not text", kind=type(value).__name__))
    try:  # pandas gives the whole numbers of a column with gaps as 7.0
        whole = (
            isinstance(value, Real) and -_LARGEST_WHOLE < float(value) < _LARGEST_WHOLE and float(value).is_integer()
        )
        return (f"{float(value):.0f}" if whole else str(value)).strip()  # type: ignore[arg-type]
    except (ValueError, OverflowError) as error:  # more digits than Python converts
        raise _wrong(where, str(error)) from None


def _file_rows(path: Path) -> Iterator[Row]:
    if path.suffix.lower() in _READERS:
        return _READERS[path.suffix.lower()](path.name, _lines(path))
    ending = path.suffix[:20]
    raise _wrong(
        path.name,
        _("a file that ends in {ending!r} is not read", ending=ending),
        do=did_you_mean(ending, _READERS) + _(" One prompt alone: ") + '["a cat"]',
    )


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file with their ends; a line ends at LF, CR or CRLF, nowhere else."""
    try:
        encoding = _encoding(path)
        with path.open(encoding=encoding, errors="replace", newline="") as file:  # _checked finds what was replaced
            for number in itertools.count(1):
                if not (line := file.readline(LONGEST_LINE)):
                    return
                yield _checked(line, path.name, number, encoding)
    except (OSError, ValueError) as error:
        raise _wrong(path.name, getattr(error, "strerror", None) or type(error).__name__) from None


def _checked(line: str, name: str, number: int, encoding: str) -> str:
    if len(line) >= LONGEST_LINE or "\0" in line:
        raise _wrong(_line(name, number), _("it is not a line of text"))
    if "\N{REPLACEMENT CHARACTER}" in line:
        why = _("it holds bytes that are not {encoding} text", encoding=encoding)
        raise _wrong(_line(name, number), why, do=_("Save the file as UTF-8."))
    return line


def _encoding(path: Path) -> str:
    if not path.is_file():
        missing = _("there is no such file")
        raise _wrong(path.name, _("it is not a file") if path.exists() else missing)
    with path.open("rb") as file:
        piece = file.read(_WINDOW)
        if marked := next((name for mark, name in _MARKS.items() if piece.startswith(mark)), ""):
            return marked
        while piece and piece.isascii():
            piece = file.read(_WINDOW)
        following = file.read(_WINDOW)
        return _utf8_or_gb18030(piece.lstrip(bytes(range(128))) + following, ended=len(following) < _WINDOW)


def _utf8_or_gb18030(window: bytes, *, ended: bool) -> str:
    """Tell whether a text is in UTF-8 or in GB18030.

    Args:
        window: a part of the text that begins with a whole character; its last one may be cut.
        ended: whether the part reaches the text's end.
    """
    valid = _valid(window, "utf-8", ended=ended)
    text = window[:valid].decode(errors="ignore")  # the window's end may cut a character
    if valid < len(window) and valid < _valid(window, "gb18030", ended=ended):
        return "utf-8" if sum(not letter.isascii() for letter in text) >= _TELLING else "gb18030"
    # A few Chinese characters in GB18030 are also valid UTF-8: letters of several scripts (一只猫 reads as һֻè).
    letters = {letter for letter in text if letter.isalpha() and not letter.isascii()}
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    is_gb2312 = valid == _valid(window, "gb2312", ended=ended)
    return "gb18030" if is_gb2312 and len(scripts) > 1 and max(text) < "\u0800" else "utf-8"


def _valid(window: bytes, encoding: str, *, ended: bool) -> int:
    """Count the bytes before the first that is wrong in an encoding."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(window, ended)
    except UnicodeDecodeError as error:
        return error.start
    return len(window)


def _text_rows(name: str, lines: Iterator[str]) -> Iterator[Row]:
    return ((_line(name, number), text) for number, line in enumerate(lines, start=1) if (text := line.strip()))


def _table_rows(name: str, lines: Iterator[str], *, delimiter: str) -> Iterator[Row]:
    """Yield the rows of a table, each with the line that it begins on, as a quoted cell may go over many lines."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    columns: list[str] = []
    try:
        while (where := _line(name, reader.line_num + 1)) and (cells := next(reader, None)) is not None:
            if columns and any(map(str.strip, cells)):
                yield where, _joined(columns, cells, where)
            elif any(map(str.strip, cells)):
                columns = _columns(cells, where)
                if len(columns) == 1 and any(sign in columns[0] for sign in ";；\t"):
                    raise _wrong(
                        where,
                        _("its columns are not separated by commas"),
                        do=_("Save it with commas, or with tabs as .tsv."),
                    )
    except csv.Error as error:
        raise _wrong(where, _("it is not a row of a table: {error}", error=error)) from None


def _json_rows(name: str, lines: Iterator[str]) -> Iterator[Row]:
    return ((where, _parsed(text, where)) for where, text in _text_rows(name, lines))


def _json_list(name: str, lines: Iterator[str]) -> Iterator[Row]:
    rows = _parsed("".join(lines), name, whole=True)
    if not isinstance(rows, list):
        raise _wrong(name, _("it is not a list"), do='["a cat", {"prompt": "a dog"}]')
    return _numbered(rows, name=f"{name}, ")


def _parsed(text: str, where: str, *, whole: bool = False) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = _line(where, error.lineno) if whole else where
        raise _wrong(where, _("it is not valid JSON: {error}", error=error.msg)) from None
    except (ValueError, RecursionError) as error:
        raise _wrong(where, _("it is not valid JSON: {error}", error=error)) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _value in pairs]
    if len(fields := dict(pairs)) < len(pairs):
        twice = next(name for name in names if names.count(name) > 1)[:80]
        raise ValueError(_("{twice!r} is in an object twice", twice=twice))
    return fields


def _no_constant(word: str) -> Any:
    raise ValueError(word)


_READERS: Mapping[str, Callable[[str, Iterator[str]], Iterator[Row]]] = {
    ".txt": _text_rows,
    ".csv": partial(_table_rows, delimiter=","),
    ".tsv": partial(_table_rows, delimiter="\t"),
    **dict.fromkeys((".jsonl", ".ndjson"), _json_rows),
    ".json": _json_list,
}


def _line(name: str, number: int) -> str:
    return _("{name}, line {number}", name=name, number=number)


def _named(source: Any) -> str:
    return Path(source).name if isinstance(source, (str, Path)) else type(source).__name__


def _wrong(where: str, why: str, *, do: str = "") -> ConfigError:
    what = _("The prompts cannot be read: {where}.", where=where)
    return ConfigError(what, why=why, do=do or _("Correct it and run again."))


_REQUEST_COLUMNS = ("model", "orientation", "style")
_COUNTS = ("count", "张数")
_JSON = (".json", ".jsonl", ".ndjson")


def prompts(
    source: Any, template: str, names: Mapping[str, Any]
) -> Iterator[tuple[str | ImageRequest, dict[str, str]]]:
    """Yield the prompt of each row, or the finished request that it is, and the options that the row has of its own.

    Args:
        source: as for :func:`read`.
        template: a prompt with ``{{column}}``; empty for the column ``prompt``.
        names: further names for the template; a row's columns win over them.

    Raises:
        ConfigError: a row is wrong, or has a column that would be ignored.
    """
    used = names_in(template)
    # An object may be meant as an endpoint's request body, where ``n`` is a number of pictures.
    is_json = isinstance(source, (str, Path)) and Path(source).suffix.lower() in _JSON
    counts = (*_COUNTS, "n") if is_json else _COUNTS
    for row in read(source):
        if isinstance(row, ImageRequest):
            yield row, {}
            continue
        own = {name: row[name] for name in _REQUEST_COLUMNS if row.get(name)}
        if not template and not row.get("prompt"):
            raise ConfigError(
                _("There is no column called prompt."),
                why=", ".join(row),
                do=_("Name it so, or write a prompt with {{column}}."),
            )
        prompt = interpolate(template, {**names, **row}) if template else row["prompt"]
        if template and not own and not used & row.keys():
            word = "{{" + next(iter(row)) + "}}"
            raise ConfigError(
                _("The prompt uses no column: every row would draw the same."),
                why=_("columns: ") + ", ".join(row),
                do=_(
                    "Write {word} into it, or leave the prompt out. A variable: g = %wenwen_image --from …", word=word
                ),
            )
        if counted := next((name for name in counts if row.get(name) and name not in used), ""):
            raise ConfigError(
                _("The column {name} does not say how many.", name=counted),
                do=_("-n 2 on the line counts for every row; else give the column another name."),
            )
        yield prompt, own
