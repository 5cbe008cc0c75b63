"""Lay pictures out in tables: many side by side, a grid of a comparison, a blind vote and its result."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, groupby, islice, product
from operator import itemgetter
from typing import Any

from wenwen_magic.records import Gallery, GeneratedImage, Generation, Label, Video
from wenwen_magic.render.generation import (
    MOST_SHOWN,
    as_sent,
    caption,
    clip_html,
    described,
    doing,
    image_html,
    no_picture_html,
    own_words,
    plain,
    preview_of,
    prompt_of,
    status_html,
    text_html,
)
from wenwen_magic.render.markup import (
    COLUMNS,
    Markup,
    bundle,
    cell,
    even_columns,
    folded,
    in_rows,
    join,
    lines,
    picture,
    small,
    stacked,
    table,
    tag,
)
from wenwen_magic.text.i18n import _, text_width
from wenwen_magic.text.orientation import said
from wenwen_magic.text.sanitize import mask_keys, one_line

# All in pixels. A notebook has room for _WIDTH; a picture alone in its row is at most _LARGEST wide, any so high.
_WIDTH, _LARGEST, _PADDING = 760, 360, 16
_HEADER, _WIDEST_HEADER, _LETTER_WIDTH = 88, 152, 8
_SHORT, _BEFORE = 100, 12
"""Characters of a prompt that are shown under a picture, and how many of these may be shared with others."""
_NAME = "font-weight:normal;"


def _width(columns: int, heads: int = 0) -> int:
    """Return the width of a column in pixels: the columns share what the headers of the rows leave free."""
    return max(1, min(_LARGEST, (_WIDTH - heads) // columns - _PADDING))


def _without_shared_notes(rows: Sequence[Generation]) -> tuple[list[Generation], list[str]]:
    """Take the notes that several rows share out of them; return these notes too, each with how many rows it is for."""
    counted = Counter(row.note for row in rows if row.note)
    shared = {note: count for note, count in counted.items() if count > 1}
    notes = [
        note if count == len(rows) else _("{count} of {count2}: {note}", count=count, count2=len(rows), note=note)
        for note, count in shared.items()
    ]
    return [replace(row, note="") if row.note in shared else row for row in rows], notes


def _fitting(image: GeneratedImage | Video, width: int) -> int:
    """Return the width in pixels at which a picture or a clip fills its column and is not too high."""
    return max(1, min(width, _LARGEST * image.width // max(1, image.height))) if image.width else width


def _outcome(
    row: Generation, about: Sequence[str], width: int, *, enlarged: bool = False, prompt: str = "", sent: str = ""
) -> Markup:
    """Show a result in a column of a width in pixels, with what is said of it: :func:`described`, in part."""
    description, pictures = stacked(*map(small, about)), []
    for result in row.results:
        wide = _fitting(result, width) if enlarged else min(_fitting(result, width), result.width or width)
        if isinstance(result, Video):
            pictures.append(clip_html(row, result, width=wide))
        else:
            pictures.append(image_html(result, width=wide))
    if not pictures:
        return join(prompt, no_picture_html(row), description, sent)
    shown = stacked(*pictures, join(prompt, description, sent))
    return join(tag("div", shown, style="margin-bottom:8px"), text_html(row) if row.text else "")


def gallery_bundle(gallery: Gallery) -> dict[str, Any]:
    """Make the bundle of several generations: failures in their place, a contact sheet as still picture.

    A comparison has every combination in its place under headers, and a blind one letters only; where the rows are not
    all on the same axes it is shown as any gallery.
    """
    if gallery.blind:
        return _blind_bundle(gallery)
    axes = {tuple(axis for axis, _value in label) for label in gallery.labels}
    if len(axes) != 1 or axes == {()} or len(gallery.labels) != len(gallery):
        return _many_bundle(gallery)
    return _grid_bundle(gallery)


# -- many --------------------------------------------------------------------------------------------------------------


def _many_bundle(gallery: Gallery) -> dict[str, Any]:
    """Show a gallery in one table; where the prompts differ each is under its picture, a long one in short."""
    # A gallery may be longer than a notebook should be heavy.
    rows, notes = _without_shared_notes(list(islice(gallery, MOST_SHOWN)))
    if (more := len(gallery) - len(rows)) > 0:
        notes.append(_("… and {count} more: %wenwen history shows them all", count=more))
    prompts = [prompt_of(row) for row in rows]
    heads = _in_short(prompts) if len(set(prompts)) > 1 else [""] * len(rows)
    counted = Counter(row.request.fingerprint for row in rows)
    # While others are on their way, several may count as the first.
    taken = Counter((row.request.fingerprint, row.take) for row in rows)
    columns = even_columns(len(rows))
    width = _width(columns)
    cells, text = [], []
    for row, prompt, head in zip(rows, prompts, heads, strict=True):
        numbered = counted[row.request.fingerprint] > 1
        above = tag("p", lines(head)) if head else ""
        unfolds = head and (one_line(prompt) != head or row.revised_prompt)
        known = row if taken[row.request.fingerprint, row.take] == 1 else replace(row, take=0)
        about = described(known, numbered=numbered)
        shown = _outcome(row, about, width, prompt=above, sent=as_sent(row) if unfolds else "")
        cells.append(cell(shown, width=width))
        line = plain(row, about)
        text.append(f"{mask_keys(head)}: {line}" if head else line)
    sent = as_sent(rows[0]) if rows and not heads[0] else ""
    html = join(table(in_rows(cells, columns)), sent, *map(status_html, notes))
    return bundle(html, "\n".join([*text, *notes]), gallery.still)


def sequence_bundle(items: Sequence[Any]) -> dict[str, Any] | None:
    """Make the bundle of a list or tuple of generations, galleries and pictures; None where anything else is in it."""
    rows: list[Generation] = []
    for item in items:
        if isinstance(item, Gallery) and not item.blind:
            rows += item
        else:
            row = item.alone if isinstance(item, GeneratedImage) else item
            if not isinstance(row, Generation):
                return None
            rows.append(row)
    if len(rows) == 1:
        return rows[0]._repr_mimebundle_()
    return gallery_bundle(Gallery(rows)) if rows else None


def _in_short(prompts: Sequence[str]) -> list[str]:
    """Cut each prompt to its beginning; where all begin alike for long, to what begins shortly before they differ."""
    characters = enumerate(zip(*prompts, strict=False))
    alike = next((index for index, column in characters if len(set(column)) > 1), min(map(len, prompts)))
    word = prompts[0].rfind(" ", alike - 2 * _BEFORE, alike - _BEFORE // 2) + 1
    start = (word or alike - _BEFORE) if alike > _SHORT // 2 else 0
    texts = (one_line(prompt[start : start + 2 * _SHORT]) for prompt in prompts)
    before = "… " if start else ""
    return [before + (text if len(text) <= _SHORT else text[:_SHORT].rstrip() + " …") for text in texts]


# -- a comparison ------------------------------------------------------------------------------------------------------

_Pair = tuple[str, str]
_Words = Mapping[_Pair, _Pair]


def label_words(pairs: Iterable[_Pair]) -> dict[_Pair, _Pair]:
    """Translate pairs of axis and value, each once: axes are named by us, and of the values the orientations."""
    return {(axis, value): (_(axis), said(value) if axis == "orientation" else value) for axis, value in {*pairs}}


def _grid_bundle(gallery: Gallery) -> dict[str, Any]:
    rows, notes = _without_shared_notes(list(gallery))
    shared_prompt, prompts = _prompts_html(rows)
    words = label_words(chain(*gallery.labels))
    takes: dict[Label, list[_Take]] = {}
    text = []
    for label, row, prompt in zip(gallery.labels, rows, prompts, strict=True):
        about = described(row)
        takes.setdefault(label, []).append((row, about, prompt))
        place = " · ".join("=".join(words[pair]) for pair in label)
        line = "… " + doing(row.request) if _is_drawing(row) else plain(row, about)
        text.append(f"{mask_keys(one_line(place))}: {line}")
    html = join(_grid(takes, words), shared_prompt, *map(status_html, notes))
    return bundle(html, "\n".join([*text, *notes]), gallery.still)


def _prompts_html(rows: Sequence[Generation]) -> tuple[Markup, list[Markup]]:
    """Show what was sent: once, folded away, where all rows are of one prompt, else for each row."""
    prompts = [prompt_of(row) for row in rows]
    shown = {prompt: tag("p", small(lines(prompt))) for prompt in prompts}
    if len(shown) == 1:
        return as_sent(replace(rows[0], revised_prompt="")), [Markup()] * len(prompts)
    if len(set(map(own_words, rows))) == 1:
        return folded(_("as sent"), *shown.values()), [Markup()] * len(prompts)
    return Markup(), [shown[prompt] for prompt in prompts]


_Take = tuple[Generation, Sequence[str], Markup]
"""A generation, what is said of it, and its prompt where the prompts differ."""


def _grid(takes: Mapping[Label, Sequence[_Take]], words: _Words) -> Markup:
    """Lay combinations out in tables of at most four columns, each with all headers."""
    # The pairs of each axis, in the order in which they came.
    axes = [list(dict.fromkeys(pairs)) for pairs in zip(*takes, strict=True)]
    across = _across([len(pairs) for pairs in axes])
    columns, down = axes[across], [*axes[:across], *axes[across + 1 :]]
    # A model's name has one line, if it is not too long.
    longest = [max(text_width(words[pair][1]) for pair in pairs) * _LETTER_WIDTH + _PADDING for pairs in down]
    head_widths = [min(_WIDEST_HEADER, max(_HEADER, most)) for most in longest]
    width = _width(min(COLUMNS, len(columns)), sum(head_widths) + _PADDING * len(down))
    asked_for = {(*label[:across], *label[across + 1 :]) for label in takes}
    sides = [side for side in product(*down) if side in asked_for]
    tables = []
    for band in in_rows(columns):
        corner = [cell(lines(words[pairs[0]][0]), scope="col", rowspan=2, style=_NAME) for pairs in down]
        name = cell(lines(words[band[0]][0]), scope="colgroup", colspan=len(band), style=_NAME)
        heads = [cell(lines(words[pair][1]), scope="col", width=width) for pair in band]
        rows = []
        for side in sides:
            labels = [(*side[:across], pair, *side[across:]) for pair in band]
            side_heads = zip(side, head_widths, strict=True)
            row: list[str] = [cell(lines(words[pair][1]), scope="row", width=wide) for pair, wide in side_heads]
            row += [_grid_cell(takes.get(label, ()), label, width) for label in labels]
            rows.append(row)
        tables.append(table(rows, head=[[*corner, name], heads]))
    return join(*tables)


def _across(counts: Sequence[int]) -> int:
    """Choose the axis whose values are columns: the last one that is not too wide, or the least wide."""
    fitting = [count for count in counts if count <= COLUMNS]
    best = counts[-1] if counts[-1] in fitting else max(fitting, default=min(counts))
    return len(counts) - 1 - counts[::-1].index(best)


def _grid_cell(takes: Sequence[_Take], label: Label, width: int) -> Markup:
    """Show all takes of one place; takes of one prompt have it once below them."""
    shown: list[Markup] = []
    for prompt, same in groupby(takes, key=itemgetter(2)):
        for row, about, _prompt in same:
            if _is_drawing(row):
                shown.append(tag("p", "… ", doing(row.request)))
            else:
                shown.append(_outcome(row, _headed(row, about, label, numbered=len(takes) > 1), width))
        shown.append(prompt)
    return join(*shown) or Markup("–")


def _headed(row: Generation, about: Sequence[str], label: Label, *, numbered: bool = False) -> list[str]:
    """Return what is said of a generation, with a caption that does not repeat the label in the headers."""
    return [caption(row, numbered=numbered, headed=("model", row.request.model) in label), *about[1:]]


def _is_drawing(row: Generation) -> bool:
    return row.state == "sent" and not row.error and not row.images


# -- a blind vote ------------------------------------------------------------------------------------------------------


def _blind_bundle(gallery: Gallery) -> dict[str, Any]:
    """Make the bundle of pictures, or answers, under letters, which shows neither name nor size of any of them."""
    letters = gallery.letters
    width = _width(min(COLUMNS, len(letters) or 1))
    answers = any(gallery[number].request.wants_words for number in letters.values())  # which have no controls
    ask = _("Which is best? %wenwen vote A") if answers else _("Which is best? Press a letter below, or %wenwen vote A")
    notes = [ask] if letters else []
    if missing := len(gallery) - len(letters):
        notes.append(_("Left out, without a result: {missing}.", missing=missing))
    shown = []
    for letter, number in letters.items():
        lost = tag("p", f"{letter}: ", _("no preview"))
        row = gallery[number]
        pictures = [picture(preview_of(image), letter, width=_fitting(image, width)) or lost for image in row.images]
        shown.append((_letter(letter), stacked(*pictures) or no_picture_html(row)))
    html = join(_under_headers(shown, width), *(tag("p", note) for note in notes))
    text = ["  ".join(letters), *notes] if letters else notes
    return bundle(html, "\n".join(text), gallery.still)


def vote_result(gallery: Gallery, winner: str) -> dict[str, Any]:
    """Make the bundle of a comparison after its vote: letters with labels and captions, and below them what had none.

    Args:
        gallery: has a label for each row.
        winner: the letter of the best picture.
    """
    letters = gallery.letters
    width = _width(min(COLUMNS, len(letters) or 1))
    shared_prompt, prompts = _prompts_html(gallery)
    words = label_words(chain(*gallery.labels))
    names = [" · ".join(words[pair][1] for pair in label) for label in gallery.labels]
    abouts = list(map(described, gallery))
    shown, text = [], []
    for letter, number in letters.items():
        row, name, about = gallery[number], names[number], abouts[number]
        mark = f"{letter} ★" if letter == winner.strip().upper() else letter
        # As large as before the vote, so that no picture moves.
        outcome = _outcome(row, _headed(row, about, gallery.labels[number]), width, enlarged=True)
        shown.append((stacked(_letter(mark), lines(name)), join(outcome, prompts[number])))
        text.append(f"{mark} {name}: {plain(row, about)}")
    left_out = [
        join(tag("p", tag("b", lines(name))), _outcome(row, _headed(row, about, label), width))
        for number, (row, name, about, label) in enumerate(zip(gallery, names, abouts, gallery.labels, strict=True))
        if number not in letters.values()
    ]
    return bundle(join(_under_headers(shown, width), *left_out, shared_prompt), "\n".join(text), gallery.still)


def _letter(letter: str) -> Markup:
    return tag("span", letter, style="font-size:24px")


def _under_headers(shown: Sequence[tuple[Markup, Markup]], width: int) -> Markup:
    """Lay out headers and what is below them, at most four beside one another."""
    tables = []
    for band in in_rows(shown):
        heads, cells = zip(*band, strict=True)
        tables.append(table([cells], head=[[cell(head, scope="col", width=width) for head in heads]]))
    return join(*tables)
