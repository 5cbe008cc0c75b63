"""Brings the pictures of an answer to disk, checked, each with a small preview."""

import base64
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from wenwen_magic.errors import ImageError
from wenwen_magic.protocol import Source
from wenwen_magic.records import GeneratedImage

PAUSES = (1.0, 2.0, 4.0)
"""Seconds between the tries of one download: an object store may not have the picture yet."""
_BASE64_PIECE = 4 << 18
_NOT_THE_PICTURES_FAULT = {"start", "died", "timeout", "disk"}
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


class Checked(Protocol):
    """What a check tells of a sound picture: type, file ending, width and height in pixels, type of the preview."""

    @property
    def mime(self) -> str: ...  # noqa: D102
    @property
    def extension(self) -> str: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def preview_mime(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Tools:
    """What is needed to bring pictures to disk.

    Args:
        download: writes an address's bytes to a path; raises ImageError; its ``again`` tells if
            another try makes sense.
        inspect: checks a file and writes its preview to a path; raises ImageError for an unsound one.
        previews: the folder of the previews.
        sleep: waits for some seconds.
    """

    download: Callable[[str, Path], Any]
    inspect: Callable[[Path, Path], Checked]
    previews: Path
    sleep: Callable[[float], None]


def bring(source: Source, stem: Path, tools: Tools, alt: str) -> GeneratedImage:
    """Write one picture to ``<stem>.<type>``.

    A picture that fails the check is kept as ``<stem>.unsound`` and told by its ``problem``.

    Args:
        source: where it is.
        stem: the place without the ending; its folder exists.
        tools: download, check, previews.
        alt: alternative text.

    Raises:
        ImageError: it cannot be fetched, or cannot be checked now.
        OSError: the disk cannot be written.
    """
    part = stem.with_name(f"{stem.name}.{secrets.token_hex(4)}.part")  # two kernels may bring the same
    if source.address.startswith("data:"):
        _decode(source, part)
    else:
        _download(source.address, part, tools)
    return checked(part, stem, tools, GeneratedImage(part, "", 0, 0, alt=alt, draft=source.draft))


def _download(address: str, part: Path, tools: Tools) -> None:
    for pause in (*PAUSES, None):
        try:
            tools.download(address, part)
        except ImageError as error:
            if pause is None or not getattr(error, "again", False):
                part.unlink(missing_ok=True)
                raise
            tools.sleep(pause)
        else:
            return


def _decode(source: Source, part: Path) -> None:
    """Decode base64 in pieces, forgiving what people forgive: the other alphabet, missing padding, stray characters."""
    data = source.data
    if b"-" in data or b"_" in data:
        data = data.translate(bytes.maketrans(b"-_", b"+/"))
    data = data.rstrip(b"=")
    if _NOT_BASE64.search(data):
        data = _NOT_BASE64.sub(b"", data)
    with part.open("wb") as file:
        for start in range(0, len(data), _BASE64_PIECE):
            piece = data[start : start + _BASE64_PIECE]
            if len(piece) % 4 == 1:  # one letter alone holds no byte
                piece = piece[:-1]
            file.write(base64.b64decode(piece + b"=" * (-len(piece) % 4)))
        file.flush()
        os.fsync(file.fileno())


def checked(part: Path, stem: Path, tools: Tools, picture: GeneratedImage) -> GeneratedImage:
    """Check a file and move it to its final name; returns the picture with what the check found."""
    picture = replace(picture, size=part.stat().st_size, sha256=_digest(part))
    try:
        found, preview = inspected(part, picture.sha256, tools)
    except ImageError as error:
        if error.text in _NOT_THE_PICTURES_FAULT:
            raise
        kept = part.replace(stem.with_name(stem.name + ".unsound"))
        return replace(picture, path=kept, problem=error.what)
    path = part.replace(stem.with_name(f"{stem.name}.{found.extension}"))
    return replace(picture, path=path, mime=found.mime, width=found.width, height=found.height, preview=preview)


def inspected(path: Path, digest: str, tools: Tools) -> tuple[Checked, Path | None]:
    """Check a file; returns what was found and where its preview is, None when the cache cannot be written.

    Raises:
        ImageError: it is not a sound picture.
    """
    with TemporaryDirectory(prefix="wenwen") as folder:
        made = Path(folder) / "preview"
        found = tools.inspect(path, made)
        ending = "png" if found.preview_mime == "image/png" else "jpg"
        return found, _cached(made, tools.previews / f"{digest}.{ending}")


def _cached(made: Path, place: Path) -> Path | None:
    """A preview put into the cache whole; it is only a cache, so a disk that refuses is no error."""
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, temporary)
        return temporary.replace(place)
    except OSError:
        return None


def preview_of(picture: GeneratedImage, tools: Tools) -> Path | None:
    """Where a saved picture's preview is, made again from the file when the cache has lost it; None if that fails."""
    for ending in ("jpg", "png"):
        if (known := tools.previews / f"{picture.sha256}.{ending}").is_file():
            return known
    try:
        return inspected(picture.path, picture.sha256, tools)[1]
    except (ImageError, OSError):
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
