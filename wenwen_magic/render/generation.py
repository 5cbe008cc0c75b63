"""Show one generation: picture, caption, notes and what was sent, as one MIME bundle that is legible without CSS."""

from collections.abc import Container
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote

from wenwen_magic.formats.parse import markdown
from wenwen_magic.orientation import said, turn_of
from wenwen_magic.records import GeneratedImage, Generation
from wenwen_magic.render.markup import (
    Markup,
    bundle,
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
from wenwen_magic.text.i18n import N_, _
from wenwen_magic.text.sanitize import mask_keys, one_line

_CIRCLED = "⓪①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
MOST_SHOWN = 24
"""Generations of a long gallery that are shown."""
LONGEST_TEXT = 20_000
"""Characters of a prompt, or of an answer, that are shown."""
_LONGEST_PATH = 4  # parts that are shown; of a working folder high up they would show a home folder
_LONGEST_OPEN_TEXT = 400
_LONGEST_ADDRESS = 400
_PREVIEW_HEIGHT, _PICTURE_HEIGHT = 320, 448  # pixels: a screen has room for the caption and the controls too
_NO_CONTROLS = N_("Run the cell to have its controls here.")
WORDS_OF_RECORDS = (
    *(N_("auto"), N_("square"), N_("landscape"), N_("portrait")),
    *(N_("sent"), N_("answered"), N_("complete"), N_("failed")),
    *(N_("no"), N_("maybe"), N_("yes"), N_("style")),
)
"""Words of records that are translated where they are shown."""


def generation_bundle(generation: Generation, *, asked_here: bool = False) -> dict[str, Any]:
    """Make the bundle of one generation: HTML with picture and caption, a still picture, and one line of text.

    Args:
        generation: what to show.
        asked_here: whether it is shown under the cell that asked for it, where the prompt can be read.
    """
    return bundle(generation_html(generation, asked_here=asked_here), plain(generation), generation.still)


def generation_html(generation: Generation, *, asked_here: bool = False) -> Markup:
    """Show one generation as HTML: a figure, a table for several pictures, or what there is in place of one."""
    description, images = caption_html(generation), generation.images
    pictures = [_linked(image, image_html(image, title=image.alt, height=_PICTURE_HEIGHT)) for image in images]
    if not pictures:
        shown = join(no_picture_html(generation), description)
    elif len(pictures) == 1:
        shown = tag("figure", *pictures, tag("figcaption", description), style="margin:0")
    else:
        sizes = [small(f"{number}. {image.width}×{image.height}") for number, image in enumerate(images, 1)]
        cells = list(map(stacked, pictures, sizes))
        shown = join(table(in_rows(cells, even_columns(len(cells)))), tag("p", description))
    beside = images or generation.kept_videos
    # Under its own cell the prompt as sent is worth a line only where the endpoint wrote another.
    sent = Markup() if asked_here and not generation.revised_prompt else as_sent(generation)
    return join(shown, text_html(generation) if beside else "", sent)


def image_html(
    image: GeneratedImage, *, width: int | None = None, height: int | None = None, title: str | None = None
) -> Markup:
    """Show a picture's preview, or say that the picture is saved and cannot be shown.

    Args:
        image: the picture.
        width: as in :func:`~wenwen_magic.render.markup.picture`, like the others.
        height: the most pixels.
        title: what a pointer over it shows.
    """
    shown = picture(image.preview, image.alt, width=width, height=height, title=title)
    return shown or tag("p", _("The picture is saved, its preview is not at hand: "), image.path.name)


def _linked(image: GeneratedImage, shown: Markup) -> Markup:
    """Let a click on a picture open the original, by a path that holds wherever the folder is taken."""
    below = _below_here(image.path)
    return tag("a", shown, href=quote(below), target="_blank") if below else shown


def _below_here(path: Path) -> str:
    """Return a path as seen from the working folder; empty where it is elsewhere, or so deep that it tells a home."""
    with suppress(ValueError, OSError):
        below = path.relative_to(Path.cwd())
        if len(below.parts) <= _LONGEST_PATH:
            return below.as_posix()
    return ""


def no_picture_html(generation: Generation) -> Markup:
    """Show what there is in place of a picture: a video's file, the text that was asked for, or why there is none."""
    if generation.kept_videos:
        return tag("p", stacked(_("The answer is a video, not a picture. It is saved as:"), *_video_paths(generation)))
    if generation.has_result:
        return tag("div", Markup(markdown.render(generation.text)))
    error = generation.error or {}
    return tag("p", stacked(f"✗ {error.get('what') or generation.state}", str(error.get("why", ""))[:600]))


def caption(generation: Generation, *, numbered: bool = False, known: Container[str] = ()) -> str:
    """Describe a generation in one line: take, orientation, size, model asked and answered, seconds, id.

    Args:
        generation: what to describe.
        numbered: whether a first take has its number too; later ones always have it.
        known: what a header says already: ``model``, ``orientation``.
    """
    size = ""
    if generation.images:
        image = generation.images[0]
        orientation = "" if "orientation" in known else _(orientation_of(image)) + " "
        size = f"{orientation}{image.width}×{image.height}"
    model, answered = model_words(generation), generation.model_reported
    if "model" in known:
        other = answered not in {"", generation.request.model}
        model = _("answered by {answered}", answered=answered) if other else ""
    parts = [
        size,
        model,
        f"{generation.elapsed:.0f} s" if generation.elapsed and round(generation.elapsed) else "",
        f"#{generation.id[:6]}" if generation.id else "",
        "demo" if generation.demo else "",
    ]
    number = take_mark(generation.take) + " " if generation.take > (0 if numbered else 1) else ""
    return number + " · ".join(part for part in parts if part)


def take_mark(take: int) -> str:
    """Return a take's number in a circle, a large one with a dot."""
    return _CIRCLED[take] if take < len(_CIRCLED) else f"{take}."


def model_words(generation: Generation) -> str:
    """Name the model that was asked and, when it is another, the one that answered."""
    asked, answered = generation.request.model, generation.model_reported
    return asked if answered in {"", asked} else f"{asked} → {answered}"


def prompt_of(generation: Generation) -> str:
    """Return the prompt as it was sent, or as it was asked; of a very long one the beginning."""
    text = generation.prompt_sent or generation.request.prompt
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + " …"


def orientation_of(image: GeneratedImage) -> str:
    """Judge the orientation of a picture by its size."""
    return turn_of(Fraction(image.width or 1, image.height or 1))


def notes(generation: Generation) -> list[str]:
    """List what to know beside the caption: a saved take, another shape than asked, drafts, videos, what is damaged."""
    listed = []
    if not generation.has_result:
        listed.append(_("charged: ") + _(generation.charged))
    elif generation.note:
        listed.append(generation.note)
    asked = generation.request
    if generation.images and not asked.shape.fits(generation.images[0].width, generation.images[0].height):
        listed.append(_("asked for {orientation}", orientation=said(asked.orientation)))
    if drafts := sum(image.draft for image in generation.pictures):
        listed.append(_("{drafts} draft(s) kept beside it", drafts=drafts))
    listed += [f"{image.path.name}: {image.problem}" for image in generation.pictures if image.problem]
    if generation.images:
        listed += [_("a video beside it: {path}", path=path) for path in _video_paths(generation)]
    for video in generation.videos if generation.files else ():
        if not video.is_kept:
            address = one_line(mask_keys(video.address), _LONGEST_ADDRESS)
            listed.append(_("a video that could not be fetched: {address}", address=address))
    if generation.finish_reason == "cut":
        listed.append(_("the answer broke off after this"))
    return listed


def _video_paths(generation: Generation) -> list[str]:
    return [short_path(video.path) for video in generation.kept_videos if video.path]


def caption_html(generation: Generation, *, numbered: bool = False, known: Container[str] = ()) -> Markup:
    """Show the caption, as :func:`caption` makes it, with the notes below it."""
    return stacked(*map(small, [caption(generation, numbered=numbered, known=known), *notes(generation)]))


def text_html(generation: Generation) -> Markup:
    """Show the text that came with a picture; a long one is folded."""
    if not generation.text:
        return Markup()
    shown = tag("p", small(lines(generation.text[:LONGEST_TEXT])))
    return shown if len(generation.text) < _LONGEST_OPEN_TEXT else folded(f"{generation.text[:80]} …", shown)


def as_sent(generation: Generation) -> Markup:
    """Fold away the whole prompt as it went out, and as the endpoint rewrote it."""
    prompts = [(_("as sent"), generation.prompt_sent)]
    if generation.revised_prompt:
        prompts.append((_("as the endpoint rewrote it"), generation.revised_prompt))
    style = "white-space:pre-wrap"
    return join(*(folded(head, tag("pre", text[:LONGEST_TEXT], style=style)) for head, text in prompts))


def details_html(generation: Generation) -> Markup:
    """Show what few need to know of a generation: its id, its files, and the prompt as it went out."""
    files = [f"{short_path(image.path)} · {image.size:,} B" for image in generation.images]
    return join(tag("div", stacked(*map(small, [f"#{generation.id}", *files]))), as_sent(generation))


def plain(generation: Generation, *, numbered: bool = False) -> str:
    """Describe a generation in one line of text: take, id, size, model, seconds, path; then its own text."""
    where = ", ".join(map(short_path, generation.files))
    error = generation.error or {}
    missing = "" if generation.has_result else f"✗ {error.get('what', generation.state)}"
    kind = _("a video, not a picture") if where and not generation.images else ""
    parts = [caption(generation, numbered=numbered), kind, where or missing, *notes(generation)]
    length = LONGEST_TEXT if generation.request.wants_words else _LONGEST_OPEN_TEXT
    text = f"\n{generation.text[:length]}" if generation.text else ""
    return mask_keys(" · ".join(part for part in parts if part) + text)


def short_path(path: Path) -> str:
    """Shorten a path to its parts below the working folder, else to its last two: no home folder is shown."""
    return _below_here(path) or "/".join(("…", *path.parts[-2:]))


def preview_html(path: Path | None) -> Markup:
    """Show the preview of a picture that is being drawn, from its small file; empty when there is none."""
    return picture(path, _("preview of the picture being drawn"), height=_PREVIEW_HEIGHT)


def dimmed(html: str, preview: Path | None = None) -> Markup:
    """Show pictures pale, in their place, while another is drawn; its preview lies over them."""
    over = picture(preview, _("preview of the picture being drawn"), height=_PICTURE_HEIGHT)
    place = "position:absolute;left:0;top:0"
    return tag(
        "div",
        tag("div", Markup(html), style="opacity:.45"),
        tag("div", over, style=place) if over else "",
        style="position:relative",
    )


def status_html(line: str) -> Markup:
    """Show a status line."""
    return tag("p", small(line))


def controls_html() -> Markup:
    """Show what is in place of the controls where no live widget can be."""
    return status_html(_(_NO_CONTROLS))


# JupyterLab puts "Error displaying widget" where a saved notebook's controls were, whatever else their bundle holds;
# this style shows in its place, in this cell only, what to do. Without styles the bundle still has the same sentence.
_OUTPUT = ".jp-OutputArea:has(style.wenwen)>.jp-OutputArea-child>.jp-OutputArea-output"
_DEAD = f":is({_OUTPUT}:not(:has(*)),{_OUTPUT}:has(>.jupyter-widgets-disconnected))"


def dead_controls_style() -> Markup:
    """Return a style that shows what to do in place of controls without a kernel, in its own output area only."""
    after = f'{_DEAD}::after{{content:"{_(_NO_CONTROLS)}";font-size:11px;opacity:.7}}'
    return tag("style", Markup(f"{_DEAD}{{font-size:0}}{_DEAD}>*{{display:none}}{after}"), class_="wenwen")
