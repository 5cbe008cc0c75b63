"""Paints the water that mirrors what is above it."""

import math
from random import Random

from PIL import Image, ImageOps

from wenwen_magic.demo.canvas import Canvas, Point, gradient, mix, oval
from wenwen_magic.demo.plan import Plan


def paint_water(canvas: Canvas, plan: Plan, chance: Random, horizon: float, light: Point) -> None:
    """Mirror what is above the horizon in rippled water below it.

    Args:
        canvas: with the land painted.
        plan: what.
        chance: decides the ripples.
        horizon: pixels from the top.
        light: centre of the sun or moon, pixels.
    """
    top, deep = round(horizon), canvas.height - round(horizon)
    mirror = ImageOps.flip(canvas.picture.crop((0, max(0, top - deep), canvas.width, top))).resize((canvas.width, deep))
    water = Image.new("RGB", (canvas.width, deep))
    for y in range(0, deep, 2):
        shift = round(math.sin(y / (5 + y / 26) + chance.uniform(-0.4, 0.4)) * (1 + y / 60) * canvas.unit)
        water.paste(mirror.crop((0, y, canvas.width, y + 2)), (shift, y))
        water.paste(mirror.crop((0, y, abs(shift) + 1, y + 2)), (0 if shift > 0 else canvas.width - abs(shift) - 1, y))
    tint = gradient(
        (mix(plan.palette.sky[-1], plan.palette.far, 0.5), mix(plan.palette.sky[0], plan.palette.near, 0.55)),
        canvas.width,
        deep,
    )
    canvas.picture.paste(Image.blend(water, tint, 0.42), (0, top))
    _glints(canvas, plan, chance, horizon, light[0])


def _glints(canvas: Canvas, plan: Plan, chance: Random, horizon: float, x: float) -> None:
    deep = canvas.height - horizon
    path, calm = [], []
    for _ in range(46):
        down = chance.random() ** 1.4
        path.append(
            oval(
                x + chance.gauss(0, 26 + 60 * down) * canvas.unit,
                horizon + 6 + deep * down,
                (14 + 30 * down) * canvas.unit,
                (1.2 + 2 * down) * canvas.unit,
            )
        )
    for _ in range(40):
        down = chance.random()
        calm.append(
            oval(
                chance.uniform(0, canvas.width),
                horizon + deep * down,
                (20 + 70 * down) * canvas.unit,
                (0.8 + 1.1 * down) * canvas.unit,
            )
        )
    canvas.fill(plan.palette.light, *path, opacity=0.6)
    canvas.fill(mix(plan.palette.sky[-1], (255, 255, 255), 0.3), *calm, opacity=0.22)
