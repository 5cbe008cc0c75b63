"""Turns what a person points at (a path, an address, a picture, an earlier result) into a reference picture."""

import base64
import hashlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any

from wenwen_magic.errors import ConfigError, ImageError
from wenwen_magic.kinds import SENDABLE, Kind, data_uri, kind_of, split_data_uri
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
_locks: dict[int, RLock] = {}
"""By process number, one lock that is held while an object in memory is read; a fork has a lock of its own.

Two threads that read one Pillow picture or one open file at a time would each get a part of it.
"""


def reference(value: Any, label: str = "", *, convert: Callable[[bytes], bytes] | None = None) -> Reference:
    """Make a reference of a picture, or of what leads to it.

    Args:
        value: a Generation, GeneratedImage, path, ``http(s)`` address, ``data:`` URI, bytes, open file, PIL image or
            numpy array; a figure, or axes, of matplotlib; or a thing that notebooks show as a picture, such as
            ``IPython.display.Image``.
        label: what the user called it.
        convert: makes a picture's bytes ones that a relay takes: checked, upright, without location data; raises
            ImageError. None sends them as they are.

    Raises:
        ConfigError: it is not a picture, is not of type PNG, JPEG or WebP, or is larger than 20 MiB.
    """
    if isinstance(value, Reference):
        return value
    address = _address_of(value)
    if address.lower().startswith(("http://", "https://")):
        if "@" in address.partition("//")[2].partition("/")[0]:
            raise _not_a_picture(address.rpartition("@")[2][:LONGEST_NAME], _("its address carries a name or password"))
        return Reference(address, _digest(address), label or address)
    label = _label(value, label)
    try:
        data = _bytes_of(value)
        data = convert(data) if convert else data
        address = data_uri(_kind_to_send(data).mime, data)
    except ImageError as error:
        raise _not_a_picture(label, error.what) from None
    except Exception as error:  # noqa: BLE001  the code of any object may run here, and may raise anything
        raise _not_a_picture(label, getattr(error, "strerror", None) or str(error)[:200]) from None
    return Reference(address, _digest(address), label, origin=_origin(value))


def _kind_to_send(data: bytes) -> Kind:
    kind = kind_of(data, SENDABLE)
    if kind is None:
        raise ImageError(_("only PNG, JPEG and WebP can be sent"))
    if len(data) > LARGEST:
        raise _too_large(LARGEST)
    return kind


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def _origin(value: Any) -> str:
    """Return the id of the generation that a value is, or is a picture of; empty for a value from elsewhere."""
    value = value[0] if isinstance(value, Gallery) and len(value) else value
    if isinstance(value, GeneratedImage):
        return value.record
    return value.id if isinstance(value, Generation) else ""


def _label(value: Any, label: str) -> str:
    """Return the label, empty for none; of a path only the file's name: a record names no folders of the user."""
    if isinstance(value, (str, Path)) and not str(value).startswith("data:"):
        label = Path(value).name if len(str(value)) < LONGEST_NAME else ""
    return (label or str(getattr(value, "id", "")))[:LONGEST_NAME]


def _bytes_of(value: Any) -> bytes:
    """Return the bytes of what holds a picture; an ImageError here and below says why it cannot be used."""
    if isinstance(value, (Generation, Gallery)):
        if not value.images:
            raise ImageError(_("it holds no picture"))
        return value.images[0].data
    if isinstance(value, GeneratedImage):
        return value.data
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str) and (data := split_data_uri(value)[1]):
        return base64.b64decode(data)
    if isinstance(value, (str, Path)):
        return _read(Path(value).expanduser())
    with _locks.setdefault(os.getpid(), RLock()):
        return _held(value) or _encoded(value)


def _read(path: Path) -> bytes:
    """Return a file's bytes; a device, which has no end, or a file too large is refused before it is read."""
    if not str(path).strip(".") or not path.is_file():
        raise ImageError(_("there is no such file"))
    if path.stat().st_size > LARGEST_FILE:
        raise _too_large(LARGEST_FILE)
    return path.read_bytes()


_HOLDERS = ("data", "value", "content")
"""Attributes with the bytes of a picture: of IPython's Image, of a widget, and of a web answer or an upload."""


def _held(value: Any) -> bytes:
    """Return the bytes of an open file, a figure, or a thing that holds or shows a picture; nothing for another."""
    if callable(getattr(value, "read", None)) and not isinstance(value, type):
        return _read_open(value)
    if (figure := figure_of(value)) is not None:
        file = io.BytesIO()
        # As a notebook shows it; without the version, so that the same figure stays the same reference.
        figure.savefig(file, format="png", bbox_inches="tight", metadata={"Software": None})
        return file.getvalue()
    if hasattr(value, "__array_interface__") or "PIL.Image" in {kind.__module__ for kind in type(value).__mro__}:
        return b""
    for name in _HOLDERS:
        if isinstance(held := getattr(value, name, None), (bytes, bytearray, memoryview)):
            return bytes(held)
    for name in ("_repr_png_", "_repr_jpeg_"):
        shown = getattr(value, name)() if not isinstance(value, type) and hasattr(value, name) else None
        shown = shown[0] if isinstance(shown, tuple) else shown
        if shown:
            return shown if isinstance(shown, bytes) else base64.b64decode(shown)
    return b""


def _read_open(file: Any) -> bytes:
    """Return all bytes of an open file, also of one opened as text; it stays where it is."""
    file = getattr(file, "buffer", file)
    place = file.tell() if getattr(file, "seekable", bool)() else None
    if place is not None:
        file.seek(0)
    data = file.read(LARGEST_FILE + 1)
    if place is not None:
        file.seek(place)
    if not isinstance(data, bytes):
        raise ImageError(_("it is a text, not a picture"))
    if len(data) > LARGEST_FILE:
        raise _too_large(LARGEST_FILE)
    return data


def figure_of(value: Any) -> Any:
    """Return the figure of matplotlib that a thing is, or is drawn in, such as axes; None for any other."""
    # Who has a figure has loaded it; another thread may just be about to.
    figure = getattr(sys.modules.get("matplotlib.figure"), "Figure", None)
    for _step in range(3):  # axes may be in a figure within a figure
        if figure is None or isinstance(value, (type, figure)):
            break
        value = getattr(value, "figure", None)
    return value if figure is not None and isinstance(value, figure) else None


def pictures_in(value: Any, label: str = "") -> list[tuple[Any, str]]:
    """Return the pictures that a value holds, each with its name: of a list all, of axes their figure, and that once.

    Args:
        value: as for :func:`reference`, or a list, a tuple or an array of such.
        label: what the user called it.

    Raises:
        ConfigError: the list is empty.
    """
    named = [(value, label)]
    if isinstance(value, (list, tuple)):
        if not value:
            raise _not_a_picture(label, _("it holds no picture"))
        named = [(one, f"{label}[{place}]" if label else "") for place, one in enumerate(value)]
    found: dict[Any, tuple[Any, str]] = {}
    for place, (one, name) in enumerate(named):
        for key, picture in [(figure, figure) for figure in _figures(one)] or [(place, one)]:
            found.setdefault(key, (picture, name))
    return list(found.values())


def _figures(value: Any) -> list[Any]:
    """Return the figure that a thing is or is drawn in, those of an array of axes, or none."""
    several = getattr(getattr(value, "dtype", None), "kind", "") == "O" and hasattr(value, "flat")
    return [figure for one in (value.flat if several else [value]) if (figure := figure_of(one)) is not None]


def _address_of(value: Any) -> str:
    """Return a text, or the address that IPython's ``Image(url=…)`` has in place of bytes; nothing for another."""
    if isinstance(value, str):
        return value
    own = getattr(value, "__dict__", {})
    address = own.get("url") if own.get("data", b"") is None else ""
    return address if isinstance(address, str) else ""


def _encoded(value: Any) -> bytes:
    """Return a PIL image, or an array of rows x columns (x channels) of unsigned bytes, as PNG."""
    from PIL import Image  # noqa: PLC0415  loaded only for those who have pictures in memory

    if hasattr(value, "__array_interface__") and not isinstance(value, Image.Image):
        if value.__array_interface__["typestr"] not in _BYTES:
            raise ImageError(_("only arrays of unsigned bytes can be sent"))
        value = Image.fromarray(value)
    if not isinstance(value, Image.Image):
        raise ImageError(_("it is of type {kind}", kind=type(value).__name__))
    file = io.BytesIO()
    (value if value.mode in _PNG_MODES else value.convert("RGB")).save(file, format="PNG")
    return file.getvalue()


def _too_large(limit: int) -> ImageError:
    return ImageError(_("it is larger than {limit} MiB", limit=limit >> 20))


def _not_a_picture(label: str, why: str) -> ConfigError:
    return ConfigError(
        _("The reference {label} cannot be used.", label=label) if label else _("The reference cannot be used."),
        why=why,
        do=_("Give a picture: a variable, a file, an id or an https address, such as --ref cat.png"),
    )
