"""Knows what can be drawn, word by word: the figures, palettes and words of ``figures.toml``."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from wenwen_magic.demo.canvas import CREAM, INK, LAMP, WHITE, Colour, colour, mix

_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_NAMED = {**_DATA["parts"], **{name: row["lines"] for name, row in _DATA["animals"].items()}}
TURNS: dict[str, str] = _DATA["turns"]
HOURS: dict[str, str] = _DATA["hours"]
SPOTS: dict[str, list[list[float]]] = _DATA["spots"]


@dataclass(frozen=True)
class Figure:
    """Something that can be drawn."""

    words: str  # the pattern of its names, Chinese and English
    lines: str  # its shapes, as :meth:`wenwen_magic.demo.canvas.Canvas.draw` reads them
    coat: Colour | None = None  # its usual colour; None for the accent of the picture's palette
    head: tuple[float, float, float] = (0, -0.9, 0.4)  # of an animal: the top of its head, and the head's width
    perch: bool = False  # whether it sits on a branch


@dataclass(frozen=True)
class Palette:
    """The colours of one picture."""

    sky: tuple[Colour, ...]  # from the top down to the horizon
    light: Colour  # sun or moon
    far: Colour  # the most distant land
    near: Colour  # the land at one's feet
    accent: Colour  # roofs, petals, sails

    @property
    def dark(self) -> bool:
        """Whether stars and lamps shine."""
        return self in (PALETTES["night"], PALETTES["frost"])


def _palette(row: str) -> Palette:
    sky, rest = row.split("|")
    light, far, near, accent = map(colour, rest.split())
    return Palette(tuple(map(colour, sky.split())), light, far, near, accent)


def _light(row: str) -> tuple[float, Colour, Colour]:
    share, top, low = row.split()
    return float(share), colour(top), colour(low)


def _expanded(lines: str) -> str:
    """Put the figures in that a figure's lines name with ``use``."""
    return re.sub(r"use (\w+)", lambda found: _expanded(_NAMED[found[1]]), lines)


def _figures(kind: str) -> dict[str, Figure]:
    made = {}
    for name, row in _DATA[kind].items():
        coat = {"coat": colour(row["coat"])} if "coat" in row else {}
        made[name] = Figure(**{**row, "lines": _expanded(row["lines"]), **coat})
    return made


ANIMALS, THINGS, WORN = map(_figures, ("animals", "things", "worn"))
PARTS = {name: _expanded(lines) for name, lines in _DATA["parts"].items()}
PALETTES = {name: _palette(row) for name, row in _DATA["palettes"].items()}
LIGHTS = {name: _light(row) for name, row in _DATA["lights"].items()}
NAMES = {colour(digits): names.split() for digits, names in _DATA["names"].items()}
_FIGURES = {**ANIMALS, **THINGS, **WORN}
_WORDS = {**_DATA["surroundings"], **{name: figure.words for name, figure in _FIGURES.items()}}


def words_in(prompt: str) -> frozenset[str]:
    """Name all that a prompt speaks of and that can be painted; an English word may stand among Chinese ones."""
    return frozenset(name for name, pattern in _WORDS.items() if re.search(pattern, prompt, re.IGNORECASE | re.ASCII))


def coat_in(prompt: str) -> Colour | None:
    """Give the colour that a prompt names; None for none."""
    found = (coat for coat, pattern in _DATA["coats"].items() if re.search(pattern, prompt, re.IGNORECASE))
    return next(map(colour, found), None)


def inks(coat: Colour, shadow: Colour = WHITE, share: float = 0.0) -> dict[str, Colour]:
    """Mix the inks that figures name around a coat, with a share of a shadow's colour in all but a lamp's."""
    blush = (240, 150, 140)
    plain = {"coat": coat, "ink": INK, "cream": CREAM, "white": WHITE, "blush": blush, "inner": mix(blush, coat, 0.25)}
    plain |= {"bright": mix(coat, WHITE, 0.2), "light": mix(coat, CREAM, 0.74), "milk": mix(coat, WHITE, 0.72)}
    plain |= {"shade": mix(coat, INK, 0.16), "dark": mix(coat, INK, 0.36), "deep": mix(coat, INK, 0.75)}
    return {**{name: mix(one, shadow, share) for name, one in plain.items()}, "lamp": LAMP}
