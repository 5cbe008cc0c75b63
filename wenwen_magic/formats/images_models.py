"""Knows what models of the images paths take, as far as that is known before anything is sent and paid.

Source: OpenAI's limits, and for dall-e's sizes new-api's, which answers HTTP 500 to any other (not seen on wenwen's
pages); the longest prompt, and what dall-e-2 changes, from wenwen's pages 修改图片(images). Of a model with another
name only what holds for all is checked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.request import ImageRequest
from wenwen_magic.text.i18n import say

LONGEST = 32_000
"""Characters of a prompt (wenwen's page 修改图片(images), gpt-image-1)."""
_WHOLE_NUMBERS = {"n": (1, 10), "output_compression": (0, 100), "partial_images": (0, 3)}


@dataclass(frozen=True)
class Family:
    """What models whose names begin alike take, as far as it is known before anything is sent.

    Args:
        shapes: the size for each orientation; the usual ones of gpt-image.
        sizes: the only sizes taken; empty for any of the form.
        form: what a size must look like.
        step: pixels that width and height must be a multiple of.
        longest: characters of a prompt.
        most: pictures of one request.
        words: the values that a param may have; none at all where the model refuses it.
        streams: whether an answer may be asked for as a stream.
        one_square: whether only one square PNG of less than 4 MB may be changed.
    """

    shapes: Mapping[str, str] = field(
        default_factory=lambda: {"square": "1024x1024", "landscape": "1536x1024", "portrait": "1024x1536"}
    )
    sizes: tuple[str, ...] = ()
    form: str = r"(?s).+"
    step: int = 1
    longest: int = LONGEST
    most: int = 10
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    streams: bool = True
    one_square: bool = False


_GPT_WORDS = {
    "quality": ("low", "medium", "high", "auto"),
    "background": ("transparent", "opaque", "auto"),
    "output_format": ("png", "jpeg", "webp"),
    "moderation": ("low", "auto"),
    "input_fidelity": ("low", "high"),
    "response_format": (),
    "style": (),
}
_DALL_E_3 = {"square": "1024x1024", "landscape": "1792x1024", "portrait": "1024x1792"}
_RESPONSES = ("url", "b64_json")
# The first whose name a model's name begins with. dall-e's sizes: new-api answers HTTP 500 to any other.
FAMILIES = {
    "dall-e-3": Family(
        _DALL_E_3,
        tuple(_DALL_E_3.values()),
        longest=4000,
        most=1,
        words={"quality": ("standard", "hd"), "style": ("vivid", "natural"), "response_format": _RESPONSES},
        streams=False,
    ),
    "dall-e": Family(
        {"square": "1024x1024"},
        ("256x256", "512x512", "1024x1024"),
        longest=1000,
        words={"quality": ("standard",), "style": (), "response_format": _RESPONSES},
        streams=False,
        one_square=True,
    ),
    "gpt-image-2": Family(form=r"[1-9]\d*x[1-9]\d*|auto", step=16, words=_GPT_WORDS),
    "gpt-image": Family(form=r"[1-9]\d*x[1-9]\d*|auto", words=_GPT_WORDS),
    "": Family(words={"response_format": _RESPONSES}),
}


def family_of(model: str) -> Family:
    """What is known of a model by its name; of an unknown one what holds for all."""
    name = model.lower().rpartition("/")[2]
    return next(family for start, family in FAMILIES.items() if name.startswith(start))


def checked_size(request: ImageRequest) -> str:
    """Check prompt and params; gives the size that the orientation means for the model, empty where none is to be sent.

    Raises:
        ConfigError: something that the model or the relay is known to refuse.
    """
    family = family_of(request.model)
    _check_prompt(request, family)
    _check_params(request, family)
    return _size_for(request, family)


def _check_prompt(request: ImageRequest, family: Family) -> None:
    if len(request.prompt) > family.longest:
        raise ConfigError(
            say(
                f"The prompt is too long for {request.model}: {len(request.prompt)} characters.",
                f"提示词对 {request.model} 太长：{len(request.prompt)} 个字符。",
            ),
            do=say(f"At most {family.longest} are taken.", f"最多 {family.longest} 个字符。"),
        )


def _check_params(request: ImageRequest, family: Family) -> None:
    """What cannot be is said here, for free, and not by an endpoint that may count it as a fault of its own."""
    for name, value in request.params.items():
        if name in _WHOLE_NUMBERS:
            low, high = _WHOLE_NUMBERS[name]
            _check_number(name, value, low, min(high, family.most) if name == "n" else high)
        elif name == "size":
            _check_size(request.model, value, family)
        elif name in family.words and value not in family.words[name]:
            raise _not_taken(request.model, name, value, family.words[name])
    _check_pairs(request, family)


def _check_number(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        several = (
            say(" Several pictures of one prompt: -n", " 同一提示词画多张：-n") if name == "n" and high == 1 else ""
        )
        raise ConfigError(
            say(f"{name}={value!s:.80} cannot be.", f"{name}={value!s:.80} 不行。"),
            do=say(f"A whole number from {low} to {high}.", f"应为 {low} 到 {high} 的整数。") + several,
        )


def _check_size(model: str, value: Any, family: Family) -> None:
    if isinstance(value, str) and "×" in value:
        raise ConfigError(
            say("A size is written with the letter x.", "尺寸要用字母 x 书写。"),
            do=f"--param size={value.replace('×', 'x').replace(' ', '')}",
        )
    if not isinstance(value, str) or not re.fullmatch(family.form, value):
        raise _not_taken(model, "size", value, family.sizes or ("1024x1024",))
    if family.sizes and value not in family.sizes:
        raise _not_taken(model, "size", value, family.sizes)
    if any(int(side) % family.step for side in re.findall(r"\d+", value) if family.step > 1):
        raise ConfigError(
            say(f"{model} draws no picture of {value}.", f"{model} 画不了 {value}。"),
            do=say(f"Width and height in steps of {family.step} pixels.", f"宽和高应为 {family.step} 的倍数。"),
        )


def _not_taken(model: str, name: str, value: Any, known: tuple[str, ...]) -> ConfigError:
    if not known:
        return ConfigError(
            say(f"{model} refuses {name}.", f"{model} 不接受 {name}。"),
            do=say(f"Leave --param {name} out.", f"请去掉 --param {name}。"),
        )
    return ConfigError(
        say(f"{model} takes no {name}={value!s:.80}.", f"{model} 不接受 {name}={value!s:.80}。"),
        do=say("Use one of: ", "可用：") + ", ".join(known),
    )


def _check_pairs(request: ImageRequest, family: Family) -> None:
    params = request.params
    if request.stream and not family.streams:
        raise ConfigError(
            say(f"{request.model} does not stream.", f"{request.model} 不支持流式返回。"),
            do=say("Leave --stream out.", "请去掉 --stream。"),
        )
    if "partial_images" in params and not request.stream:
        raise ConfigError(
            say("partial_images come in a stream only.", "partial_images 只在流式返回中有效。"),
            do=say("Add --stream.", "请加上 --stream。"),
        )
    if params.get("background") == "transparent" and params.get("output_format") == "jpeg":
        raise ConfigError(say("A JPEG cannot be transparent.", "JPEG 不能透明。"), do="--param output_format=png")


def _size_for(request: ImageRequest, family: Family) -> str:
    """The size that an orientation means for a model; empty for ``auto``, and where a param tells it."""
    if request.orientation == "auto" or "size" in request.params:
        return ""
    if request.orientation not in family.shapes:
        raise ConfigError(
            say(f"{request.model} draws squares only.", f"{request.model} 只能画方形。"),
            do=say("Use -o square, or another model (-m).", "请用 -o 方，或换一个模型 (-m)。"),
        )
    return family.shapes[request.orientation]
