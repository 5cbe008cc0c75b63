"""Says in words what can be seen on a picture: its shape and its main colours."""

import io
from collections.abc import Sequence

from PIL import Image

from wenwen_magic.text.i18n import is_chinese

LARGEST = 40_000_000
_COLOURS = {
    ("red", "红色"): (205, 60, 55),
    ("orange", "橙色"): (235, 150, 70),
    ("yellow", "黄色"): (240, 215, 100),
    ("green", "绿色"): (90, 150, 95),
    ("blue", "蓝色"): (85, 130, 195),
    ("purple", "紫色"): (130, 90, 160),
    ("pink", "粉色"): (240, 180, 190),
    ("brown", "棕色"): (130, 90, 60),
    ("white", "白色"): (245, 242, 235),
    ("grey", "灰色"): (140, 145, 150),
    ("black", "黑色"): (35, 35, 40),
}
_SHAPES = {1: ("landscape", "横幅"), 0: ("square", "方形"), -1: ("portrait", "竖幅")}


def describe(question: str, pictures: Sequence[bytes]) -> str:
    """Describe pictures in the question's language, as Markdown: a list, a line each.

    Args:
        question: what was asked.
        pictures: files.

    Raises:
        ValueError: one is not a picture, or is larger than 40 million pixels.
    """
    chinese = is_chinese(question)
    lines = [_line(number, file, chinese=chinese) for number, file in enumerate(pictures, 1)]
    head = (
        "图片内容（演示服务只看颜色和形状）：" if chinese else "What is there (the demo sees colours and shapes only):"
    )
    return "\n".join([head, "", *lines])


def _line(number: int, file: bytes, *, chinese: bool) -> str:
    try:
        with Image.open(io.BytesIO(file)) as picture:
            if picture.width * picture.height > LARGEST:
                raise ValueError("image is too large")
            size, small = picture.size, picture.convert("RGB").resize((24, 24))
    except OSError as problem:
        raise ValueError("invalid image data") from problem
    shape = _SHAPES[(size[0] > size[1]) - (size[0] < size[1])][chinese]
    colours = [names[chinese] for names in _main(small)]
    if chinese:
        return f"- **第 {number} 张**：{shape}，{size[0]}×{size[1]} 像素，以{'、'.join(colours)}为主"
    return f"- **Picture {number}**: {shape}, {size[0]}×{size[1]} pixels, mostly {' and '.join(colours)}"


def _main(picture: Image.Image) -> list[tuple[str, str]]:
    """The two colours that most of a picture's pixels are nearest to."""
    counts = dict.fromkeys(_COLOURS, 0)
    data = picture.tobytes()
    for place in range(0, len(data), 3):
        counts[
            min(
                _COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(_COLOURS[name], data[place:], strict=False))
            )
        ] += 1
    return sorted(counts, key=lambda name: -counts[name])[:2]
