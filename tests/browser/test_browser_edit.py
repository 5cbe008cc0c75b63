"""Editing a picture and pressing the endpoint's buttons in JupyterLab, in a real browser."""

import json

import pytest
from support.lab import DEMO, NARROW, cut, expect, source

from wenwen_magic.notebook.widgets.panel import DOUBLE_PRESS

pytestmark = pytest.mark.browser
OFFERING = """
from dataclasses import replace
from wenwen_magic.formats import FORMATS, chat
from wenwen_magic.records import Button

def talk(request):
    answer = yield from chat.FORMAT.talk(request)
    single = [Button(f"U{n}", {"order": f"up {n}"}) for n in (1, 2, 3, 4)]
    varied = [Button(f"V{n}", {"order": f"vary {n}"}, again=True) for n in (1, 2, 3, 4)]
    return replace(answer, buttons=(*single, *varied, Button("🔄 重新生成", {"order": "again"}, again=True)))

FORMATS["offering"] = replace(chat.FORMAT, name="offering", talk=talk, tasks=("draw", "action"))
"""


def fits(lab):
    """Nothing of the controls is cut off, and the notebook does not scroll sideways."""
    return cut(lab.words()) == [] == cut(lab.frame())


def test_a_picture_is_edited_in_a_row_of_its_own_and_the_cell_of_the_edit_is_free(chinese):
    lab = chinese(DEMO, "%%wenwen_image\n画一座灯塔", "'below'")
    lab.page.set_viewport_size(NARROW)
    lab.kernel_ready()
    for index in (0, 1):
        lab.run(index)
    lab.press(1, "✎ 编辑")
    field = lab.cell(1).get_by_placeholder("改成夜晚")
    expect(field).to_be_focused()
    assert fits(lab)
    assert len(lab.records()) == 1
    field.fill("改成夜晚")
    lab.press(1, "生成")
    expect(lab.thumbnails(1)).to_have_count(2)
    expect(lab.thumbnails(1)).to_have_text(["1", "▣ ✎1"])
    expect(lab.pictures(1)).to_have_count(1)
    first, second = sorted(
        (json.loads(path.read_text("utf-8")) for path in lab.records()), key=lambda one: one["created"]
    )
    assert (second["request"]["parent"], second["request"]["prompt"]) == (first["id"], "改成夜晚")
    newest = source(lab.pictures(1))
    assert newest in lab.html(1)
    assert fits(lab)
    expect(field).to_have_value("")
    for width in (640, 560, 480):
        lab.page.set_viewport_size({"width": width, "height": 900})
        places = [lab.cell(1).get_by_role("button", name=name, exact=True).bounding_box() for name in ("生成", "×")]
        assert places[0]["y"] == places[1]["y"], f"× has a line of its own, {width} pixels wide"
    lab.page.set_viewport_size(NARROW)
    lab.press(1, "×")
    expect(field).to_be_hidden()
    lab.press(1, "⋯")
    lab.press(1, "插入为单元格")
    assert lab.inserted(2) == f"%%wenwen_image -m gpt-4o-image --ref {first['id']} -o auto\n改成夜晚"
    lab.run(2)
    expect(lab.pictures(2)).to_have_count(1)
    assert source(lab.pictures(2)) == newest
    assert len(lab.records()) == 2


def test_the_endpoints_buttons_stand_under_their_picture_and_draw(english):
    lab = english(DEMO + OFFERING, "%%wenwen_image fox --format offering\na tall tree")
    lab.page.set_viewport_size(NARROW)
    lab.kernel_ready()
    for index in (0, 1):
        lab.run(index)
    cell = lab.cell(1)
    offered = cell.get_by_role("button", name="U2", exact=True)
    expect(offered).to_have_count(1)
    top = offered.bounding_box()["y"]
    assert lab.pictures(1).bounding_box()["y"] < top < lab.model(1).bounding_box()["y"]
    expect(cell.get_by_role("button", name="V1", exact=True)).to_be_hidden()
    lab.press(1, "⋯")
    assert offered.bounding_box()["y"] < cell.get_by_role("button", name="V1", exact=True).bounding_box()["y"]
    lab.press(1, "U2")
    expect(lab.thumbnails(1)).to_have_count(2)
    assert fits(lab)
    lab.press(1, "1")
    lab.page.wait_for_timeout(DOUBLE_PRESS * 1000)  # sooner it were a double click
    lab.press(1, "U2")
    expect(cell.get_by_text("saved before: free")).to_be_visible()
    assert (lab.pictures(1).count(), len(lab.records())) == (1, 2)
    lab.press(1, "V1")
    expect(lab.thumbnails(1)).to_have_count(3)
    assert len(lab.records()) == 3
    assert lab.html(1).count('<img src="data:image/') == 1


def test_the_mask_editor_is_whole_in_a_narrow_notebook_and_paints_where_the_pointer_is(english):
    lab = english(
        DEMO,
        "%%wenwen_image kite -o landscape --no-ui\na kite over a wide plain",
        "%wenwen mask kite",
        "hole = kite_mask.getchannel('A').point(lambda alpha: 255 - alpha).getbbox()\n"
        "print('painted', [round(side / kite_mask.width, 1) for side in hole])",
    ).run_all()
    lab.page.set_viewport_size({"width": 480, "height": 900})
    canvas = lab.cell(2).locator("canvas")
    expect(canvas).to_be_visible()
    box = canvas.bounding_box()
    assert box["x"] + box["width"] <= 480
    assert abs(box["width"] / box["height"] - 3 / 2) < 0.02
    canvas.click(position={"x": box["width"] * 0.9, "y": box["height"] / 2})
    expect(lab.cell(2).get_by_text("kite_mask").first).to_be_visible()
    lab.run(3)
    expect(lab.cell(3).get_by_text("painted [0.9, 0.3, 0.9, 0.4]")).to_be_visible()
