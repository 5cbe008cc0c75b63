"""Makes a request of the recipe that a picture's file carries along; the pictures it started from are only named."""

from pathlib import Path

from wenwen_magic.errors import ConfigError
from wenwen_magic.media import metadata
from wenwen_magic.records import ImageRequest, Reference
from wenwen_magic.text.i18n import say


def read(path: Path, limit: int) -> ImageRequest:
    """The request in a file; its reference pictures have names and nothing else.

    Args:
        path: the picture's file.
        limit: bytes of it that are looked at.

    Raises:
        ConfigError: there is no recipe, it could not be asked for, or it started from pictures without names.
    """
    with path.open("rb") as file:
        recipe = metadata.read(file.read(limit))
    if recipe is None:
        raise ConfigError(
            say(f"{path.name} holds no recipe.", f"{path.name} 中没有作图信息。"),
            do=say("image.save(path, recipe=True) writes one.", "image.save(path, recipe=True) 会写入。"),
        )
    named = [_named(str(name)) for name in recipe.pop("references", ())]
    mask = _named(recipe.pop("mask")) if "mask" in recipe else None
    if any(not one.label for one in (*named, *([mask] if mask else []))):
        raise _nameless(str(recipe["prompt"]))
    return ImageRequest(**recipe, references=tuple(named), mask=mask)


def _named(name: str) -> Reference:
    return Reference(name, name, name)


def _nameless(prompt: str) -> ConfigError:
    return ConfigError(
        say("The picture was made from others that have no name.", "这张图片由没有名称的其他图片生成。"),
        why=say("They are not in the file.", "文件中不含这些图片。"),
        do=say("Write the cell yourself, with --ref for each: ", "请自己写单元格，用 --ref 给出每一张：")
        + prompt[:200],
    )


def needed(request: ImageRequest) -> str:
    """Which pictures have to be given before the cell of a recipe can be run; empty for none."""
    words = [f"--ref {one.label}" for one in request.references]
    words += [f"--mask {request.mask.label}"] if request.mask else []
    if not words:
        return ""
    return say(
        f" It starts from pictures that are not in the file: {', '.join(words)}. "
        "Before you run it, have them under these names, or name others.",
        f"它用到文件中没有的图片：{'，'.join(words)}。运行之前请准备好这些名称的图片，或改用其他图片。",
    )
