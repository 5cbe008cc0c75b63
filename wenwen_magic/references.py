"""Turns what a person points at (a path, an address, a picture, an earlier result) into a reference picture."""

import base64
import hashlib
import io
from pathlib import Path
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.language import say
from wenwen_magic.records import Gallery, GeneratedImage, Generation, Reference

LARGEST = 20 << 20
"""Bytes of a reference picture that are sent at most: the relay's own limit for uploads is not told on its pages."""
# Relays of the family take these three and refuse others (not seen on wenwen's pages).
_TYPES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


def reference(value: Any, label: str = "") -> Reference:
    """Make a reference of a Generation, GeneratedImage, path, ``http(s)`` address, bytes, PIL image or numpy array.

    Args:
        value: the thing.
        label: what the user called it.

    Raises:
        ConfigError: it is no picture, is not of type PNG, JPEG or WebP, or is larger than 20 MiB.
    """
    if isinstance(value, Reference):
        return value
    if isinstance(value, str) and value.lower().startswith(("http://", "https://")):
        return _of_address(value, label or value)
    return _of_bytes(_bytes_of(value, label), label or getattr(value, "id", type(value).__name__))


def _bytes_of(value: Any, label: str) -> bytes:
    if isinstance(value, (Generation, Gallery)):
        if not value.images:
            raise _not_a_picture(label, say("it holds no picture", "其中没有图片"))
        return value.images[0].data
    if isinstance(value, GeneratedImage):
        return value.data
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, (str, Path)):
        return _read(Path(value).expanduser())
    return _encoded(value, label)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _not_a_picture(str(path), str(error.strerror)) from None


def _encoded(value: Any, label: str) -> bytes:
    """A PIL image, or an array of rows x columns (x channels) of unsigned bytes, as PNG."""
    if hasattr(value, "__array_interface__") and not hasattr(value, "save"):
        from PIL import Image  # noqa: PLC0415  a door: Pillow is loaded for those who have arrays

        try:
            value = Image.fromarray(value)
        except TypeError as error:
            raise _not_a_picture(label, str(error)) from None
    if not hasattr(value, "save"):
        raise _not_a_picture(label, type(value).__name__)
    file = io.BytesIO()
    value.save(file, format="PNG")
    return file.getvalue()


def _type_of(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for start, mime in _TYPES if data.startswith(start)), "")


def _of_bytes(data: bytes, label: str) -> Reference:
    mime = _type_of(data)
    if not mime:
        raise _not_a_picture(label, say("only PNG, JPEG and WebP can be sent", "只能发送 PNG、JPEG 和 WebP"))
    if len(data) > LARGEST:
        raise _not_a_picture(label, say(f"it is larger than {LARGEST >> 20} MiB", f"大于 {LARGEST >> 20} MiB"))
    return _of_address(f"data:{mime};base64,{base64.b64encode(data).decode()}", label)


def _of_address(address: str, label: str) -> Reference:
    return Reference(address, hashlib.sha256(address.encode()).hexdigest(), label)


def _not_a_picture(label: str, why: str) -> ConfigError:
    return ConfigError(
        say(f"The reference {label} cannot be used.", f"参考图片 {label} 无法使用。"),
        why=why,
        do=say(
            "Give a variable with a picture, a path, or an https address: --ref cat.png",
            "请给出含图片的变量、文件路径或 https 地址：--ref cat.png",
        ),
    )
