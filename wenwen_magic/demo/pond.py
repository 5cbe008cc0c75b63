"""Paints a pond seen from above: koi, lily pads and rings on the water."""

import math
from random import Random

from wenwen_magic.demo.canvas import Canvas, Colour, Point, mix, oval, ribbon, smooth
from wenwen_magic.demo.plan import Plan

_KOI: tuple[tuple[Colour, Colour], ...] = (
    ((250, 244, 234), (224, 84, 46)),
    ((236, 120, 52), (250, 236, 216)),
    ((250, 244, 234), (58, 56, 66)),
    ((244, 186, 84), (226, 104, 52)),
)


def paint_pond(canvas: Canvas, plan: Plan, chance: Random) -> None:
    """Paint the whole picture of a pond."""
    deep: Colour = (14, 36, 62) if plan.palette.dark else chance.choice(((22, 92, 104), (28, 84, 92), (34, 96, 122)))
    canvas.sky((mix(deep, (140, 210, 196), 0.42), deep, mix(deep, (6, 20, 40), 0.4)), canvas.height)
    canvas.glow(canvas.width * 0.3, canvas.height * 0.2, 620 * canvas.unit, mix(plan.palette.light, deep, 0.2), 0.4)
    _rings(canvas, chance)
    for place in _spread(canvas, chance, 5):
        _koi(canvas, plan, chance, place)
    for place in _edge(canvas, chance):
        _pad(canvas, chance, place)
    _rings(canvas, chance)


def _spread(canvas: Canvas, chance: Random, count: int) -> list[Point]:
    start = chance.uniform(0, math.tau)
    angles = [start + math.tau * i / count for i in range(count)]
    return [(canvas.width * (0.5 + 0.27 * math.cos(a)), canvas.height * (0.5 + 0.27 * math.sin(a))) for a in angles]


def _edge(canvas: Canvas, chance: Random) -> list[Point]:
    corners = [(0.06, 0.1), (0.2, 0.02), (0.95, 0.14), (0.04, 0.9), (0.9, 0.94), (0.76, 1.0), (0.98, 0.82), (0.12, 1.0)]
    return [
        (canvas.width * (x + chance.uniform(-0.04, 0.04)), canvas.height * (y + chance.uniform(-0.04, 0.04)))
        for x, y in corners
    ]


def _rings(canvas: Canvas, chance: Random) -> None:
    for _ in range(3):
        x, y = chance.uniform(0.1, 0.9) * canvas.width, chance.uniform(0.1, 0.9) * canvas.height
        for i in range(3):
            radius = (34 + 36 * i) * canvas.unit
            circle = oval(x, y, radius, radius * 0.94)
            canvas.fill((255, 255, 255), ribbon([*circle, circle[0]], 2.4 * canvas.unit), opacity=0.26 - 0.07 * i)


def _koi(canvas: Canvas, plan: Plan, chance: Random, place: Point) -> None:
    long, turn = chance.uniform(250, 330) * canvas.unit, chance.uniform(0, math.tau)
    bend, (body, spots) = chance.uniform(-0.7, 0.7), chance.choice(_KOI)
    if plan.coat and chance.randrange(3):
        body, spots = plan.coat, mix(plan.coat, (255, 255, 255), 0.7)
    spine = _spine(place, long, turn, bend)
    shadow = [(x + 16 * canvas.unit, y + 30 * canvas.unit) for x, y in _around(spine, long)]
    canvas.fill((4, 22, 34), shadow, opacity=0.3, blur=8 * canvas.unit)
    _fins(canvas, spine, long, mix(body, (255, 255, 255), 0.4))
    canvas.fill(body, _around(spine, long), fade=mix(body, (20, 40, 60), 0.12))
    for at in chance.sample(range(3, 11), 3):
        (x, y), wide = spine[at], long * 0.085 * _girth(at / 14)
        canvas.fill(spots, oval(x, y, wide * 1.5, wide * 0.95, math.degrees(_heading(spine, at))), opacity=0.95)
    _face(canvas, spine, long)


def _spine(place: Point, long: float, turn: float, bend: float) -> list[Point]:
    x, y, points = place[0] - long / 2 * math.cos(turn), place[1] - long / 2 * math.sin(turn), []
    for i in range(15):
        points.append((x, y))
        angle = turn + bend * math.sin(i / 14 * math.pi * 1.4 - 0.6)
        x, y = x + long / 14 * math.cos(angle), y + long / 14 * math.sin(angle)
    return points


def _girth(share: float) -> float:
    return max(0.14, math.sin(math.pi * (0.07 + 0.9 * share**0.72)) ** 0.85) if share < 1 else 0.12


def _heading(spine: list[Point], at: int) -> float:
    (ax, ay), (bx, by) = spine[max(at - 1, 0)], spine[min(at + 1, len(spine) - 1)]
    return math.atan2(by - ay, bx - ax)


def _side(spine: list[Point], at: int, away: float, along: float = 0.0) -> Point:
    (x, y), angle = spine[at], _heading(spine, at)
    return x + along * math.cos(angle) - away * math.sin(angle), y + along * math.sin(angle) + away * math.cos(angle)


def _around(spine: list[Point], long: float) -> list[Point]:
    wide = [long * 0.105 * _girth(i / 14) for i in range(15)]
    left = [_side(spine, i, wide[i]) for i in range(15)]
    return smooth([*left, *(_side(spine, i, -wide[i]) for i in reversed(range(15)))], steps=4)


def _fins(canvas: Canvas, spine: list[Point], long: float, colour: Colour) -> None:
    for side in (-1, 1):
        tail = [
            spine[13],
            _side(spine, 14, side * long * 0.03, long * 0.05),
            _side(spine, 14, side * long * 0.13, long * 0.22),
            _side(spine, 14, side * long * 0.03, long * 0.13),
        ]
        fin = [
            _side(spine, 4, side * long * 0.08),
            _side(spine, 5, side * long * 0.2, long * 0.03),
            _side(spine, 6, side * long * 0.19, long * 0.05),
            _side(spine, 6, side * long * 0.08),
        ]
        canvas.fill(colour, smooth(tail), smooth(fin), opacity=0.7)


def _face(canvas: Canvas, spine: list[Point], long: float) -> None:
    eyes = [_side(spine, 1, side * long * 0.05) for side in (-1, 1)]
    canvas.fill((40, 34, 40), *(oval(x, y, long * 0.013, long * 0.013) for x, y in eyes))
    ridge = [spine[i] for i in range(5, 10)]
    canvas.fill((255, 255, 255), ribbon(ridge, long * 0.022, tip=0.2), opacity=0.35)


def _pad(canvas: Canvas, chance: Random, place: Point) -> None:
    (x, y), radius, turn = place, chance.uniform(70, 128) * canvas.unit, chance.uniform(0, 360)
    green: Colour = chance.choice(((92, 150, 96), (78, 136, 92), (116, 166, 100)))
    notch = math.radians(turn)
    leaf = [
        (x, y),
        *(
            (x + radius * math.cos(notch + a), y + radius * 0.95 * math.sin(notch + a))
            for a in (0.22 + 5.84 * i / 50 for i in range(51))
        ),
    ]
    canvas.fill(
        (4, 22, 34), [(p + 9 * canvas.unit, q + 16 * canvas.unit) for p, q in leaf], opacity=0.32, blur=6 * canvas.unit
    )
    canvas.fill(mix(green, (255, 255, 210), 0.18), leaf, fade=mix(green, (20, 60, 60), 0.2))
    veins = [
        ribbon(
            [(x, y), (x + radius * 0.86 * math.cos(notch + a), y + radius * 0.82 * math.sin(notch + a))],
            3 * canvas.unit,
            tip=0.2,
        )
        for a in (0.9, 1.8, 2.7, 3.6, 4.5, 5.4)
    ]
    canvas.fill(mix(green, (230, 244, 200), 0.5), *veins, opacity=0.5)
    if chance.random() < 0.4:  # noqa: PLR2004  some bloom
        _lotus(canvas, (x, y), radius * 0.5)


def _lotus(canvas: Canvas, centre: Point, size: float) -> None:
    for reach, colour in ((1.0, (240, 150, 178)), (0.72, (248, 190, 206)), (0.44, (253, 226, 232))):
        turns = [45 * i + 60 * reach for i in range(8)]
        petals = [
            oval(
                centre[0] + size * reach * 0.55 * math.sin(math.radians(t)),
                centre[1] - size * reach * 0.55 * math.cos(math.radians(t)),
                size * 0.2,
                size * reach * 0.5,
                t,
            )
            for t in turns
        ]
        canvas.fill(colour, *petals, opacity=0.95)
    canvas.fill((248, 204, 96), oval(*centre, size * 0.15, size * 0.15))
