"""Shows generations: one MIME bundle each, pure, legible with all CSS stripped, everything from outside escaped."""

import base64
import re
from collections.abc import Container, Iterable
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

from wenwen_magic.errors import mask
from wenwen_magic.formats.parse import markdown
from wenwen_magic.records import GeneratedImage, Generation
from wenwen_magic.text.i18n import N_, _

_CIRCLED = "⓪①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
MOST_SHOWN = 24
"""Generations of a long gallery that are shown."""
COLUMNS = 4
"""Pictures beside one another in a table."""
LONGEST_PATH = 4
"""Parts of a path that are told; a working folder high up would tell a home."""
_LONGEST_TEXT = 20_000
_LONG_WORD = re.compile("[!-~]{20}(?=[!-~])")
# Control characters, what turns the direction of writing, half characters.
_UNSOUND = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def generation_bundle(generation: Generation) -> dict[str, Any]:
    """The bundle of one generation: HTML with picture and caption, a still picture, and one line of text."""
    html = generation_html(generation)
    return {**still(generation.still), "text/html": sound(html), "text/plain": sound(plain(generation))}


def sound(text: str) -> str:
    """The text without half characters, which no front end can be sent, and without what steers the text after it."""
    return _UNSOUND.sub(" ", text)


def generation_html(generation: Generation) -> str:
    """One generation as HTML: a figure, a table for several pictures, or the reason why there is none."""
    end = as_sent(generation)
    if generation.images:
        return _pictures(generation) + text_html(generation) + end
    said = words_html(generation) if generation.has_result else failure_html(generation)
    return said + caption_html(generation) + end


def words_html(generation: Generation) -> str:
    """The words that were wanted, as they are formatted; HTML and pictures in them are not."""
    return f"<div>{markdown.render(generation.text)}</div>"


def failure_html(generation: Generation) -> str:
    """Why a generation has no picture: what happened, and why."""
    error = generation.error or {}
    what, why = escape(str(error.get("what", ""))), escape(str(error.get("why", ""))[:600])
    return f"<p>✗ {what or escape(generation.state)}<br>{why}</p>"


def _pictures(generation: Generation) -> str:
    images = generation.images
    words = caption_html(generation)
    if len(images) == 1:
        return f'<figure style="margin:0">{_img(images[0])}<figcaption>{words}</figcaption></figure>'
    sizes = (f"<small>{index}. {image.width:d}×{image.height:d}</small>" for index, image in enumerate(images, 1))
    return table(f"{_img(image)}<br>{size}" for image, size in zip(images, sizes, strict=True)) + f"<p>{words}</p>"


def table(cells: Iterable[str]) -> str:
    """Cells of finished HTML as a plain table of at most :data:`COLUMNS` columns."""
    listed = list(cells)
    columns = COLUMNS // 2 if len(listed) == COLUMNS else min(COLUMNS, len(listed))
    rows = (listed[start : start + columns] for start in range(0, len(listed), columns or 1))
    # Front ends centre and stripe tables; where styles are stripped, valign is what is left.
    tag = '<td valign=top style="text-align:left;vertical-align:top;background:none">'
    body = "".join(f"<tr>{''.join(f'{tag}{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{body}</table>"


def _img(image: GeneratedImage) -> str:
    alt = escape(image.alt, quote=True)
    address = data_address(image.preview)
    if not address:
        return not_at_hand(image)
    # No taller than a screen has room for beside the caption and the controls.
    size = 'style="max-width:100%;max-height:448px"'
    return f'<img src="{address}" alt="{alt}" title="{alt}" {size}>'


def not_at_hand(image: GeneratedImage) -> str:
    """What stands in the place of a picture that cannot be shown."""
    words = _("The picture is saved, its preview is not at hand: ")
    return f"<p>{escape(words + image.path.name)}</p>"


def data_address(path: Path | None) -> str:
    """A small picture's file, JPEG or PNG, as a ``data:`` address; empty when it is not at hand."""
    found = _preview(path)
    return f"data:{found[0]};base64,{base64.b64encode(found[1]).decode()}" if found else ""


def _preview(path: Path | None) -> tuple[str, bytes] | None:
    try:
        return (_mime(path), path.read_bytes()) if path else None
    except OSError:
        return None


def _mime(path: Path) -> str:
    return "image/png" if path.suffix == ".png" else "image/jpeg"


def still(path: Path | None) -> dict[str, str]:
    """A small picture as the entry of a bundle, by its type; empty when it is not at hand."""
    found = _preview(path)
    return {found[0]: base64.b64encode(found[1]).decode()} if found else {}


def caption(generation: Generation, *, numbered: bool = False, told: Container[str] = ()) -> str:
    """One line on a generation: take, orientation, size, model asked and answered, seconds, id.

    Args:
        generation: what it is about.
        numbered: whether a first take has its number too; later ones always have it.
        told: what a header says already: ``model``, ``orientation``.
    """
    shown = [
        _size(generation, worded="orientation" not in told),
        _answered(generation) if "model" in told else model_words(generation),
        f"{generation.elapsed:.0f} s" if generation.elapsed is not None else "",
        f"#{generation.id[:6]}" if generation.id else "",
        "demo" if generation.demo else "",
    ]
    number = take_mark(generation.take) + " " if generation.take > (0 if numbered else 1) else ""
    return number + " · ".join(part for part in shown if part)


def take_mark(take: int) -> str:
    """A take's number in a circle, the large ones with a dot."""
    return _CIRCLED[take] if take < len(_CIRCLED) else f"{take}."


def _size(generation: Generation, *, worded: bool) -> str:
    if not generation.images:
        return ""
    image = generation.images[0]
    word = orientation_word(orientation_of(image)) + " " if worded else ""
    return f"{word}{image.width}×{image.height}"


def model_words(generation: Generation) -> str:
    """The model that was asked and, when it is another, the one that answered."""
    asked, answered = generation.request.model, generation.model_reported
    return asked if answered in {"", asked} else f"{asked} → {answered}"


def _answered(generation: Generation) -> str:
    """The model that answered, where it is another than a header names."""
    answered = generation.model_reported
    return "" if answered in {"", generation.request.model} else _("answered by {answered}", answered=answered)


def orientation_of(image: GeneratedImage) -> str:
    """The orientation of a picture by its size: square within one part in twenty."""
    if abs(image.width - image.height) * 20 <= max(image.width, image.height):
        return "square"
    return "landscape" if image.width > image.height else "portrait"


WORDS_OF_RECORDS = (
    *(N_("auto"), N_("square"), N_("landscape"), N_("portrait")),
    *(N_("sent"), N_("answered"), N_("complete"), N_("failed")),
    *(N_("no"), N_("maybe"), N_("yes"), N_("style")),
)
"""Words that stand in records and are translated where they are shown."""


def orientation_word(orientation: str) -> str:
    """An orientation's name in the reader's language."""
    return _(orientation)


def axis_word(name: str) -> str:
    """What an axis of a comparison is called in the reader's language."""
    return _(name)


def value_word(axis: str, value: str) -> str:
    """What a value on an axis is called in the reader's language."""
    return orientation_word(value) if axis == "orientation" else value


def charged_word(charged: str) -> str:
    """Whether money may be gone, in a word."""
    return _(charged)


def notes(generation: Generation) -> list[str]:
    """What to know beside the caption: a saved take, another shape than asked, drafts, unsound pictures."""
    found = []
    if not generation.has_result:
        found.append(_("charged: ") + charged_word(generation.charged))
    elif generation.note:
        found.append(generation.note)
    asked = generation.request.orientation
    if generation.images and asked != "auto" and orientation_of(generation.images[0]) != asked:
        found.append(_("asked for {orientation}", orientation=orientation_word(asked)))
    if drafts := sum(picture.draft for picture in generation.pictures):
        found.append(_("{drafts} draft(s) kept beside it", drafts=drafts))
    found += [f"{picture.path.name}: {picture.problem}" for picture in generation.pictures if picture.problem]
    if generation.finish_reason == "cut":
        found.append(_("the answer broke off after this"))
    return found


def caption_html(generation: Generation, *, numbered: bool = False, told: Container[str] = ()) -> str:
    """The caption, as :func:`caption` gives it, with the notes below, as HTML."""
    extra = "".join(f"<br><small>{escape(note)}</small>" for note in notes(generation))
    return f"<small>{escape(caption(generation, numbered=numbered, told=told))}</small>{extra}"


def text_html(generation: Generation) -> str:
    """The words that came with a picture; many of them are folded."""
    if not generation.text:
        return ""
    lines = lines_html(generation.text[:_LONGEST_TEXT])
    if len(generation.text) < 400:  # noqa: PLR2004  a few lines may stand in the open
        return f"<p><small>{lines}</small></p>"
    start = escape(generation.text[:80])
    return f"<details><summary><small>{start} …</small></summary><p><small>{lines}</small></p></details>"


def lines_html(text: str) -> str:
    """A text as HTML, in its lines; a word as long as a line may break, styles or not."""
    text = _LONG_WORD.sub("\\g<0>\0", text.replace("\0", " "))
    return escape(text).replace("\0", "<wbr>").replace("\n", "<br>")


def as_sent(generation: Generation) -> str:
    """The whole prompt as it went out, and as the endpoint rewrote it, folded."""
    revised = generation.revised_prompt
    told = _folded(_("as sent"), generation.prompt_sent)
    return told + (_folded(_("as the endpoint rewrote it"), revised) if revised else "")


def _folded(head: str, text: str) -> str:
    words = escape(text[:_LONGEST_TEXT])
    return f'<details><summary><small>{head}</small></summary><pre style="white-space:pre-wrap">{words}</pre></details>'


def plain(generation: Generation, *, numbered: bool = False) -> str:
    """One line of text on a generation: take, id, size, model, seconds, path; then its text."""
    where = ", ".join(short_path(image.path) for image in generation.images)
    error = generation.error or {}
    missing = "" if generation.has_result else f"✗ {error.get('what', generation.state)}"
    parts = [caption(generation, numbered=numbered), where or missing, *notes(generation)]
    length = _LONGEST_TEXT if generation.request.wants_words else 400
    words = f"\n{generation.text[:length]}" if generation.text else ""
    return mask(" · ".join(part for part in parts if part) + words)


def short_path(path: Path) -> str:
    """A path below the working folder, else the last two of its parts: a notebook tells nobody's home."""
    with suppress(ValueError, OSError):
        below = path.relative_to(Path.cwd())
        if len(below.parts) <= LONGEST_PATH:
            return below.as_posix()
    return "/".join(("…", *path.parts[-2:]))


def preview_html(path: Path | None) -> str:
    """A picture on its way, from its small file; empty when there is none."""
    address, alt = data_address(path), _("preview of the picture on its way")
    return f'<img src="{address}" alt="{alt}" style="max-width:100%;max-height:320px">' if address else ""


def status_html(line: str) -> str:
    """A status line as HTML."""
    return f"<p><small>{escape(line)}</small></p>"


def controls_html() -> str:
    """What stands for the controls where no live widget can be."""
    return f"<p><small>{escape(_no_controls())}</small></p>"


def _no_controls() -> str:
    return _("Run the cell to have its controls here.")


# JupyterLab puts "Error displaying widget" where a saved notebook's controls were, whatever else their bundle holds;
# this says in its place, in this cell only, what to do. Without styles nothing is lost: the bundle has the same words.
_OUTPUT = ".jp-OutputArea:has(style.wenwen)>.jp-OutputArea-child>.jp-OutputArea-output"
_DEAD = f":is({_OUTPUT}:not(:has(*)),{_OUTPUT}:has(>.jupyter-widgets-disconnected))"


def dead_controls_style() -> str:
    """A style that lets controls without a kernel say so, in the output area it stands in."""
    after = f'{_DEAD}::after{{content:"{_no_controls()}";font-size:11px;opacity:.7}}'
    return f'<style class="wenwen">{_DEAD}{{font-size:0}}{_DEAD}>*{{display:none}}{after}</style>'
