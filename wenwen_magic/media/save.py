"""Saves an answer's pictures and makes them ready to be shown: download, check and previews, for one endpoint."""

import base64
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin

from platformdirs import user_cache_path

from wenwen_magic import kinds
from wenwen_magic.endpoint import transport
from wenwen_magic.errors import ConfigError, HistoryError, ImageError, WenwenError
from wenwen_magic.media import download
from wenwen_magic.media.sandbox import Inspection, SandboxPool
from wenwen_magic.protocol import Progress, Source
from wenwen_magic.records import GeneratedImage, Generation, Reference
from wenwen_magic.settings import Settings
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import mask_keys, one_line

PAUSES = (1.0, 2.0, 4.0)
"""Seconds between the tries of one download: an object store may not have the picture yet."""
WIDTH = 4
"""Pictures of one answer that are saved at the same time."""
THUMBNAIL = 224
"""Pixels of a thumbnail's longer side: twice what is shown, for dense screens."""
_LONGEST_ALT = 200
_BASE64_PIECE = 4 << 18
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_NOT_THE_PICTURES_FAULT = {"start", "died", "timeout", "disk"}


class ImagePipeline:
    """What pictures pass through: fetched or decoded, checked in the sandbox, renamed, with small ones to be shown.

    Args:
        settings: limits and trusted hosts.
        address: the endpoint's, normalised; its own pictures may come from a private host.
        pool: the sandbox that checks.
        clock: waits between tries.
    """

    def __init__(self, settings: Settings, address: str, pool: SandboxPool, clock: transport.Clock) -> None:
        self._settings, self._address, self._pool, self._clock = settings, address, pool, clock
        self._trusted = frozenset({transport.origin(address), *settings.trusted_hosts})
        self._previews = user_cache_path("wenwen_magic", appauthor=False) / "previews"

    def warm(self) -> None:
        """Start the sandbox beside everything else: the endpoint is thinking anyway."""
        self._pool.warm()

    # -- references ----------------------------------------------------------------------------------------------------

    def as_sendable(self, data: bytes) -> bytes:
        """Return a reference picture as PNG, JPEG or WebP, upright, of the setting's size at most, without location.

        Raises:
            ImageError: it cannot be decoded, or the sandbox cannot run.
        """
        with TemporaryDirectory(prefix="wenwen") as folder:
            given, made = Path(folder) / "given", Path(folder) / "made"
            given.write_bytes(data)
            self._pool.convert(given, made, max_side=self._settings.reference_side)
            return made.read_bytes()

    def seen(self, reference: Reference) -> GeneratedImage | None:
        """Return a reference's size and preview; None for a web address, and for what cannot be decoded."""
        mime, data = kinds.split_data_uri(reference.address)
        return self._temporary(Source(f"data:{mime}", data=data.encode())) if data else None

    def check_mask(self, mask: Reference, picture: Reference) -> None:
        """Check that a mask is as large as the picture that it belongs to, as far as both can be seen from here.

        Raises:
            ConfigError: it is not.
        """
        hole, whole = self.seen(mask), self.seen(picture)
        if hole and whole and (hole.width, hole.height) != (whole.width, whole.height):
            raise ConfigError(
                _("Mask and picture are of different sizes."),
                why=f"{hole.width}×{hole.height}, {whole.width}×{whole.height}",
                do=_("Make the mask as large as the picture."),
            )

    # -- pictures of an answer -----------------------------------------------------------------------------------------

    def save(
        self, generation: Generation, sources: Sequence[Source], stem: Path
    ) -> tuple[tuple[GeneratedImage, ...], list[WenwenError]]:
        """Save an answer's pictures, several at a time; one failure leaves the others alone.

        Args:
            generation: what they belong to; bytes that are one of its pictures that failed the check are not checked.
            sources: where they are.
            stem: their files' path up to the number.

        Returns:
            The pictures that were saved, those included that failed the check, and the errors of the others.
        """
        alt = one_line(generation.request.prompt, _LONGEST_ALT)
        failed = {one.sha256: one.problem for one in generation.pictures if one.problem and one.path.is_file()}

        def save(number: int, source: Source) -> GeneratedImage | WenwenError:
            try:
                return self._save(source, stem.with_name(f"{stem.name}-{number}"), alt, failed)
            except WenwenError as error:
                return error

        if len(sources) == 1:
            results = [save(1, sources[0])]
        else:
            with ThreadPoolExecutor(WIDTH, thread_name_prefix="wenwen") as threads:
                futures = [
                    threads.submit(copy_context().run, save, number, source) for number, source in enumerate(sources, 1)
                ]
            results = [future.result() for future in futures]
        saved = tuple(result for result in results if isinstance(result, GeneratedImage))
        return saved, [result for result in results if isinstance(result, WenwenError)]

    def _save(self, source: Source, stem: Path, alt: str, failed: Mapping[str, str]) -> GeneratedImage:
        try:
            return self._write(source, stem, alt, pauses=PAUSES, failed=failed)
        except ValueError as error:  # an address that is none, such as http://[
            raise ImageError(
                _("The picture's address cannot be used."),
                why=f"{mask_keys(source.address)[:200]}: {error}",
                do=_("Run the cell with --fresh for a new picture."),
                charged="yes",
            ) from None
        except OSError as error:
            raise HistoryError(
                _("The picture cannot be written to the disk."),
                why=f"{error.strerror}: {stem.parent.parent.name}/",
                do=_("The answer is kept: free space, then %wenwen fetch brings the picture for free."),
                charged="yes",
            ) from None

    def _write(
        self,
        source: Source,
        stem: Path,
        alt: str = "",
        pauses: Sequence[float] = (),
        failed: Mapping[str, str] | None = None,
    ) -> GeneratedImage:
        """Write one picture to ``<stem>.<type>``, or to ``<stem>.unsound`` with its ``problem`` if it fails the check.

        Args:
            source: where it is.
            stem: the place without the ending; its folder exists.
            alt: alternative text.
            pauses: seconds between the tries of a download.
            failed: the problems of files that failed the check before, by their SHA-256.

        Raises:
            ImageError: it cannot be fetched, or cannot be checked now: then it is kept as ``<stem>.unchecked``.
            ValueError: its address cannot be parsed.
            OSError: the disk cannot be written.
        """
        part = stem.with_name(f"{stem.name}.{secrets.token_hex(4)}.part")  # two kernels may save the same picture
        if source.address.startswith("data:"):
            _decode(source.data, part)
        else:
            self._download(urljoin(self._address + "/", source.address), part, pauses)
        size, result, preview = part.stat().st_size, None, None
        with ThreadPoolExecutor(1, thread_name_prefix="wenwen") as thread:
            digest = thread.submit(_sync, part)  # while the sandbox decodes
            problem = failed.get(digest.result(), "") if failed else ""
            try:
                result, preview = (None, None) if problem else self._inspect(part, digest.result)
            except ImageError as error:
                if error.text in _NOT_THE_PICTURES_FAULT:
                    part.replace(stem.with_name(f"{stem.name}.unchecked"))  # one, however often it is tried
                    raise
                problem = error.what
        path = part.replace(stem.with_name(f"{stem.name}.{result.extension if result else 'unsound'}"))
        kept = GeneratedImage(path, "", 0, 0, alt=alt, draft=source.draft, size=size, sha256=digest.result())
        if result is None:
            return replace(kept, problem=problem)
        return replace(kept, mime=result.mime, width=result.width, height=result.height, preview=preview)

    def _download(self, address: str, part: Path, pauses: Sequence[float]) -> None:
        policy = download.Policy(
            trusted=self._trusted,
            proxies=transport.proxies_for(address),
            ca_bundle=transport.ca_bundle(),
            limit=self._settings.max_mib << 20,
        )
        for pause in (*pauses, None):
            try:
                download.fetch(address, part, policy)
            except download.FetchFailed as error:
                if pause is None or not error.again:
                    part.unlink(missing_ok=True)
                    raise
                self._clock.sleep(pause)
            else:
                return

    def _inspect(self, path: Path, digest: Callable[[], str]) -> tuple[Inspection, Path | None]:
        """Check a file; returns what it is and where its preview is, None when the cache cannot be written.

        Args:
            path: the file.
            digest: gives its SHA-256 in hexadecimal, by which the preview is named.

        Raises:
            ImageError: it cannot be decoded within the limits, or cannot be checked now.
        """
        with TemporaryDirectory(prefix="wenwen") as folder:
            made = Path(folder) / "preview"
            result = self._pool.inspect(path, made)
            ending = "png" if result.preview_mime == kinds.PNG.mime else "jpg"
            place = self._previews / f"{digest()}.{ending}"
            temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(made, temporary)
                return result, temporary.replace(place)
            except OSError:  # it is only a cache
                return result, None

    # -- what is shown -------------------------------------------------------------------------------------------------

    def showing(self, tell: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """Return a listener that passes progress on, with a checked preview in place of its picture, where that can be.

        Args:
            tell: is called with the progress.
        """

        def listener(progress: Progress) -> None:
            picture = self._temporary(progress.picture) if progress.picture else None
            tell(replace(progress, picture=None, preview=picture.preview if picture else None))

        return listener

    def _temporary(self, source: Source) -> GeneratedImage | None:
        """Return a picture's size and preview without keeping its file; None when it cannot be had or decoded."""
        try:
            with TemporaryDirectory(prefix="wenwen") as folder:
                return self._write(source, Path(folder) / "picture")
        except (ImageError, OSError, ValueError):
            return None

    def ready(self, generation: Generation) -> Generation:
        """Return the generation with its previews at hand, made again where the cache has lost them."""
        pictures = tuple(
            replace(picture, preview=None if picture.problem else self._preview_of(picture))
            for picture in generation.pictures
        )
        generation = replace(generation, pictures=pictures)
        return replace(generation, still=self.still(generation.images))

    def _preview_of(self, picture: GeneratedImage) -> Path | None:
        try:
            for ending in ("jpg", "png"):
                if (preview := self._previews / f"{picture.sha256}.{ending}").is_file():
                    return preview
            return self._inspect(picture.path, lambda: picture.sha256)[1]
        except (ImageError, OSError):
            return None

    def still(self, images: Sequence[GeneratedImage]) -> Path | None:
        """Return one small picture of all: the preview of one, a contact sheet of several."""
        previews = [image.preview for image in images if image.preview]
        if len(previews) < 2:  # noqa: PLR2004  one picture needs no sheet
            return previews[0] if previews else None
        digest = hashlib.sha256(" ".join(preview.name for preview in previews).encode()).hexdigest()
        sheet = self._previews / f"sheet-{digest}.jpg"
        return _made(sheet, lambda: self._pool.sheet(previews, sheet)) or previews[0]

    def thumbnail(self, generation: Generation) -> Path | None:
        """Return a small picture of a generation's first image, made once; None when there is no preview of it."""
        preview = next((path for image in generation.images if (path := self._preview_of(image))), None)
        if preview is None:
            return None
        small = preview.with_name(f"small-{preview.name}")
        return _made(small, lambda: self._pool.convert(preview, small, max_side=THUMBNAIL)) or preview


def _made(path: Path, make: Callable[[], object]) -> Path | None:
    """Return a file of the cache, made if it is not there; None if that fails."""
    try:
        if not path.is_file():
            make()
    except (ImageError, OSError):
        return None
    return path


def _decode(data: bytes, part: Path) -> None:
    """Decode base64 in pieces, forgiving what people forgive: the other alphabet, missing padding, stray characters."""
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


def _sync(path: Path) -> str:
    """Make a file's bytes last on the disk; returns their SHA-256 in hexadecimal."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()
