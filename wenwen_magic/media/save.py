"""Saves an answer's pictures and videos, and makes pictures ready to be shown: download, check and previews."""

import binascii
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from string import ascii_letters, digits
from tempfile import TemporaryDirectory
from typing import IO, Any, TypeVar
from urllib.parse import urljoin

from platformdirs import user_cache_path

from wenwen_magic import kinds
from wenwen_magic.endpoint import bodies, transport
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.errors import ConfigError, HistoryError, ImageError, WenwenError
from wenwen_magic.media import download
from wenwen_magic.media.sandbox import MESSAGES, Inspection, SandboxPool
from wenwen_magic.protocol import Progress, Source
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Reference, Video
from wenwen_magic.settings import Settings
from wenwen_magic.text.i18n import N_, _
from wenwen_magic.text.sanitize import mask_keys, one_line

PAUSES = (1.0, 2.0, 4.0)
"""Seconds between the tries of one download: an object store may not have the picture yet."""
WIDTH = 4
"""Files of one answer that are saved at the same time."""
VIDEO_MIB, VIDEO_DEADLINE = 512, 1800.0
"""The largest video that is downloaded, in MiB, and the longest time for that, in seconds."""
MOST_STILLS = 4
"""Pictures beside clips that are fetched to stand for them."""
DRAFT_DEADLINE = 5.0
"""Seconds to wait for a draft: meanwhile the stream that brings the paid picture is not read."""
THUMBNAIL = 224
"""Pixels of a thumbnail's longer side: twice what is shown, for dense screens."""
_LONGEST_ALT = 200
_BASE64_PIECE = 4 << 18
_PIECE = 1 << 20
_NOT_BASE64 = bytes(set(range(256)) - set(f"{ascii_letters}{digits}+/-_".encode()))
_POSTER = ".jpg"
"""What the name of a clip's poster ends with: no picture of an answer has the clip's number."""
_FETCH = N_("The answer is kept: %wenwen fetch fetches it again, for free.")
_NOT_THE_PICTURES_FAULT = {"start", "died", "timeout", "disk"}
_LEAD = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])+")
"""What a careless server writes before a picture; no viewer opens the file with it."""


@dataclass(frozen=True)
class Saved:
    """What was saved of an answer.

    Args:
        pictures: in order, those included that failed the check; equal bytes are one picture.
        videos: in order, those included that could not be fetched; equal bytes are one video.
        failed: the errors of what could not be saved.
    """

    pictures: tuple[GeneratedImage, ...] = ()
    videos: tuple[Video, ...] = ()
    failed: tuple[WenwenError, ...] = ()


class ImagePipeline:
    """What pictures pass through: fetched or decoded, checked in the sandbox, renamed, with small ones to be shown.

    Args:
        settings: limits and trusted hosts.
        address: the endpoint's, normalised; its own pictures may come from a private host.
        pool: the sandbox that checks.
        clock: waits between tries.
        foreign: whether only a project file names the endpoint.
        waiting: makes the block in which a thread waits for the network or a check.
    """

    def __init__(
        self,
        settings: Settings,
        address: str,
        pool: SandboxPool,
        clock: transport.Clock,
        *,
        foreign: bool = False,
        waiting: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._settings, self._address, self.pool, self._clock = settings, address, pool, clock
        self._foreign, self._waiting = foreign, waiting
        # The number in the name changes when the sandbox's limits change: then the pictures are checked again.
        self._previews, self._refused = _previews(), _previews().with_name("refused-1")

    # -- references ----------------------------------------------------------------------------------------------------

    def as_sendable(self, data: bytes) -> bytes:
        """Return a reference picture as PNG, JPEG or WebP, upright, of the setting's size at most, without location.

        Raises:
            ImageError: it cannot be decoded, or the sandbox cannot run.
        """
        with TemporaryDirectory(prefix="wenwen") as folder:
            given, made = Path(folder) / "given", Path(folder) / "made"
            given.write_bytes(data)
            self.pool.convert(given, made, max_side=self._settings.reference_side)
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

    # -- files of an answer --------------------------------------------------------------------------------------------

    def save(
        self,
        generation: Generation,
        sources: Sequence[Source],
        stem: Path,
        videos: Sequence[Source] = (),
        key: Secret | None = None,
    ) -> Saved:
        """Save an answer's pictures and videos, several at a time; one failure leaves the others alone.

        A file's first bytes decide what it is: behind a picture's address may be a video, and the other way round.

        Args:
            generation: what they belong to.
            sources: where the pictures are.
            stem: their files' path up to the number.
            videos: where the videos are.
            key: for those on the endpoint itself that want it; None for none.
        """
        # Beside a clip that was asked for a picture is no result: it stands for the clip where that does not play.
        beside, sources = (sources, ()) if generation.request.wants_clip and videos else ((), sources)
        everything = [(source, False) for source in sources] + [(source, True) for source in videos]
        stills, came = self._stills(generation.request, beside, key) if videos else ([], False)
        noted: list[WenwenError] = []
        jobs = [
            partial(
                self._saved,
                source,
                stem.with_name(f"{stem.name}-{number}"),
                key,
                is_video=is_video,
                stills=stills[number - 1 : number] or stills[:1],
                strip=not came,
                noted=noted,
            )
            for number, (source, is_video) in enumerate(everything, 1)
        ]
        if len(jobs) == 1:
            results = [jobs[0]()]
        else:
            with self._waiting(), ThreadPoolExecutor(WIDTH, thread_name_prefix="wenwen") as threads:
                futures = [threads.submit(copy_context().run, job) for job in jobs]
            results = [future.result() for future in futures]
        kept = [
            Video(source.address, problem=_in_words(result)) if is_video and isinstance(result, WenwenError) else result
            for (source, is_video), result in zip(everything, results, strict=True)
        ]
        alt = one_line(generation.request.prompt, _LONGEST_ALT)
        return Saved(
            _without_equals(replace(file, alt=alt) for file in kept if isinstance(file, GeneratedImage)),
            _without_equals(file for file in kept if isinstance(file, Video)),
            (*(result for result in results if isinstance(result, WenwenError)), *noted),
        )

    def _stills(self, request: ImageRequest, beside: Sequence[Source], key: Secret | None) -> tuple[list[Path], bool]:
        """Return pictures that stand for clips, and whether they came beside them; else it is the first reference."""
        pictures = [self._temporary(source, key) for source in beside[:MOST_STILLS]]
        previews = [picture.preview for picture in pictures if picture and picture.preview]
        first = next(map(self.seen, request.references), None) if not previews else None
        return ([first.preview], False) if first and first.preview else (previews, bool(previews))

    def _saved(
        self, source: Source, stem: Path, key: Secret | None, **how: Any
    ) -> GeneratedImage | Video | WenwenError:
        """Write one file as :meth:`_write` does, or return why it could not be saved."""
        try:
            return self._write(source, stem, PAUSES, key, **how)
        except WenwenError as error:
            return error
        except ValueError as error:  # an address that is none, such as http://[
            return ImageError(
                _("The picture's address cannot be used."),
                why=f"{mask_keys(source.address)[:200]}: {error}",
                do=_("Run the cell with --fresh for a new picture."),
                charged="yes",
            )
        except OSError as error:
            return HistoryError(
                _("The picture cannot be written to the disk."),
                why=f"{error.strerror}: {stem.parent.parent.name}/",
                do=_("The answer is kept: free space, then %wenwen fetch brings the picture for free."),
                charged="yes",
            )

    def _write(
        self,
        source: Source,
        stem: Path,
        pauses: Sequence[float],
        key: Secret | None,
        *,
        is_video: bool = False,
        deadline: float | None = None,
        stills: Sequence[Path] = (),
        noted: list[WenwenError],
        strip: bool = False,
    ) -> GeneratedImage | Video:
        """Write one file to ``<stem>.<type>``, or to ``<stem>.unsound`` with its ``problem`` if it fails the check.

        Args:
            source: where it is.
            stem: the place without the ending; its folder exists.
            pauses: seconds between the tries of a download.
            key: as for :meth:`save`.
            is_video: whether the answer says that it is a video.
            deadline: seconds for its download; None for the usual.
            stills: small pictures that can stand for a clip; a poster is made of the first that can be opened.
            noted: gets what is wrong with a clip that is kept all the same, and may come whole another time.
            strip: whether frames of the clip stand for it better, where they can be decoded.

        Raises:
            ImageError: it cannot be fetched, or cannot be checked now: then it is kept as ``<stem>.unchecked``.
            ValueError: its address cannot be parsed.
            OSError: the disk cannot be written.
        """
        name = f"{stem.name}.{secrets.token_hex(4)}"  # two kernels may save the same picture
        part, again = stem.with_name(f"{name}.part"), stem.with_name(f"{name}.again.part")
        fetch = partial(self._fetch, source, pauses, key, is_video=is_video, deadline=deadline)
        look = partial(self._clip, stem=stem, stills=stills, strip=strip)
        broken: ImageError | None = None
        try:
            try:
                fetch(part)
            except download.FetchFailed as error:
                wanted = kinds.VIDEOS if is_video else kinds.PICTURES
                if error.status or not (error.again and _begins_as(part, wanted)):
                    raise
                broken = error  # each download broke off: the longest part may be whole, and of a clip it is kept
            head = _begun_with_its_signature(part)
            if kinds.kind_of(head) or not (is_video or kinds.kind_of(head, kinds.VIDEOS)):
                picture = self._keep_picture(part, stem, head, draft=source.draft)
                if broken and picture.problem:
                    picture.path.unlink()
                    raise broken
                return picture
            seen = look(part)
            is_cut = isinstance(seen, ImageError) and seen.text == "cut-clip"
            if is_cut and not (broken or source.address.startswith("data:")):
                with suppress(download.FetchFailed):  # some relays send for a minute and no longer
                    fetch(again)
                seen = _better(part, again, seen, look)
            video = _keep_video(source, part, stem, seen, broken)
        finally:
            for left in (part, again):
                with suppress(OSError):
                    left.unlink(missing_ok=True)
        if video.problem:
            what = _("The clip could not be fetched.")
            broken = ImageError(what, why=video.problem, do=_(_FETCH), charged="yes")
        if broken:  # also where it is whole by its parts: more was announced than there is
            noted.append(broken)
        return video

    def _keep_picture(self, part: Path, stem: Path, head: bytes, *, draft: bool) -> GeneratedImage:
        size, problem, seen, preview = part.stat().st_size, "", Inspection("", "unsound", 0, 0), None
        digest: Callable[[], str] = cache(partial(_sync, part))
        with ThreadPoolExecutor(1, thread_name_prefix="wenwen") as thread:
            if size > _PIECE:  # beside the sandbox, which decodes; a thread costs more than a small file
                digest = thread.submit(_sync, part).result
            try:
                with self._waiting():
                    seen, preview = self._judged(part, size, digest)
            except ImageError as error:
                if error.text in _NOT_THE_PICTURES_FAULT:
                    digest()
                    part.replace(stem.with_name(f"{stem.name}.unchecked"))  # one, however often it is tried
                    raise
                problem = _with_its_words(error, head)
        sha256 = digest()  # on disk before the file has its name
        path = part.replace(stem.with_name(f"{stem.name}.{seen.extension}"))
        return GeneratedImage(
            path,
            seen.mime,
            seen.width,
            seen.height,
            draft=draft,
            problem=problem,
            preview=preview,
            size=size,
            sha256=sha256,
        )

    def _clip(self, part: Path, stem: Path, stills: Sequence[Path], *, strip: bool) -> Inspection | ImageError:
        """Judge a clip by the parts of its file, and make its poster beside it; return why, where it is none."""
        poster = stem.with_name(f"{stem.name}{_POSTER}")
        try:
            seen = self.pool.clip(part, poster, stills)
        except ImageError as error:
            return error
        if strip and find_spec("av"):  # the extra `video`; the kernel itself never loads it
            with suppress(ImageError, OSError), TemporaryDirectory(prefix="wenwen") as folder:
                frames = Path(folder) / "frames"
                self.pool.strip(part, frames)
                self.pool.clip(part, poster, [frames])
        return seen

    def _fetch(
        self,
        source: Source,
        pauses: Sequence[float],
        key: Secret | None,
        part: Path,
        *,
        is_video: bool,
        deadline: float | None,
    ) -> None:
        """Write what a source holds or names into a file; where every try breaks off, the most that came in one."""
        if source.address.startswith("data:"):
            _decode(source.data, part)
            return
        address, endpoint = urljoin(self._address + "/", source.address), transport.origin(self._address)
        policy = download.Policy(
            trusted=frozenset({endpoint, *self._settings.trusted_hosts}),
            endpoint=endpoint,
            key=key,
            foreign=self._foreign,
            proxies=transport.proxies_for(address),
            ca_bundle=transport.ca_bundle(),
            limit=max(self._settings.max_mib, VIDEO_MIB if is_video else 0) << 20,
            video=is_video,
            deadline=deadline or (VIDEO_DEADLINE if is_video else download.DEADLINE),
        )
        trial = part.with_name(f"{part.name}.trial")
        try:
            for pause in (*pauses, None):
                try:
                    with self._waiting():
                        download.fetch(address, trial, policy)
                except download.FetchFailed as error:
                    if _size(trial) > _size(part):
                        trial.replace(part)
                    if pause is None or not error.again:
                        if source.otherwise:
                            other = replace(source, address=source.otherwise, otherwise="")
                            with suppress(download.FetchFailed):
                                self._fetch(other, pauses, key, part, is_video=is_video, deadline=deadline)
                                return
                        raise
                    with self._waiting():
                        self._clock.sleep(pause)
                else:
                    trial.replace(part)
                    return
        finally:
            with suppress(OSError):
                trial.unlink(missing_ok=True)

    def _judged(self, path: Path, size: int, digest: Callable[[], str]) -> tuple[Inspection, Path | None]:
        """Check a file as :meth:`_inspect` does; what once took too much work is not tried again.

        Raises:
            ImageError: as :meth:`_inspect`.
        """
        if any(self._refused.glob(f"{size}-*")) and (self._refused / f"{size}-{digest()}").exists():
            raise ImageError(_(MESSAGES["effort"]), charged="yes", text="effort")
        try:
            return self._inspect(path, digest)
        except ImageError as error:
            if error.text == "effort":
                with suppress(OSError):
                    self._refused.mkdir(parents=True, exist_ok=True)
                    (self._refused / f"{size}-{digest()}").touch()
            raise

    def _inspect(self, path: Path, digest: Callable[[], str]) -> tuple[Inspection, Path | None]:
        """Check a file; returns what it is and where its preview is, None when the cache cannot be written.

        Args:
            path: the file.
            digest: gives its SHA-256 in hexadecimal, by which the preview is named.

        Raises:
            ImageError: it cannot be decoded within the limits, or cannot be checked now.
        """
        made = self._previews / f".{secrets.token_hex(8)}"
        try:
            with suppress(OSError):
                self._previews.mkdir(parents=True, exist_ok=True)
            result = self.pool.inspect(path, made)
            ending = "png" if result.preview_mime == kinds.PNG.mime else "jpg"
            try:
                return result, made.replace(self._previews / f"{digest()}.{ending}")
            except OSError:  # it is only a cache
                return result, None
        except ImageError as error:
            if error.text != "disk":
                raise
        finally:
            with suppress(OSError):
                made.unlink(missing_ok=True)
        with TemporaryDirectory(prefix="wenwen") as folder:  # the cache cannot be written, or is full
            return self.pool.inspect(path, Path(folder) / "preview"), None

    # -- what is shown -------------------------------------------------------------------------------------------------

    def showing(self, tell: Callable[[Progress], None], key: Secret | None = None) -> Callable[[Progress], None]:
        """Return a listener that passes progress on, with a checked preview in place of its picture, where that can be.

        Args:
            tell: is called with the progress.
            key: as for :meth:`save`.
        """

        def listener(progress: Progress) -> None:
            picture = self._temporary(progress.picture, key) if progress.picture else None
            tell(replace(progress, picture=None, preview=picture.preview if picture else None))

        return listener

    def _temporary(self, source: Source, key: Secret | None = None) -> GeneratedImage | None:
        """Return a picture's size and preview without keeping its file; None when it cannot be had soon or decoded."""
        if self._settings.mode == "replay" and not source.address.startswith("data:"):
            return None
        try:
            with TemporaryDirectory(prefix="wenwen") as folder:
                file = self._write(source, Path(folder) / "picture", (), key, noted=[], deadline=DRAFT_DEADLINE)
                return file if isinstance(file, GeneratedImage) else None
        except (ImageError, OSError, ValueError):
            return None

    def ready(self, generation: Generation) -> Generation:
        """Return a generation as it is shown: with a currency, and with previews, made again where they are lost."""
        pictures = tuple(
            replace(picture, preview=None if picture.problem else self._preview_of(picture))
            for picture in generation.pictures
        )
        generation = replace(generation, pictures=pictures)
        settings = self._settings
        still = self.still(generation.stills)
        return replace(generation, still=still, currency=settings.currency, embed=settings.embed)

    def _preview_of(self, picture: GeneratedImage) -> Path | None:
        try:
            return cached_preview(picture) or self._inspect(picture.path, lambda: picture.sha256)[1]
        except (ImageError, OSError):
            return None

    def still(self, previews: Sequence[Path]) -> Path | None:
        """Return one small picture of all: the preview of one, a contact sheet of several."""
        if len(previews) < 2:  # noqa: PLR2004  one picture needs no sheet
            return previews[0] if previews else None
        digest = hashlib.sha256(" ".join(preview.name for preview in previews).encode()).hexdigest()
        sheet = self._previews / f"sheet-{digest}.jpg"
        return _made(sheet, lambda: self.pool.sheet(previews, sheet)) or previews[0]

    def thumbnail(self, generation: Generation) -> Path | None:
        """Return a small picture of a generation's first image or clip, made once; None when there is none of it."""
        previews = (path for image in generation.images if (path := self._preview_of(image)))
        preview = next(chain(previews, generation.stills), None)
        if preview is None:
            return None
        small = self._previews / f"small-{preview.name}"
        return _made(small, lambda: self.pool.convert(preview, small, max_side=THUMBNAIL)) or preview


def _previews() -> Path:
    return user_cache_path("wenwen_magic", appauthor=False) / "previews"


def cached_preview(picture: GeneratedImage) -> Path | None:
    """Return a picture's preview in the user's cache folder, by the digest of its file; None when it is not there.

    Raises:
        OSError: the cache cannot be looked at.
    """
    places = (_previews() / f"{picture.sha256}.{ending}" for ending in ("jpg", "png"))
    return next((place for place in places if place.is_file()), None)


def _made(path: Path, make: Callable[[], object]) -> Path | None:
    """Return a file of the cache, made if it is not there; None if that fails."""
    try:
        if not path.is_file():
            make()
    except (ImageError, OSError):
        return None
    return path


def _begun_with_its_signature(part: Path) -> bytes:
    """Take what a careless server wrote before a picture out of its file; returns the first bytes."""
    with part.open("rb") as file:
        head = file.read(bodies.MOST_READ)
    lead = _LEAD.match(head)
    if lead is None or kinds.kind_of(head) or not kinds.kind_of(head[lead.end() :]):
        return head
    with part.open("r+b") as file:
        at = 0
        while file.seek(at + lead.end()) and (piece := file.read(_PIECE)):
            file.seek(at)
            at += file.write(piece)
        file.truncate(at)
    return head[lead.end() :]


def _in_words(error: WenwenError) -> str:
    """Say why a video is not there; that it is not, and where it would be, is told beside it."""
    return error.why or error.what


def _begins_as(part: Path, among: Iterable[kinds.Kind]) -> bool:
    with suppress(OSError), part.open("rb") as file:
        return kinds.kind_of(file.read(kinds.HEAD), among) is not None
    return False


def _better(
    part: Path, again: Path, seen: Inspection | ImageError, look: Callable[[Path], Inspection | ImageError]
) -> Inspection | ImageError:
    """Replace a cut clip by its second download, if that is whole or longer; return what the file holds now."""
    second = look(again) if _begins_as(again, kinds.VIDEOS) else seen
    if isinstance(second, Inspection) or (second is not seen and _size(again) > _size(part)):
        again.replace(part)
        return second
    return seen


def _size(path: Path) -> int:
    """Return the size of a file, in bytes; -1 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _with_its_words(error: ImageError, head: bytes) -> str:
    """Say why a file is not shown: what it is instead, or what it says."""
    if error.text == "format":
        kind = kinds.other_kind(head)
        return _("It is a file of the kind {kind}; PNG, JPEG, WebP, GIF and AVIF are shown.", kind=kind)
    if error.text not in {"not-a-picture", "html"}:
        return error.what
    words = bodies.words_of(head) if head else _("The file is empty.")
    return f"{error.what} {words}".strip()


def _keep_video(
    source: Source, part: Path, stem: Path, seen: Inspection | ImageError, broken: ImageError | None
) -> Video:
    """Rename a file that is, or should be, a video; one that cannot be judged now is kept as what it begins as."""
    head = _begun_with_its_signature(part)
    size, digest, kind = part.stat().st_size, _sync(part), kinds.kind_of(head, kinds.VIDEOS)
    problem = ""
    if isinstance(seen, ImageError) and seen.text not in _NOT_THE_PICTURES_FAULT:
        kept = _("What came is kept as {name}.", name=f"{stem.name}.unsound")
        problem = f"{_in_words(broken) if broken else seen.what} {kept}"
    if kind is None:
        words = bodies.words_of(head) if head else _("The file is empty.")
        problem = f"{_('What came is not a video.')} {words}".strip()
    ending = kind.extension if kind and not problem else "unsound"
    path = part.replace(stem.with_name(f"{stem.name}.{ending}"))
    video = Video(source.address, path, kind.mime if kind else "", size, digest, problem)
    if problem or isinstance(seen, ImageError):
        return video
    poster = stem.with_name(f"{stem.name}{_POSTER}")
    return replace(video, width=seen.width, height=seen.height, seconds=seen.seconds, poster=poster)


_File = TypeVar("_File", GeneratedImage, Video)


def _without_equals(files: Iterable[_File]) -> tuple[_File, ...]:
    """Keep the first file of those with equal bytes: a picture that is both draft and result is the result."""
    kept: dict[str, _File] = {}
    for file in files:
        first = kept.setdefault(file.sha256 or getattr(file, "address", ""), file)
        if first is file:
            continue
        if isinstance(first, GeneratedImage) and isinstance(file, GeneratedImage) and not file.draft:
            kept[file.sha256] = replace(first, draft=False)
        if file.path and file.path != first.path:
            for path in (file.path, getattr(file, "poster", None)):
                with suppress(OSError):
                    path and path.unlink()
    return tuple(kept.values())


def _decode(data: bytes, part: Path) -> None:
    """Decode base64 in pieces, forgiving what people forgive: the other alphabet, missing padding, stray characters."""
    with part.open("wb") as file:
        try:
            _decode_pieces(data, file, strict=True)
        except binascii.Error:  # seldom: what has to be forgiven is looked for only then, as it takes long
            file.seek(0)
            file.truncate()
            data = data.translate(bytes.maketrans(b"-_", b"+/"), delete=_NOT_BASE64)
            _decode_pieces(data, file, strict=False)


def _decode_pieces(data: bytes, file: IO[bytes], *, strict: bool) -> None:
    """Decode base64 whose pieces begin at whole groups of four letters.

    Raises:
        binascii.Error: it is to be strict, and there are other characters.
    """
    whole = memoryview(data)
    for start in range(0, len(data), _BASE64_PIECE):
        piece: Any = whole[start : start + _BASE64_PIECE]
        if start + _BASE64_PIECE >= len(data):
            piece = bytes(piece).rstrip(b"=")
            if len(piece) % 4 == 1:  # one letter alone holds no byte
                piece = piece[:-1]
            piece += b"=" * (-len(piece) % 4)
        file.write(binascii.a2b_base64(piece, strict_mode=strict))


def _sync(path: Path) -> str:
    """Make a file's bytes last on the disk; returns their SHA-256 in hexadecimal."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()
