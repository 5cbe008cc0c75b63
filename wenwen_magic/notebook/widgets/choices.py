"""What can be chosen under a picture: prompt, model, orientation, count; changing one asks for nothing."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from wenwen_magic.records import ImageRequest
from wenwen_magic.render import generation
from wenwen_magic.text.i18n import say
from wenwen_magic.text.vocabulary import ORIENTATIONS

LABEL = "48px"
_HIGHEST = 1000


class Choices:
    """The fields of a request that a person changes most.

    Args:
        request: what they begin with.
        models: names to suggest.
        with_prompt: whether the prompt begins empty, to be typed here.

    Attributes:
        prompt: what to draw.
        model: who draws.
        orientation: ``auto``, ``square``, ``landscape`` or ``portrait``.
        count: how many.
    """

    def __init__(self, request: ImageRequest, models: Sequence[str], *, with_prompt: bool) -> None:
        self.prompt = ipywidgets.Textarea(
            value="" if with_prompt else request.prompt,
            placeholder=say("what to draw", "画什么"),
            layout={"width": "auto", "height": "72px"},
        )
        self.model = ipywidgets.Combobox(
            value=request.model,
            options=list(models),
            ensure_option=False,
            description=say("model", "模型"),
            style={"description_width": LABEL},
            layout={"width": "310px"},
        )
        self.orientation = ipywidgets.ToggleButtons(
            options=[(generation.orientation_word(name), name) for name in ORIENTATIONS],
            value=request.orientation,
            style={"button_width": "92px"},
        )
        # No limit of the field's own: it would put another number in the place of what was typed, and not say so.
        self.count = ipywidgets.BoundedIntText(
            value=request.count,
            min=1,
            max=_HIGHEST,
            description=say("count", "张数"),
            style={"description_width": LABEL},
            layout={"width": "124px"},
        )
        self._began = self.wishes

    @property
    def wishes(self) -> dict[str, Any]:
        """What is chosen, as the fields of a request, but for the prompt."""
        return {"model": self.model.value.strip(), "orientation": self.orientation.value, "count": self.count.value}

    @property
    def untouched(self) -> bool:
        """Whether everything is as it began."""
        return self.wishes == self._began

    def put(self, wishes: dict[str, Any]) -> None:
        """Choose what :attr:`wishes` gave."""
        for name, value in wishes.items():
            getattr(self, name).value = value

    def on_count(self, told: Callable[[int], None]) -> None:
        """Call something with the count whenever it is changed."""
        self.count.observe(lambda change: told(change["new"]), names="value")
