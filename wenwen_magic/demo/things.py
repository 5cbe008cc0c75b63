"""Draws things: tree, house, boat, lighthouse, balloon, flowers and a branch."""

import math
from random import Random

from wenwen_magic.demo.canvas import Canvas, Colour, Easel, Point, mix, oval, path, ribbon, smooth
from wenwen_magic.demo.plan import Plan

INK = (44, 38, 48)
WHITE = (255, 255, 255)
WINDOW = (255, 221, 140)


def tree(easel: Easel, plan: Plan, chance: Random) -> None:
    """Draw a wide old tree, its leaves by the season."""
    trunk = mix((92, 62, 50), plan.palette.near, 0.35)
    easel.line(trunk, [(0.0, 0.02), (-0.015, -0.25), (0.02, -0.55)], 0.085, tip=0.35)
    for side, y, reach in ((-1, -0.3, 0.24), (1, -0.36, 0.25), (-1, -0.45, 0.14)):
        easel.line(trunk, [(0, y), (side * reach * 0.5, y - 0.1), (side * reach, y - 0.22)], 0.034, tip=0.3)
    for depth in range(3):
        green = mix(_leaves(plan), mix(plan.palette.light, WHITE, 0.3), 0.16 * depth)
        crowns = []
        for _ in range(44 - 13 * depth):
            angle, away = chance.uniform(0, math.tau), math.sqrt(chance.random())
            x, y = (
                (0.34 - 0.04 * depth) * away * math.cos(angle) - 0.03 * depth,
                -0.67 + (0.2 - 0.02 * depth) * away * math.sin(angle) - 0.04 * depth,
            )
            crowns.append(oval(x, y, chance.uniform(0.05, 0.1), chance.uniform(0.045, 0.085)))
        easel.patch(green, *crowns, opacity=1.0 - 0.2 * depth)


def _leaves(plan: Plan) -> Colour:
    named: list[tuple[str, Colour]] = [
        ("winter", (232, 240, 246)),
        ("autumn", (210, 88, 48)),
        ("spring", (240, 160, 180)),
    ]
    colour = next((colour for word, colour in named if word in plan.words), (86, 140, 92))
    return mix(plan.coat or colour, plan.palette.near, 0.35 if plan.palette.dark else 0.12)


def house(easel: Easel, plan: Plan, chance: Random) -> None:
    """Draw a cottage with lit windows and smoke over its chimney."""
    wall = mix((246, 232, 210), plan.palette.near, 0.45 if plan.palette.dark else 0.06)
    roof = mix(plan.coat or plan.palette.accent, plan.palette.near, 0.3 if plan.palette.dark else 0.1)
    for i in range(4):
        easel.patch(
            WHITE, oval(0.24 + 0.05 * i, -0.95 - 0.1 * i, 0.035 + 0.014 * i, 0.03 + 0.011 * i), opacity=0.4 - 0.08 * i
        )
    easel.patch(mix(roof, INK, 0.3), [(0.17, -0.9), (0.27, -0.9), (0.27, -0.55), (0.17, -0.55)])
    easel.patch(wall, [(-0.38, 0.02), (-0.38, -0.46), (0.38, -0.46), (0.38, 0.02)], fade=mix(wall, INK, 0.12))
    easel.patch(roof, [(-0.48, -0.44), (-0.27, -0.8), (0.27, -0.8), (0.48, -0.44)], fade=mix(roof, INK, 0.15))
    if "winter" in plan.words:
        easel.patch(
            WHITE, [(-0.44, -0.5), (-0.28, -0.83), (0.28, -0.83), (0.44, -0.5), (0.2, -0.62), (0, -0.58), (-0.2, -0.64)]
        )
    easel.patch(mix(roof, INK, 0.45), [(-0.08, 0.02), (-0.08, -0.28), (0.08, -0.28), (0.08, 0.02)])
    easel.patch(WINDOW, oval(0.05, -0.12, 0.012, 0.012))
    for x in (-0.25, 0.25):
        easel.patch(WINDOW, [(x - 0.075, -0.36), (x + 0.075, -0.36), (x + 0.075, -0.19), (x - 0.075, -0.19)])
        easel.patch(
            mix(roof, INK, 0.3), [(x - 0.008, -0.36), (x + 0.008, -0.36), (x + 0.008, -0.19), (x - 0.008, -0.19)]
        )
        easel.patch(
            mix(roof, INK, 0.3), [(x - 0.075, -0.283), (x + 0.075, -0.283), (x + 0.075, -0.268), (x - 0.075, -0.268)]
        )
    _lamp(easel, plan, chance)


def _lamp(easel: Easel, plan: Plan, chance: Random) -> None:
    if plan.palette.dark:
        easel.canvas.glow(easel.x, easel.y - 0.3 * easel.size, easel.size * chance.uniform(0.8, 1.0), WINDOW, 0.32)


def boat(easel: Easel, plan: Plan) -> None:
    """Draw a sailing boat; below it its mirror image."""
    for view in (easel.mirrored(0.28), easel):
        sail = mix((252, 244, 230), plan.palette.near, 0.28 if plan.palette.dark else 0.0)
        hull = plan.coat or plan.palette.accent
        view.line(mix(INK, hull, 0.3), [(0, -0.08), (0, -1.0)], 0.016)
        view.patch(
            sail,
            [*smooth([(0.025, -0.96), (0.12, -0.7), (0.34, -0.24)], closed=False), (0.025, -0.2)],
            fade=mix(sail, plan.palette.sky[-1], 0.5),
        )
        view.patch(
            mix(sail, hull, 0.55),
            [*smooth([(-0.025, -0.86), (-0.1, -0.6), (-0.27, -0.24)], closed=False), (-0.025, -0.2)],
        )
        view.patch(
            mix(hull, INK, 0.12), [(-0.36, -0.15), (0.42, -0.15), (0.3, 0.0), (-0.24, 0.0)], fade=mix(hull, INK, 0.4)
        )
        view.patch(WHITE, [(-0.36, -0.15), (0.42, -0.15), (0.405, -0.125), (-0.34, -0.125)], opacity=0.85)
        view.patch(plan.palette.accent, [(0, -1.0), (0.13, -0.97), (0, -0.94)])


def lighthouse(easel: Easel, plan: Plan) -> None:
    """Draw a striped lighthouse."""
    red, pale = plan.coat or (208, 74, 66), mix((250, 244, 234), plan.palette.near, 0.3 if plan.palette.dark else 0.04)
    easel.canvas.glow(easel.x, easel.y - 0.87 * easel.size, 0.5 * easel.size, (255, 236, 170), 0.6)
    for i in range(5):
        top, low = -0.78 + 0.16 * i, -0.62 + 0.16 * i
        half = [0.075 + 0.065 * (0.78 + y) / 0.78 for y in (top, low)]
        easel.patch(red if i % 2 else pale, [(-half[0], top), (half[0], top), (half[1], low), (-half[1], low)])
        easel.patch(INK, [(half[0] * 0.3, top), (half[0], top), (half[1], low), (half[1] * 0.3, low)], opacity=0.12)
    easel.patch(INK, [(-0.11, -0.8), (0.11, -0.8), (0.11, -0.77), (-0.11, -0.77)])
    easel.patch(WINDOW, [(-0.055, -0.91), (0.055, -0.91), (0.055, -0.8), (-0.055, -0.8)])
    easel.patch(red, [(-0.085, -0.91), (0, -1.0), (0.085, -0.91)])


def balloon(easel: Easel, plan: Plan) -> None:
    """Draw a striped hot-air balloon."""
    skin = plan.coat or plan.palette.accent
    envelope = path(
        "0,-1.0 -0.22,-0.94 -0.33,-0.72 -0.24,-0.46 -0.08,-0.27 0.08,-0.27 0.24,-0.46 0.33,-0.72 0.22,-0.94"
    )
    for share, colour in ((1.0, skin), (0.68, mix(skin, WHITE, 0.72)), (0.34, mix(skin, (250, 210, 120), 0.5))):
        easel.blob(colour, [(x * share, y) for x, y in envelope], fade=mix(colour, INK, 0.16))
    for x in (-0.055, 0.055):
        easel.line(INK, [(x * 1.3, -0.27), (x, -0.13)], 0.008)
    easel.patch((150, 100, 64), [(-0.07, -0.14), (0.07, -0.14), (0.055, 0.0), (-0.055, 0.0)])


def flowers(canvas: Canvas, plan: Plan, chance: Random, top: float) -> None:
    """Let flowers grow in the foreground.

    Args:
        canvas: where.
        plan: gives their colours.
        chance: decides their places.
        top: where the ground begins, pixels from the top.
    """
    petals = [plan.coat or plan.palette.accent, (248, 196, 92), (240, 150, 168), (252, 244, 236), (166, 132, 204)]
    low = canvas.height * 1.04
    places = sorted(
        (top + (low - top) * chance.uniform(0.08, 1.0), canvas.width * (i + chance.random()) / 46) for i in range(46)
    )
    for y, x in places:
        near = (y - top) / (low - top)
        size = (46 + 110 * near) * canvas.unit
        kind = chance.choice((_daisy, _tulip, _tulip, _daisy))
        kind(
            Easel(canvas, x, y, size),
            chance,
            mix(chance.choice(petals), plan.palette.near, 0.3 if plan.palette.dark else 0.0),
        )


def _stem(easel: Easel, chance: Random) -> Point:
    lean = chance.uniform(-0.12, 0.12)
    easel.line((70, 126, 84), [(0, 0.1), (lean * 0.3, -0.4), (lean, -0.8)], 0.035)
    easel.patch((86, 146, 92), oval(0.1, -0.25, 0.035, 0.15, 38), oval(-0.09, -0.18, 0.035, 0.15, -36))
    return lean, -0.8


def _daisy(easel: Easel, chance: Random, colour: Colour) -> None:
    x, y = _stem(easel, chance)
    turns = [45 * i + 10 for i in range(8)]
    spots = [(turn, x + 0.13 * math.sin(math.radians(turn)), y - 0.13 * math.cos(math.radians(turn))) for turn in turns]
    easel.patch(colour, *(oval(p, q, 0.062, 0.125, turn) for turn, p, q in spots), fade=mix(colour, WHITE, 0.25))
    easel.patch((246, 196, 84), oval(x, y, 0.075, 0.075), fade=(224, 150, 60))


def _tulip(easel: Easel, chance: Random, colour: Colour) -> None:
    x, y = _stem(easel, chance)
    easel.patch(
        mix(colour, INK, 0.12), oval(x - 0.085, y - 0.07, 0.075, 0.16, 12), oval(x + 0.085, y - 0.07, 0.075, 0.16, -12)
    )
    easel.patch(colour, oval(x, y - 0.06, 0.085, 0.17), fade=mix(colour, WHITE, 0.2))


def branch(canvas: Canvas, plan: Plan, chance: Random, y: float) -> None:
    """Reach a blossoming branch into the picture.

    Args:
        canvas: where.
        plan: gives the colours.
        chance: decides where the blossoms are.
        y: height of the branch, pixels from the top.
    """
    unit, bark = canvas.unit, mix((98, 68, 56), plan.palette.near, 0.3)
    drops = ((-0.02, 70), (0.3, 18), (0.62, 6), (0.9, -46))
    line = smooth([(canvas.width * share, y + drop * unit) for share, drop in drops], closed=False)
    canvas.fill(bark, ribbon(line, 34 * unit, tip=0.25))
    for start in (9, 14, 19):
        _twig(canvas, plan, chance, line[start], bark)
    for x, foot in chance.sample(line[3:], 9):
        aside, away = chance.uniform(-20, 20) * unit, chance.choice((-1, 1)) * chance.uniform(8, 26) * unit
        _blossom(Easel(canvas, x + aside, foot + away, chance.uniform(22, 36) * unit), plan)


def _twig(canvas: Canvas, plan: Plan, chance: Random, start: Point, bark: Colour) -> None:
    (x, y), unit = start, canvas.unit
    end = (x + chance.uniform(60, 130) * unit, y - chance.uniform(70, 130) * unit)
    bend = ((x + end[0]) / 2 + 18 * unit, (y + end[1]) / 2 + 14 * unit)
    canvas.fill(bark, ribbon([start, bend, end], 11 * unit, tip=0.3))
    _blossom(Easel(canvas, *end, 34 * unit), plan)


def _blossom(easel: Easel, plan: Plan) -> None:
    petal = (238, 244, 250) if "winter" in plan.words else mix((246, 176, 190), plan.palette.near, 0.1)
    spots = [(72 * i, 0.42 * math.sin(math.radians(72 * i)), -0.42 * math.cos(math.radians(72 * i))) for i in range(5)]
    easel.patch(petal, *(oval(x, y, 0.34, 0.42, turn) for turn, x, y in spots), fade=mix(petal, WHITE, 0.4))
    easel.patch((226, 104, 122), oval(0, 0, 0.16, 0.16))
