"""Paints what is above: the sky, its light, stars, clouds, far birds, and what falls from it."""

import math
from random import Random

from wenwen_magic.demo.canvas import Canvas, Colour, Point, mix, oval, ribbon, smooth
from wenwen_magic.demo.plan import Plan

WHITE = (255, 255, 255)


def paint_sky(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> Point:
    """Paint everything above the horizon; gives the centre of the sun or moon.

    Args:
        canvas: where.
        plan: what.
        chance: decides the places.
        horizon: pixels from the top.
    """
    canvas.sky(plan.palette.sky, canvas.height)
    if plan.palette.dark:
        _stars(canvas, chance, horizon)
    if "aurora" in plan.words:
        _aurora(canvas, chance, horizon)
    light = _light(canvas, plan, chance, horizon)
    _clouds(canvas, plan, chance, horizon)
    if not plan.palette.dark and "winter" not in plan.words:
        _far_birds(canvas, plan, chance, horizon)
    return light


def _light(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> Point:
    colour, dark = plan.palette.light, plan.palette.dark
    large = 1.6 if "moon" in plan.words else 1.0
    radius = chance.uniform(64, 104) * canvas.unit * large * (0.8 if dark else 1.0)
    x = canvas.width * chance.choice((chance.uniform(0.24, 0.38), chance.uniform(0.62, 0.76)))
    y = horizon * (chance.uniform(0.28, 0.42) if dark else chance.uniform(0.4, 0.72))
    canvas.glow(x, y, radius * 6.5, mix(colour, plan.palette.sky[-1], 0.3), 0.55)
    canvas.glow(x, y, radius * 2.4, colour, 0.5)
    canvas.fill(colour, oval(x, y, radius, radius), fade=mix(colour, plan.palette.sky[-2], 0.25))
    if dark:
        _craters(canvas, chance, (x, y), radius, mix(colour, plan.palette.sky[1], 0.18))
    return x, y


def _craters(canvas: Canvas, chance: Random, centre: Point, radius: float, colour: Colour) -> None:
    for _ in range(5):
        angle, away = chance.uniform(0, math.tau), chance.uniform(0.1, 0.68) * radius
        size = chance.uniform(0.07, 0.2) * radius
        x, y = centre[0] + away * math.cos(angle), centre[1] + away * math.sin(angle)
        canvas.fill(colour, oval(x, y, size, size * 0.92), opacity=0.7, blur=canvas.unit)


def _stars(canvas: Canvas, chance: Random, horizon: float) -> None:
    for size, count in ((0.9, 110), (1.5, 46), (2.3, 14)):
        places = [(chance.uniform(0, canvas.width), horizon * chance.random() ** 1.5) for _ in range(count)]
        radius = size * canvas.unit
        canvas.fill(
            (255, 250, 230), *(oval(x, y, radius, radius)[::7] for x, y in places), opacity=chance.uniform(0.6, 0.9)
        )


def _aurora(canvas: Canvas, chance: Random, horizon: float) -> None:
    for i in range(3):
        y, phase = horizon * (0.25 + 0.15 * i), chance.uniform(0, math.tau)
        steps = [canvas.width * j / 12 for j in range(-1, 14)]
        line = [(x, y + 60 * canvas.unit * math.sin(phase + x / canvas.width * 5)) for x in steps]
        band = ribbon(smooth(line, closed=False), 130 * canvas.unit, tip=0.5)
        canvas.fill((150, 240, 190), band, fade=(60, 150, 160), opacity=0.3, blur=34 * canvas.unit)


def _clouds(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    colour = (
        mix(plan.palette.sky[-1], WHITE, 0.5)
        if not plan.palette.dark
        else mix(plan.palette.sky[1], plan.palette.sky[-1], 0.5)
    )
    for i in range(chance.randint(3, 5)):
        y = horizon * (0.12 + 0.17 * i + chance.uniform(-0.04, 0.04))
        width = chance.uniform(170, 360) * canvas.unit * (1 - 0.1 * i)
        _cloud(canvas, chance, (chance.uniform(0, canvas.width), y), width, colour)


def _cloud(canvas: Canvas, chance: Random, place: Point, width: float, colour: Colour) -> None:
    x, y = place
    puffs = []
    for share in (-0.72, -0.36, 0.0, 0.34, 0.66):
        size = width * (0.28 - 0.2 * abs(share)) * chance.uniform(0.75, 1.15)
        puffs.append([(p, min(q, y)) for p, q in oval(x + share * width * 0.62, y - size * 0.35, size * 1.25, size)])
    base = oval(x, y, width * 0.72, width * 0.045)
    canvas.fill(colour, *puffs, base, fade=colour, opacity=0.62, blur=2.2 * canvas.unit)
    canvas.fill(
        colour, oval(x + width * 0.3, y + width * 0.1, width * 0.5, width * 0.02), opacity=0.4, blur=3 * canvas.unit
    )


def _far_birds(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    ink = mix(plan.palette.near, plan.palette.sky[0], 0.25)
    x, y = canvas.width * chance.uniform(0.2, 0.7), horizon * chance.uniform(0.2, 0.4)
    for i in range(chance.randint(3, 5)):
        wing = chance.uniform(11, 17) * canvas.unit
        left = x + i * 34 * canvas.unit + chance.uniform(-8, 8) * canvas.unit
        top = y + chance.uniform(-30, 30) * canvas.unit
        for side in (-1, 1):
            line = [(left, top), (left + side * wing * 0.5, top - wing * 0.5), (left + side * wing, top - wing * 0.3)]
            canvas.fill(ink, ribbon(smooth(line, closed=False), 4 * canvas.unit, tip=0.2))


def paint_weather(canvas: Canvas, plan: Plan, chance: Random) -> None:
    """Let snow or rain fall over the finished picture, where the words speak of it."""
    if "winter" in plan.words:
        for size, count in ((2.0, 120), (3.6, 60), (6.0, 18)):
            flakes = [(chance.uniform(0, canvas.width), chance.uniform(0, canvas.height)) for _ in range(count)]
            radius = size * canvas.unit
            canvas.fill(WHITE, *(oval(x, y, radius, radius)[::4] for x, y in flakes), opacity=0.85)
    if "rain" in plan.words:
        drops = [(chance.uniform(0, canvas.width), chance.uniform(0, canvas.height)) for _ in range(150)]
        long = 34 * canvas.unit
        streaks = [ribbon([(x, y), (x - long * 0.22, y + long)], 1.8 * canvas.unit) for x, y in drops]
        canvas.fill(WHITE, *streaks, opacity=0.4)
