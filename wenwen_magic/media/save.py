"""Brings pictures in and makes them ready to be shown: download, check and previews, put together for one endpoint."""

import base64
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar
from urllib.parse import urljoin

from platformdirs import user_cache_path

from wenwen_magic.endpoint import transport
from wenwen_magic.errors import ConfigError, HistoryError, ImageError, WenwenError, mask
from wenwen_magic.media import download
from wenwen_magic.media.sandbox import InspectorPool
from wenwen_magic.protocol import Progress, Source
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Reference
from wenwen_magic.settings import Settings
from wenwen_magic.text.i18n import _

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


Result = TypeVar("Result")
WIDTH = 4
"""Works under way at the same time."""


def side_by_side(works: Sequence[Callable[[], Result]], width: int = WIDTH) -> list[Result | WenwenError]:
    """The results of several works, in their order; an error of ours stands in its work's place.

    Args:
        works: what to do; one alone runs in the calling thread.
        width: how many are under way at the same time.
    """
    if len(works) == 1:
        return [_result(works[0])]
    with ThreadPoolExecutor(width, thread_name_prefix="wenwen") as pool:
        futures = [pool.submit(copy_context().run, _result, work) for work in works]
        return [future.result() for future in futures]


def _result(work: Callable[[], Result]) -> Result | WenwenError:
    try:
        return work()
    except WenwenError as error:
        return error


THUMBNAIL = 224
"""Pixels of a thumbnail's longer side: twice what is shown, for dense screens."""


class Workshop:
    """The tools that pictures pass through.

    Args:
        settings: limits and trusted hosts.
        address: the endpoint's, normalised; its own pictures may come from a private host.
        pool: the children that check.
        clock: waits between tries.
    """

    def __init__(self, settings: Settings, address: str, pool: InspectorPool, clock: transport.Clock) -> None:
        self._settings, self._address = settings, address
        self._pool = pool
        self._tools = Tools(
            download=lambda picture, path: download.fetch(picture, path, self._policy(picture)),
            inspect=self._pool.inspect,
            previews=user_cache_path("wenwen_magic", appauthor=False) / "previews",
            sleep=clock.sleep,
        )

    def warm(self) -> None:
        """Start a child beside everything else: the endpoint is thinking anyway."""
        self._pool.warm()

    def as_sendable(self, data: bytes) -> bytes:
        """A reference picture as PNG, JPEG or WebP, upright, of the setting's size at most, without location data.

        Raises:
            ImageError: it is no sound picture.
        """
        with TemporaryDirectory(prefix="wenwen") as folder:
            given, made = Path(folder) / "given", Path(folder) / "made"
            given.write_bytes(data)
            self._pool.convert(given, made, max_side=self._settings.reference_side)
            return made.read_bytes()

    def seen(self, reference: Reference) -> GeneratedImage | None:
        """A reference's size and preview; None for an address, and for what is no sound picture."""
        head, _, data = reference.address.partition(";base64,")
        return self.glimpse(Source(head, data=data.encode())) if data else None

    def check_mask(self, request: ImageRequest) -> None:
        """Check that a request's mask is as large as the picture that it belongs to.

        Raises:
            ConfigError: it is not.
        """
        if request.mask is None or not request.references:
            return
        mask, first = self.seen(request.mask), self.seen(request.references[0])
        if mask and first and (mask.width, mask.height) != (first.width, first.height):
            sizes = f"{mask.width}×{mask.height}, {first.width}×{first.height}"
            raise ConfigError(
                _("Mask and picture are of different sizes."),
                why=sizes,
                do=_("Make the mask as large as the picture."),
            )

    def bring(
        self, generation: Generation, sources: Sequence[Source], stem: Path
    ) -> tuple[tuple[GeneratedImage, ...], list[WenwenError]]:
        """Bring an answer's pictures to disk, side by side.

        Args:
            generation: what they belong to.
            sources: where they are.
            stem: their files' path up to the number.

        Returns:
            The pictures that came, unsound ones included, and the errors of those that did not.
        """
        alt = " ".join(generation.request.prompt.split())[:200]

        def work(number: int, source: Source) -> Callable[[], GeneratedImage]:
            place = stem.with_name(f"{stem.name}-{number}")
            return lambda: self._bring(source, place, alt)

        brought = side_by_side([work(number, source) for number, source in enumerate(sources, 1)])
        found = tuple(item for item in brought if isinstance(item, GeneratedImage))
        return found, [item for item in brought if isinstance(item, WenwenError)]

    def _bring(self, source: Source, place: Path, alt: str) -> GeneratedImage:
        try:
            return bring(self._absolute(source), place, self._tools, alt)
        except ValueError as error:  # an address that is none, such as http://[
            raise ImageError(
                _("The picture's address cannot be used."),
                why=f"{mask(source.address)[:200]}: {error}",
                do=_("Run the cell with --fresh for a new picture."),
                charged="yes",
            ) from None
        except OSError as error:
            raise HistoryError(
                _("The picture cannot be written to the disk."),
                why=f"{error.strerror}: {place.parent.parent.name}/",
                do=_("The answer is kept: free space, then %wenwen fetch brings the picture for free."),
                charged="yes",
            ) from None

    def _absolute(self, source: Source) -> Source:
        if source.address.startswith("data:"):
            return source
        return replace(source, address=urljoin(self._address + "/", source.address))

    def showing(self, tell: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """What passes on words on progress, their picture checked and small; one that is not sound is left out."""

        def told(progress: Progress) -> None:
            seen = self.glimpse(progress.picture) if progress.picture else None
            tell(replace(progress, picture=None, preview=seen.preview if seen else None))

        return told

    def glimpse(self, source: Source) -> GeneratedImage | None:
        """A picture that is not kept: its size and its preview; None for one that cannot be had or is not sound."""
        try:
            with TemporaryDirectory(prefix="wenwen") as folder:
                hasty = replace(self._tools, sleep=lambda _: None)
                return bring(self._absolute(source), Path(folder) / "glimpse", hasty, "")
        except (ImageError, OSError, ValueError):
            return None

    def ready(self, generation: Generation) -> Generation:
        """The generation with its previews at hand, made again where the cache has lost them."""
        shown = tuple(
            replace(picture, preview=None if picture.problem else preview_of(picture, self._tools))
            for picture in generation.pictures
        )
        generation = replace(generation, pictures=shown)
        return replace(generation, still=self.still(generation.images))

    def still(self, images: Sequence[GeneratedImage]) -> Path | None:
        """One small picture that stands for all: the preview of one, a contact sheet of several."""
        previews = [image.preview for image in images if image.preview]
        if len(previews) < 2:  # noqa: PLR2004  one picture stands for itself
            return previews[0] if previews else None
        digest = hashlib.sha256(" ".join(preview.name for preview in previews).encode()).hexdigest()
        target = self._tools.previews / f"sheet-{digest}.jpg"
        try:
            if not target.is_file():
                self._pool.sheet(previews, target)
        except (ImageError, OSError):
            return previews[0]
        return target

    def thumbnail(self, generation: Generation) -> Path | None:
        """A small picture of a generation's first image, made once; None when there is no preview of it."""
        preview = next((image.preview for image in generation.images if image.preview), None)
        if preview is None:
            return None
        target = preview.with_name(f"small-{preview.name}")
        try:
            if not target.is_file():
                self._pool.convert(preview, target, max_side=THUMBNAIL)
        except (ImageError, OSError):
            return preview
        return target

    def _policy(self, picture: str) -> download.Policy:
        return download.Policy(
            trusted=frozenset({transport.origin(self._address), *self._settings.trusted_hosts}),
            proxies=transport.proxies_for(picture),
            ca_bundle=transport.ca_bundle(),
            limit=self._settings.max_mib << 20,
            user_agent=f"Mozilla/5.0 (compatible; {transport.USER_AGENT})",
        )
