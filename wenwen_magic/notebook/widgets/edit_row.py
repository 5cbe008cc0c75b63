"""The row in which a person says what to change in a picture; it opens and closes, and asks for nothing itself."""

from collections.abc import Callable
from html import escape
from pathlib import Path

import ipywidgets

from wenwen_magic.notebook.widgets import parts
from wenwen_magic.records import Generation
from wenwen_magic.render import generation
from wenwen_magic.text.i18n import say

_HEIGHT, _WIDEST = 72, 128


class Editing:
    """A thumbnail, a field for words, Cancel.

    Args:
        cancel: is called when Cancel is pressed.

    Attributes:
        take: the picture that is to be changed; None while the row is closed.
        words: the field for what to change.
        cancel: the button.
        view: to be put among the controls.
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        self.take: Generation | None = None
        self.words = ipywidgets.Textarea(
            placeholder=say("what to change, for example: make it night", "要改什么，例如：改成夜晚"),
            layout={"width": "auto", "height": "56px", "margin": "2px 0"},
        )
        self.cancel = ipywidgets.Button(
            description=say("Cancel", "取消"),
            tooltip=say("back to a new picture of the prompt", "回到按提示词画新图"),
            layout={"width": "90px", "align_self": "flex-end"},
        )
        self.cancel.on_click(lambda _: cancel())
        self._picture = ipywidgets.HBox(layout={"margin": "0 8px 0 0", "align_items": "flex-end"})
        self._head = ipywidgets.HTML()
        middle = ipywidgets.VBox([self._head, self.words], layout={"flex": "1 1 auto", "max_width": "560px"})
        self._row = ipywidgets.HBox([self._picture, middle, self.cancel], layout={"margin": "4px 0"})
        # Always in the page: a field that is only hidden can be given the focus when it is shown.
        self.view = ipywidgets.Box([self._row], layout={"display": "none"})
        self._row.layout.width = "100%"

    def open(self, take: Generation, thumbnail: Path | None) -> None:
        """Begin to change a picture.

        Args:
            take: the picture.
            thumbnail: a small file of it.
        """
        self.take = take
        self._picture.children = tuple(parts.thumbnails(thumbnail, _HEIGHT, _WIDEST))
        told = " ".join(
            part for part in (generation.take_mark(take.take) if take.take else "", f"#{take.id[:6]}") if part
        )
        head = say(f"what to change in {told} (Generate draws it, and pays)", f"要改什么：{told}（按“生成”作图，付费）")
        self._head.value = f"<small>{escape(head)}</small>"
        self.words.value = ""
        self.view.layout.display = None
        self.words.focus()

    def close(self) -> None:
        """Change nothing any more."""
        self.take = None
        self.view.layout.display = "none"

    @property
    def is_open(self) -> bool:
        """Whether a picture is being changed."""
        return self.take is not None
