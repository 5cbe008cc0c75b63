"""What a word behind --ref means in a notebook: a variable with a picture of any kind, a result, an id, a file."""

import pytest
from support.scripted import data_uri, png
from support.shells import cell

from wenwen_magic.errors import ConfigError

PICTURE, OTHER = png(), png(colour="blue")


@pytest.fixture
def desk(shell, relay, here):
    """A notebook with pictures in many forms."""
    (here / "cat.png").write_bytes(PICTURE)
    shell.user_ns |= {"raw": PICTURE, "other": OTHER}
    shell.run("import io, pathlib, PIL.Image, IPython.display as d\nfile = io.BytesIO(raw)\nshown = d.Image(raw)")
    shell.run("path = pathlib.Path('cat.png')\nboth = [raw, other]\nalbum = {'cat': raw}\nnothing = None\nnumber = 5")
    shell.run("def made():\n    return raw")
    return shell


def pictures(relay):
    """The addresses of the pictures of the last POST."""
    content = relay.posts[-1][1]["messages"][0]["content"]
    return [part["image_url"]["url"] for part in content if part["type"] == "image_url"]


WORDS = [
    "raw",
    "file",
    "shown",
    "path",
    "cat.png",
    "album['cat']",
    "both[0]",
    "{{made()}}",
    "{{path}}",
    "{{'cat'}}.png",
]


@pytest.mark.parametrize("word", WORDS)
def test_a_picture_of_any_kind_goes_along(desk, relay, word):
    desk.run(cell(f'-q --ref "{word}"', "make it night"))
    assert pictures(relay) == [data_uri(PICTURE)]


@pytest.mark.parametrize("word", ["raw,other", '"raw, other"', "raw，other", "raw,cat.png"])
def test_pictures_behind_one_ref_are_told_how_they_are_named(desk, relay, word):
    assert desk.fail(cell(f"--ref {word}", "blend")).do == f"--ref raw --ref {'cat.png' if 'cat' in word else 'other'}"
    assert relay.posts == []


@pytest.mark.parametrize("line", ["--ref both", "--ref raw --ref other", "--ref {{[raw,other]}}"])
def test_a_list_of_pictures_is_as_good_as_each_alone(desk, relay, line):
    desk.run(cell(f"-q {line}", "blend"))
    assert pictures(relay) == [data_uri(PICTURE), data_uri(OTHER)]


@pytest.mark.parametrize("word", ["_", "_{}", "Out[{}]", "fox", "all[0]", "all", "fox.images[0]", "{{fox.images[0]}}"])
def test_a_result_of_a_cell_goes_along_and_is_the_parent(shell, relay, word):
    shell.run("from wenwen_magic.records import Gallery\nfox = %wenwen_image -q a fox\nall = Gallery((fox,))\nfox")
    word = word.replace("{}", str(shell.execution_count - 1))
    fox = shell.user_ns["fox"].id
    shell.run(cell(f"night -q --ref {word}", "make it night"))
    assert len(pictures(relay)) == 1
    assert shell.user_ns["night"].request.parent == fox


WRONG = {
    "number": "int",
    "nothing": "NoneType",
    "made": "function",
    "nubmer": "number",
    "zzz": "cat.png",
    "album['dog']": "",
    "fox.png": "file",
    "Out[999]": "",
    "{{made}}": "function",
    "{{missing}}": "",
}


@pytest.mark.parametrize("word", WRONG)
def test_what_is_no_picture_is_told_before_anything_is_sent(desk, relay, word):
    error = desk.fail(cell(f'-q --ref "{word}"', "make it night"))
    assert isinstance(error, ConfigError)
    assert WRONG[word] in str(error)
    assert relay.posts == []


def test_a_mask_is_one_picture(desk, relay):
    assert isinstance(desk.fail(cell("-q --format images --ref raw --mask both", "night")), ConfigError)
    assert relay.posts == []


def test_python_takes_the_same(desk, relay):
    desk.run("from wenwen_magic import Client\nClient(mode='live').edit('night', references=[file, path])")
    assert pictures(relay) == [data_uri(PICTURE)] * 2
