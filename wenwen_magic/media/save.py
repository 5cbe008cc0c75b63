"""Brings pictures in and makes them ready to be shown: download, check and previews, put together for one endpoint."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin

from platformdirs import user_cache_path

from wenwen_magic.endpoint import transport
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ConfigError, HistoryError, ImageError, WenwenError, mask
from wenwen_magic.media import download, pictures, side_by_side
from wenwen_magic.protocol import Progress, Source
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Reference
from wenwen_magic.settings import Settings
from wenwen_magic.text.i18n import say

THUMBNAIL = 224
"""Pixels of a thumbnail's longer side: twice what is shown, for dense screens."""


class Workshop:
    """The tools that pictures pass through.

    Args:
        settings: limits and trusted hosts.
        address: the endpoint's, normalised; its own pictures may come from a private host.
        session: lends the children that check.
        clock: waits between tries.
    """

    def __init__(self, settings: Settings, address: str, session: Session, clock: transport.Clock) -> None:
        self._settings, self._address = settings, address
        self._pool = session.pool(settings.max_megapixels)
        self._tools = pictures.Tools(
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
                say("Mask and picture are of different sizes.", "蒙版与图片大小不同。"),
                why=sizes,
                do=say("Make the mask as large as the picture.", "请把蒙版做得与图片一样大。"),
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

        brought = side_by_side.side_by_side([work(number, source) for number, source in enumerate(sources, 1)])
        found = tuple(item for item in brought if isinstance(item, GeneratedImage))
        return found, [item for item in brought if isinstance(item, WenwenError)]

    def _bring(self, source: Source, place: Path, alt: str) -> GeneratedImage:
        try:
            return pictures.bring(self._absolute(source), place, self._tools, alt)
        except ValueError as error:  # an address that is none, such as http://[
            raise ImageError(
                say("The picture's address cannot be used.", "图片地址无法使用。"),
                why=f"{mask(source.address)[:200]}: {error}",
                do=say("Run the cell with --fresh for a new picture.", "用 --fresh 重新画一张。"),
                charged="yes",
            ) from None
        except OSError as error:
            raise HistoryError(
                say("The picture cannot be written to the disk.", "无法把图片写入磁盘。"),
                why=f"{error.strerror}: {place.parent.parent.name}/",
                do=say(
                    "The answer is kept: free space, then %wenwen fetch brings the picture for free.",
                    "回答已保存：腾出空间后，用 %wenwen fetch 免费取回图片。",
                ),
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
                return pictures.bring(self._absolute(source), Path(folder) / "glimpse", hasty, "")
        except (ImageError, OSError, ValueError):
            return None

    def ready(self, generation: Generation) -> Generation:
        """The generation with its previews at hand, made again where the cache has lost them."""
        shown = tuple(
            replace(picture, preview=None if picture.problem else pictures.preview_of(picture, self._tools))
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
