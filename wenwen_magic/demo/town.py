"""Paints a town: rows of buildings with lit windows."""

from random import Random

from wenwen_magic.demo.canvas import Canvas, Point, mix
from wenwen_magic.demo.plan import Plan


def paint_town(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    """Paint three rows of buildings that stand on the horizon.

    Args:
        canvas: where.
        plan: what.
        chance: decides the buildings.
        horizon: pixels from the top.
    """
    for i in range(3):
        share = 0.2 + 0.32 * i
        colour = mix(mix(plan.palette.far, plan.palette.sky[-1], 0.2), mix(plan.palette.near, (30, 40, 62), 0.6), share)
        blocks = _blocks(canvas, chance, horizon, (400 - 70 * i) * canvas.unit)
        canvas.fill(colour, *blocks, fade=mix(colour, plan.palette.sky[-1], 0.4 * (1 - share)))
        if i:
            _windows(canvas, plan, chance, blocks, horizon)


def _blocks(canvas: Canvas, chance: Random, horizon: float, high: float) -> list[list[Point]]:
    blocks, x = [], -20 * canvas.unit
    while x < canvas.width:
        wide, top = chance.uniform(46, 104) * canvas.unit, horizon - high * chance.uniform(0.25, 1.0)
        left, right, roof = x, x + wide, chance.choice((0.0, 0.0, 0.0, 0.3, 0.6))
        spire = [(left, top), (x + wide / 2, top - wide * roof), (right, top)]
        if chance.random() < 0.18:  # noqa: PLR2004  some wear an antenna
            spire = [
                (left, top),
                (x + wide * 0.47, top),
                (x + wide / 2, top - wide),
                (x + wide * 0.53, top),
                (right, top),
            ]
        blocks.append([(left, horizon + 2), *spire, (right, horizon + 2)])
        x += wide * chance.uniform(0.8, 1.15)
    return blocks


def _windows(canvas: Canvas, plan: Plan, chance: Random, blocks: list[list[Point]], horizon: float) -> None:
    lit, wide, high, gap = [], 6.5 * canvas.unit, 9 * canvas.unit, 19 * canvas.unit
    share = 0.42 if plan.palette.dark else 0.24
    for block in blocks:
        left, right, top = block[0][0], block[-1][0], block[1][1]
        across = int((right - left - gap) / gap) + 1
        margin = (right - left - (across - 1) * gap - wide) / 2
        for row in range(int((horizon - top) / (gap * 1.25)) - 1):
            spots = [left + margin + gap * i for i in range(across) if chance.random() < share]
            y = top + gap * (0.8 + 1.25 * row)
            lit += [[(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)] for x in spots]
    canvas.fill(mix(plan.palette.accent, (255, 236, 170), 0.6), *lit, opacity=0.9)
