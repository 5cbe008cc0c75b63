"""A cell whose answer is a video says so, with the file's path; whatever is done with it afterwards works."""

import pytest
from support.clips import mp4
from support.scripted import answering
from support.shells import cell

from wenwen_magic import Generation

MP4 = mp4()


@pytest.fixture
def film(relay):
    relay.answer = lambda _: answering(f"![x]({relay.address}/film)")
    relay.file = lambda path, _headers: (200, MP4) if path.endswith("/film") else None
    return relay


def told(shell):
    return "\n".join([*shell.told, *(data["text/plain"] for data in shell.shown())])


def test_a_cell_whose_answer_is_a_video_shows_its_path_and_no_error(shell, film):
    drawn = shell.run(cell("img"))
    assert isinstance(drawn, Generation)
    (video,) = drawn.videos
    assert video.path.read_bytes() == MP4
    assert shell.user_ns["img"] is drawn
    html = shell.shown()[-1]["text/html"]
    assert video.path.name in html
    assert "a video, not a picture" in html


def test_the_same_cell_again_shows_it_for_free(shell, film):
    first, second = shell.run(cell("img")), shell.run(cell("img"))
    assert (second.id, second.from_history, len(film.posts)) == (first.id, True, 1)
    assert first.videos[0].path.name in told(shell)


def test_several_videos_of_one_cell_are_shown_below_each_other(shell, film):
    gallery = shell.run(cell("-n 2 img"))
    assert (len(gallery), gallery.failures) == (2, ())
    html = shell.shown()[-1]["text/html"]
    assert all(row.videos[0].path.name in html for row in gallery)


@pytest.mark.parametrize(
    "line",
    [
        "%wenwen history",
        "%wenwen show {id}",
        "%wenwen fetch {id}",
        "%wenwen star {id}",
        "%wenwen show {id} --lineage",
        "%wenwen export lesson.zip",
        "%wenwen use {id}",
        "%wenwen compare {id} {id}",
    ],
)
def test_commands_work_on_a_video(line, shell, film):
    drawn = shell.run(cell("img"))
    shell.run(line.format(id=drawn.id[:6]))
    assert len(film.posts) == 1


def test_the_history_names_it(shell, film):
    shell.run(cell("img"))
    shell.run("%wenwen history")
    for text in shell.shown()[-1].values():
        assert "a video, not a picture" in text


def test_a_video_is_no_reference(shell, film):
    shell.run(cell("img"))
    assert "no picture" in shell.fail("%%wenwen_image --ref img\nat night").why
    assert len(film.posts) == 1
