"""The notebooks give what their saved outputs show, ask for each picture once, and nothing of anybody beyond the machine."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.pages import ROOT, blocks

from wenwen_magic.demo import figures

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LESSON = ROOT / "notebooks" / "lesson.zip"
LESSONS = [path for path in NOTEBOOKS if "import lesson.zip" in path.read_text("utf-8")]
LIVE = {
    "01-quickstart": 7,
    "01-quickstart.zh": 7,
    "02-prompt-iteration": 11,
    "04-edit-and-describe": 8,
    "06-clips-and-ideas": 13,
}
"""How many requests each notebook that draws makes, the questions among them."""
SANITIZE = ROOT / "docs" / "nbval-sanitize.cfg"
# Run in each kernel before the first cell. Pictures are small: painting large ones would take most of the time.
FIRST = """
import socket

def only_here(real):
    def call(self, address, *rest):
        assert self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "localhost"), "somebody else was asked"
        return real(self, address, *rest)
    return call

for name in ("connect", "connect_ex", "bind"):
    setattr(socket.socket, name, only_here(getattr(socket.socket, name)))

from wenwen_magic.demo import painter

painter.SIZES.update({turn: (width // 4, height // 4) for turn, (width, height) in painter.SIZES.items()})
"""
# jsonschema would compile the grammars of this module in four seconds.
PYTEST = "import sys; sys.modules['rfc3987_syntax'] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"


@pytest.fixture
def checked(tmp_path, quiet_jupyter, monkeypatch):
    """Run a command of the page for teachers on notebooks, each in a folder of its own; returns the folders."""
    startup = Path(os.environ["IPYTHONDIR"], "profile_default", "startup")
    startup.mkdir(parents=True)
    (startup / "first.py").write_text(FIRST)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    shutil.copy(SANITIZE, tmp_path)

    def run(command, paths):
        folders = [tmp_path / path.stem for path in paths]
        for folder, path in zip(folders, paths, strict=True):
            folder.mkdir()
            shutil.copy(path, folder)
            shutil.copy(LESSON, folder)
        setting, program, *options, _ = command.split()
        assert program == "pytest"
        monkeypatch.setenv(*setting.split("="))
        options += ["--nbval-cell-timeout=120", "-p", "nbval.plugin", "-p", "no:cacheprovider", *folders]
        done = subprocess.run(
            [sys.executable, "-c", PYTEST, *options], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return folders

    return run


@pytest.fixture
def commands():
    """The two commands that the page for teachers names: for a lesson, and for a notebook that draws."""
    lines = [block.text.splitlines() for block in blocks("docs/teach.md") if "--nbval" in block.text]
    [(lesson, live)] = lines
    return lesson, live


def records(folder):
    return sorted(folder.glob("wenwen_images/[0-9]*/*.json"))


def test_the_lessons_show_what_is_saved_and_draw_nothing(checked, commands):
    with zipfile.ZipFile(LESSON) as lesson:
        saved = sorted(Path(name).name for name in lesson.namelist() if re.match(r"[0-9].*\.json", name))
    for folder in checked(commands[0], LESSONS):
        assert [path.name for path in records(folder)] == saved


def test_the_notebooks_that_draw_show_what_is_saved_but_for_ids_and_their_kind_and_ask_once_for_each_picture(
    checked, commands
):
    folders = checked(commands[1], [path for path in NOTEBOOKS if path not in LESSONS])
    assert {folder.name: len(records(folder)) for folder in folders} == LIVE


def test_asking_somebody_else_would_have_been_noticed():
    ask = f"{FIRST}\nimport urllib.request\nurllib.request.urlopen('http://192.0.2.1', timeout=1)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    assert "somebody else was asked" in done.stderr


CAPTION = "square 1024×1024 · gpt-4o-image · 12 s · #34b7d5 · wenwen_images/2026-11-28/a-fox-34b7d5ab-1.png"


@pytest.mark.parametrize(
    ("now", "same"),
    [
        (CAPTION.replace("34b7d5", "0a1b2c"), True),
        (CAPTION.replace("2026-11-28", "2027-01-01"), True),
        (CAPTION.replace(" · 12 s", ""), True),
        (CAPTION + " · saved picture, free; --fresh draws a new one", True),
        (CAPTION + " · replay mode is offline", False),
        (CAPTION.replace("1024×1024", "1536×1024"), True),
        (CAPTION.replace("a-fox", "a-cat"), False),
        (CAPTION.replace("square", "landscape"), False),
        (CAPTION.replace("gpt-4o-image", "nano-banana"), False),
        (CAPTION.replace(" · #34b7d5", ""), False),
    ],
)
def test_the_sanitize_file_leaves_only_ids_dates_seconds_sizes_and_what_was_saved_before_out(now, same):
    from nbval.plugin import get_sanitize_patterns  # takes some seconds: not for every process that collects the tests

    def sanitized(text):
        for pattern, replacement in get_sanitize_patterns(SANITIZE.read_text("utf-8")):
            text = re.sub(pattern, replacement, text)
        return text

    assert (sanitized(now) == sanitized(CAPTION)) is same


def test_the_lesson_tells_nothing_of_where_it_was_made():
    with zipfile.ZipFile(LESSON) as lesson:
        for name in lesson.namelist():
            text = lesson.read(name).decode("utf-8", "replace")
            assert "127.0.0.1" not in text
            assert str(Path.home()) not in text
            if re.match(r"[0-9].*\.json", name):
                record = json.loads(text)
                assert (record["endpoint"], record["error"], record["request"]["references"]) == ("", None, [])


def cells(path, kind="code"):
    return [cell for cell in json.loads(path.read_bytes())["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_below_a_megabyte_and_its_outputs_name_no_place_of_a_machine(path):
    assert path.stat().st_size < 1_000_000
    shown = json.dumps([cell["outputs"] for cell in cells(path)])
    assert not re.search(r"/(?:home|root|tmp|Users|work)/|127\.0\.0\.1|localhost", shown)
    assert all(cell["execution_count"] == number for number, cell in enumerate(cells(path), 1))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_in_one_language_and_begins_with_a_cell_that_needs_no_key(path):
    texts = "".join("".join(cell["source"]) for cell in json.loads(path.read_bytes())["cells"][1:])
    assert bool(re.search(r"[\u4e00-\u9fff]{2}", texts)) is path.stem.endswith(".zh")
    assert re.search(r"^%wenwen (?:demo|演示|import lesson)", "".join(cells(path)[0]["source"]), re.MULTILINE)


# Words that name nothing to be drawn; a pond comes with its koi.
PLAIN = (
    r"\b(?:a|an|the|in|on|at|of|with|and|over|it|make|give|add|small|hot air|drawing|sketch|pencil|watercolou?r|pond)\b"
)
PLAIN_CHINESE = "[画一只座池的在上有里给它戴顶天光色景狸晚间子,，、。]|傍晚|水彩"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_thing_that_a_notebook_asks_for_is_one_that_the_demo_draws(path):
    values = []
    for cell in cells(path, "markdown"):  # the words that students may try
        values += re.findall(r"^\| (?:what|where|light|style) \| (.*) \|$", "".join(cell["source"]), re.MULTILINE)
    for cell in cells(path):
        text = "".join(cell["source"])
        if text.startswith("%%wenwen_image"):
            line, _, prompt = text.partition("\n")
            values += [prompt, *re.findall(r'"season=(.*?)"', line)]
        if re.match(r"(?:prompts|animal, style) = ", text):
            values += re.findall('"(.*?)"', text)
        values += text.split("orientation\n")[1:]
    known = [*figures._WORDS.values(), *figures._DATA["coats"].values(), PLAIN, PLAIN_CHINESE]
    left = re.sub("|".join(known), " ", re.sub(r"\{\{.*?\}\}|landscape|portrait", "", "\n".join(values)))
    assert re.findall(r"\w+", left) == []
