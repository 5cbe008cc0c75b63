"""Paints the land: hills, mountains, woods and dunes, far and near."""

import math
from itertools import pairwise
from random import Random

from wenwen_magic.demo.canvas import Canvas, Colour, Outline, Point, mix, oval, ribbon
from wenwen_magic.demo.plan import Plan
from wenwen_magic.demo.town import paint_town

_LAYERS = 4


def paint_land(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    """Paint the land of the plan's backdrop, the far parts first.

    Args:
        canvas: where.
        plan: what.
        chance: decides the shapes.
        horizon: pixels from the top.
    """
    {"mountain": _mountains, "forest": _woods, "city": paint_town, "desert": _dunes}.get(plan.backdrop, _hills)(
        canvas, plan, chance, horizon
    )


def ground(canvas: Canvas, plan: Plan, chance: Random, top: float) -> None:
    """Paint the land at one's feet.

    Args:
        canvas: where.
        plan: what.
        chance: decides its shape.
        top: where it begins, pixels from the top.
    """
    near = mix(plan.palette.near, plan.palette.far, 0.12)
    line = wave(canvas, chance, top, 16 * canvas.unit)
    canvas.fill(near, line, fade=mix(plan.palette.near, (0, 0, 0), 0.0 if "winter" in plan.words else 0.35))
    if "winter" not in plan.words and plan.backdrop != "desert":
        _grass(canvas, chance, line, mix(near, plan.palette.far, 0.16))


def wave(canvas: Canvas, chance: Random, base: float, height: float) -> list[Point]:
    """Outline rolling land down to the canvas's lower edge.

    Args:
        canvas: what it spans.
        chance: decides its shape.
        base: its middle height, pixels from the top.
        height: how far it rises and falls, in pixels.
    """
    parts = [(chance.uniform(0.5, 1.1) * n, chance.uniform(0, math.tau), 1 / n) for n in (1, 2, 4)]
    step = canvas.width / 90
    top = [
        (i * step, base - height * sum(a * math.sin(math.tau * f * i / 90 + p) for f, p, a in parts)) for i in range(92)
    ]
    return [*top, (canvas.width + step, canvas.height), (0, canvas.height)]


def _tone(plan: Plan, share: float) -> Colour:
    return mix(mix(plan.palette.far, plan.palette.sky[-1], 0.25), plan.palette.near, share**1.25)


def _layer(canvas: Canvas, plan: Plan, outline: Outline, share: float) -> None:
    colour = _tone(plan, share)
    canvas.fill(colour, outline, fade=mix(colour, plan.palette.sky[-1], 0.5 * (1 - share)))


def _hills(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    step = (canvas.height - horizon + 20 * canvas.unit) / (_LAYERS + 0.6)
    for i in range(_LAYERS + 1):
        share = i / (_LAYERS + 0.6)
        line = wave(canvas, chance, horizon - 100 * canvas.unit + step * i, (52 - 6 * i) * canvas.unit)
        _layer(canvas, plan, line, share)
        if i:
            _trees_along(canvas, plan, chance, line, share)


def _trees_along(canvas: Canvas, plan: Plan, chance: Random, line: Outline, share: float) -> None:
    spots = [line[chance.randint(2, 86)] for _ in range(chance.randint(3, 7))]
    size = (16 + 34 * share) * canvas.unit
    dark = mix(_tone(plan, share), mix(plan.palette.near, (20, 30, 40), 0.35), 0.45)
    for x, y in spots:
        high = size * chance.uniform(0.8, 1.5)
        canvas.fill(
            dark,
            _pine((x, y + 4 * canvas.unit), high)
            if chance.random() < share
            else oval(x, y - high * 0.4, high * 0.36, high * 0.5),
        )


def _pine(foot: Point, high: float) -> list[Point]:
    x, y = foot
    right = [
        (x + high * w, y - high * h)
        for w, h in (
            (0.0, 1.0),
            (0.13, 0.68),
            (0.07, 0.68),
            (0.19, 0.38),
            (0.1, 0.38),
            (0.25, 0.06),
            (0.04, 0.06),
            (0.04, 0.0),
        )
    ]
    return [*right, *((2 * x - p, q) for p, q in reversed(right))]


def _mountains(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    winter = "winter" in plan.words
    for i in range(3):
        share = 0.12 + i * 0.24
        peaks = _peaks(canvas, chance, horizon, (350 - 92 * i) * canvas.unit)
        rock = mix(_tone(plan, share), (84, 112, 146), 0.3 + 0.15 * i if winter else 0.0)
        canvas.fill(
            rock, [(0, canvas.height), *peaks, (canvas.width, canvas.height)], fade=mix(rock, plan.palette.sky[-1], 0.5)
        )
        if i < 2 or winter:  # noqa: PLR2004  the two ranges behind
            _snow(canvas, plan, peaks, horizon, 0.5)
    for i in range(2):
        _layer(
            canvas, plan, wave(canvas, chance, horizon - (20 - 26 * i) * canvas.unit, 22 * canvas.unit), 0.66 + 0.16 * i
        )


def _peaks(canvas: Canvas, chance: Random, horizon: float, high: float) -> list[Point]:
    count = max(2, round(canvas.width / canvas.unit / chance.uniform(260, 420)))
    line = [
        (i + chance.uniform(-0.3, 0.3), chance.uniform(0.05, 0.3) if i % 2 == 0 else chance.uniform(0.5, 1.0))
        for i in range(-1, 2 * count + 3)
    ]
    for _ in range(4):
        between = [
            ((ax + bx) / 2, (ay + by) / 2 + chance.uniform(-0.16, 0.16) * abs(ay - by))
            for (ax, ay), (bx, by) in pairwise(line)
        ]
        line = [*(point for pair in zip(line, between, strict=False) for point in pair), line[-1]]
    step, shift = canvas.width / (2 * count), chance.uniform(0, 1)
    return [((x - shift) * step, horizon - high * y) for x, y in line]


def _snow(canvas: Canvas, plan: Plan, peaks: Outline, horizon: float, share: float) -> None:
    line = horizon - (horizon - min(y for _, y in peaks)) * share
    caps: list[list[Point]] = [[]]
    for point in peaks:
        if point[1] < line:
            caps[-1].append(point)
        elif caps[-1]:
            caps.append([])
    snow = [[*cap, *reversed([_melt(place, i, line) for i, place in enumerate(cap)])] for cap in caps if len(cap) > 1]
    canvas.fill(mix(plan.palette.sky[-1], (255, 255, 255), 0.6), *snow, opacity=0.85)


def _melt(place: Point, count: int, line: float) -> Point:
    x, y = place
    return x, y + (line - y) * (0.95 if count % 3 == 0 else 0.55)


def _woods(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    for i in range(_LAYERS + 1):
        share = i / (_LAYERS + 0.6)
        line = wave(canvas, chance, horizon - (80 - 74 * i) * canvas.unit, 18 * canvas.unit)
        high = (130 + 38 * i) * canvas.unit
        pines = [_pine((x, y + high * 0.3), high * chance.uniform(0.6, 1.2)) for x, y in line[: -2 : 2 + i // 2]]
        leaves = mix(_tone(plan, share), (26, 44, 60), 0.5 * share) if "winter" in plan.words else _tone(plan, share)
        canvas.fill(leaves, *pines, fade=mix(leaves, plan.palette.sky[-1], 0.35 * (1 - share)))
        _layer(canvas, plan, line, share)


def _dunes(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    sand = mix(plan.palette.far, (236, 170, 96), 0.7)
    for i in range(_LAYERS + 1):
        base = horizon - (60 - 82 * i) * canvas.unit
        line = wave(canvas, chance, base, (30 + 6 * i) * canvas.unit)
        colour = mix(mix(sand, plan.palette.sky[-1], 0.4), mix(plan.palette.near, sand, 0.4), i / _LAYERS)
        canvas.fill(mix(colour, plan.palette.light, 0.22), line, fade=mix(colour, plan.palette.near, 0.25))
        shade = [(x, y + (10 + 26 * abs(math.sin(x / canvas.width * 5 + i))) * canvas.unit) for x, y in line[:-2]]
        canvas.fill(
            mix(colour, plan.palette.near, 0.22),
            [*shade, (canvas.width, canvas.height), (0, canvas.height)],
            opacity=0.55,
        )


def _grass(canvas: Canvas, chance: Random, line: Outline, colour: Colour) -> None:
    blades = []
    for _ in range(110):
        x, y = line[chance.randint(0, 90)]
        x += chance.uniform(-0.5, 0.5) * canvas.width / 90
        high, lean = chance.uniform(4, 15) * (1 + chance.random()) * canvas.unit, chance.uniform(-7, 7) * canvas.unit
        blades.append(
            ribbon(
                [(x, y + 8 * canvas.unit), (x + lean * 0.4, y - high * 0.5), (x + lean, y - high)],
                3.4 * canvas.unit,
                tip=0.1,
            )
        )
    canvas.fill(colour, *blades, opacity=0.8)
