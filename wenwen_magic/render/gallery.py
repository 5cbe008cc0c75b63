"""Lays pictures out in tables: many side by side, a grid of a comparison with its headers, a blind vote."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from itertools import groupby, islice, starmap
from pathlib import Path
from typing import Any

from wenwen_magic.errors import mask
from wenwen_magic.records import Gallery, GeneratedImage, Generation, Label
from wenwen_magic.render import generation as display
from wenwen_magic.render.generation import COLUMNS, MOST_SHOWN, lines_html
from wenwen_magic.text.i18n import _, columns

_WIDTH = 760
"""What a notebook has room for, in pixels."""
_HEADER, _WIDEST_HEADER = 88, 152
"""Width of a row's header, in pixels."""
_LETTER_WIDTH = 8
_SHORT, _BEFORE = 100, 12
"""Characters of a prompt that stand under a picture, and how many of them are those that others share."""
_PADDING = 16
_LARGEST = 360
"""Width of the only picture of a row, and height of the tallest one, in pixels."""
LONGEST_PROMPT = 20_000
"""Characters of a prompt that are shown."""
# Where styles are stripped, these attributes are what is left; where they are not, front ends centre and stripe.
PLACE = 'align="left" valign="top" style="text-align:left;vertical-align:top;overflow-wrap:anywhere"'
_NAME = PLACE.replace('style="', 'style="font-weight:normal;')
_LETTER = PLACE.replace('style="', 'style="font-size:24px;')
_ROW = '<tr style="background:none">'
TABLE = '<table cellpadding="6" style="table-layout:auto">'


def bundle(html: str, text: str, picture: Path | None = None) -> dict[str, Any]:
    """A bundle of HTML, text and a small picture that stands for all, each as front ends can be sent it."""
    return {**display.still(picture), "text/html": display.sound(html), "text/plain": display.sound(text)}


def prompt_of(generation: Generation) -> str:
    """The prompt as it was sent, or as it was asked; of a very long one the beginning."""
    text = generation.prompt_sent or generation.request.prompt
    return text if len(text) <= LONGEST_PROMPT else text[:LONGEST_PROMPT] + " …"


def img(address: str, alt: str, width: int) -> str:
    """A small picture as HTML, so many pixels wide."""
    return f'<img src="{address}" alt="{escape(alt)}" width="{width}" style="max-width:100%">'


def _parted(rows: Sequence[Generation]) -> tuple[list[Generation], list[str]]:
    """Rows without the notes that several of them share, and these notes, each once with how many it is about."""
    counted = Counter(row.note for row in rows if row.note)
    shared = {note: count for note, count in counted.items() if count > 1}
    lines = [
        note if count == len(rows) else _("{count} of {count2}: {note}", count=count, count2=len(rows), note=note)
        for note, count in shared.items()
    ]
    return [replace(row, note="") if row.note in shared else row for row in rows], lines


# -- many --------------------------------------------------------------------------------------------------------------


def gallery_bundle(gallery: Gallery) -> dict[str, Any]:
    """The bundle of several generations: one table, failures in their place, a contact sheet as the still picture.

    Where the prompts differ each stands under its picture, a long one in short.
    """
    rows, said = _parted(list(islice(gallery, MOST_SHOWN)))  # a gallery may be longer than a notebook should be heavy
    more = _more(len(gallery) - len(rows))
    counted = Counter(row.request.fingerprint for row in rows)
    prompts = [prompt_of(row) for row in rows]
    heads = _in_short(prompts) if len(set(prompts)) > 1 else [""] * len(rows)
    columns = COLUMNS // 2 if len(rows) == COLUMNS else max(1, min(COLUMNS, len(rows)))
    width = min(_LARGEST, _WIDTH // columns - _PADDING)
    numbered = [counted[row.request.fingerprint] > 1 for row in rows]
    cells = [_many_cell(*one, width) for one in zip(rows, heads, numbered, strict=True)]
    lines = [*said, *([more] if more else [])]
    html = _table(cells, columns, width) + (display.as_sent(rows[0]) if rows and not heads[0] else "")
    text = [_many_line(*one) for one in zip(rows, heads, numbered, strict=True)]
    return bundle(html + "".join(map(display.status_html, lines)), "\n".join([*text, *lines]), gallery.still)


def _more(count: int) -> str:
    if count <= 0:
        return ""
    return _("… and {count} more: %wenwen history shows them all", count=count)


def _in_short(prompts: Sequence[str]) -> list[str]:
    """The beginning of each prompt; where all begin alike for long, from shortly before they part."""
    letters = enumerate(zip(*prompts, strict=False))
    alike = next((place for place, found in letters if len(set(found)) > 1), min(map(len, prompts)))
    word = prompts[0].rfind(" ", alike - 2 * _BEFORE, alike - _BEFORE // 2) + 1
    start = (word or alike - _BEFORE) if alike > _SHORT // 2 else 0
    return [_cut(" ".join(prompt[start : start + 2 * _SHORT].split()), start) for prompt in prompts]


def _cut(text: str, start: int) -> str:
    return ("… " if start else "") + (text if len(text) <= _SHORT else text[:_SHORT].rstrip() + " …")


def _table(cells: Sequence[str], columns: int, width: int) -> str:
    """Finished cells in rows of even columns, so many pixels wide with styles or without."""
    rows = (cells[start : start + columns] for start in range(0, len(cells), columns))
    tag = f'<td width="{width}" {PLACE}>'
    made = "".join(f"{_ROW}{''.join(f'{tag}{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"{TABLE}<tbody>{made}</tbody></table>" if cells else ""


def _many_cell(row: Generation, head: str, numbered: bool, width: int) -> str:
    whole = " ".join(prompt_of(row).split())
    prompt = f"<p>{lines_html(head)}</p>" if head else ""
    folded = display.as_sent(row) if head and (whole != head or row.revised_prompt) else ""
    words = display.caption_html(row, numbered=numbered) + folded
    if row.images:
        pictures = "".join(f"{_picture(image, width)}<br>" for image in row.images)
        return f'<div style="margin-bottom:8px">{pictures}{prompt}{words}</div>{display.text_html(row)}'
    if row.has_result:
        return prompt + display.words_html(row) + words
    return prompt + display.failure_html(row) + words


def _many_line(row: Generation, head: str, numbered: bool) -> str:
    line = display.plain(row, numbered=numbered)
    return f"{mask(head)}: {line}" if head else line


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
        count = min(COLUMNS, len(self.values(self.across)))
        heads = sum(self.header(axis) + _PADDING for axis in self.down)
        return max(1, min(_LARGEST, (_WIDTH - heads) // count - _PADDING))

    def header(self, axis: int) -> int:
        """Of the headers of rows on an axis, in pixels: a model's name in one line, if it is not too long."""
        longest = max((columns(display.value_word(self.axes[axis], one)) for one in self.values(axis)), default=0)
        return min(_WIDEST_HEADER, max(_HEADER, longest * _LETTER_WIDTH + _PADDING))

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
        return gallery_bundle(gallery)
    cells: dict[tuple[str, ...], list[Generation]] = {}
    rows, said = _parted(list(gallery))
    for label, generation in zip(gallery.labels, rows, strict=True):
        cells.setdefault(tuple(value for _, value in label), []).append(generation)
    grid = _Grid(axes.pop(), cells, len({prompt_of(generation) for generation in gallery}) == 1)
    html = "".join(_band(grid, columns) for columns in _bands(grid.values(grid.across)))
    if grid.one_prompt:
        html += f"<p><small>{_('as sent')}: {lines_html(prompt_of(gallery[0]))}</small></p>"
    lines = [*starmap(_plain, zip(gallery.labels, rows, strict=True)), *said]
    return bundle(html + "".join(map(display.status_html, said)), "\n".join(lines), gallery.still)


def _bands(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[start : start + COLUMNS] for start in range(0, len(values), COLUMNS)]


def _band(grid: _Grid, columns: Sequence[str]) -> str:
    """A table of some of the columns, with all headers."""
    corner = "".join(
        f'<th scope="col" rowspan="2" {_NAME}>{lines_html(display.axis_word(grid.axes[axis]))}</th>'
        for axis in grid.down
    )
    across = lines_html(display.axis_word(grid.axes[grid.across]))
    name = f'<th scope="colgroup" colspan="{len(columns)}" {_NAME}>{across}</th>'
    heads = "".join(_header("col", grid.axes[grid.across], value, grid.width) for value in columns)
    body = "".join(_grid_row(grid, line, columns) for line in grid.lines)
    return f"{TABLE}<thead>{_ROW}{corner}{name}</tr>{_ROW}{heads}</tr></thead><tbody>{body}</tbody></table>"


def _header(scope: str, axis: str, value: str, width: int) -> str:
    return f'<th scope="{scope}" width="{width}" {PLACE}>{lines_html(display.value_word(axis, value))}</th>'


def _grid_row(grid: _Grid, line: tuple[str, ...], columns: Sequence[str]) -> str:
    heads = (
        _header("row", grid.axes[axis], value, grid.header(axis)) for axis, value in zip(grid.down, line, strict=True)
    )
    cells = (_grid_cell(grid, grid.at(line, column)) for column in columns)
    return _ROW + "".join(heads) + "".join(f"<td {PLACE}>{cell}</td>" for cell in cells) + "</tr>"


def _grid_cell(grid: _Grid, place: tuple[str, ...]) -> str:
    """All that stands in one place; what was sent follows in the open where it is not the same everywhere."""
    label = tuple(zip(grid.axes, place, strict=True))
    here = grid.cells.get(place, [])
    cell = ""
    for prompt, takes in groupby(here, key=prompt_of):
        cell += "".join(_shown(generation, label, grid.width, numbered=len(here) > 1) for generation in takes)
        cell += "" if grid.one_prompt else f"<p><small>{lines_html(prompt)}</small></p>"
    return cell or "–"


def _shown(generation: Generation, label: Label, width: int, *, numbered: bool) -> str:
    """One generation without what its headers say."""
    if _drawing(generation):
        return f"<p>… {_('drawing')}</p>"
    asked = {("model", generation.request.model), ("orientation", generation.request.orientation)}
    words = display.caption_html(generation, numbered=numbered, told={name for name, _ in asked & set(label)})
    if not generation.images:
        said = display.words_html(generation) if generation.has_result else display.failure_html(generation)
        return said + words
    pictures = "".join(f"{_picture(image, width)}<br>" for image in generation.images)
    return f'<div style="margin-bottom:8px">{pictures}{words}</div>{display.text_html(generation)}'


def _drawing(generation: Generation) -> bool:
    return generation.state == "sent" and not generation.error and not generation.images


def _picture(image: GeneratedImage, width: int) -> str:
    """A picture that fits its column; smaller ones in their own size."""
    address = display.data_address(image.preview)
    if not address:
        return display.not_at_hand(image)
    return img(address, image.alt, min(_fitting(image, width), image.width or width))


def _fitting(image: GeneratedImage, width: int) -> int:
    """The width in pixels at which a picture is not too high either."""
    return max(1, min(width, _LARGEST * image.width // max(1, image.height))) if image.width else width


def _plain(label: Label, generation: Generation) -> str:
    place = " · ".join(
        " ".join(f"{display.axis_word(name)}={display.value_word(name, value)}".split()) for name, value in label
    )
    line = f"… {_('drawing')}" if _drawing(generation) else display.plain(generation)
    return f"{mask(place)}: {line}"


# -- a blind vote ------------------------------------------------------------------------------------------------------


def _blind_bundle(gallery: Gallery) -> dict[str, Any]:
    choices = {letter: gallery[number] for letter, number in gallery.letters.items()}
    vote = _("Which is best? Press a letter below, or %wenwen vote A")
    words = [vote] if choices else []
    if missing := len(gallery) - len(choices):
        words.append(_("Left out, without a picture: {missing}.", missing=missing))
    tables = "".join(_blind_band(letters, choices) for letters in _bands(list(choices)))
    lines = ["  ".join(choices), *words] if choices else words
    return bundle(tables + "".join(f"<p>{word}</p>" for word in words), "\n".join(lines), gallery.still)


def _blind_band(letters: Sequence[str], choices: Mapping[str, Generation]) -> str:
    width = min(_LARGEST, _WIDTH // min(COLUMNS, len(choices)) - _PADDING)
    heads = "".join(f'<th scope="col" width="{width}" {_LETTER}>{letter}</th>' for letter in letters)
    cells = ("<br>".join(_hidden(image, letter, width) for image in choices[letter].images) for letter in letters)
    body = "".join(f"<td {PLACE}>{cell}</td>" for cell in cells)
    return f"{TABLE}<thead>{_ROW}{heads}</tr></thead><tbody>{_ROW}{body}</tr></tbody></table>"


def _hidden(image: GeneratedImage, letter: str, width: int) -> str:
    """A picture of which only its letter is told: neither its name nor its size."""
    address = display.data_address(image.preview)
    missing = f"<p>{letter}: {_('no preview at hand')}</p>"
    return img(address, letter, _fitting(image, width)) if address else missing


# As in the table before the vote, so that no picture moves.
_VERDICT_WIDTH, _VERDICT_LARGEST, _VERDICT_PADDING = 760, 360, 16
_MARK = "★"


def vote_result(winner: str) -> Callable[[Gallery], dict[str, Any]]:
    """What shows a comparison whose vote was won by a letter."""
    return lambda gallery: verdict_bundle(gallery, winner)


def verdict_bundle(gallery: Gallery, winner: str) -> dict[str, Any]:
    """The bundle of a comparison after its vote: letters, labels, captions; what has no picture stands below.

    Args:
        gallery: with a label for each row.
        winner: the letter of the picture that is best.
    """
    letters = gallery.letters
    bands = [list(letters)[start : start + COLUMNS] for start in range(0, len(letters), COLUMNS)]
    html = "".join(_verdict_band(gallery, band, winner) for band in bands) + _without_picture(gallery)
    if len({prompt_of(row) for row in gallery}) == 1:
        html += f"<p><small>{_('as sent')}: {lines_html(prompt_of(gallery[0]))}</small></p>"
    lines = [
        f"{_named(letter, winner)} {_words(gallery.labels[at])}: {display.plain(gallery[at])}"
        for letter, at in letters.items()
    ]
    return bundle(html, "\n".join(lines), gallery.still)


def _named(letter: str, winner: str) -> str:
    return f"{letter} {_MARK}" if letter == winner.strip().upper() else letter


def _words(label: Label) -> str:
    """The values of a label in the reader's language."""
    return " · ".join(display.orientation_word(value) if axis == "orientation" else value for axis, value in label)


def _verdict_band(gallery: Gallery, letters: Sequence[str], winner: str) -> str:
    places: Mapping[str, int] = gallery.letters
    width = min(_VERDICT_LARGEST, _VERDICT_WIDTH // min(COLUMNS, len(places)) - _VERDICT_PADDING)
    heads = "".join(
        f'<th scope="col" width="{width}" {PLACE}><span style="font-size:24px">{_named(letter, winner)}</span>'
        f"<br>{lines_html(_words(gallery.labels[places[letter]]))}</th>"
        for letter in letters
    )
    cells = "".join(f"<td {PLACE}>{_cell(gallery, places[letter], width)}</td>" for letter in letters)
    start = '<tr style="background:none">'
    return f"{TABLE}<thead>{start}{heads}</tr></thead><tbody>{start}{cells}</tr></tbody></table>"


def _cell(gallery: Gallery, place: int, width: int) -> str:
    row, label = gallery[place], gallery.labels[place]
    prompts = {prompt_of(one) for one in gallery}
    asked = {("model", row.request.model), ("orientation", row.request.orientation)}
    pictures = "".join(f"{_verdict_picture(image, width)}<br>" for image in row.images)
    words = display.caption_html(row, told={name for name, _ in asked & set(label)}) + display.text_html(row)
    return pictures + words + ("" if len(prompts) == 1 else f"<p><small>{lines_html(prompt_of(row))}</small></p>")


def _verdict_picture(image: GeneratedImage, width: int) -> str:
    address = display.data_address(image.preview)
    if not address:
        return display.not_at_hand(image)
    fitting = max(1, min(width, _VERDICT_LARGEST * image.width // max(1, image.height))) if image.width else width
    return img(address, image.alt, fitting)


def _without_picture(gallery: Gallery) -> str:
    """The rows that nobody could vote for, and why."""
    failed = [(row, label) for row, label in zip(gallery, gallery.labels, strict=True) if not row.images]
    return "".join(
        f"<p><b>{lines_html(_words(label))}</b></p>{display.failure_html(row)}{display.caption_html(row)}"
        for row, label in failed
    )
