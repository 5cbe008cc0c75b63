"""Draws what animals have in common: a sitting body, eyes, a mouth, whiskers."""

from wenwen_magic.demo.canvas import Colour, Easel, Point, mix, oval, path

INK = (44, 38, 48)
CREAM = (250, 240, 224)
BLUSH = (240, 150, 140)
WHITE = (255, 255, 255)


def both(*points: Point) -> tuple[list[Point], list[Point]]:
    """Give an outline and its mirror image."""
    return list(points), [(-x, y) for x, y in points]


def sitting(easel: Easel, coat: Colour, chest: Colour, feet: Colour) -> None:
    """Draw the body of an animal that sits and looks at us."""
    body = path("-0.13,-0.56 -0.215,-0.36 -0.26,-0.14 -0.2,-0.01 0.2,-0.01 0.26,-0.14 0.215,-0.36 0.13,-0.56")
    easel.blob(coat, body, fade=mix(coat, INK, 0.16))
    easel.blob(chest, [(0, -0.52), (-0.1, -0.42), (-0.1, -0.26), (0, -0.17), (0.1, -0.26), (0.1, -0.42)])
    shade = mix(coat, INK, 0.22)
    easel.line(shade, [(-0.045, -0.22), (-0.05, -0.05)], 0.011)
    easel.line(shade, [(0.045, -0.22), (0.05, -0.05)], 0.011)
    easel.patch(feet, oval(-0.095, -0.03, 0.085, 0.042), oval(0.095, -0.03, 0.085, 0.042))


def eyes(easel: Easel, y: float, apart: float, size: float) -> None:
    """Draw two round eyes with a light in each."""
    easel.patch(INK, oval(-apart, y, size * 0.85, size), oval(apart, y, size * 0.85, size))
    dot = size * 0.32
    easel.patch(WHITE, *(oval(side * apart + dot * 0.8, y - size * 0.35, dot, dot) for side in (-1, 1)))


def mouth(easel: Easel, y: float, width: float) -> None:
    """Draw a smile."""
    for side in (-1, 1):
        easel.line(INK, [(0, y), (side * width * 0.5, y + width * 0.42), (side * width, y + width * 0.12)], 0.009)


def cheeks(easel: Easel, y: float, apart: float) -> None:
    """Let the cheeks glow."""
    easel.patch(BLUSH, oval(-apart, y, 0.04, 0.025), oval(apart, y, 0.04, 0.025), opacity=0.45)


def whiskers(easel: Easel, y: float, colour: Colour) -> None:
    """Draw three whiskers on each side."""
    for side in (-1, 1):
        for drop in (-0.025, 0.01, 0.045):
            easel.line(colour, [(side * 0.15, y + drop * 0.4), (side * 0.31, y + drop)], 0.006, tip=0.4, opacity=0.8)
