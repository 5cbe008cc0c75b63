"""Reads many prompts, one row at a time, from a file, a list or a table.

No row is dropped silently: a list or a table with an empty row is refused, because results come in the order of the
rows. Only the blank lines and rows of empty cells of files are skipped. A line of a text file that begins with ``#`` is
a prompt like any other.
"""

import codecs
import csv
import itertools
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from wenwen_magic.engine.prompt_rows import Row, heads, is_missing, meaning, wrong
from wenwen_magic.errors import ConfigError
from wenwen_magic.records import ImageRequest
from wenwen_magic.text.i18n import _
from wenwen_magic.text.suggest import did_you_mean

LONGEST_LINE = 1 << 24
"""Characters of one line of a file; a longer line is refused."""
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_WINDOW = 1 << 16  # bytes that are read, from the first that is not ASCII, to tell UTF-8 from GB18030
_TELLING = 8  # after so many valid characters of UTF-8 in a row, a wrong byte is taken for an error in UTF-8
_OWN_SHARE = 0.25
"""The part, at least, of the characters of a Chinese text that are frequent ones: signs and level 1 of GB2312."""
Lines = Callable[[], Iterator[str]]
"""Gives the lines of a file with their ends, from the first; may be called again."""


def read(source: Any) -> Iterator[Row | ImageRequest]:
    """Yield the rows of a source; memory does not grow with their number.

    A plain text becomes a row with the column ``prompt``; a request is yielded as it is.

    Args:
        source: the path of a file: ``.txt`` (a prompt a line), ``.csv`` or ``.tsv`` (the first row names the columns;
            with commas, semicolons or tabs), ``.jsonl`` or ``.ndjson`` (an object or a text a line), ``.json`` (a list,
            or an object with one; read whole); in UTF-8 or UTF-16 with a byte order mark, in UTF-8 without one, else in
            GB18030. Or a list or any iterable of texts, mappings and requests; or a Series or DataFrame of pandas or
            polars; or a numpy array of texts.

    Raises:
        ConfigError: while rows are taken, at the first one that is wrong; it names the file and the line. Earlier rows
            may have been used by then.
    """
    empty = True
    for row in _rows(source):
        empty = False
        if isinstance(row, Row) and row.empty:
            raise wrong(row.where, _("it is empty"))
        yield row
    if empty:
        raise wrong(_named(source), _("there are no prompts in it"))


def _rows(source: Any) -> Iterator[Row | ImageRequest]:
    if isinstance(source, (str, Path)):
        return _file_rows(Path(source))
    for name, how in (("itertuples", {"index": False, "name": None}), ("iter_rows", {})):  # of pandas, of polars
        if hasattr(source, "columns") and hasattr(source, name):
            columns = heads(list(source.columns), _named(source))
            numbered = enumerate(getattr(source, name)(**how), start=1)
            return (Row.of_table(_("row {number}", number=number), columns, cells) for number, cells in numbered)
    if not isinstance(source, (bytes, bytearray, Mapping)):
        with suppress(TypeError):  # not iterable, which some types say only when iter() is called
            return _numbered(iter(source))
    example = 'client.generate_many(["a cat", {"prompt": "a dog", "model": "gpt-4o-image"}])'
    raise wrong(_named(source), _("it is not a list of prompts"), do=example)


def _numbered(rows: Iterable[Any], name: str = "") -> Iterator[Row | ImageRequest]:
    return (_row(name + _("row {number}", number=number), raw) for number, raw in enumerate(rows, start=1))


def _row(where: str, raw: Any) -> Row | ImageRequest:
    """Return a row of what is in a list: a mapping, a text, or a request as it is."""
    if isinstance(raw, ImageRequest):
        return raw
    if isinstance(raw, Mapping):
        return Row(where, heads(raw, where), tuple(raw.values()))
    if isinstance(raw, str) or is_missing(raw):
        return Row(where, ("prompt",), (raw,))
    raise wrong(where, _("{kind} is neither text nor mapping", kind=type(raw).__name__))


def _file_rows(path: Path) -> Iterator[Row | ImageRequest]:
    if rows := _READERS.get(path.suffix.lower()):
        return rows(path.name, partial(_lines, path))
    ending = path.suffix[:20]
    raise wrong(
        path.name,
        _("a file that ends in {ending!r} is not read", ending=ending),
        do=did_you_mean(ending, _READERS) + _(" One prompt alone: ") + '["a cat"]',
    )


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file with their ends; a line ends at LF, CR or CRLF, nowhere else."""
    try:
        encoding = _encoding(path)
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), start=1):
                why = ""
                if len(line) >= LONGEST_LINE or "\0" in line:
                    why = _("it is not a line of text")
                elif "\N{REPLACEMENT CHARACTER}" in line:
                    why = _("it holds bytes that are not {encoding} text", encoding=encoding)
                if why:
                    raise wrong(_line(path.name, number), why, do=_("Save the file as UTF-8."))
                yield line
    except (OSError, ValueError) as error:
        raise wrong(path.name, getattr(error, "strerror", None) or type(error).__name__) from None


def _encoding(path: Path) -> str:
    if not path.is_file():
        missing = _("there is no such file")
        raise wrong(path.name, _("it is not a file") if path.exists() else missing)
    with path.open("rb") as file:
        piece = file.read(_WINDOW)
        if marked := next((name for mark, name in _MARKS.items() if piece.startswith(mark)), ""):
            return marked
        while piece and piece.isascii():
            piece = file.read(_WINDOW)
        following = file.read(_WINDOW)
    window = piece.lstrip(bytes(range(128))) + following
    encoding = _utf8_or_gb18030(window, ended=len(following) < _WINDOW)
    if encoding == "gb18030" and not _is_chinese_gb18030(window):
        why = _("its encoding cannot be told: it is neither UTF-8 nor UTF-16, and no Chinese in GB18030")
        raise wrong(path.name, why, do=_("Save the file as UTF-8."))
    return encoding


def _utf8_or_gb18030(window: bytes, *, ended: bool) -> str:
    """Tell the encoding of text that begins with a whole character and, unless it ended, may break off inside one."""
    valid = _valid(window, "utf-8", ended=ended)
    text = window[:valid].decode(errors="ignore")  # the window's end may cut a character
    if valid < len(window) and valid < _valid(window, "gb18030", ended=ended):
        return "utf-8" if sum(not letter.isascii() for letter in text) >= _TELLING else "gb18030"
    # A few Chinese characters in GB18030 are also valid UTF-8: letters of several scripts (一只猫 reads as һֻè).
    letters = {letter for letter in text if letter.isalpha() and not letter.isascii()}
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    is_gb2312 = valid == _valid(window, "gb2312", ended=ended)
    return "gb18030" if is_gb2312 and len(scripts) > 1 and max(text) < "\u0800" else "utf-8"


def _is_chinese_gb18030(window: bytes) -> bool:
    """Tell whether text in GB18030 looks like Chinese: other encodings are valid there too, but as rare characters."""
    text = window.decode("gb18030", "ignore")
    pairs = [letter for letter in text if not letter.isascii() and letter.encode("gbk", "ignore")]
    common = [letter for letter in pairs if b"\xa0" < letter.encode("gb2312", "ignore") < b"\xd8"]
    return len(common) >= _OWN_SHARE * len(pairs)


def _valid(window: bytes, encoding: str, *, ended: bool) -> int:
    """Count the bytes before the first that is wrong in an encoding."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(window, ended)
    except UnicodeDecodeError as error:
        return error.start
    return len(window)


def _text_rows(name: str, lines: Lines) -> Iterator[Row]:
    _where, first = next(_written(name, lines()), ("", ""))
    if "\t" in first and "prompt" in (meaning(cell.strip('"')) for cell in first.split("\t")):
        return _table_rows(name, lines, usual="\t")  # what Excel calls Unicode text
    return (Row(where, ("prompt",), (text,)) for where, text in _written(name, lines()))


def _written(name: str, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the lines that are not blank, each with the text that says where it is."""
    return ((_line(name, number), text) for number, line in enumerate(lines, start=1) if (text := line.strip()))


def _table_rows(name: str, lines: Lines, *, usual: str) -> Iterator[Row]:
    """Yield the rows of a table, each with the line that it begins on, as a quoted cell may go over many lines."""
    before, delimiter = _head(lines(), usual)

    def cells_of(quoting: Any) -> Any:
        rest = itertools.islice(lines(), before, None)
        return csv.reader(rest, delimiter=delimiter, strict=True, skipinitialspace=True, quoting=quoting)

    quoted = delimiter != "\t" or _is_quoted(itertools.islice(lines(), before, None), cells_of(csv.QUOTE_MINIMAL))
    reader = cells_of(csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    columns: tuple[str, ...] = ()
    try:
        while (where := _line(name, before + reader.line_num + 1)) and (cells := next(reader, None)) is not None:
            if not any(map(str.strip, cells)):
                continue
            if columns:
                yield Row.of_table(where, columns, cells)
                continue
            columns = heads(cells, where)
            if len(columns) == 1 and any(sign in columns[0] for sign in "；，|"):
                raise wrong(
                    where,
                    _("its columns are not separated by commas"),
                    do=_("Save it with commas, or with tabs as .tsv."),
                )
    except csv.Error as error:
        raise wrong(where, _("it is not a row of a table: {error}", error=error)) from None


_SEPARATOR = re.compile(r'\s*"?sep=([^\w\s"]|\t)"?[,;\s]*', re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def _head(lines: Iterator[str], usual: str) -> tuple[int, str]:
    """Return how many lines are before the row that names the columns, and what is between cells.

    A first line ``sep=;`` says so to Excel, which writes semicolons where commas are in numbers, and tabs for Unicode.
    """
    said = ""
    for number, line in enumerate(lines):
        if line.strip() and not said and (separator := _SEPARATOR.fullmatch(line)):
            said = separator[1]
        elif line.strip():
            bare = _QUOTED.sub("", line)
            return number, said or max((usual, "\t", ";", ","), key=bare.count)
    return 0, usual


def _is_quoted(lines: Iterator[str], as_quoted: Iterator[list[str]]) -> bool:
    """Tell whether quotes in a table with tabs go around cells; some programs write them as letters and quote nothing.

    Where every line has as many cells as the first, they do if each cell that begins with a quote ends with it. Else
    they do if a cell seems to go on in the next line, or if all rows read so are no wider than the first.
    """
    width, even, whole, goes_on = 0, True, True, False
    for line in lines:
        cells = [cell.strip() for cell in line.rstrip("\r\n").split("\t")]
        if any(cells):
            width = width or len(cells)
            even &= len(cells) == width > 1
            whole &= all(_QUOTED.fullmatch(cell) for cell in cells if cell.startswith('"'))
            goes_on |= len(cells) < width and cells[-1].startswith('"') and cells[-1].count('"') % 2 == 1
    if even:
        return whole
    with suppress(csv.Error):
        return goes_on or all(len(cells) <= width for cells in as_quoted)
    return False


# -- JSON --------------------------------------------------------------------------------------------------------------

_LISTS = ("prompts", "提示词", "rows", "data", "items", "list", "records", "examples", "results")
"""Names under which an object has the list of prompts, the first that is there."""


def _json_lines(name: str, lines: Lines) -> Iterator[Row | ImageRequest]:
    return (_row(where, _parsed(text, where)) for where, text in _written(name, lines()))


def _json_whole(name: str, lines: Lines) -> Iterator[Row | ImageRequest]:
    text = "".join(lines())
    first, _end, rest = text.strip().partition("\n")
    if rest:
        with suppress(ValueError, RecursionError):
            json.loads(first)
            return _json_lines(name, lines)  # many programs call such a file so
    rows = _listed(_parsed(text, name, whole=True), name)
    # The answers of Hugging Face's server of data sets have each row in an object of its own.
    bare = [row["row"] if isinstance(row, Mapping) and isinstance(row.get("row"), Mapping) else row for row in rows]
    return _numbered(bare, name=f"{name}, ")


def _listed(found: Any, name: str) -> list[Any]:
    """Return the list of prompts: the whole, a list in an object, an object's columns, or prompts by their names."""
    if isinstance(found, list):
        return found
    members = {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {}
    if "prompt" in map(meaning, members):
        return _of_columns(members) or [members]
    by_name = {key.casefold(): value for key, value in members.items() if isinstance(value, (list, dict)) and value}
    if known := next((word for word in _LISTS if word in by_name), ""):
        return _listed(by_name[known], name)
    lists = {key: value for key, value in members.items() if isinstance(value, list)}
    full = [key for key, value in lists.items() if value]
    if len(full) == 1 or (lists and not full):
        return lists[next(iter(full or lists))]
    if members and all(isinstance(value, (str, dict)) for value in members.values()):
        prompts_of = {key: value if isinstance(value, dict) else {"prompt": value} for key, value in members.items()}
        return [{"name": key, **value} for key, value in prompts_of.items()]
    several = _("it has several lists: {names}", names=", ".join(full)[:80])
    raise wrong(name, several if full else _("it is not a list"), do='["a cat", {"prompt": "a dog"}]')


def _of_columns(members: dict[str, Any]) -> list[Any]:
    """Return the rows of a table whose columns are lists, or objects as pandas writes them; empty if it is none."""
    columns = list(members.values())
    alike = any(all(isinstance(column, kind) for column in columns) for kind in (list, dict))
    if not alike or len(set(map(len, columns))) != 1:
        return []
    cells = (column.values() if isinstance(column, dict) else column for column in columns)
    return [dict(zip(members, row, strict=True)) for row in zip(*cells, strict=True)]


def _parsed(text: str, where: str, *, whole: bool = False) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where, why = _line(where, error.lineno) if whole else where, error.msg
    except (ValueError, RecursionError) as error:
        why = str(error)
    raise wrong(where, _("it is not valid JSON: {error}", error=why))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(_("{twice!r} is in an object twice", twice=name[:80]))
        fields[name] = value
    return fields


_READERS: Mapping[str, Callable[[str, Lines], Iterator[Row | ImageRequest]]] = {
    ".txt": _text_rows,
    ".csv": partial(_table_rows, usual=","),
    ".tsv": partial(_table_rows, usual="\t"),
    **dict.fromkeys((".jsonl", ".ndjson"), _json_lines),
    ".json": _json_whole,
}


def _line(name: str, number: int) -> str:
    return _("{name}, line {number}", name=name, number=number)


def _named(source: Any) -> str:
    return Path(source).name if isinstance(source, (str, Path)) else type(source).__name__


# -- what is asked for -------------------------------------------------------------------------------------------------

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
    # An object may be meant as an endpoint's request body, where ``n`` is a number of pictures.
    is_json = isinstance(source, (str, Path)) and Path(source).suffix.lower() in _JSON
    counts = (*_COUNTS, "n") if is_json else _COUNTS
    for row in read(source):
        if isinstance(row, ImageRequest):
            yield row, {}
            continue
        own = {name: text for name in _REQUEST_COLUMNS if (text := row.meant(name))}
        prompt, used = row.fill(template, names) if template else (row.meant("prompt"), {"prompt"})
        if not template and not prompt:
            if row.place("prompt") is not None:
                raise wrong(row.where, _("its prompt is empty"))
            raise ConfigError(
                _("There is no column called prompt."),
                why=row.listing(),
                do=_("Name it so, or write a prompt with {{column}}. The first line names the columns; .txt has none."),
            )
        if template and not own and not used:
            word = "{{" + row.names[0] + "}}"
            raise ConfigError(
                _("The prompt uses no column: every row would draw the same."),
                why=row.listing(),
                do=_(
                    "Write {word} into it, or leave the prompt out. A variable: g = %wenwen_image --from …", word=word
                ),
            )
        places = {row.place(word) for word in used}
        if counted := next((name for name in counts if row.holds(name) and row.place(name) not in places), ""):
            raise ConfigError(
                _("The column {name} does not say how many.", name=counted),
                do=_("-n 2 on the line counts for every row; else give the column another name."),
            )
        yield prompt, own
