"""Masks: painted on the picture, of the size that is sent, transparent where it may change, and sent beside it."""

import base64
import builtins
import io
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.scripted import png
from support.shells import cell

from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.widgets.mask_editor import ERASER, RECTANGLE, Mask, MaskEditor, Stroke

SIDES = st.integers(1, 60)
POINTS = st.lists(st.tuples(st.floats(-50, 100), st.floats(-50, 100)), min_size=1, max_size=4).map(tuple)
STROKES = st.lists(st.builds(Stroke, POINTS, st.sampled_from((0.0, 1.0, 9.5)), st.booleans()), max_size=4).map(tuple)


def alpha(mask, x, y):
    return mask.image().getpixel((x, y))[3]


def test_an_empty_mask_lets_nothing_change():
    assert Mask((8, 6)).share == 0
    assert alpha(Mask((8, 6)), 3, 3) == 255


def test_a_rectangle_is_transparent_inside_whichever_corner_came_first():
    for points in (((2, 2), (5, 4)), ((5, 4), (2, 2)), ((5, 2), (2, 4))):
        mask = Mask((8, 6), (Stroke(points),))
        assert (alpha(mask, 2, 2), alpha(mask, 5, 4), alpha(mask, 1, 2), alpha(mask, 6, 4)) == (0, 0, 255, 255)


def test_a_touch_is_a_dot_and_the_eraser_takes_it_away():
    dot = Stroke(((10.0, 10.0),), 8.0)
    assert alpha(Mask((20, 20), (dot,)), 10, 10) == 0
    assert alpha(Mask((20, 20), (dot, Stroke(((10.0, 10.0),), 12.0, erase=True))), 10, 10) == 255


@given(st.tuples(SIDES, SIDES), STROKES)
def test_any_strokes_make_a_mask_of_the_pictures_size(size, strokes):
    mask = Mask(size, strokes)
    made = mask.image()
    assert (made.size, made.mode) == (size, "RGBA")
    assert 0 <= mask.share <= 1


@pytest.fixture
def editor(tmp_path):
    """An editor on a picture of 1280 x 640, which is shown at half its size; the masks it gave are its ``given``."""
    pytest.importorskip("ipycanvas")
    path = tmp_path / "small.png"
    path.write_bytes(png(64, 32))
    given = []
    made = MaskEditor(path, (1280, 640), "fox_mask", given.append)
    made.given = given
    return made


def drag(editor, *points):
    first, *rest = points
    editor.press(*first)
    for point in rest:
        editor.move(*point)
    editor.lift(*points[-1])


def test_strokes_on_the_screen_are_strokes_on_the_picture(editor):
    editor.tool.value = RECTANGLE
    drag(editor, (10, 10), (50, 60), (100, 100))
    mask = editor.given[-1]
    assert mask.strokes == (Stroke(((20, 20), (200, 200))),)
    assert (mask.size, alpha(mask, 100, 100), alpha(mask, 300, 300)) == ((1280, 640), 0, 255)
    assert "4%" in editor.note.value
    assert "--mask fox_mask" in editor.note.value


def test_brush_eraser_undo_and_clear(editor):
    editor.width.value = 20
    drag(editor, (50, 50), (60, 50))
    editor.tool.value = ERASER
    drag(editor, (50, 50))
    assert [(stroke.width, stroke.erase) for stroke in editor.mask.strokes] == [(40, False), (40, True)]
    editor.undo.click()
    assert len(editor.given[-1].strokes) == 1
    editor.clear.click()
    assert editor.given[-1].strokes == ()
    assert "Paint over" in editor.note.value


def test_a_hand_that_moves_without_pressing_paints_nothing(editor):
    editor.move(5, 5)
    editor.lift(5, 5)
    assert editor.given == []


def test_without_the_canvas_library_the_error_says_what_to_do_instead(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipycanvas", None)
    with pytest.raises(ConfigError) as caught:
        MaskEditor(tmp_path / "x.png", (8, 6), "m", print)
    assert "wenwen-magic[mask]" in caught.value.do
    assert "--mask" in caught.value.do


def test_the_command_fills_a_variable_called_after_the_picture(shell, relay, monkeypatch):
    shell.run(cell("fox", "a fox"))
    opened = []
    monkeypatch.setattr(
        "wenwen_magic.notebook.widgets.mask_editor.MaskEditor",
        lambda *given: opened.append(given) or SimpleNamespace(view=""),
    )
    monkeypatch.setattr(builtins, "display", print, raising=False)
    shell.attend(monkeypatch, "")
    shell.run("%wenwen mask fox")
    shell.run("%wenwen mask fox hole")
    [(_, size, name, changed), (_, _, other, _)] = opened
    assert (size, name, other) == ((8, 6), "fox_mask", "hole")
    changed(Mask(size, (Stroke(((0, 0), (3, 3))),)))
    assert shell.user_ns["fox_mask"].size == (8, 6)
    assert isinstance(shell.fail("%wenwen mask fox 1x"), ConfigError)


def test_nobody_to_paint_is_told(shell, relay):
    shell.run(cell("fox", "a fox"))
    assert "--mask" in shell.fail("%wenwen mask fox").do


def test_a_mask_keeps_its_transparency_on_the_way_out(shell, relay):
    client = shell.magics_manager.registry["WenwenMagics"]._client()
    sent = client.reference(Mask((40, 30), (Stroke(((0, 0), (19, 29))),)).image())
    _, (width, height) = client.to_mask(Mask((40, 30)).image())
    assert (width, height) == (40, 30)
    picture = Image.open(io.BytesIO(base64.b64decode(sent.address.partition(",")[2])))
    assert (picture.mode, picture.getpixel((5, 5))[3], picture.getpixel((35, 5))[3]) == ("RGBA", 0, 255)


def test_a_format_without_masks_refuses_one_before_anything_is_sent(shell, relay):
    shell.run(cell("fox", "a fox"))
    shell.user_ns["hole"] = Mask((8, 6)).image()
    asked = len(relay.posts)
    assert "images" in shell.fail(cell("--ref fox --mask hole", "a hat")).do
    assert len(relay.posts) == asked
