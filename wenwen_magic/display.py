"""Shows generations: one MIME bundle each, pure, legible with all CSS stripped, everything from outside escaped."""

import base64
from collections.abc import Iterable
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

from wenwen_magic.errors import mask
from wenwen_magic.language import say
from wenwen_magic.records import Gallery, GeneratedImage, Generation

_CIRCLED = "⓪①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
COLUMNS = 4
"""Pictures beside one another in a table."""
LONGEST_PATH = 4
"""Parts of a path that are told; a working folder high up would tell a home."""
_LONGEST_TEXT = 20_000


def generation_bundle(generation: Generation) -> dict[str, Any]:
    """The bundle of one generation: HTML with picture and caption, a still picture, and one line of text."""
    html = generation_html(generation)
    return {**_still(generation.still), "text/html": _sound(html), "text/plain": _sound(plain(generation))}


def gallery_bundle(gallery: Gallery) -> dict[str, Any]:
    """The bundle of several generations: one table, failures in their place, a contact sheet as the still picture."""
    asked = [generation.request.fingerprint for generation in gallery]
    prompts = {generation.prompt_sent for generation in gallery}
    cells = [
        _cell(generation, numbered=asked.count(generation.request.fingerprint) > 1, as_sent=len(prompts) > 1)
        for generation in gallery
    ]
    html = table(cells) + (_as_sent(gallery[0]) if len(prompts) == 1 else "")
    text = "\n".join(plain(generation) for generation in gallery)
    return {**_still(gallery.still), "text/html": _sound(html), "text/plain": _sound(text)}


def _sound(text: str) -> str:
    """The text without half characters, which no front end can be sent."""
    return text.encode("utf-8", "replace").decode()


def generation_html(generation: Generation) -> str:
    """One generation as HTML: a figure, a table for several pictures, or the reason why there is none."""
    return _cell(generation, numbered=False, as_sent=True)


def _cell(generation: Generation, *, numbered: bool, as_sent: bool) -> str:
    end = _as_sent(generation) if as_sent else ""
    if generation.images:
        return _pictures(generation, numbered=numbered) + _text(generation) + end
    error = generation.error or {}
    what, why = escape(str(error.get("what", ""))), escape(str(error.get("why", ""))[:300])
    return f"<p>✗ {what or escape(generation.state)}<br>{why}</p>{_caption(generation)}{end}"


def _pictures(generation: Generation, *, numbered: bool = False) -> str:
    images = generation.images
    words = _caption(generation, numbered=numbered)
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
    found = _preview(image.preview)
    if found is None:
        words = say("The picture is saved, its preview is not at hand: ", "图片已保存，但无法预览：")
        return f"<p>{escape(words + image.path.name)}</p>"
    mime, data = found
    # No taller than a screen has room for beside the caption and the controls.
    size = 'style="max-width:100%;max-height:448px"'
    return f'<img src="data:{mime};base64,{base64.b64encode(data).decode()}" alt="{alt}" title="{alt}" {size}>'


def _preview(path: Path | None) -> tuple[str, bytes] | None:
    try:
        return (_mime(path), path.read_bytes()) if path else None
    except OSError:
        return None


def _mime(path: Path) -> str:
    return "image/png" if path.suffix == ".png" else "image/jpeg"


def _still(path: Path | None) -> dict[str, str]:
    found = _preview(path)
    return {found[0]: base64.b64encode(found[1]).decode()} if found else {}


def caption(generation: Generation, *, numbered: bool = False) -> str:
    """One line on a generation: take, orientation, size, model asked and answered, seconds, id.

    Args:
        generation: what it is about.
        numbered: whether a first take has its number too; later ones always have it.
    """
    shown = [
        _size(generation),
        _model(generation),
        f"{generation.elapsed:.0f} s" if generation.elapsed is not None else "",
        f"#{generation.id[:6]}" if generation.id else "",
        "demo" if generation.demo else "",
    ]
    told = generation.take > (0 if numbered else 1)
    number = _CIRCLED[generation.take] if generation.take < len(_CIRCLED) else f"{generation.take}."
    return (number + " " if told else "") + " · ".join(part for part in shown if part)


def _size(generation: Generation) -> str:
    if not generation.images:
        return ""
    image = generation.images[0]
    return f"{orientation_word(orientation_of(image))} {image.width}×{image.height}"


def _model(generation: Generation) -> str:
    asked, answered = generation.request.model, generation.model_reported
    return asked if answered in {"", asked} else f"{asked} → {answered}"


def orientation_of(image: GeneratedImage) -> str:
    """The orientation of a picture by its size: square within one part in twenty."""
    if abs(image.width - image.height) * 20 <= max(image.width, image.height):
        return "square"
    return "landscape" if image.width > image.height else "portrait"


def orientation_word(orientation: str) -> str:
    """An orientation's name in the reader's language."""
    chinese = {"auto": "自动", "square": "方形", "landscape": "横屏", "portrait": "竖屏"}
    return say(orientation, chinese.get(orientation, orientation))


def notes(generation: Generation) -> list[str]:
    """What to know beside the caption: a saved take, another shape than asked, drafts, unsound pictures."""
    found = []
    if not generation.images:
        found.append(say("charged", "扣费") + f": {generation.charged}")
    elif generation.from_history:
        found.append(say("saved take, free; --fresh draws a new one", "已保存的图片，免费；--fresh 重画"))
    asked = generation.request.orientation
    if generation.images and asked != "auto" and orientation_of(generation.images[0]) != asked:
        found.append(say(f"asked for {asked}", f"要求的是{orientation_word(asked)}"))
    if drafts := sum(picture.draft for picture in generation.pictures):
        found.append(say(f"{drafts} draft(s) kept beside it", f"另存草稿 {drafts} 张"))
    found += [f"{picture.path.name}: {picture.problem}" for picture in generation.pictures if picture.problem]
    if generation.finish_reason == "cut":
        found.append(say("the answer broke off after this", "回答在此之后中断"))
    return found


def _caption(generation: Generation, *, numbered: bool = False) -> str:
    extra = "".join(f"<br><small>{escape(note)}</small>" for note in notes(generation))
    return f"<small>{escape(caption(generation, numbered=numbered))}</small>{extra}"


def _text(generation: Generation) -> str:
    if not generation.text:
        return ""
    lines = escape(generation.text[:_LONGEST_TEXT]).replace("\n", "<br>")
    if len(generation.text) < 400:  # noqa: PLR2004  a few lines may stand in the open
        return f"<p><small>{lines}</small></p>"
    start = escape(generation.text[:80])
    return f"<details><summary><small>{start} …</small></summary><p><small>{lines}</small></p></details>"


def _as_sent(generation: Generation) -> str:
    words = escape(generation.prompt_sent[:_LONGEST_TEXT])
    return f"<details><summary><small>{say('as sent', '发送的提示词')}</small></summary><pre>{words}</pre></details>"


def plain(generation: Generation) -> str:
    """One line of text on a generation: id, size, model, seconds, path; then its text."""
    where = ", ".join(short_path(image.path) for image in generation.images)
    error = generation.error or {}
    parts = [caption(generation), where or f"✗ {error.get('what', generation.state)}", *notes(generation)]
    words = f"\n{generation.text[:400]}" if generation.text else ""
    return mask(" · ".join(part for part in parts if part) + words)


def short_path(path: Path) -> str:
    """A path below the working folder, else the last two of its parts: a notebook tells nobody's home."""
    with suppress(ValueError, OSError):
        below = path.relative_to(Path.cwd())
        if len(below.parts) <= LONGEST_PATH:
            return below.as_posix()
    return "/".join(("…", *path.parts[-2:]))


def status_html(line: str) -> str:
    """A status line as HTML."""
    return f"<p><small>{escape(line)}</small></p>"


def controls_html() -> str:
    """What stands for the controls where no live widget can be."""
    return f"<p><small>{escape(_no_controls())}</small></p>"


def _no_controls() -> str:
    return say("Run the cell to have its controls here.", "运行此单元格后，这里会显示控件。")


# JupyterLab puts "Error displaying widget" where a saved notebook's controls were, whatever else their bundle holds;
# this says in its place, in this cell only, what to do. Without styles nothing is lost: the bundle has the same words.
_OUTPUT = ".jp-OutputArea:has(style.wenwen)>.jp-OutputArea-child>.jp-OutputArea-output"
_DEAD = f":is({_OUTPUT}:not(:has(*)),{_OUTPUT}:has(>.jupyter-widgets-disconnected))"


def dead_controls_style() -> str:
    """A style that lets controls without a kernel say so, in the output area it stands in."""
    after = f'{_DEAD}::after{{content:"{_no_controls()}";font-size:11px;opacity:.7}}'
    return f'<style class="wenwen">{_DEAD}{{font-size:0}}{_DEAD}>*{{display:none}}{after}</style>'
