"""Record the animated picture at the top of the README in a real JupyterLab: cell, picture, Generate, comparison.

``python docs/film.py`` writes ``docs/film.gif``, drawn by the demo.
"""

import io
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageDraw

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

from gallery import SETUP, delay  # noqa: E402
from support import lab as labs  # noqa: E402  the tests start the same JupyterLab

FILM = HERE / "film.gif"
MOST_BYTES = 1_500_000
WINDOW = {"width": 880, "height": 850}
FOX = "%%wenwen_image fox -o landscape\na red fox in the snow"
MODELS = "%%wenwen_image -m gpt-4o-image,nano-banana,jimeng-3.0\na lighthouse at sunset"
POINTER = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))
BRIEF, SHORT, LONG = 80, 500, 1300
"""Milliseconds that a typed letter, a step and a picture are shown."""


class Film:
    """The frames so far.

    Args:
        lab: the notebook.
    """

    def __init__(self, lab: labs.Lab) -> None:
        self._lab = lab
        self._frames: list[Image.Image] = []
        self._times: list[int] = []

    def show(self, milliseconds: int, at: Any = None) -> None:
        """Add what the notebook shows now, with a pointer at an element's middle if one is named."""
        page = self._lab.page
        page.wait_for_function("() => [...document.images].every(one => one.complete)")
        place = page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer").bounding_box()
        shot = Image.open(io.BytesIO(page.screenshot(clip=place, caret="initial", animations="disabled"))).convert(
            "RGB"
        )
        if at is not None:
            box = at.bounding_box()
            x, y = box["x"] - place["x"] + box["width"] / 2, box["y"] - place["y"] + box["height"] / 2
            arrow = [(x + right, y + down) for right, down in POINTER]
            ImageDraw.Draw(shot).polygon(arrow, fill="black", outline="white")
        self._frames.append(shot)
        self._times.append(milliseconds)

    def type(self, index: int, text: str) -> None:
        """Type a text into a cell, some letters at a time."""
        self._lab.choose(index)
        self._lab.cell(index).locator(".cm-content").click()
        for start in range(0, len(text), 5):
            self._lab.page.keyboard.insert_text(text[start : start + 5])
            self.show(BRIEF)

    def save(self) -> None:
        """Write the film: one palette for all frames, and of each frame what changed."""
        width, height = self._frames[0].size
        sheet = Image.new("RGB", (width, height * len(self._frames)))
        for number, frame in enumerate(self._frames):
            sheet.paste(frame, (0, number * height))
        palette = sheet.quantize(256, method=Image.Quantize.MEDIANCUT)
        first, *rest = reduced(self._frames, palette)
        first.save(FILM, save_all=True, append_images=rest, duration=self._times, loop=0, disposal=1, optimize=False)
        print(FILM.name, first.size, len(self._frames), sum(self._times) / 1000, "s", FILM.stat().st_size, "B")
        if FILM.stat().st_size > MOST_BYTES:
            raise SystemExit(f"more than {MOST_BYTES} bytes")


def reduced(frames: list[Image.Image], palette: Image.Image) -> list[Image.Image]:
    """Give frames the colours of a palette, dithered only where one differs from the frame before."""
    found = [frames[0].quantize(palette=palette)]
    for before, frame in pairwise(frames):
        found.append(found[-1].copy())
        if box := ImageChops.difference(before, frame).getbbox():
            found[-1].paste(frame.crop(box).quantize(palette=palette), box)
    return found


def record(lab: labs.Lab) -> None:
    """Play the scenes: a prompt becomes a picture, Generate makes another, three models are compared."""
    film, cell = Film(lab), lab.cell(1)
    lab.run(0)
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[0].hide()")
    film.type(1, FOX)
    film.show(SHORT)
    lab.run(1)
    labs.expect(lab.pictures(1)).to_have_count(1)
    film.show(LONG)
    generate = cell.get_by_role("button", name="Generate", exact=True)
    film.show(SHORT, at=generate)
    delay(lab, 4)
    generate.click()
    for second in (1, 2):
        labs.expect(cell.get_by_text(f"· {second} s")).to_be_visible()
        film.show(SHORT)
    delay(lab, 0)
    labs.expect(lab.thumbnails(1)).to_have_count(2)
    film.show(LONG)
    film.show(SHORT, at=lab.thumbnails(1).nth(0))
    lab.thumbnails(1).nth(0).click()
    labs.expect(cell.locator("button.wenwen-shown")).to_have_text(["▣ 1"])
    film.show(SHORT, at=lab.thumbnails(1).nth(0))
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[1].hide()")
    film.type(2, MODELS)
    film.show(SHORT)
    lab.run(2)
    labs.expect(lab.pictures(2)).to_have_count(3)
    film.show(2 * LONG)
    film.save()


def main() -> None:
    """Start a JupyterLab, and record."""
    with tempfile.TemporaryDirectory() as base, labs.browser() as browser:
        (Path(base) / "root").mkdir()
        server = labs.Server(Path(base) / "root", Path(base) / "home")
        try:
            path = labs.write_notebook(server.root / "book.ipynb", SETUP.format(language="en"), "", "")
            lab = labs.Lab(browser.new_page(), server, path).kernel_ready()
            delay(lab, 0)
            lab.command("application:toggle-left-area")
            lab.page.set_viewport_size(WINDOW)
            record(lab)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
