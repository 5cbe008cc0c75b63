"""A ratio and a size on a magic's line reach the endpoint, are told where they cannot be kept, and find saved takes."""

import pytest
from support.shells import cell, prompts

from wenwen_magic import Client
from wenwen_magic.errors import ConfigError
from wenwen_magic.records import ImageRequest

LINES = {
    "-o 16:9": "landscape composition, aspect ratio 16:9",
    "-o 16：9": "landscape composition, aspect ratio 16:9",
    "--方向 横屏16:9": "landscape composition, aspect ratio 16:9",
    '-o "横屏 16:9"': "landscape composition, aspect ratio 16:9",
    "-o 横屏 16:9": "landscape composition, aspect ratio 16:9",
    "-o landscape 1536×1024 -n 1": "landscape composition, aspect ratio 3:2",
    "-o=21/9": "landscape composition, aspect ratio 21:9",
    "-o9x16": "portrait composition, aspect ratio 9:16",
    "--size 2K": "2K resolution",
    "--尺寸 4k -o 竖屏": "portrait composition, 4K resolution",
    "--size 1536×1024": "landscape composition, aspect ratio 3:2",
    "-o 横屏 --size 1536x1024": "landscape composition, aspect ratio 3:2",
    "-o 2K": "2K resolution",
}


@pytest.mark.parametrize("line", LINES)
def test_a_shape_on_the_line_is_said_to_the_model(shell, relay, line):
    shell.run(cell(f"-q {line}"))
    assert prompts(relay) == [f"a cat\n{LINES[line]}"]


def test_another_spelling_of_the_same_shape_is_the_same_cell_and_free(shell, relay):
    for line in ("-o 16:9 --size 2K", "-o 16：9 --size 2k", "-o '2K 横屏 16x9'", "--size '16:9 2K'"):
        shell.run(cell(f"-q {line}"))
    assert len(relay.posts) == 1


def test_a_size_joins_the_orientation_of_the_settings(shell, relay):
    shell.run("%config WenwenMagics.orientation = '横屏'")
    shell.run(cell("-q --size 2K"))
    shell.run("%config WenwenMagics.orientation = '9:16'")
    shell.run(cell("-q"))
    shell.run(cell("-q --size 1536x1024"))
    assert [text.partition("\n")[2] for text in prompts(relay)] == [
        "landscape composition, 2K resolution",
        "portrait composition, aspect ratio 9:16",
        "landscape composition, aspect ratio 3:2",
    ]


WRONG = ["-o 0:5", "-o 100:1", "--size huge", "--size 8K", "-o 竖屏 --size 1536x1024", "-o 16:9 --size 1:1"]
FORBIDDEN = [
    "-m gpt-image-1 --format images --size 4K",
    "-m dall-e-3 --format images -o 8:1",
    "-m dall-e-2 --format images -o 16:9",
    "-m midjourney --format midjourney --size 2K",
]


@pytest.mark.parametrize("line", WRONG + FORBIDDEN)
def test_a_shape_that_cannot_be_is_an_error_before_anything_is_sent(shell, relay, line):
    error = shell.fail(cell(f"-q {line}"))
    assert isinstance(error, ConfigError)
    assert error.do
    assert error.charged == "no"
    assert relay.posts == []


def test_sizes_are_an_axis_of_a_comparison(shell, relay):
    shell.run(cell('-q --grid "尺寸=2K;16:9 4K" "方向=auto"'))
    assert sorted(prompts(relay)) == [
        "a cat\n2K resolution",
        "a cat\nlandscape composition, aspect ratio 16:9, 4K resolution",
    ]
    assert "twice" in shell.fail(cell('-q --size 1K --grid "size=2K;4K"')).what


def test_a_dry_run_shows_the_size_and_says_when_it_is_only_the_nearest(shell, relay, capsys):
    shell.run(cell("--dry-run -m gpt-image-1 --format images -o 21:9"))
    said = capsys.readouterr().out
    assert "gpt-image-1 does not draw 21:9; it is asked for 1536×1024, the nearest." in said
    assert "size: 1536×1024" in said
    shell.run(cell("--dry-run -m gpt-image-2 --format images -o 21:9"))
    assert "nearest" not in capsys.readouterr().out


def test_a_saved_picture_whose_size_was_typed_as_a_param_is_shown_in_any_shape(shell, relay):
    line = "-m gpt-image-1 --format images -o 1:9 --param size=1024x1024"
    shell.run(cell(f"-q {line}"))
    shell.run("%config WenwenMagics.mode = 'replay'")
    shell.run(cell(line))
    assert len(relay.posts) == 1


def test_python_says_a_size_as_a_text_or_as_two_numbers(here, relay):
    client = Client(history="images")
    assert client.request("a cat", size="2K", orientation="横屏").orientation == "landscape 2K"
    assert client.request("a cat", size=(1536, 1024)).orientation == "1536x1024"
    assert client.request(ImageRequest("a cat", orientation="16:9"), size="4K").orientation == "16:9 4K"
