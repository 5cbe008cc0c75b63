"""Shows a blind comparison after its vote: every picture where it was, its letter beside its label, the best marked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wenwen_magic.records import Gallery, GeneratedImage, Label
from wenwen_magic.render import gallery as tables
from wenwen_magic.render import generation
from wenwen_magic.render.generation import COLUMNS, lines_html
from wenwen_magic.text.i18n import say

# As in the table before the vote, so that no picture moves.
_WIDTH, _LARGEST, _PADDING = 760, 360, 16
_MARK = "★"


def shower(winner: str) -> Callable[[Gallery], dict[str, Any]]:
    """What shows a comparison whose vote was won by a letter."""
    return lambda gallery: bundle(gallery, winner)


def bundle(gallery: Gallery, winner: str) -> dict[str, Any]:
    """The bundle of a comparison after its vote: letters, labels, captions; what has no picture stands below.

    Args:
        gallery: with a label for each row.
        winner: the letter of the picture that is best.
    """
    letters = gallery.letters
    bands = [list(letters)[start : start + COLUMNS] for start in range(0, len(letters), COLUMNS)]
    html = "".join(_band(gallery, band, winner) for band in bands) + _without_picture(gallery)
    if len({tables.prompt_of(row) for row in gallery}) == 1:
        html += f"<p><small>{say('as sent', '发送的提示词')}: {lines_html(tables.prompt_of(gallery[0]))}</small></p>"
    lines = [
        f"{_named(letter, winner)} {_words(gallery.labels[at])}: {generation.plain(gallery[at])}"
        for letter, at in letters.items()
    ]
    return tables.bundle(html, "\n".join(lines), gallery.still)


def _named(letter: str, winner: str) -> str:
    return f"{letter} {_MARK}" if letter == winner.strip().upper() else letter


def _words(label: Label) -> str:
    """The values of a label in the reader's language."""
    return " · ".join(generation.orientation_word(value) if axis == "orientation" else value for axis, value in label)


def _band(gallery: Gallery, letters: Sequence[str], winner: str) -> str:
    places: Mapping[str, int] = gallery.letters
    width = min(_LARGEST, _WIDTH // min(COLUMNS, len(places)) - _PADDING)
    heads = "".join(
        f'<th scope="col" width="{width}" {tables.PLACE}><span style="font-size:24px">{_named(letter, winner)}</span>'
        f"<br>{lines_html(_words(gallery.labels[places[letter]]))}</th>"
        for letter in letters
    )
    cells = "".join(f"<td {tables.PLACE}>{_cell(gallery, places[letter], width)}</td>" for letter in letters)
    start = '<tr style="background:none">'
    return f"{tables.TABLE}<thead>{start}{heads}</tr></thead><tbody>{start}{cells}</tr></tbody></table>"


def _cell(gallery: Gallery, place: int, width: int) -> str:
    row, label = gallery[place], gallery.labels[place]
    prompts = {tables.prompt_of(one) for one in gallery}
    asked = {("model", row.request.model), ("orientation", row.request.orientation)}
    pictures = "".join(f"{_picture(image, width)}<br>" for image in row.images)
    words = generation.caption_html(row, told={name for name, _ in asked & set(label)}) + generation.text_html(row)
    return (
        pictures + words + ("" if len(prompts) == 1 else f"<p><small>{lines_html(tables.prompt_of(row))}</small></p>")
    )


def _picture(image: GeneratedImage, width: int) -> str:
    address = generation.data_address(image.preview)
    if not address:
        return generation.not_at_hand(image)
    fitting = max(1, min(width, _LARGEST * image.width // max(1, image.height))) if image.width else width
    return tables.img(address, image.alt, fitting)


def _without_picture(gallery: Gallery) -> str:
    """The rows that nobody could vote for, and why."""
    failed = [(row, label) for row, label in zip(gallery, gallery.labels, strict=True) if not row.images]
    return "".join(
        f"<p><b>{lines_html(_words(label))}</b></p>{generation.failure_html(row)}{generation.caption_html(row)}"
        for row, label in failed
    )
