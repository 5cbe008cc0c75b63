"""Draws the animals: cat, dog, fox, rabbit, panda, owl and bird."""

from collections.abc import Callable

from wenwen_magic.demo.canvas import Colour, Easel, mix, oval, path
from wenwen_magic.demo.faces import BLUSH, CREAM, INK, WHITE, both, cheeks, eyes, mouth, sitting, whiskers


def cat(easel: Easel, coat: Colour) -> None:
    """Draw a sitting cat."""
    light, shade = mix(coat, CREAM, 0.72), mix(coat, INK, 0.28)
    easel.line(
        mix(coat, INK, 0.1), [(0.15, -0.06), (0.34, -0.05), (0.43, -0.17), (0.38, -0.3), (0.42, -0.41)], 0.082, tip=0.75
    )
    sitting(easel, coat, light, light)
    easel.patch(coat, *both((-0.225, -0.7), (-0.235, -0.985), (-0.2, -0.98), (-0.065, -0.83)))
    easel.patch(mix(BLUSH, coat, 0.25), *both((-0.19, -0.78), (-0.2, -0.92), (-0.09, -0.84)))
    easel.patch(coat, oval(0, -0.69, 0.245, 0.19), fade=mix(coat, WHITE, 0.12))
    easel.blob(light, [(0, -0.62), (-0.09, -0.61), (-0.1, -0.545), (0, -0.505), (0.1, -0.545), (0.09, -0.61)])
    for x, long in ((-0.06, 0.07), (0, 0.1), (0.06, 0.07)):
        easel.line(shade, [(x, -0.87), (x * 0.8, -0.87 + long)], 0.024, tip=0.4)
    for side in (-1, 1):
        easel.line(shade, [(side * 0.235, -0.22), (side * 0.16, -0.2)], 0.024, tip=0.3)
        easel.line(shade, [(side * 0.225, -0.3), (side * 0.16, -0.28)], 0.024, tip=0.3)
    eyes(easel, -0.695, 0.105, 0.038)
    easel.patch((206, 104, 104), [(-0.024, -0.627), (0.024, -0.627), (0, -0.6)])
    mouth(easel, -0.602, 0.05)
    cheeks(easel, -0.625, 0.165)
    whiskers(easel, -0.61, mix(light, WHITE, 0.4))


def dog(easel: Easel, coat: Colour) -> None:
    """Draw a sitting dog."""
    light, ears = mix(coat, CREAM, 0.8), mix(coat, INK, 0.38)
    easel.line(coat, [(0.18, -0.1), (0.32, -0.17), (0.36, -0.33)], 0.075, tip=0.5)
    sitting(easel, coat, light, light)
    easel.patch(coat, oval(0, -0.71, 0.225, 0.215), fade=mix(coat, WHITE, 0.1))
    easel.blob(
        light,
        path("0,-0.9 -0.05,-0.78 -0.06,-0.7 -0.13,-0.62 -0.1,-0.53 0,-0.5 0.1,-0.53 0.13,-0.62 0.06,-0.7 0.05,-0.78"),
    )
    easel.blob(
        ears, *both((-0.13, -0.89), (-0.24, -0.86), (-0.31, -0.7), (-0.3, -0.54), (-0.23, -0.52), (-0.19, -0.66))
    )
    eyes(easel, -0.72, 0.11, 0.034)
    easel.blob((226, 110, 118), [(-0.04, -0.555), (0.04, -0.555), (0.036, -0.49), (0, -0.465), (-0.036, -0.49)])
    easel.blob(INK, [(-0.055, -0.655), (0, -0.665), (0.055, -0.655), (0.03, -0.61), (0, -0.595), (-0.03, -0.61)])
    mouth(easel, -0.6, 0.07)
    scarf = (206, 78, 72) if coat[2] < coat[0] else (240, 180, 80)
    easel.blob(scarf, [(-0.17, -0.5), (0, -0.46), (0.17, -0.5), (0.18, -0.44), (0, -0.39), (-0.18, -0.44)])
    easel.patch((245, 205, 110), oval(0, -0.395, 0.03, 0.03))


def fox(easel: Easel, coat: Colour) -> None:
    """Draw a sitting fox."""
    dark = mix(coat, INK, 0.75)
    tail = path("0.12,-0.05 0.3,-0.02 0.47,-0.12 0.49,-0.3 0.42,-0.47 0.34,-0.36 0.3,-0.22 0.2,-0.14")
    easel.blob(mix(coat, INK, 0.08), tail, fade=mix(coat, INK, 0.2))
    easel.blob(CREAM, [(0.42, -0.48), (0.355, -0.37), (0.4, -0.35), (0.43, -0.3), (0.465, -0.34), (0.485, -0.36)])
    sitting(easel, coat, CREAM, dark)
    easel.patch(coat, *both((-0.225, -0.7), (-0.25, -1.0), (-0.03, -0.83)))
    easel.patch(dark, *both((-0.236, -0.86), (-0.25, -1.0), (-0.145, -0.92)))
    easel.patch(CREAM, *both((-0.175, -0.78), (-0.19, -0.87), (-0.09, -0.82)))
    face = path(
        "0,-0.86 -0.16,-0.83 -0.235,-0.71 -0.29,-0.6 -0.15,-0.555 0,-0.475 0.15,-0.555 0.29,-0.6 0.235,-0.71 0.16,-0.83"
    )
    easel.blob(coat, face, fade=mix(coat, WHITE, 0.1))
    easel.blob(CREAM, *both((-0.02, -0.6), (-0.09, -0.67), (-0.19, -0.66), (-0.28, -0.6), (-0.15, -0.555), (0, -0.48)))
    easel.blob(coat, [(0, -0.72), (-0.045, -0.66), (-0.03, -0.56), (0, -0.53), (0.03, -0.56), (0.045, -0.66)])
    eyes(easel, -0.69, 0.115, 0.03)
    easel.patch(INK, oval(0, -0.5, 0.034, 0.026))


def rabbit(easel: Easel, coat: Colour) -> None:
    """Draw a sitting rabbit."""
    light = mix(coat, WHITE, 0.6)
    easel.patch(WHITE, oval(0.25, -0.09, 0.075, 0.07))
    sitting(easel, coat, light, light)
    for turn, x in ((-9, -0.105), (12, 0.115)):
        easel.patch(coat, oval(x, -0.84, 0.062, 0.175, turn))
        easel.patch(mix(BLUSH, coat, 0.2), oval(x, -0.83, 0.032, 0.13, turn))
    easel.patch(coat, oval(0, -0.605, 0.2, 0.165), fade=mix(coat, WHITE, 0.2))
    easel.patch(light, oval(-0.05, -0.535, 0.06, 0.045), oval(0.05, -0.535, 0.06, 0.045))
    eyes(easel, -0.625, 0.1, 0.034)
    easel.patch((214, 112, 116), oval(0, -0.565, 0.022, 0.015))
    mouth(easel, -0.552, 0.04)
    cheeks(easel, -0.56, 0.14)


def panda(easel: Easel, coat: Colour) -> None:
    """Draw a sitting panda with a stalk of bamboo."""
    dark, light = mix(INK, (20, 26, 34), 0.4), mix(coat, WHITE, 0.75)
    easel.blob(
        light,
        [(-0.18, -0.52), (-0.3, -0.26), (-0.24, -0.02), (0.24, -0.02), (0.3, -0.26), (0.18, -0.52)],
        fade=mix(light, INK, 0.12),
    )
    easel.blob(dark, [(-0.2, -0.53), (0.2, -0.53), (0.24, -0.42), (0, -0.36), (-0.24, -0.42)])
    easel.blob(dark, *both((-0.23, -0.48), (-0.33, -0.3), (-0.24, -0.18), (-0.15, -0.24), (-0.2, -0.36)))
    easel.patch(dark, oval(-0.19, -0.07, 0.115, 0.085), oval(0.19, -0.07, 0.115, 0.085))
    easel.patch(dark, oval(-0.2, -0.89, 0.082, 0.08), oval(0.2, -0.89, 0.082, 0.08))
    easel.patch(light, oval(0, -0.7, 0.26, 0.215), fade=mix(light, INK, 0.06))
    easel.patch(dark, oval(-0.105, -0.7, 0.058, 0.072, 28), oval(0.105, -0.7, 0.058, 0.072, -28))
    easel.patch(WHITE, oval(-0.095, -0.71, 0.024, 0.026), oval(0.095, -0.71, 0.024, 0.026))
    easel.patch(
        INK, oval(-0.092, -0.708, 0.015, 0.017), oval(0.092, -0.708, 0.015, 0.017), oval(0, -0.615, 0.034, 0.022)
    )
    mouth(easel, -0.6, 0.05)
    cheeks(easel, -0.61, 0.18)
    green = (104, 158, 92)
    easel.line(green, [(0.12, -0.14), (0.24, -0.62)], 0.034)
    for x, y, turn in ((0.27, -0.55, -38), (0.16, -0.5, 40), (0.29, -0.66, -58), (0.2, -0.69, 12)):
        easel.patch(mix(green, (60, 120, 80), 0.4), oval(x, y, 0.022, 0.075, -turn))
    easel.patch(dark, oval(0.19, -0.28, 0.075, 0.06))


def owl(easel: Easel, coat: Colour) -> None:
    """Draw an owl."""
    light, dark = mix(coat, CREAM, 0.7), mix(coat, INK, 0.35)
    easel.blob(
        coat,
        path("0,-0.86 -0.2,-0.94 -0.25,-0.7 -0.27,-0.35 -0.15,-0.05 0.15,-0.05 0.27,-0.35 0.25,-0.7 0.2,-0.94"),
        fade=mix(coat, INK, 0.2),
    )
    easel.blob(light, [(0, -0.55), (-0.15, -0.45), (-0.16, -0.22), (0, -0.08), (0.16, -0.22), (0.15, -0.45)])
    for row, y in enumerate((-0.42, -0.33, -0.24)):
        for i in range(3 + row % 2):
            easel.patch(mix(coat, light, 0.4), oval((i - (2 + row % 2) / 2) * 0.085, y, 0.022, 0.026))
    easel.blob(dark, *both((-0.24, -0.6), (-0.33, -0.36), (-0.25, -0.12), (-0.17, -0.3)))
    easel.patch(light, oval(-0.105, -0.7, 0.12, 0.12), oval(0.105, -0.7, 0.12, 0.12))
    eyes(easel, -0.7, 0.1, 0.062)
    easel.patch(
        (238, 172, 76),
        [(-0.035, -0.645), (0.035, -0.645), (0, -0.565)],
        oval(-0.08, -0.03, 0.05, 0.024),
        oval(0.08, -0.03, 0.05, 0.024),
    )


def bird(easel: Easel, coat: Colour) -> None:
    """Draw a small bird in profile."""
    light, dark = mix(coat, CREAM, 0.75), mix(coat, INK, 0.42)
    easel.patch(dark, [(-0.22, -0.36), (-0.66, -0.2), (-0.62, -0.1), (-0.2, -0.22)])
    easel.line((196, 128, 70), [(-0.02, -0.14), (0, 0.0)], 0.022)
    easel.line((196, 128, 70), [(0.08, -0.14), (0.09, 0.0)], 0.022)
    body = path(
        "0.2,-0.9 0.07,-0.82 -0.08,-0.6 -0.32,-0.38 -0.3,-0.22 -0.06,-0.1 0.18,-0.16 0.32,-0.36 0.35,-0.6 0.34,-0.8"
    )
    easel.blob(coat, body, fade=mix(coat, INK, 0.08))
    easel.blob(
        light, [(0.3, -0.66), (0.2, -0.5), (0.05, -0.24), (-0.04, -0.13), (0.17, -0.17), (0.31, -0.36), (0.345, -0.56)]
    )
    easel.blob(
        dark,
        [(0.06, -0.6), (-0.12, -0.52), (-0.4, -0.28), (-0.52, -0.16), (-0.2, -0.2), (0.02, -0.3), (0.1, -0.46)],
        fade=mix(dark, INK, 0.2),
    )
    easel.patch((240, 168, 72), [(0.355, -0.76), (0.49, -0.7), (0.35, -0.66)])
    easel.patch(INK, oval(0.24, -0.74, 0.032, 0.034))
    easel.patch(WHITE, oval(0.25, -0.752, 0.011, 0.011))
    easel.patch(BLUSH, oval(0.22, -0.65, 0.04, 0.026), opacity=0.5)


ANIMALS: dict[str, tuple[Callable[[Easel, Colour], None], Colour]] = {
    "cat": (cat, (226, 148, 84)),
    "dog": (dog, (205, 152, 98)),
    "fox": (fox, (222, 104, 52)),
    "rabbit": (rabbit, (232, 222, 214)),
    "panda": (panda, (246, 244, 240)),
    "owl": (owl, (150, 112, 86)),
    "bird": (bird, (84, 140, 178)),
}
