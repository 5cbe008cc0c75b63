"""Export a history as one zip file, a lesson, and import a lesson without changing what is saved already.

An archive holds the JSON records, their pictures, and a list of all files with sizes and digests. No name in it is
trusted: records are read, the pictures that they name are checked, and both are written under names that the history
makes itself.
"""

import hashlib
import io
import json
import os
import re
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from wenwen_magic.errors import ConfigError, HistoryError, ImageError, WenwenError
from wenwen_magic.history.atomic import whole_file
from wenwen_magic.history.record_json import decode, encode, from_json, is_stripped, stripped, to_json
from wenwen_magic.history.store import History
from wenwen_magic.kinds import HEAD, JPEG, PICTURES, VIDEOS, kind_of
from wenwen_magic.media.metadata import without_words
from wenwen_magic.media.reference import reference
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Reference, Video
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import mask_keys

LIST = "wenwen-lesson.json"
"""The entry that lists all others."""
KIND, VERSION = "wenwen lesson", 1
LIMIT = 2 << 30
"""Bytes that all files of one archive may have, unpacked."""
MOST_WORDS = 32 << 20
"""Bytes of the list, and of all records together: they are read into memory, pictures never are."""
MOST_POSTER = 1 << 20
"""Bytes of a clip's poster at most."""
PIECE = 1 << 20
"""Bytes that are read at a time."""
LEFT_BEHIND: Mapping[str, Any] = {"endpoint": "", "error": None, "price": None, "job": "", "buttons": ()}
"""The private fields, and what an archive has in their place."""
_MASKED = ("text", "finish_reason", "revised_prompt", "model_reported", "sources", "usage")
_WITHOUT_WORDS: Mapping[str, Any] = {
    **dict.fromkeys(("text", "finish_reason", "revised_prompt", "prompt_sent"), ""),
    "sources": (),
    "usage": {},
    "tags": (),
}
"""What has words of the prompt or the answer, and what an archive without words has in its place."""
_EXTENSIONS = {kind.mime: kind.extension for kind in (*PICTURES, *VIDEOS)}
_File = GeneratedImage | Video
_INVALID_ZIP = (BadZipFile, RuntimeError, zlib.error, EOFError, struct.error, ValueError, OverflowError, KeyError)
"""What zipfile raises for a file that is not a valid zip, is encrypted, or lacks an entry."""


@dataclass(frozen=True)
class Entry:
    """Name a file of an archive, with its size in bytes, unpacked, and its SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """List all files of an archive but the list; ``created`` is the day of its newest generation."""

    kind: str
    version: int
    created: str
    files: tuple[Entry, ...]


@dataclass(frozen=True)
class Exported:
    """Count the generations, pictures and clips that went into an archive, and its bytes.

    Left out are generations without a picture whose file is here and, where prompts are left out, those with a picture
    whose own words cannot be taken out.
    """

    records: int
    pictures: int
    bytes: int
    left_out: int
    clips: int = 0


@dataclass(frozen=True)
class Imported:
    """Count the generations of an archive that are new here, the files written, and the generations here."""

    records: int
    pictures: int
    already: int
    clips: int = 0


# -- export ------------------------------------------------------------------------------------------------------------


def export_archive(
    history: History, path: Path, generations: Iterable[Generation] | None = None, *, strip: bool = False
) -> Exported:
    """Write generations and their pictures into one zip file, the same bytes for the same content.

    Endpoints, prices, errors and the machine's folders are not in it, nor drafts, broken pictures and raw replies. With
    ``strip`` there are no prompts and no other words in it, nor in the pictures' files (PNG, JPEG and WebP); the same
    prompt typed in a notebook still finds its picture. An archive of the same name is replaced, nothing else is.

    Raises:
        ConfigError: there is no picture to export, too much for one archive, or another file under the name.
        HistoryError: a file cannot be read or written.
    """
    if os.path.lexists(path) and not _is_archive(path):
        raise ConfigError(
            _("There is another file of this name."),
            why=_("{name} is not a lesson, so it is not overwritten.", name=path.name),
            do=_("Choose another name."),
        )
    if not path.parent.is_dir():
        raise ConfigError(
            _("There is no folder {name!r}.", name=path.parent.name),
            do=_("Make it, or name another place."),
        )
    whole = list(history.all() if generations is None else generations)
    rows = [_as_handed_on(row, {one.id: one for one in whole} if strip else None) for row in whole]
    chosen = {row.id: row for row in rows if row.has_result}
    added: list[Generation] = []
    try:
        with whole_file(path) as file, ZipFile(file, "w") as zipped:
            writer = _Writer(zipped)
            for row in sorted(chosen.values(), key=lambda row: (row.created[:10], row.id)):
                with suppress(ImageError):  # words that cannot be removed
                    added.append(_add(writer, history, row, strip=strip))
            if not added:
                raise ConfigError(
                    _("There is no picture to export."),
                    why=_("With --strip answers and clips stay out: their words cannot be removed.") if strip else "",
                    do=_("%wenwen history lists what is saved."),
                )
            files = tuple(sorted(writer.entries, key=lambda entry: entry.name))
            contents = Contents(KIND, VERSION, max(row.created[:10] for row in added), files)
            writer.write(LIST, io.BytesIO(json.dumps(to_json(contents), ensure_ascii=False, indent=1).encode()))
        size = path.stat().st_size
    except OSError as error:
        raise _unfinished(path.name, error) from None
    left_out = sum(row.id not in chosen for row in rows) + len(chosen) - len(added)
    pictures, clips = sum(len(row.pictures) for row in added), sum(len(row.clips) for row in added)
    return Exported(len(added), pictures, size, left_out, clips)


def _as_handed_on(row: Generation, stripped_with: Mapping[str, Generation] | None) -> Generation:
    """Return a generation with the files that go along, and redacted; perhaps no result is left of it.

    Args:
        row: the generation.
        stripped_with: all generations of the lesson by their ids, where their words are left out; else None.
    """
    strip, request = stripped_with is not None, row.request
    if stripped_with and request.references and not is_stripped(request):
        request = replace(request, references=tuple(_without_words(one, stripped_with) for one in request.references))
    files = replace(
        row,
        request=request,
        pictures=tuple(filter(_is_as_recorded, row.images)),
        # A video may hold words.
        videos=() if strip else tuple(map(_with_its_poster, filter(_is_as_recorded, row.kept_videos))),
    )
    return redacted(files, strip=strip)


def _without_words(sent: Reference, rows: Mapping[str, Generation]) -> Reference:
    """Return a reference as it is after import of the lesson: the files of its pictures hold no words there."""
    for picture in rows[sent.origin].images if sent.origin in rows else ():
        with suppress(WenwenError, OSError):  # such a picture stays out of the lesson
            if reference(data := picture.data).digest == sent.digest:
                return replace(sent, digest=reference(without_words(data)).digest)
    return sent


def _add(writer: "_Writer", history: History, record: Generation, *, strip: bool) -> Generation:
    """Write a generation's files, then its record, and return it as it is in the archive.

    Raises:
        ImageError: the words in a picture cannot be removed; nothing was written.
    """
    files: list[_File] = []
    with ExitStack() as stack:
        contents = [
            io.BytesIO(without_words(_path(file).read_bytes()))
            if strip
            else stack.enter_context(_path(file).open("rb"))
            for file in _files(record)
        ]
        for number, (file, content) in enumerate(zip(_files(record), contents, strict=True), 1):
            placed = _placed(history, record, file, number)
            entry = writer.write(_path(placed).relative_to(history.folder).as_posix(), content)
            files.append(replace(placed, size=entry.size, sha256=entry.sha256))
            if isinstance(file, Video) and isinstance(placed, Video) and file.poster and placed.poster:
                still = stack.enter_context(file.poster.open("rb"))
                writer.write(placed.poster.relative_to(history.folder).as_posix(), still)
    record = _holding(record, files)
    writer.write(history.path(record, ".json").relative_to(history.folder).as_posix(), io.BytesIO(encode(record)))
    return record


class _Writer:
    """Writes the files of an archive a piece at a time, and lists them in ``entries``."""

    def __init__(self, zipped: ZipFile) -> None:
        self._zipped = zipped
        self.entries: list[Entry] = []
        self._size = self._words = 0

    def write(self, name: str, content: IO[bytes]) -> Entry:
        """Write a file.

        Raises:
            ConfigError: it is too much for one archive.
        """
        info = ZipInfo(name)  # its date is the first that a zip can hold
        info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
        is_json = name.endswith(".json")
        info.compress_type = ZIP_DEFLATED if is_json else ZIP_STORED
        digest, before = hashlib.sha256(), self._size
        if name == LIST:
            self._words = 0  # it has as much room as the records
        with self._zipped.open(info, "w") as out:
            while piece := content.read(PIECE):
                self._size, self._words = self._size + len(piece), self._words + len(piece) * is_json
                if self._size > LIMIT or self._words > MOST_WORDS:
                    limits = {"limit": LIMIT >> 20, "most_words": MOST_WORDS >> 20}
                    raise ConfigError(
                        _("This is too much for one lesson."),
                        why=_("More than {limit} MiB, or {most_words} MiB of records.", **limits),
                        do=_("Name the ids that it should hold."),
                    )
                digest.update(piece)
                out.write(piece)
        entry = Entry(name, self._size - before, digest.hexdigest())
        self.entries.append(entry)
        return entry


def redacted(generation: Generation, *, strip: bool) -> Generation:
    """Return a generation without what must not leave this machine: endpoint, account, prices and folders.

    With ``strip`` the prompt and all other words are left out too; the model's name stays.
    """
    host = re.sub(r":[0-9]*$", "", generation.endpoint.partition("://")[2])
    secret = f"//{host}" if host else ""
    changes: dict[str, Any] = {name: _masked(getattr(generation, name), secret) for name in _MASKED}
    if strip:
        changes |= _WITHOUT_WORDS
    return replace(
        generation,
        **LEFT_BEHIND,
        **changes,
        request=_redacted_request(generation.request, strip=strip),
        pictures=tuple(replace(one, alt="" if strip else mask_keys(one.alt, secret)) for one in generation.pictures),
        videos=tuple(replace(video, address=mask_keys(video.address, secret)) for video in generation.videos),
    )


def _masked(value: Any, secret: str) -> Any:
    """Return a value out of JSON with the keys in its texts masked."""
    if isinstance(value, str):
        return mask_keys(value, secret)
    if isinstance(value, Mapping):
        return {_masked(name, secret): _masked(inner, secret) for name, inner in value.items()}
    return type(value)(_masked(inner, secret) for inner in value) if isinstance(value, (list, tuple)) else value


def _redacted_request(request: ImageRequest, *, strip: bool) -> ImageRequest:
    """Return a request whose references have no address: it may be private, or signed."""

    def bare(reference: Reference) -> Reference:
        return Reference("", reference.digest, mask_keys(re.split("[?#]", reference.label)[0]), reference.origin)

    if strip or is_stripped(request):
        return stripped(request)
    return replace(request, references=tuple(map(bare, request.references)), mask=request.mask and bare(request.mask))


def _is_as_recorded(file: _File) -> bool:
    """Tell whether the file is what its record says: in a folder that came from others it may be a link to anything."""
    try:
        with _path(file).open("rb") as content:
            return _looks_like(file.mime, content.read(HEAD))
    except OSError:
        return False


def _with_its_poster(video: Video) -> Video:
    """Return a video without its poster, where the file is none: it may be a link to anything, too."""
    return video if video.poster and _is_poster(video.poster) else replace(video, poster=None)


def _is_poster(path: Path) -> bool:
    try:
        with path.open("rb") as content:
            return path.stat().st_size <= MOST_POSTER and _looks_like(JPEG.mime, content.read(HEAD))
    except OSError:
        return False


def _is_archive(path: Path) -> bool:
    try:
        with ZipFile(path) as zipped:
            _read_list(zipped)
    except (WenwenError, OSError, *_INVALID_ZIP):
        return False
    return True


# -- import ------------------------------------------------------------------------------------------------------------


def import_archive(history: History, path: Path) -> Imported:
    """Add an archive's generations to a history: all of it is checked before anything is written.

    A generation that is here (same id, request and moment) is left as it is, but pictures whose files are gone here are
    restored. One whose id belongs to another here gets a new id, always the same one: an id is eight random digits, so
    those of two people may meet. No file is written over. Interrupted, it is run again.

    Raises:
        ConfigError: it is refused; the message names the entry and the reason. Nothing was written.
        HistoryError: a file cannot be written, or the archive changed while it was read.
    """
    with ExitStack() as stack:
        with _refusing(path.name):
            zipped = stack.enter_context(ZipFile(path))
            records = _checked(zipped)
        taken = {record.id for record, _entries in records}
        new, pictures, clips = [], 0, 0
        try:
            for record, entries in records:
                kept, is_new = _kept_as(history, record, taken)
                taken.add(kept.id)
                new += [kept] if is_new else []
                for file in _files(kept):
                    poster = [file.poster] if isinstance(file, Video) and file.poster else []
                    for mark, place in zip((file.sha256, _poster_mark(file)), (_path(file), *poster), strict=False):
                        if mark in entries and not os.path.lexists(place):
                            place.parent.mkdir(parents=True, exist_ok=True)
                            with whole_file(place) as content:
                                content.writelines(_pieces(zipped, entries[mark]))
                            pictures += isinstance(file, GeneratedImage)
                            clips += kept.request.wants_clip and place == file.path and isinstance(file, Video)
        except (OSError, *_INVALID_ZIP) as error:
            raise _unfinished(history.folder.name + "/", error) from None
    for record in new:  # only now: no record is here without its picture
        history.write(record)
    return Imported(len(new), pictures, len(records) - len(new), clips)


_Record = tuple[Generation, Mapping[str, Entry]]
"""A generation, and the entries of its files by their SHA-256; of posters by what :func:`_poster_mark` says."""


def _checked(zipped: ZipFile) -> list[_Record]:
    """Read every record, and every file that one names, and write nothing.

    Raises:
        ConfigError: one is not as it should be.
    """
    listed = {entry.name: entry for entry in _read_list(zipped).files}
    sizes = {info.filename: info.file_size for info in zipped.infolist() if info.filename != LIST}
    words = sum(size for name, size in sizes.items() if name.endswith(".json"))
    if sum(sizes.values()) > LIMIT or words > MOST_WORDS:
        most = f"{LIMIT >> 20} MiB, {MOST_WORDS >> 20} MiB"
        raise _refused("", _("It is too large when unpacked ({most}).", most=most))
    records: dict[str, _Record] = {}
    for name in [name for name in listed if name.endswith(".json")]:
        with _refusing(name):
            data = b"".join(_pieces(zipped, listed[name]))
        try:
            record = decode(data, Path(PurePosixPath(name).parent), None)
        except (ValueError, OverflowError, RecursionError, WenwenError) as error:
            raise _refused(name, _("it is not a valid record ({error}).", error=error)) from None
        if not record.has_result:
            raise _refused(name, _("it has no result."))
        if record.id in records:
            raise _refused(name, _("another record has the same id."))
        entries = {file.sha256: _checked_file(zipped, file, listed) for file in _files(record)}
        for video in record.kept_videos:
            if video.poster:
                entries[_poster_mark(video)] = _checked_poster(zipped, video.poster, listed)
        records[record.id] = record, entries
    return list(records.values())


def _checked_file(zipped: ZipFile, file: _File, listed: dict[str, Entry]) -> Entry:
    entry = _listed(_path(file), listed)
    if (file.sha256, file.size) != (entry.sha256, entry.size):
        raise _refused(entry.name, _("its size or SHA-256 differs from its record."))
    head = _head_of(zipped, entry)
    if not _looks_like(file.mime, head) or isinstance(file, Video) != file.mime.startswith("video/"):
        raise _refused(entry.name, _("it is not of the type that its record names."))
    return entry


def _checked_poster(zipped: ZipFile, poster: Path, listed: dict[str, Entry]) -> Entry:
    entry = _listed(poster, listed)
    if entry.size > MOST_POSTER or not _looks_like(JPEG.mime, _head_of(zipped, entry)):
        raise _refused(entry.name, _("it is not of the type that its record names."))
    return entry


def _listed(path: Path, listed: dict[str, Entry]) -> Entry:
    """Take a file out of the list: named twice, one would be written many times."""
    name = path.as_posix()
    if (entry := listed.pop(name, None)) is None:
        raise _refused(name, _("a record names it, but it is missing or belongs to another record."))
    return entry


def _head_of(zipped: ZipFile, entry: Entry) -> bytes:
    """Read a whole file, and return its first bytes."""
    with _refusing(entry.name):
        head = b""
        for piece in _pieces(zipped, entry):
            head += piece[: HEAD - len(head)]
    return head


def _read_list(zipped: ZipFile) -> Contents:
    """Read the list of an archive.

    Raises:
        ConfigError: there is none of this version.
    """
    try:
        if any(info.compress_type not in {ZIP_STORED, ZIP_DEFLATED} for info in zipped.infolist()):
            raise _refused("", _("an entry uses an unsupported compression."))  # others may need any amount of memory
        with zipped.open(LIST) as source:
            data = source.read(MOST_WORDS + 1)
        contents = from_json(Contents, json.loads(data))
        if len(data) > MOST_WORDS or (contents.kind, contents.version) != (KIND, VERSION):
            raise ValueError("another kind or version")
    except _INVALID_ZIP:
        raise _refused(LIST, _("this is not a lesson, or its version is not supported.")) from None
    return contents


def _pieces(zipped: ZipFile, entry: Entry) -> Iterator[bytes]:
    """Yield an entry's bytes, a piece at a time; zipfile reads no more of them than the zip's directory says.

    Raises:
        BadZipFile: its content is not what the list says; this is raised after the last piece.
    """
    digest = hashlib.sha256()
    with zipped.open(entry.name) as source:
        while piece := source.read(PIECE):
            digest.update(piece)
            yield piece
    if (zipped.getinfo(entry.name).file_size, digest.hexdigest()) != (entry.size, entry.sha256):
        raise BadZipFile(f"{entry.name[:120]!r}: " + _("its content differs from the list"))


def _kept_as(history: History, record: Generation, taken: set[str]) -> tuple[Generation, bool]:
    """Return a generation of an archive as it is, or will be, in a history, and whether it is new there.

    None of the ids in ``taken`` is given to it.
    """
    seed = f"{record.id} {record.created} {record.request.fingerprint}"
    others = (hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:8] for number in count())
    for name in chain([record.id], (other for other in others if other not in taken)):
        own = history.find(name)
        if own and (own.created, own.request.fingerprint) == (record.created, record.request.fingerprint):
            return own, False
        kept = replace(record, id=name, **LEFT_BEHIND)
        places = [_placed(history, kept, file, number) for number, file in enumerate(_files(kept), 1)]
        paths = [history.path(kept, ".json"), *(_path(file) for file in places if not _is_whole(file))]
        if not own and not any(map(os.path.lexists, paths)):
            break
    return _holding(kept, places), True


def _is_whole(file: _File) -> bool:
    """Tell whether a file is here, left by an interrupted import."""
    try:
        with _path(file).open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


# -- both --------------------------------------------------------------------------------------------------------------


def _files(generation: Generation) -> tuple[_File, ...]:
    """Return all that is in files: pictures, then videos."""
    return (*generation.pictures, *generation.kept_videos)


def _holding(generation: Generation, files: Sequence[_File]) -> Generation:
    """Return a generation with these files alone."""
    return replace(
        generation,
        pictures=tuple(file for file in files if isinstance(file, GeneratedImage)),
        videos=tuple(file for file in files if isinstance(file, Video)),
    )


def _path(file: _File) -> Path:
    return file.path or Path()


def _placed(history: History, generation: Generation, file: _File, number: int) -> _File:
    """Return a file at its path, in a history and in an archive; never the one in its record."""
    path = history.path(generation, f"-{number}.{_EXTENSIONS[file.mime]}")
    if isinstance(file, Video):
        poster = file.poster and history.path(generation, f"-{number}.{JPEG.extension}")
        return replace(file, path=path, poster=poster)
    return replace(file, path=path)


def _poster_mark(file: _File) -> str:
    return f"{file.sha256} {JPEG.extension}"


def _looks_like(mime: str, head: bytes) -> bool:
    kind = kind_of(head, (*PICTURES, *VIDEOS))
    return kind is not None and kind.mime == mime


def _refused(name: str, why: str) -> ConfigError:
    return ConfigError(
        _("The lesson is refused; nothing was written."),
        why=f"{name[:120]!r}: {why}" if name else why,
        do=_("Ask for a new one, made with: %wenwen export"),
    )


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn what a broken zip raises into a refusal that names the entry.

    Raises:
        ConfigError: it cannot be read, or is not a valid zip.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise _refused(name, _("it cannot be read ({reason}).", reason=reason)) from None
    except _INVALID_ZIP as error:
        raise _refused(name, _("it is not a valid zip file ({error}).", error=error)) from None


def _unfinished(name: str, error: Exception) -> HistoryError:
    return HistoryError(
        _("The lesson could not be read or written completely."),
        why=f"{getattr(error, 'strerror', None) or error}: {name}",
        do=_("Free disk space, then run it again: it continues where it stopped."),
    )
