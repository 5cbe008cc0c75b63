"""Shows generations: one MIME bundle each, pure, legible with all CSS stripped, everything from outside escaped."""

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from wenwen_magic.language import say
from wenwen_magic.records import Gallery, GeneratedImage, Generation

_CIRCLED = "⓪①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
COLUMNS = 4
"""Pictures beside one another in a table."""
_LONGEST_TEXT = 20_000


def generation_bundle(generation: Generation) -> dict[str, Any]:
    """The bundle of one generation: HTML with picture and caption, a still picture, and one line of text."""
    html = generation_html(generation)
    return {**_still(generation.still), "text/html": html, "text/plain": plain(generation)}


def gallery_bundle(gallery: Gallery) -> dict[str, Any]:
    """The bundle of several generations: one table, failures in their place, a contact sheet as the still picture."""
    cells = [_cell(generation) for generation in gallery]
    text = "\n".join(plain(generation) for generation in gallery)
    return {**_still(gallery.still), "text/html": table(cells), "text/plain": text}


def generation_html(generation: Generation) -> str:
    """One generation as HTML: a figure, or a table for several pictures."""
    return _pictures(generation) + _text(generation) + _as_sent(generation)


def _cell(generation: Generation) -> str:
    if generation.images:
        return _pictures(generation) + _text(generation)
    error = generation.error or {}
    what, why = escape(str(error.get("what", ""))), escape(str(error.get("why", ""))[:300])
    return f"<p>✗ {what}<br>{why}</p>{_caption(generation)}"


def _pictures(generation: Generation) -> str:
    images = generation.images
    if len(images) == 1:
        return f'<figure style="margin:0">{_img(images[0])}<figcaption>{_caption(generation)}</figcaption></figure>'
    cells = [f"{_img(image)}<br>{index}. {image.width}×{image.height}" for index, image in enumerate(images, 1)]
    return table(cells, width=320) + f"<p>{_caption(generation)}</p>"


def table(cells: Iterable[str], *, width: int = 0) -> str:
    """Cells of HTML as a plain table of at most :data:`COLUMNS` columns.

    Args:
        cells: finished HTML.
        width: of each cell in pixels; 0 lets the content decide.
    """
    listed = list(cells)
    columns = min(COLUMNS, len(listed)) if len(listed) != COLUMNS else COLUMNS // 2
    size = f' width="{width}"' if width else ""
    rows = (listed[start : start + columns] for start in range(0, len(listed), columns or 1))
    body = "".join(f"<tr>{''.join(f'<td{size} valign=top>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{body}</table>"


def _img(image: GeneratedImage) -> str:
    alt = escape(image.alt, quote=True)
    found = _preview(image.preview)
    if found is None:
        words = say("The picture is saved, its preview is not at hand: ", "图片已保存，但无法预览：")
        return f"<p>{escape(words + image.path.name)}</p>"
    mime, data = found
    return f'<img src="data:{mime};base64,{base64.b64encode(data).decode()}" alt="{alt}" title="{alt}">'


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


def caption(generation: Generation) -> str:
    """One line on a generation: take, orientation, size, model asked and answered, seconds, id."""
    shown = [
        _size(generation),
        _model(generation),
        f"{generation.elapsed:.0f} s" if generation.elapsed is not None else "",
        f"#{generation.id[:6]}",
        "demo" if generation.demo else "",
    ]
    number = _CIRCLED[generation.take] + " " if 0 < generation.take < len(_CIRCLED) else ""
    return number + " · ".join(part for part in shown if part)


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
    if generation.from_history:
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


def _caption(generation: Generation) -> str:
    extra = "".join(f"<br><small>{escape(note)}</small>" for note in notes(generation))
    return f"<small>{escape(caption(generation))}</small>{extra}"


def _text(generation: Generation) -> str:
    if not generation.text:
        return ""
    lines = escape(generation.text[:_LONGEST_TEXT]).replace("\n", "<br>")
    if len(generation.text) < 400:  # noqa: PLR2004  a few lines may stand in the open
        return f"<p>{lines}</p>"
    return f"<details><summary>{escape(generation.text[:80])} …</summary><p>{lines}</p></details>"


def _as_sent(generation: Generation) -> str:
    words = escape(generation.prompt_sent[:_LONGEST_TEXT])
    return f"<details><summary><small>{say('as sent', '发送的提示词')}</small></summary><pre>{words}</pre></details>"


def plain(generation: Generation) -> str:
    """One line of text on a generation: id, size, model, seconds, path; then its text."""
    where = ", ".join(short_path(image.path) for image in generation.images)
    error = generation.error or {}
    parts = [caption(generation), where or f"✗ {error.get('what', generation.state)}", *notes(generation)]
    return " · ".join(part for part in parts if part) + (f"\n{generation.text[:400]}" if generation.text else "")


def short_path(path: Path) -> str:
    """A path below the working folder, else the last two of its parts: a notebook tells nobody's home."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return "/".join(("…", *path.parts[-2:]))


def status_html(line: str) -> str:
    """A status line as HTML."""
    return f"<p><small>{escape(line)}</small></p>"


def controls_html() -> str:
    """What stands for the controls where no live widget can be."""
    words = say(
        "The controls for model and orientation appear here when the cell is run in a live notebook.",
        "在可交互的笔记本中运行此单元格时，这里会显示模型和方向控件。",
    )
    return f"<p><small>{escape(words)}</small></p>"
