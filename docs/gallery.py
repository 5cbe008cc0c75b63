"""Take the pictures of ``docs/gallery/``: every state of a cell in JupyterLab, drawn by the demo.

``python docs/gallery.py [LANGUAGE ...] [STATE ...]`` takes all of them, or those of some languages and states.
"""

import io
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

from support import lab as labs  # noqa: E402  the tests start the same JupyterLab

FOLDER = HERE / "gallery"
QUALITY = 85
"""Of the WebP files: all of them together stay below 3 MB."""
SETUP = """
from pathlib import Path
from wenwen_magic.demo import DemoServer
DemoServer.delay = property(lambda _: float(Path("delay").read_text()), lambda *_: None)
%load_ext wenwen_magic
%config WenwenMagics.lang = "{language}"
%wenwen demo
"""
THEMES = ("light", "dark")
CELLS = {
    "en": {
        "first": "%%wenwen_image fox -o landscape\na red fox in the snow",
        "drawing": "%%wenwen_image boat -o landscape\na boat on a lake at dusk",
        "versions": "%%wenwen_image house -n 3 -o landscape\na lighthouse in a storm",
        "edit": "%%wenwen_image cat -o landscape\na cat on a hill",
        "more": "%%wenwen_image tree -o landscape\na tree in autumn",
        "error": "%%wenwen_image\na red fox [demo: status=401]",
        "refusal": "%%wenwen_image\na red fox [demo: refuse]",
        "many": "%%wenwen_image boats -n 4 -o landscape\na sailing boat at sea",
        "grid": '%%wenwen_image zoo --for "animal=cat;dog" "when=by day;at night" -o landscape\na {{animal}} {{when}}',
        "blind": "%%wenwen_image --blind -m gpt-4o-image,nano-banana,jimeng-3.0\na lighthouse at sunset",
        "midjourney": "%%wenwen_image --format midjourney\na cat in a garden",
        "history": "%wenwen history lighthouse",
        "replay": "%%wenwen_image\na red fox on the moon",
    },
    "zh": {
        "first": "%%wenwen_image fox -o 横屏\n一只雪地里的红狐狸",
        "drawing": "%%wenwen_image boat -o 横屏\n黄昏的湖上有一条小船",
        "versions": "%%wenwen_image house -n 3 -o 横屏\n暴风雨中的灯塔",
        "edit": "%%wenwen_image cat -o 横屏\n山坡上的一只猫",
        "more": "%%wenwen_image tree -o 横屏\n秋天的一棵树",
        "error": "%%wenwen_image\n一只红狐狸 [demo: status=401]",
        "refusal": "%%wenwen_image\n一只红狐狸 [demo: refuse]",
        "many": "%%wenwen_image boats -n 4 -o 横屏\n海上的一艘帆船",
        "grid": '%%wenwen_image zoo --for "animal=猫;狗" "when=白天;夜晚" -o 横屏\n{{when}}的一只{{animal}}',
        "blind": "%%wenwen_image --blind -m gpt-4o-image,nano-banana,jimeng-3.0\n日落时的灯塔",
        "midjourney": "%%wenwen_image --format midjourney\n花园里的一只猫",
        "history": "%wenwen history 灯塔",
        "replay": "%%wenwen_image\n月亮上的一只红狐狸",
    },
}
WORDS = {
    "en": {"generate": "Generate", "edit": "✎ Edit", "change": "make it night", "stop": "Stop waiting"},
    "zh": {"generate": "生成", "edit": "✎ 编辑", "change": "改成夜晚", "stop": "停止等待"},
}
STATES = {
    "first": "A picture",
    "drawing": "While it is drawn",
    "versions": "Several versions",
    "edit": "An edit",
    "more": "What ⋯ holds",
    "error": "A wrong key",
    "refusal": "A refusal",
    "many": "Four of one prompt",
    "grid": "A grid",
    "blind": "A blind comparison",
    "midjourney": "Midjourney",
    "history": "The history",
    "replay": "Replay, and a picture that is not saved",
    "reopened": "The saved notebook, opened anew",
}
"""What is shown, and the page's heading for it."""
WIDTHS = (1280, 900, 640)
NARROW = ("first", "versions", "edit", "grid")
"""The states that are shown in narrow windows too."""
REOPENED = "reopened"
LANGUAGES = {"en": "English", "zh": "Chinese"}
PAGE = """# Gallery

Every state of a cell in JupyterLab, English and Chinese, light and dark. The demo drew the pictures;
`python docs/gallery.py` takes them, and writes this page.
"""


def delay(lab: labs.Lab, seconds: float) -> None:
    """Have the demo of a notebook whose first cell is the setup answer so late."""
    (lab.path.parent / "delay").write_text(str(seconds))


@dataclass(frozen=True)
class Book:
    """A notebook of one language, all of whose cells can be photographed."""

    lab: labs.Lab
    language: str

    def index(self, state: str) -> int:
        """Return a state's cell: the setup is the first, and an opened notebook shows its first picture again."""
        return 1 + list(CELLS[self.language]).index("first" if state == REOPENED else state)

    def word(self, name: str) -> str:
        """Return what is written on a button."""
        return WORDS[self.language][name]

    def settled(self, state: str) -> Any:
        """Wait until the pictures of a cell and its styles are there, and bring it into view."""
        cell = self.lab.cell(self.index(state))
        cell.scroll_into_view_if_needed()
        self.lab.page.wait_for_function("() => [...document.images].every(one => one.complete)")
        self.lab.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return cell

    def take(self, state: str, theme: str, width: int) -> None:
        """Take the picture of one state; the active cell, which has a toolbar, is another one."""
        self.lab.choose(0)
        shot = Image.open(io.BytesIO(self.settled(state).screenshot(animations="disabled")))
        path = FOLDER / f"{state}-{self.language}-{theme}-{width}.webp"
        shot.convert("RGB").save(path, quality=QUALITY, method=6)
        print(path.name, shot.size, path.stat().st_size)

    def widen(self, width: int) -> None:
        """Give the window a width in pixels; it is high enough for every cell."""
        self.lab.page.set_viewport_size({"width": width, "height": 1500})


def _drawing(book: Book) -> None:
    delay(book.lab, 900)
    index = book.index("drawing")
    book.lab.press(index, book.word("generate"))
    labs.expect(book.lab.cell(index).get_by_text(re.compile(r"· [2-9]\d* (s|秒)"))).to_be_visible()


def _versions(book: Book) -> None:
    index = book.index("versions")
    labs.expect(book.lab.thumbnails(index)).to_have_count(3)
    book.lab.thumbnails(index).nth(1).click()
    labs.expect(book.lab.pictures(index)).to_have_count(1)


def _edit(book: Book) -> None:
    index = book.index("edit")
    book.lab.press(index, book.word("edit"))
    book.lab.cell(index).get_by_role("textbox").last.fill(book.word("change"))


def _more(book: Book) -> None:
    book.lab.press(book.index("more"), "⋯")


def _replay(book: Book) -> None:
    index = book.index("replay")
    source = book.lab.saved().cells[index].source
    book.lab.rewrite(index, '%config WenwenMagics.mode = "replay"')
    book.lab.run(index)
    book.lab.rewrite(index, source)
    book.lab.run(index)


PREPARED: dict[str, Callable[[Book], None]] = {
    "versions": _versions,
    "edit": _edit,
    "more": _more,
    "drawing": _drawing,
    "replay": _replay,
}
"""What is done in a cell after its run, in this order: the last two would disturb the others."""


@contextmanager
def _opened(browser: Any, server: labs.Server, language: str) -> Iterator[Book]:
    cells = [SETUP.format(language=language), *CELLS[language].values()]
    path = labs.write_notebook(server.root / language / "book.ipynb", *cells)
    lab = labs.Lab(browser.new_page(), server, path).kernel_ready()
    delay(lab, 0)
    if lab.page.locator("#jp-left-stack:visible").count():
        lab.command("application:toggle-left-area")
    yield Book(lab, language)
    lab.end()


def _prepare(book: Book, wanted: list[str]) -> None:
    """Run the cells of some states, and do in them what comes after a run."""
    book.widen(WIDTHS[0])
    book.lab.run(0)
    for state in dict.fromkeys("first" if state == REOPENED else state for state in wanted):
        if state != "replay":
            book.lab.run(book.index(state))
    for state, prepare in PREPARED.items():
        if state in wanted:
            prepare(book)


def _photograph(book: Book, wanted: list[str]) -> None:
    for theme in THEMES:
        book.lab.wear(theme.title())
        for state in wanted:
            book.take(state, theme, WIDTHS[0])
    book.lab.wear("Light")
    for width in WIDTHS[1:] if book.language == "en" else ():
        book.widen(width)
        for state in NARROW:
            if state in wanted:
                book.take(state, "light", width)


def _photograph_opened_anew(book: Book) -> None:
    lab = book.lab
    lab.saved()
    lab.end()
    lab.open()
    book.widen(1280)
    for theme in THEMES:
        book.lab.wear(theme.title())
        book.take(REOPENED, theme, 1280)


def page() -> str:
    """Write the page that shows the pictures."""

    def shown(state: str, language: str, theme: str, width: int) -> str:
        words = f"{STATES[state]}: {LANGUAGES[language]}, {theme}, {width} pixels wide"
        return f"![{words}](gallery/{state}-{language}-{theme}-{width}.webp)"

    sections = [PAGE]
    for state, heading in STATES.items():
        sections.append(f"## {heading}\n")
        sections += [shown(state, language, theme, 1280) + "\n" for language in LANGUAGES for theme in THEMES]
        if state in NARROW:
            sections += [shown(state, "en", "light", width) + "\n" for width in WIDTHS[1:]]
    return "\n".join(sections)


def main(wanted: list[str]) -> None:
    """Take the pictures.

    Args:
        wanted: names of languages, and of states; without any of a kind, all.
    """
    FOLDER.mkdir(exist_ok=True)
    if unknown := set(wanted) - {*CELLS, *STATES}:
        raise SystemExit(f"unknown: {', '.join(unknown)}; known: {', '.join((*CELLS, *STATES))}")
    languages = [name for name in CELLS if name in wanted] or list(CELLS)
    states = [name for name in STATES if name in wanted] or list(STATES)
    with tempfile.TemporaryDirectory() as base, labs.browser() as browser:
        (Path(base) / "root").mkdir()
        server = labs.Server(Path(base) / "root", Path(base) / "home")
        try:
            for language in languages:
                with _opened(browser, server, language) as book:
                    _prepare(book, states)
                    _photograph(book, [state for state in states if state != REOPENED])
                    if REOPENED in states:
                        _photograph_opened_anew(book)
        finally:
            server.stop()
    (HERE / "gallery.md").write_text(page(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
