"""Turns what a person points at (a path, an address, a picture, an earlier result) into a reference picture."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wenwen_magic.errors import ConfigError, ImageError
from wenwen_magic.kinds import SENDABLE, data_uri, kind_of
from wenwen_magic.records import Gallery, GeneratedImage, Generation, Reference
from wenwen_magic.text.i18n import _

LARGEST_FILE = 100 << 20
"""Bytes of a file that is read at most; it may become smaller before it is sent."""
LARGEST = 20 << 20
"""Bytes of a reference picture that are sent at most: the relay's pages do not name its limit for uploads."""
LONGEST_NAME = 120
"""Characters of a label that are kept."""
_BYTES = ("|u1", "|b1")
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def reference(value: Any, label: str = "", *, convert: Callable[[bytes], bytes] | None = None) -> Reference:
    """Make a reference of a Generation, GeneratedImage, path, ``http(s)`` address, bytes, PIL image or numpy array.

    Args:
        value: the picture, or what leads to it.
        label: what the user called it.
        convert: makes a picture's bytes ones that a relay takes: checked, upright, without location data; raises
            ImageError. None sends them as they are.

    Raises:
        ConfigError: it is not a picture, is not of type PNG, JPEG or WebP, or is larger than 20 MiB.
    """
    if isinstance(value, Reference):
        return value
    if isinstance(value, str) and value.lower().startswith(("http://", "https://")):
        if "@" in value.partition("//")[2].partition("/")[0]:
            raise _not_a_picture(
                value.rpartition("@")[2][:LONGEST_NAME],
                _("its address carries a name or password"),
            )
        return Reference(value, _digest(value), label or value)
    label = _label(value, label)
    try:
        data = _bytes_of(value, label)
        data = convert(data) if convert else data
    except ImageError as error:
        raise _not_a_picture(label, error.what) from None
    except (OSError, ValueError, TypeError, IndexError, RuntimeError) as error:
        raise _not_a_picture(label, getattr(error, "strerror", None) or str(error)[:200]) from None
    kind = kind_of(data, SENDABLE)
    if kind is None:
        raise _not_a_picture(label, _("only PNG, JPEG and WebP can be sent"))
    if len(data) > LARGEST:
        raise _too_large(label, LARGEST)
    address = data_uri(kind.mime, data)
    return Reference(address, _digest(address), label, origin=_origin(value))


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def _origin(value: Any) -> str:
    """Return the id of the generation that a value is, or is a picture of; empty for a value from elsewhere."""
    value = value[0] if isinstance(value, Gallery) and len(value) else value
    if isinstance(value, GeneratedImage):
        return value.record
    return value.id if isinstance(value, Generation) else ""


def _label(value: Any, label: str) -> str:
    """Return the label; of a path only the file's name: a record names no folders of the user."""
    if isinstance(value, (str, Path)):
        label = Path(value).name if len(str(value)) < LONGEST_NAME else ""
    return (label or str(getattr(value, "id", "") or type(value).__name__))[:LONGEST_NAME]


def _bytes_of(value: Any, label: str) -> bytes:
    if isinstance(value, (Generation, Gallery)):
        if not value.images:
            raise _not_a_picture(label, _("it holds no picture"))
        return value.images[0].data
    if isinstance(value, GeneratedImage):
        return value.data
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, (str, Path)):
        return _read(Path(value).expanduser(), label)
    return _encoded(value, label)


def _read(path: Path, label: str) -> bytes:
    """Return a file's bytes; a device, which has no end, or a file too large is refused before it is read."""
    if not path.is_file():
        raise _not_a_picture(label, _("there is no such file"))
    if path.stat().st_size > LARGEST_FILE:
        raise _too_large(label, LARGEST_FILE)
    return path.read_bytes()


def _encoded(value: Any, label: str) -> bytes:
    """Return a PIL image, or an array of rows x columns (x channels) of unsigned bytes, as PNG."""
    from PIL import Image  # noqa: PLC0415  loaded only for those who have pictures in memory

    if hasattr(value, "__array_interface__") and not isinstance(value, Image.Image):
        if value.__array_interface__["typestr"] not in _BYTES:
            raise _not_a_picture(label, _("only arrays of unsigned bytes can be sent"))
        value = Image.fromarray(value)
    if not isinstance(value, Image.Image):
        raise _not_a_picture(label, type(value).__name__)
    file = io.BytesIO()
    (value if value.mode in _PNG_MODES else value.convert("RGB")).save(file, format="PNG")
    return file.getvalue()


def _too_large(label: str, limit: int) -> ConfigError:
    return _not_a_picture(label, _("it is larger than {limit} MiB", limit=limit >> 20))


def _not_a_picture(label: str, why: str) -> ConfigError:
    return ConfigError(
        _("The reference {label} cannot be used.", label=label),
        why=why,
        do=_("Give a variable with a picture, a path, or an https address: --ref cat.png"),
    )
