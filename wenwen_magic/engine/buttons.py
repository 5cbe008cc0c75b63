"""The buttons that an endpoint offers under a finished picture: finds them, groups them, makes their requests."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wenwen_magic.endpoint import transport
from wenwen_magic.engine.build_request import refuse_stripped
from wenwen_magic.engine.generate import Painter
from wenwen_magic.errors import ConfigError
from wenwen_magic.records import Button, Generation, ImageRequest, Reference
from wenwen_magic.text.i18n import _
from wenwen_magic.text.suggest import did_you_mean

MOST = 40
"""Buttons of one picture that are shown."""
_NUMBERED = re.compile(r"([A-Za-z])\d")


def named(generation: Generation, label: str) -> Button:
    """The button of a generation with a label; upper and lower case count alike.

    Raises:
        ConfigError: there is none; the text names those there are.
    """
    wanted = label.strip().casefold()
    found = next((one for one in generation.buttons if one.label.casefold() == wanted), None)
    if found is None:
        labels = [one.label for one in generation.buttons]
        raise ConfigError(
            _("This picture has no button {label!r}.", label=label[:40]),
            do=did_you_mean(label, labels) if labels else _("It has no buttons."),
        )
    return found


def rows(offered: Sequence[Button]) -> list[list[Button]]:
    """The buttons in rows: those of one letter and a digit by their letter (U1 to U4, V1 to V4), then all others."""
    groups: dict[str, list[Button]] = {}
    for button in offered[:MOST]:
        letter = _NUMBERED.fullmatch(button.label)
        groups.setdefault(letter[1].upper() if letter else "", []).append(button)
    others = groups.pop("", [])
    return [*groups.values(), *([others] if others else [])]


@dataclass(frozen=True)
class Given:
    """What is given with a press, for buttons that ask for more.

    Args:
        prompt: words; empty for the picture's own.
        mask: where it may be changed.
    """

    prompt: str = ""
    mask: Reference | None = None


NOTHING = Given()


def request_of(generation: Generation, button: Button, given: Given = NOTHING) -> ImageRequest:
    """The request that presses a button: the generation's own prompt, model and format, the button's task and params.

    Raises:
        ConfigError: nobody knows what the generation was asked with, or the button asks for more than is given.
    """
    asked = generation.request
    refuse_stripped(asked)
    if (button.asks == "words" and not given.prompt) or (button.asks == "region" and given.mask is None):
        raise _more_wanted(generation, button)
    return ImageRequest(
        given.prompt or asked.prompt,
        asked.model,
        params=button.params,
        format=asked.format,
        task=button.task,
        mask=given.mask,
        parent=generation.id,
    )


def _more_wanted(generation: Generation, button: Button) -> ConfigError:
    region = button.asks == "region"
    more = f"prompt={generation.request.prompt[:60]!r}" + (", mask=hole" if region else "")
    return ConfigError(
        _("{label} asks for a region and words; nothing was sent.", label=button.label)
        if region
        else _("{label} asks for words; nothing was sent.", label=button.label),
        do=_("From Python: ")
        + f'client.press(client.history.get("{generation.id}"), {button.label!r}, {more})'
        + (_("; %wenwen mask paints one") if region else ""),
    )


def pressed(
    painter: Painter, generation: Generation, button: Button, given: Given = NOTHING
) -> tuple[ImageRequest, bool]:
    """The request that presses a button, and whether it is to be drawn anew though a result is saved.

    Raises:
        ConfigError: the picture is another endpoint's, which alone knows the button, and no result is saved.
    """
    request = painter.request(request_of(generation, button, given))
    replay = painter.settings.mode == "replay"
    fresh = button.again and not replay
    elsewhere = generation.endpoint not in {"", transport.origin(painter.address)}
    if elsewhere and not replay and (fresh or painter.saved_takes.best(request, 0) is None):
        raise ConfigError(
            _("This picture was drawn by another endpoint."),
            why=generation.endpoint,
            do=_("Its buttons work there only. Draw it anew here."),
        )
    return request, fresh
