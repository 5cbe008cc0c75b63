"""Lays pictures out in tables with headers: a page of the history, a grid of a comparison, a blind vote."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import accumulate, groupby, starmap
from pathlib import Path
from typing import Any, Protocol

from wenwen_magic import display
from wenwen_magic.display import COLUMNS, lines_html
from wenwen_magic.errors import mask
from wenwen_magic.language import padded, say
from wenwen_magic.records import Gallery, GeneratedImage, Generation, Label

_WIDTH = 760
"""What a notebook has room for, in pixels."""
_THUMBNAIL = 104
_WIDTHS = (_THUMBNAIL, 0, 124, 80, 62, 76)
"""Of the columns of a page, in pixels; the prompt has what is left."""
_HEADER = 88
_PADDING = 16
_LARGEST = 360
"""Width of the only picture of a row, and height of the tallest one, in pixels."""
_OPEN, _OPEN_LINES = 300, 8
_LONGEST_PROMPT, _LONGEST_REASON = 20_000, 60
_MODEL_COLUMNS, _PROMPT_COLUMNS = 32, 60
# Where styles are stripped, these attributes are what is left; where they are not, front ends centre and stripe.
_PLACE = 'align="left" valign="top" style="text-align:left;vertical-align:top;overflow-wrap:anywhere"'
_NAME = _PLACE.replace('style="', 'style="font-weight:normal;')
_LETTER = _PLACE.replace('style="', 'style="font-size:24px;')
_ROW = '<tr style="background:none">'
_TABLE = '<table cellpadding="6" style="table-layout:auto">'


def _bundle(html: str, text: str, picture: Path | None = None) -> dict[str, Any]:
    return {**display.still(picture), "text/html": display.sound(html), "text/plain": display.sound(text)}


# -- a page of the history ---------------------------------------------------------------------------------------------


class Page(Protocol):
    """One page of a search in the history."""

    @property
    def rows(self) -> Sequence[Generation]:
        """The generations on it, newest first."""

    @property
    def total(self) -> int:
        """How many there are on all pages."""

    @property
    def number(self) -> int:
        """Which page it is, from 1."""

    @property
    def size(self) -> int:
        """How many a full page has."""

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""


def page_bundle(
    page: Page, *, thumbnails: Mapping[str, Path], command: str, price: Callable[[float], str]
) -> dict[str, Any]:
    """The bundle of one page of the history: a table with a row for each generation, and how to turn the page.

    Args:
        page: what was found.
        thumbnails: by a generation's id the file of a small picture of it: JPEG or PNG, at most 224 pixels a side.
        command: the line as it was typed, without the page.
        price: says an amount with its unit.
    """
    if not page.rows:
        words = _nothing(page, command)
        return _bundle(f"<p>{lines_html(words)}</p>", words)
    heads = zip(_heads(), (f'width="{width}"' if width else "" for width in _WIDTHS), strict=True)
    header = "".join(f'<th scope="col" {width} {_PLACE}>{word}</th>' for word, width in heads)
    body = "".join(_history_row(generation, thumbnails.get(generation.id), price) for generation in page.rows)
    table = f"{_TABLE}<thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
    footer = _footer(page, command)
    return _bundle(f"{table}<p>{escape(footer)}</p>", f"{_text_table(page.rows, price)}\n\n{footer}")


def _heads() -> tuple[str, ...]:
    english, chinese = "picture,prompt,model,date,id,price", "图片,提示词,模型,日期,编号,价格"
    return tuple(say(english, chinese).split(","))


def _history_row(generation: Generation, thumbnail: Path | None, price: Callable[[float], str]) -> str:
    cells = [
        _thumbnail(generation, thumbnail),
        _folded(_prompt(generation)),
        _stack([display.model_words(generation)[:200], "demo" if generation.demo else ""]),
        f"<nobr>{lines_html(generation.created[:10])}</nobr><br>{lines_html(generation.created[11:16])}",
        f"#{lines_html(generation.id[:6])}<br>{_marks(generation)}",
        _stack(_cost(generation, price)),
    ]
    return "<tr>" + "".join(f"<td {_PLACE}>{cell}</td>" for cell in cells) + "</tr>"


def _stack(parts: Iterable[str]) -> str:
    """One thing above the other, the first one larger."""
    first, *others = map(lines_html, parts)
    return first + "".join(f"<br><small>{other}</small>" for other in others if other)


def _thumbnail(generation: Generation, path: Path | None) -> str:
    if not generation.images:
        return _stack(_no_picture(generation))
    image, *others = generation.images
    address = display.data_address(path)
    words = f"<small>{say('saved, no preview at hand', '已保存，无预览')}</small>"
    shown = _img(address, image.alt, _THUMBNAIL) if address else words
    return shown + (f"<br><small>+{len(others)}</small>" if others else "")


def _img(address: str, alt: str, width: int) -> str:
    return f'<img src="{address}" alt="{escape(alt)}" width="{width}" style="max-width:100%">'


def _no_picture(generation: Generation) -> list[str]:
    """Why there is none, short."""
    if generation.error:
        reason = (str(generation.error.get(name, "")) for name in ("what", "why"))
        what, why = (text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…" for text in reason)
        return [f"✗ {what}", why]
    if generation.state == "sent":
        return ["… " + say("sent, no answer so far", "已发送，尚无回答")]
    return [say("words only", "只有文字") if generation.text else f"✗ {generation.state}"]


def _prompt(generation: Generation) -> str:
    text = generation.prompt_sent or generation.request.prompt
    return text if len(text) <= _LONGEST_PROMPT else text[:_LONGEST_PROMPT] + " …"


def _folded(text: str) -> str:
    """The beginning in the open and the rest folded, parted between words; what is hardly longer stays whole."""
    end = max(text.rfind(gap, _OPEN * 4 // 5, _OPEN) for gap in " \n，。、；,;")
    cut = min(end + 1 or _OPEN, len("\n".join(text.split("\n")[:_OPEN_LINES])))
    if len(text) <= max(cut, _OPEN * 6 // 5) and text.count("\n") < _OPEN_LINES:
        return lines_html(text)
    more = say(f"… {len(text) - cut} more characters", f"… 还有 {len(text) - cut} 个字")
    folded = f"<details><summary><small>{more}</small></summary>{lines_html(text[cut:])}</details>"
    return lines_html(text[:cut]) + folded


def _marks(generation: Generation) -> str:
    """Whether it is starred, and which take it is."""
    take = display.take_mark(generation.take) if generation.take > 1 else ""
    return " ".join(mark for mark in ("★" if generation.star else "", take) if mark)


def _cost(generation: Generation, price: Callable[[float], str]) -> list[str]:
    """The price, and whether money is gone where that is not plain from the picture."""
    plain = generation.has_result and generation.charged == "yes"
    cost = None if generation.charged == "no" else generation.price
    charged = "" if plain else f"{say('charged', '扣费')}: {generation.charged}"
    return ["–" if cost is None else price(cost), charged]


def _footer(page: Page, command: str) -> str:
    first = (page.number - 1) * page.size + 1
    last = first + len(page.rows) - 1
    parts = [say(f"{first}–{last} of {page.total}", f"第 {first}–{last} 条，共 {page.total} 条")]
    if page.pages > 1:
        parts.append(say(f"page {page.number} of {page.pages}", f"第 {page.number} 页，共 {page.pages} 页"))
    if page.number < page.pages:
        parts.append(say("next", "下一页") + f": {command} --page {page.number + 1}")
    return " · ".join(parts)


def _nothing(page: Page, command: str) -> str:
    if page.total:
        return say("The last page: ", "最后一页：") + f"{command} --page {page.pages}"
    return say(
        f"Nothing that is saved fits: {command}\n"
        "Leave out a word or a condition to find more; %wenwen history alone lists all that is saved here.",
        f"没有符合的记录：{command}\n减少关键词或条件可以找到更多；单独的 %wenwen history 列出此处保存的全部记录。",
    )


def _text_table(rows: Sequence[Generation], price: Callable[[float], str]) -> str:
    _, prompt, model, date, name, cost = _heads()
    lines = [(name, date, model, cost, "", prompt), *(_text_row(generation, price) for generation in rows)]
    widths = [max(sum(map(_column, cell)) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(_fitted, line, widths)).rstrip() for line in lines)


def _text_row(generation: Generation, price: Callable[[float], str]) -> tuple[str, ...]:
    demo = " (demo)" if generation.demo else ""
    failed = "" if generation.has_result else "✗" if generation.error else "…" if generation.state == "sent" else ""
    return (
        f"#{generation.id[:6]}",
        f"{generation.created[:10]} {generation.created[11:16]}",
        _fitted(mask(display.model_words(generation)), _MODEL_COLUMNS).rstrip() + demo,
        " ".join(part for part in _cost(generation, price) if part),
        f"{_marks(generation)} {failed}".strip(),
        _fitted(_prompt(generation), _PROMPT_COLUMNS).rstrip(),
    )


def _column(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _fitted(text: str, columns: int) -> str:
    """The text in one line of so many columns: cut or filled."""
    text = " ".join(text[: 20 * columns].split())
    kept = sum(width <= columns for width in accumulate(map(_column, text)))
    return padded(text if kept == len(text) else text[: kept - 1] + "…", columns)


# -- a comparison ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Grid:
    """The generations of a comparison by their place: a value on every axis."""

    axes: tuple[str, ...]
    cells: Mapping[tuple[str, ...], list[Generation]]
    one_prompt: bool

    def values(self, axis: int) -> list[str]:
        return list(dict.fromkeys(place[axis] for place in self.cells))

    @cached_property
    def across(self) -> int:
        """The axis whose values are columns: the last one that is not too wide, or the least wide."""
        counts = [len(self.values(axis)) for axis in range(len(self.axes))]
        fitting = [count for count in counts if count <= COLUMNS]
        best = counts[-1] if counts[-1] in fitting else max(fitting, default=min(counts))
        return len(counts) - 1 - counts[::-1].index(best)

    @cached_property
    def down(self) -> list[int]:
        """The axes whose values head the rows."""
        return [axis for axis in range(len(self.axes)) if axis != self.across]

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """The values that head each row, the last axis changing fastest."""
        order = [{value: number for number, value in enumerate(self.values(axis))} for axis in self.down]
        found = dict.fromkeys(tuple(place[axis] for axis in self.down) for place in self.cells)
        return sorted(found, key=lambda line: [numbers[value] for numbers, value in zip(order, line, strict=True)])

    @cached_property
    def width(self) -> int:
        """Of a column, in pixels."""
        columns = min(COLUMNS, len(self.values(self.across)))
        return max(1, min(_LARGEST, (_WIDTH - len(self.down) * (_HEADER + _PADDING)) // columns - _PADDING))

    def at(self, line: tuple[str, ...], column: str) -> tuple[str, ...]:
        """The place in a row under a column."""
        return (*line[: self.across], column, *line[self.across :])


def grid_bundle(gallery: Gallery) -> dict[str, Any]:
    """The bundle of a comparison: every combination in its place under headers; of a blind one letters only.

    Where the rows do not all stand on the same axes it is that of any gallery.
    """
    if gallery.blind:
        return _blind_bundle(gallery)
    axes = {tuple(name for name, _ in label) for label in gallery.labels}
    if len(axes) != 1 or axes == {()} or len(gallery.labels) != len(gallery):
        return display.gallery_bundle(gallery)
    cells: dict[tuple[str, ...], list[Generation]] = {}
    for label, generation in zip(gallery.labels, gallery, strict=True):
        cells.setdefault(tuple(value for _, value in label), []).append(generation)
    grid = _Grid(axes.pop(), cells, len({_prompt(generation) for generation in gallery}) == 1)
    html = "".join(_band(grid, columns) for columns in _bands(grid.values(grid.across)))
    if grid.one_prompt:
        html += f"<p><small>{say('as sent', '发送的提示词')}: {lines_html(_prompt(gallery[0]))}</small></p>"
    text = "\n".join(starmap(_plain, zip(gallery.labels, gallery, strict=True)))
    return _bundle(html, text, gallery.still)


def _bands(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[start : start + COLUMNS] for start in range(0, len(values), COLUMNS)]


def _band(grid: _Grid, columns: Sequence[str]) -> str:
    """A table of some of the columns, with all headers."""
    corner = "".join(
        f'<th scope="col" rowspan="2" {_NAME}>{lines_html(_axis_word(grid.axes[axis]))}</th>' for axis in grid.down
    )
    name = (
        f'<th scope="colgroup" colspan="{len(columns)}" {_NAME}>{lines_html(_axis_word(grid.axes[grid.across]))}</th>'
    )
    heads = "".join(_header("col", grid.axes[grid.across], value, grid.width) for value in columns)
    body = "".join(_grid_row(grid, line, columns) for line in grid.lines)
    return f"{_TABLE}<thead>{_ROW}{corner}{name}</tr>{_ROW}{heads}</tr></thead><tbody>{body}</tbody></table>"


def _axis_word(name: str) -> str:
    """What an axis is called in the reader's language."""
    return say(name, {"model": "模型", "orientation": "方向", "style": "风格"}.get(name, name))


def _header(scope: str, axis: str, value: str, width: int) -> str:
    return f'<th scope="{scope}" width="{width}" {_PLACE}>{lines_html(_value(axis, value))}</th>'


def _value(axis: str, value: str) -> str:
    return display.orientation_word(value) if axis == "orientation" else value


def _grid_row(grid: _Grid, line: tuple[str, ...], columns: Sequence[str]) -> str:
    heads = (_header("row", grid.axes[axis], value, _HEADER) for axis, value in zip(grid.down, line, strict=True))
    cells = (_grid_cell(grid, grid.at(line, column)) for column in columns)
    return _ROW + "".join(heads) + "".join(f"<td {_PLACE}>{cell}</td>" for cell in cells) + "</tr>"


def _grid_cell(grid: _Grid, place: tuple[str, ...]) -> str:
    """All that stands in one place; what was sent follows in the open where it is not the same everywhere."""
    label = tuple(zip(grid.axes, place, strict=True))
    here = grid.cells.get(place, [])
    cell = ""
    for prompt, takes in groupby(here, key=_prompt):
        cell += "".join(_shown(generation, label, grid.width, numbered=len(here) > 1) for generation in takes)
        cell += "" if grid.one_prompt else f"<p><small>{lines_html(prompt)}</small></p>"
    return cell or "–"


def _shown(generation: Generation, label: Label, width: int, *, numbered: bool) -> str:
    """One generation without what its headers say."""
    if _drawing(generation):
        return f"<p>… {say('drawing', '正在画')}</p>"
    asked = {("model", generation.request.model), ("orientation", generation.request.orientation)}
    words = display.caption_html(generation, numbered=numbered, told={name for name, _ in asked & set(label)})
    if not generation.images:
        return display.failure_html(generation) + words
    pictures = "".join(f"{_picture(image, width)}<br>" for image in generation.images)
    return f'<div style="margin-bottom:8px">{pictures}{words}</div>{display.text_html(generation)}'


def _drawing(generation: Generation) -> bool:
    return generation.state == "sent" and not generation.error and not generation.images


def _picture(image: GeneratedImage, width: int) -> str:
    """A picture that fits its column; smaller ones in their own size."""
    address = display.data_address(image.preview)
    if not address:
        return display.not_at_hand(image)
    return _img(address, image.alt, min(_fitting(image, width), image.width or width))


def _fitting(image: GeneratedImage, width: int) -> int:
    """The width in pixels at which a picture is not too high either."""
    return max(1, min(width, _LARGEST * image.width // max(1, image.height))) if image.width else width


def _plain(label: Label, generation: Generation) -> str:
    place = " · ".join(" ".join(f"{name}={_value(name, value)}".split()) for name, value in label)
    line = f"… {say('drawing', '正在画')}" if _drawing(generation) else display.plain(generation)
    return f"{mask(place)}: {line}"


# -- a blind vote ------------------------------------------------------------------------------------------------------


def _blind_bundle(gallery: Gallery) -> dict[str, Any]:
    choices = {letter: gallery[number] for letter, number in gallery.letters.items()}
    vote = say(
        "Which is best? Press a letter below, or %wenwen vote A", "哪张最好？请按下方的字母，或运行 %wenwen vote A"
    )
    words = [vote] if choices else []
    if missing := len(gallery) - len(choices):
        words.append(say(f"Left out, without a picture: {missing}.", f"没有图片而未列出：{missing} 个。"))
    tables = "".join(_blind_band(letters, choices) for letters in _bands(list(choices)))
    lines = ["  ".join(choices), *words] if choices else words
    return _bundle(tables + "".join(f"<p>{word}</p>" for word in words), "\n".join(lines), gallery.still)


def _blind_band(letters: Sequence[str], choices: Mapping[str, Generation]) -> str:
    width = min(_LARGEST, _WIDTH // min(COLUMNS, len(choices)) - _PADDING)
    heads = "".join(f'<th scope="col" width="{width}" {_LETTER}>{letter}</th>' for letter in letters)
    cells = ("<br>".join(_hidden(image, letter, width) for image in choices[letter].images) for letter in letters)
    body = "".join(f"<td {_PLACE}>{cell}</td>" for cell in cells)
    return f"{_TABLE}<thead>{_ROW}{heads}</tr></thead><tbody>{_ROW}{body}</tr></tbody></table>"


def _hidden(image: GeneratedImage, letter: str, width: int) -> str:
    """A picture of which only its letter is told: neither its name nor its size."""
    address = display.data_address(image.preview)
    missing = f"<p>{letter}: {say('no preview at hand', '暂无预览')}</p>"
    return _img(address, letter, _fitting(image, width)) if address else missing
