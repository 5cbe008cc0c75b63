"""Show one generation: picture, caption, notes and what was sent, as one MIME bundle that is legible without CSS."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from wenwen_magic.formats.parse import markdown
from wenwen_magic.media.save import cached_preview
from wenwen_magic.models import answers_for
from wenwen_magic.records import ASK_JSON, LENGTH_REACHED, GeneratedImage, Generation, ImageRequest, Video
from wenwen_magic.render.markup import (
    Markup,
    bundle,
    clip,
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
    with_formulas,
)
from wenwen_magic.settings import NOTEBOOK, PLACE
from wenwen_magic.text.i18n import N_, _, is_chinese, spoken
from wenwen_magic.text.improving import asked_in
from wenwen_magic.text.json_values import value_in
from wenwen_magic.text.orientation import said
from wenwen_magic.text.sanitize import mask_keys, one_line

_CIRCLED = "⓪①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
MOST_SHOWN = 24
"""Generations of a long gallery that are shown."""
LONGEST_TEXT = 20_000
"""Characters of a prompt, or of an answer, that are shown."""
_LONGEST_PATH = 4  # parts that are shown; of a working folder high up they would show a home folder
_LONGEST_OPEN_TEXT = 400
_LONGEST_ADDRESS = 400
MOST_EMBEDDED = 2 << 20
"""Bytes of a clip that may be kept in a notebook itself."""
_LONGEST_ALT = 200
_SMALL_SUM = 0.001
_APART = "margin:0;margin-bottom:1em"  # from what is below, and not from the left
_LINES = "margin:2px;line-height:140%"  # a control's are as high as a button
_PREVIEW_HEIGHT, _PICTURE_HEIGHT = 320, 448  # pixels: a screen has room for the caption and the controls too
_NO_CONTROLS = N_("Run the cell to have its controls here.")
_DOING = (
    (N_("drawing"), N_("drawing {number} of {wanted}")),
    (N_("making a clip"), N_("making clip {number} of {wanted}")),
    (N_("answering"), N_("answering {number} of {wanted}")),
)
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
    still = generation.still or next(chain(map(preview_of, generation.images), generation.stills), None)
    about = described(generation)
    return bundle(generation_html(generation, about, asked_here=asked_here), plain(generation, about), still)


def generation_html(
    generation: Generation, about: Sequence[str], *, asked_here: bool = False, in_widget: bool = False
) -> Markup:
    """Show one generation as HTML: a figure, a table for several pictures, or what there is in place of one.

    Args:
        generation: what to show.
        about: what :func:`described` returns for it.
        asked_here: as for :func:`generation_bundle`.
        in_widget: as for :func:`clip_html`.
    """
    results = generation.results
    pictures = [
        clip_html(generation, result, in_widget=in_widget, height=_PICTURE_HEIGHT)
        if isinstance(result, Video)
        else _linked(result)
        for result in results
    ]
    description = stacked(*map(small, about))
    if not pictures:
        shown = join(no_picture_html(generation), description)
    elif len(pictures) == 1:
        shown = tag("figure", *pictures, tag("figcaption", description), style="margin:0", lang=spoken())
    else:
        sizes = [small(f"{number}. {size_of(result)}") for number, result in enumerate(results, 1)]
        cells = list(map(stacked, pictures, sizes))
        shown = join(table(in_rows(cells, even_columns(len(cells)))), tag("p", description))
    # Under its own cell the prompt as sent is worth a line only where the endpoint wrote another.
    sent = Markup() if asked_here and not generation.revised_prompt else as_sent(generation)
    return join(shown, text_html(generation) if results and generation.text else "", sent)


def clip_html(
    generation: Generation,
    video: Video,
    *,
    in_widget: bool = False,
    width: int | None = None,
    height: int | None = None,
) -> Markup:
    """Play a clip from its file, by a path that holds wherever the folder is taken; else show its poster and its name.

    A small one is in the HTML itself where that is wanted.

    Args:
        generation: whose clip it is.
        video: the clip.
        in_widget: whether it is shown in a widget, from where no path leads to a file: then only a small one plays.
        width: in pixels as for :func:`picture`.
        height: likewise.
    """
    path, alt = video.path or Path(), alt_of(generation)
    embeds, source = False, ""
    with suppress(OSError):  # the file's own size: the record may be another's; without a file there is only the poster
        embeds = path.stat().st_size <= MOST_EMBEDDED and (generation.embed or in_widget)
        source = "" if embeds or in_widget else quote(_below_here(path))
    if not (source or embeds):
        return stacked(picture(video.poster, alt, width=width, height=height), small(short_path(path)))
    if width is None and height and video.height:  # known before the file is, nothing moves when it comes
        width = min(video.width, max(1, height * video.width // video.height))
    return clip(path, video.mime, source=source, still=video.poster, alt=alt, width=width, height=height)


def size_of(result: GeneratedImage | Video) -> str:
    """Return a picture's size; of a clip its time too, both as far as its file says them."""
    size = f"{result.width}×{result.height}" if result.width else ""
    seconds = result.seconds if isinstance(result, Video) else None
    time = f"▶ {round(seconds) // 60}:{max(1, round(seconds)) % 60:02}" if seconds else ""
    return " · ".join(filter(None, (time, size)))


def image_html(image: GeneratedImage, *, width: int | None = None, height: int | None = None) -> Markup:
    """Show a picture's preview, or say that it is saved and cannot be shown; in pixels as for :func:`picture`."""
    shown = picture(preview_of(image), image.alt, width=width, height=height)
    return shown or tag("p", _("The picture is saved, but has no preview: "), image.path.name)


def alt_of(generation: Generation) -> str:
    """Return the alternative text of a generation's results: the prompt, in one line."""
    return one_line(generation.request.prompt, _LONGEST_ALT)


def preview_of(image: GeneratedImage) -> Path | None:
    """Return a picture's preview; of one that was read from a record, the one that the cache has, if any."""
    with suppress(OSError):
        return image.preview or cached_preview(image)
    return None


def _linked(image: GeneratedImage) -> Markup:
    """Show a picture; a click on it opens the original, by a path that holds wherever the folder is taken."""
    below, shown = _below_here(image.path), image_html(image, height=_PICTURE_HEIGHT)
    return tag("a", shown, href=quote(below), target="_blank", title=Path(below).name) if below else shown


def _below_here(path: Path) -> str:
    """Return a path as seen from the notebook, or the working folder; empty for elsewhere, or where it tells a home."""
    with suppress(ValueError, OSError):
        below = path.relative_to(NOTEBOOK[0] if NOTEBOOK else Path.cwd())
        if len(below.parts) <= _LONGEST_PATH:
            return below.as_posix()
    return ""


def no_picture_html(generation: Generation) -> Markup:
    """Show what there is in place of a picture: the text that was asked for, or why there is none."""
    if generation.has_result:
        return words_html(generation.text, as_it_is=generation.request.task == ASK_JSON)
    error = generation.error or {}
    return tag("p", stacked(f"✗ {error.get('what') or generation.state}", str(error.get("why", ""))[:600]))


def words_html(text: str, *, as_it_is: bool = False) -> Markup:
    """Show the words that were asked for: Markdown as it reads, or sign for sign but for a fence around them."""
    if as_it_is:
        text = text.strip().removeprefix("```json\n").removesuffix("\n```")
        style = f"white-space:pre-wrap;word-break:normal;padding:0;{_APART}"
        return tag("pre", tag("code", text[:LONGEST_TEXT]), style=style)
    # Front ends put tables' words at the right, and nothing below code.
    html = with_formulas(text, markdown.render)
    for name, style in (("td", "text-align:left"), ("th", "text-align:left"), ("pre", _APART)):
        html = Markup(html.replace(f"<{name}>", f'<{name} style="{style}">'))
    return tag("div", html)


def words_bundle(text: str, *, as_it_is: bool = False) -> dict[str, Any]:
    """Make the bundle of words that are still growing; see :func:`words_html`."""
    return bundle(words_html(text, as_it_is=as_it_is), text[:LONGEST_TEXT])


def caption(generation: Generation, *, numbered: bool = False, headed: bool = False) -> str:
    """Describe a generation in one line: version, size, model, seconds, price.

    Args:
        generation: what to describe.
        numbered: whether it stands among others of its request: each has its number then, else later ones only.
        headed: whether a header names the model that was asked.
    """
    results, cost, price = generation.results, generation.has_result or generation.charged != "no", generation.price
    seconds, model = round(generation.elapsed or 0), model_words(generation)
    if headed:
        same = model == generation.request.model
        model = "" if same else _("answered by {answered}", answered=generation.model_reported)
    parts = [
        _("version {number}", number=generation.take) if generation.take > 1 and not numbered else "",
        size_of(results[0]) if results else "",
        model,
        _("{seconds} s", seconds=seconds) if seconds else "",
        amount(price, generation.currency) if price and generation.currency and cost else "",
    ]
    number = take_mark(generation.take) + " " if generation.take and numbered else ""
    return number + " · ".join(part for part in parts if part)


def doing(request: ImageRequest, number: int = 1, wanted: int = 1) -> str:
    """Say what is done for a request that is under way, and which of several this one is."""
    alone, several = _DOING[1 if request.wants_clip else 2 * request.wants_words]
    return _(several, number=number, wanted=wanted) if wanted > 1 else _(alone)


def amount(value: float, currency: str = "") -> str:
    """Format a sum with its unit: four decimals without needless zeros, of a very small sum its first two digits."""
    text = f"{value:.4f}" if not value or abs(value) >= _SMALL_SUM else f"{Decimal(f'{value:.2g}'):f}"
    return f"{text.rstrip('0').rstrip('.')} {currency}".strip()


def take_mark(take: int) -> str:
    """Return a take's number in a circle, a large one with a dot."""
    return _CIRCLED[take] if take < len(_CIRCLED) else f"{take}."


def model_words(generation: Generation) -> str:
    """Name the model that was asked and, where another one answered, that one."""
    asked, answered = generation.request.model, generation.model_reported
    return asked if answers_for(answered, asked) else f"{asked} → {answered}"


def pressed(request: ImageRequest, parent: Generation | None) -> str:
    """Return the label of the button under a picture that a request pressed; empty for one that no button made."""
    offered = parent.buttons if parent else ()
    return next((button.label for button in offered if dict(button.params) == dict(request.params)), "")


def prompt_of(generation: Generation) -> str:
    """Return the prompt as it was sent, a question as the user wrote it; of a very long one the beginning."""
    sent = "" if generation.request.wants_words else generation.prompt_sent
    text = sent or own_words(generation)
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + " …"


def own_words(generation: Generation) -> str:
    """Return what the user wrote: the prompt, without the question around one that was to be improved."""
    return asked_in(generation.request.prompt) or generation.request.prompt


def described(generation: Generation, *, numbered: bool = False) -> list[str]:
    """Return what is said below a generation, in lines: its caption, as :func:`caption` makes it, then the notes.

    Notes tell of a saved take, another shape than asked, drafts, videos, what is damaged.
    """
    listed = [caption(generation, numbered=numbered)]
    if not generation.has_result:
        asked_about = f" · #{generation.id[:6]}" if generation.id and generation.charged != "no" else ""
        listed.append(_("charged: ") + _(generation.charged) + asked_about)
    elif generation.note:
        listed.append(generation.note)
    asked, results = generation.request, generation.results
    videos = [short_path(video.path) for video in generation.videos if video.path and video.is_kept]
    if videos and not (generation.images or asked.wants_clip):
        listed.append(_("The answer is a video, not a picture. It is saved as:") + " " + " ".join(videos))
    if results and results[0].width and not asked.shape.fits(results[0].width, results[0].height):
        listed.append(_("asked for {orientation}", orientation=said(asked.orientation)))
    if drafts := sum(image.draft for image in generation.pictures):
        listed.append(_("{drafts} draft(s) kept beside it", drafts=drafts))
    listed += [f"{image.path.name}: {image.problem}" for image in generation.pictures if image.problem]
    if generation.images:
        listed += [_("a video beside it: {path}", path=path) for path in videos]
    for video in generation.videos if results else ():
        if not video.is_kept:
            address = one_line(mask_keys(video.address), _LONGEST_ADDRESS)
            listed.append(_("a video that could not be fetched: {address}", address=address))
            listed += [video.problem] if video.problem and video.path else []
    if generation.finish_reason == "cut" or (asked.wants_words and _broke_off(generation)):
        listed.append(_("the answer broke off after this"))
    return listed


def _broke_off(generation: Generation) -> bool:
    """Tell whether the end of an answer's words is missing: by its reason, or by its JSON."""
    if generation.request.task == ASK_JSON:
        with suppress(ValueError):
            return not value_in(generation.text).whole
    return generation.finish_reason.lower() in LENGTH_REACHED


def text_html(generation: Generation) -> Markup:
    """Show the text that came with a picture; a long one is folded."""
    shown = tag("p", small(lines(generation.text[:LONGEST_TEXT])))
    return shown if len(generation.text) < _LONGEST_OPEN_TEXT else folded(f"{generation.text[:80]} …", shown)


def as_sent(generation: Generation) -> Markup:
    """Fold away what was sent: the prompt and what was added to it, and the prompt as the endpoint rewrote it."""
    return folded(_("as sent"), sent_html(generation))


def sent_html(generation: Generation, styles: Mapping[str, str] = MappingProxyType({})) -> Markup:
    """Show the prompt, below it what was added, and the prompt as the endpoint rewrote it.

    Args:
        generation: whose prompt it is.
        styles: templates around prompts, to tell a style from the words in it.
    """
    prompt, added = _taken_apart(generation, styles)
    named = [
        (_("prompt"), prompt),
        (_("added"), added),
        (_("as the endpoint rewrote it"), generation.revised_prompt),
    ]
    return join(*(_words(name, text[:LONGEST_TEXT]) for name, text in named if text))


def _words(name: str, text: str) -> Markup:
    shown = tag("span", text, style="white-space:pre-wrap", lang="zh" if is_chinese(text) else None)
    return tag("p", small(name, ": "), shown, style=_LINES)


def _taken_apart(generation: Generation, styles: Mapping[str, str]) -> tuple[str, str]:
    """Return a prompt, and what a style and the format added to it; the whole where that cannot be told."""
    prompt, sent = own_words(generation), generation.prompt_sent or generation.request.prompt
    before, found, after = sent.partition(prompt)
    if not prompt or not found:
        return sent, ""
    added = [before, after]
    for template in sorted(styles.values(), key=len, reverse=True):
        head, _place, tail = template.partition(PLACE)
        if head + tail and len(prompt) > len(head + tail) and prompt.startswith(head) and prompt.endswith(tail):
            prompt, added = prompt[len(head) : len(prompt) - len(tail)], [before, head, tail, after]
            break
    return prompt, " · ".join(filter(None, (part.strip(" \n,，;；") for part in added)))


def details_html(generation: Generation, styles: Mapping[str, str] = MappingProxyType({})) -> Markup:
    """Show what few need to know: what :func:`sent_html` shows, the files, who answered, and the id."""
    asked, answered = generation.request.model, generation.model_reported
    model = _("answered by {answered}", answered=answered) if answered not in {"", asked} else ""
    facts = [*map(short_path, generation.files), model, f"#{generation.id}"]
    return join(sent_html(generation, styles), tag("p", small(" · ".join(filter(None, facts))), style=_LINES))


def plain(generation: Generation, about: Sequence[str]) -> str:
    """Describe a generation in one line of text: its caption, whether the demo drew it, its file; then its own text.

    ``about`` is what :func:`described` returns for it.
    """
    where = ", ".join(map(short_path, generation.files))
    error = generation.error or {}
    missing = "" if generation.has_result else f"✗ {error.get('what', generation.state)}"
    kind = _("a video, not a picture") if where and not (generation.images or generation.clips) else ""
    demo = "demo" if generation.demo else ""  # a picture of the demo says so itself
    parts = [about[0], demo, kind, where or missing, *about[1:]]
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


def status_html(line: str, percent: float | None = None) -> Markup:
    """Show a status line, with a bar before it where the percent (0 to 100) is known."""
    if percent is None:
        return tag("p", small(line))
    bar = tag("progress", max=100, value=f"{percent:g}", style="width:120px;margin-right:8px", aria_label=line)
    return tag("p", bar, small(line))


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
