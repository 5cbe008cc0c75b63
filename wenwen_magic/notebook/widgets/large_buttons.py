"""The large buttons under a picture, Generate, Stop, Edit this one and Insert as cell: what they say, and when."""

import ipywidgets

from wenwen_magic.records import Generation
from wenwen_magic.render import generation
from wenwen_magic.text.i18n import say


class Actions:
    """The four buttons; what pressing them does is said where they are put together.

    Args:
        compared: whether they stand under a comparison.

    Attributes:
        generate: draws.
        stop: ends the waiting.
        edit: begins to change the picture shown last.
        insert: puts a cell below.
    """

    def __init__(self, *, compared: bool) -> None:
        self.generate = ipywidgets.Button(
            description=say("Generate", "生成"), button_style="primary", layout={"width": "100px"}
        )
        self.stop = ipywidgets.Button(
            description=say("Stop", "停止"),
            disabled=True,
            tooltip=say("ends the waiting; an answer on its way is still saved", "停止等待；途中的回答仍会保存"),
            layout={"width": "90px"},
        )
        self.edit = ipywidgets.Button(description=say("Edit this one", "修改这张"), layout={"width": "116px"})
        self.insert = ipywidgets.Button(
            description=say("Insert as cell", "插入为单元格"),
            tooltip=_told_of_comparison() if compared else _told_of_choice(),
            layout={"width": "124px"},
        )

    def hold(self, *, on: bool) -> None:
        """Draw nothing while a comparison is blind: what else is shown would tell a label."""
        self.generate.disabled = on
        pays = say("draws a new picture (pays)", "画一张新图（付费）")
        self.generate.tooltip = say("vote first", "请先投票") if on else pays

    def tell_of_edit(self, take: Generation | None) -> None:
        """Say which picture would be edited; None for none."""
        self.edit.disabled = take is None
        self.edit.tooltip = (
            say("press edit under a thumbnail", "请按缩略图下方的“修改”")
            if take is None
            else say("say what to change in: ", "说明要改什么：") + generation.caption(take, numbered=True)
        )


def _told_of_comparison() -> str:
    return say(
        "this cell again; after a change here: one picture as chosen",
        "再写一遍此单元格；在这里改动之后：按所选内容画一张",
    )


def _told_of_choice() -> str:
    return say("a new cell that says what is chosen here", "把这里的选择写成一个新单元格")
