"""Holds the colours a picture may have, by the hour, the season and the ink."""

from dataclasses import dataclass

from wenwen_magic.demo.canvas import Colour


@dataclass(frozen=True)
class Palette:
    """The colours of one picture.

    Args:
        sky: from the top down to the horizon.
        light: sun or moon.
        far: the most distant land.
        near: the land at one's feet.
        accent: roofs, petals, sails, a scarf.
        dark: whether stars and lamps shine.
    """

    sky: tuple[Colour, ...]
    light: Colour
    far: Colour
    near: Colour
    accent: Colour
    dark: bool = False


def _of(sky: str, light: str, far: str, near: str, accent: str, *, dark: bool = False) -> Palette:
    stops = tuple(_colour(word) for word in sky.split())
    return Palette(stops, _colour(light), _colour(far), _colour(near), _colour(accent), dark=dark)


def _colour(word: str) -> Colour:
    red, green, blue = bytes.fromhex(word)
    return red, green, blue


PALETTES = {
    "dawn": _of("7fa3c4 c9c3cf f7cfae ffe8cc", "fff6de", "c3b3bd", "3f5668", "e4704c"),
    "dusk": _of("3a3d73 8a5288 e0788a ffbe86", "ffe9b8", "b0709a", "2b2450", "ffcb6b"),
    "noon": _of("5fb0d9 9ed3e6 d9f0ec f4f8e8", "fffbe2", "a5cfc4", "2f6f5a", "f08a4b"),
    "meadow": _of("86c5d8 bfe3dc f2f3d6", "fff4c2", "b7d5a5", "3f7d4e", "f26d6d"),
    "tide": _of("1f6f80 5fa9a3 bcd7b4 f8e7b9", "fff5d0", "6fb0a8", "14424f", "f2734e"),
    "rose": _of("7d74b0 c295bd f0b3ba ffe2cf", "fff2e0", "c79bb9", "4a3b6b", "ef6f83"),
    "autumn": _of("d99f63 eec288 f9e2b6 fdf2d9", "fff7dc", "e0a06b", "7a3426", "c9402c"),
    "mist": _of("c9d8d2 dfe6da f6f1e2", "ffffff", "b9ccc4", "24504d", "d5603c"),
    "ember": _of("5b2a4e b2405a f0703f ffc45c", "fff0b3", "b84a5c", "351a3c", "ffe08a"),
    "night": _of("0c1533 1b2f5c 3d5c8c 7d8fb0", "fdf3cf", "4a6793", "0e1a33", "ffc861", dark=True),
    "aurora": _of("0a1a2e 114a55 2f8f83 9ed0a8", "f5f7da", "2f6f78", "0b2330", "ffd27a", dark=True),
    "winter": _of("86a9c9 b9d0e1 e6edf0 f9f3ea", "fffdf2", "b3c9da", "eff5f8", "d8504a"),
    "frost": _of("101c3d 27406e 5c7ba6 b3c4d6", "fdf6dc", "5f7fa8", "d5e2ee", "ffb65c", dark=True),
    "ink": _of("e4e0d5 eeeae0 f5f2ea", "cf4a34", "c3c2bb", "2b2c2e", "cf4a34"),
}
BY_DAY = ("dawn", "dusk", "noon", "meadow", "tide", "rose", "autumn", "mist", "ember")
