"""Groups the buttons that an endpoint offers under a finished picture, for showing them."""

import re
from collections.abc import Sequence
from typing import Protocol

from wenwen_magic.engine.build_request import of_button as request_of
from wenwen_magic.records import Button, Generation, ImageRequest

__all__ = ["pressed", "request_of", "rows"]
MOST = 40
"""Buttons of one picture that are shown."""


def rows(offered: Sequence[Button]) -> list[list[Button]]:
    """Group buttons: those of one letter and a digit by their letter (U1 to U4, V1 to V4), then all others."""
    groups: dict[str, list[Button]] = {}
    for button in offered[:MOST]:
        letter = re.fullmatch(r"([A-Za-z])\d", button.label)
        groups.setdefault(letter[1].upper() if letter else "", []).append(button)
    others = groups.pop("", [])
    return [*groups.values(), *([others] if others else [])]


class _Presses(Protocol):
    def press_request(self, generation: Generation, button: Button) -> tuple[ImageRequest, bool]: ...


def pressed(client: _Presses, generation: Generation, button: Button) -> tuple[ImageRequest, bool]:
    """Return what :meth:`wenwen_magic.client.Client.press_request` does."""
    return client.press_request(generation, button)
