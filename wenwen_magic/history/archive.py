"""Hands a history on as one zip file, a lesson, and takes a lesson in without touching what is here."""

import hashlib
import io
import json
import os
import re
import secrets
import stat
import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from wenwen_magic.errors import ConfigError, HistoryError, ImageError, WenwenError, mask
from wenwen_magic.history.atomic import sync_folder
from wenwen_magic.history.record_json import decode, encode, is_stripped, stripped
from wenwen_magic.history.store import History
from wenwen_magic.media.metadata import without_words
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Reference
from wenwen_magic.text.i18n import _

LIST = "wenwen-lesson.json"
"""The entry that names all others, with their sizes and digests."""
KIND = {"kind": "wenwen lesson", "version": 1}
LIMIT = 2 << 30
"""Bytes that all files of one lesson may have, unpacked."""
MOST_WORDS = 32 << 20
"""Bytes of the list, and of all records together: they are read into memory, pictures never are."""
PIECE = 1 << 20
"""Bytes that are read at a time."""
HEAD = 80
"""First bytes of a picture that tell its type."""
TYPES: Mapping[str, tuple[str, re.Pattern[bytes]]] = {
    "image/png": ("png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    "image/jpeg": ("jpg", re.compile(rb"\xff\xd8\xff")),
    "image/gif": ("gif", re.compile(rb"GIF8[79]a")),
    "image/webp": ("webp", re.compile(rb"(?s)RIFF....WEBP")),
    "image/avif": ("avif", re.compile(rb"(?s)....ftyp.{0,56}avi[fs]")),
}
"""The types of pictures: the ending of their files, and how they begin."""
UNSOUND = (BadZipFile, RuntimeError, zlib.error, EOFError, struct.error, ValueError, OverflowError)
"""What zipfile raises for a file that is no sound zip, or packed in a way it does not know."""
_NAME = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}/[^.\x00-\x1f\x7f<>:"/\\|?*][^\x00-\x1f\x7f<>:"/\\|?*]*(?<![. ])')
_LONGEST_NAME = 255
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*)?")
_ENCRYPTED = 0x1 | 0x40 | 0x2000


@dataclass(frozen=True)
class Entry:
    """An entry of the zip, and the digest that the list says it has."""

    info: ZipInfo
    sha256: str


@dataclass(frozen=True)
class Lesson:
    """A lesson that was judged.

    Args:
        entries: all but the list, by name.
        records: its generations; the path of a picture is the name of its entry.
    """

    entries: Mapping[str, Entry]
    records: Sequence[Generation]


def looks_like(mime: str, head: bytes) -> bool:
    """Whether a file's first bytes are those of a picture of a type."""
    return mime in TYPES and bool(TYPES[mime][1].match(head))


def judged(archive: ZipFile, limit: int) -> Lesson:
    """Read every byte of a lesson once, and nothing to disk.

    Args:
        archive: open for reading.
        limit: bytes that all files may have, unpacked.

    Raises:
        ConfigError: it is refused; the message names the entry and the reason.
        OSError, or one of ``UNSOUND``: the zip itself is broken; :func:`judging` makes a ConfigError of it.
    """
    entries = _entries(archive, limit)
    return Lesson(entries, _records(archive, entries))


@contextmanager
def judging(path: Path) -> Iterator[None]:
    """Turn what a broken zip raises into an error of ours.

    Args:
        path: the lesson's.

    Raises:
        ConfigError: it cannot be read, or is no sound zip file.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise _refused(path.name, _("it cannot be read ({reason}).", reason=reason)) from None
    except UNSOUND as error:
        raise _refused(path.name, _("it is no sound zip file ({error}).", error=error)) from None


def is_lesson(path: Path) -> bool:
    """Whether a file is a lesson, judged by its list alone."""
    try:
        with ZipFile(path) as archive:
            _listed(archive)
    except (WenwenError, OSError, *UNSOUND):
        return False
    return True


def pieces(archive: ZipFile, entry: Entry) -> Iterator[bytes]:
    """An entry's bytes, a piece at a time, and not one more than it says it has.

    Raises:
        BadZipFile: it is longer, or its content is not what the list says; this is told after the last piece.
    """
    digest = hashlib.sha256()
    for piece in _raw(archive, entry.info):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != entry.sha256:
        raise BadZipFile(f"{entry.info.filename[:120]!r}: " + _("not what the list says"))


def _raw(archive: ZipFile, info: ZipInfo) -> Iterator[bytes]:
    left = info.file_size
    with archive.open(info) as source:
        while piece := source.read(min(PIECE, left + 1)):
            left -= len(piece)
            if left < 0:
                raise BadZipFile(f"{info.filename[:120]!r}: " + _("longer than it says"))
            yield piece


def _refused(name: str, why: str) -> ConfigError:
    return ConfigError(
        _("The lesson is refused; nothing was written."),
        why=f"{name[:120]!r}: {why}" if name else why,
        do=_("Ask for it again, made with: %wenwen export"),
    )


# -- the list ----------------------------------------------------------------------------------------------------------


def _listed(archive: ZipFile) -> dict[str, dict[str, Any]]:
    """The files that the list names; every one has a name, a size and a digest."""
    if LIST not in archive.namelist():
        raise _refused(LIST, _("it is missing: this is no lesson."))
    info = archive.getinfo(LIST)
    _judge_info(info)
    if info.file_size > MOST_WORDS:
        raise _refused(LIST, _("it is too long."))
    told = _json(b"".join(_raw(archive, info)))
    if not isinstance(told, dict) or {name: told.get(name) for name in KIND} != KIND:
        raise _refused(LIST, _("this is no lesson, or one of another version."))
    files = told.get("files")
    if not isinstance(files, list) or not all(_is_listing(one) for one in files):
        raise _refused(LIST, _("the list of files is broken."))
    _judge_names([LIST, *(one["name"] for one in files)])
    return {one["name"]: one for one in files}


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _is_listing(one: Any) -> bool:
    if not isinstance(one, dict) or type(one.get("size")) is not int:
        return False
    name, digest = one.get("name"), one.get("sha256")
    return isinstance(name, str) and isinstance(digest, str) and bool(re.fullmatch("[0-9a-f]{64}", digest))


# -- the entries -------------------------------------------------------------------------------------------------------


def _entries(archive: ZipFile, limit: int) -> dict[str, Entry]:
    """The entries but for the list, by name; all that can be judged without reading them was judged."""
    told = _listed(archive)
    infos = archive.infolist()
    for info in infos:
        _judge_info(info)
    _judge_names([info.filename for info in infos])
    present = {info.filename: info for info in infos if info.filename != LIST}
    for name in sorted(present.keys() ^ told.keys()):
        raise _refused(name, _("it is not both in the lesson and in its list."))
    for name, one in told.items():
        if present[name].file_size != one["size"]:
            raise _refused(name, _("its size is not what the list says."))
    _judge_sums(present, limit)
    return {name: Entry(present[name], one["sha256"]) for name, one in told.items()}


def _judge_info(info: ZipInfo) -> None:
    """What an entry says of itself, its name as it is written included."""
    name, mode = info.orig_filename, info.external_attr >> 16
    if name != info.filename or (name != LIST and not _is_name(name)):
        raise _refused(name, _("such a name is not taken."))
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        raise _refused(name, _("it is a link, or no plain file."))
    if info.flag_bits & _ENCRYPTED or info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise _refused(name, _("it is encrypted, or packed in an unusual way."))


def _is_name(name: str) -> bool:
    """Whether it is ``YYYY-MM-DD/file`` and every system takes the file's name."""
    file = name.rpartition("/")[2]
    short = len(file.encode("utf-8", "replace")) <= _LONGEST_NAME
    return short and bool(_NAME.fullmatch(name)) and not _RESERVED.fullmatch(file)


def _judge_names(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        same = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if same in seen:
            raise _refused(name, _("it is there twice, or differs in letter case only."))
        seen.add(same)


def _judge_sums(present: Mapping[str, ZipInfo], limit: int) -> None:
    words = sum(info.file_size for name, info in present.items() if _is_record(name))
    if sum(info.file_size for info in present.values()) > limit or words > MOST_WORDS:
        most = f"{limit >> 20} MiB, {MOST_WORDS >> 20} MiB"
        raise _refused("", _("Unpacked it is too large ({most}).", most=most))


def _is_record(name: str) -> bool:
    return name.endswith(".json")


# -- what is in them ---------------------------------------------------------------------------------------------------


def _records(archive: ZipFile, entries: Mapping[str, Entry]) -> list[Generation]:
    """The generations; every entry is the record of one of them, or one picture of one of them."""
    heads: dict[str, bytes] = {}
    found: dict[str, Generation] = {}
    for name, entry in entries.items():
        if not _is_record(name):
            heads[name] = _read(archive, entry, HEAD)
            continue
        record = _record(name, _read(archive, entry, MOST_WORDS))
        if record.id in found:
            raise _refused(name, _("another record has the same id."))
        found[record.id] = record
    for image in (image for record in found.values() for image in record.pictures):
        name = image.path.as_posix()
        _judge_picture(name, image, heads.pop(name, None), entries)
    for name in heads:
        raise _refused(name, _("it belongs to no record."))
    return list(found.values())


def _read(archive: ZipFile, entry: Entry, most: int) -> bytes:
    """The first bytes of an entry, after all of it was held against its digest."""
    kept = bytearray()
    for piece in pieces(archive, entry):
        kept += piece[: most - len(kept)]
    return bytes(kept)


def _record(name: str, data: bytes) -> Generation:
    day = name.partition("/")[0]
    try:
        record = decode(data, Path(day), None)
    except (ValueError, OverflowError, RecursionError, WenwenError) as error:
        raise _refused(name, _("it is no record ({error}).", error=error)) from None
    if record.created[:10] != day or not record.has_result:
        raise _refused(name, _("its day is another, or it has no result."))
    return record


def _judge_picture(name: str, image: GeneratedImage, head: bytes | None, entries: Mapping[str, Entry]) -> None:
    if head is None:
        raise _refused(name, _("a record names it, and it is not there for that record."))
    if not looks_like(image.mime, head) or not name.endswith("." + TYPES[image.mime][0]):
        raise _refused(name, _("it is no picture of the type that its record says."))
    if (image.sha256, image.size) != (entries[name].sha256, entries[name].info.file_size):
        raise _refused(name, _("its record tells another size or digest."))


LEFT_BEHIND: Mapping[str, Any] = {"endpoint": "", "error": None, "price": None, "job": "", "buttons": ()}
"""What is nobody else's business: whom somebody asked, what went wrong, what it cost, what could be done next there."""


def told(generation: Generation, *, strip: bool) -> Generation:
    """A generation as a lesson tells it: nothing of the endpoint, the account, the prices or the machine.

    Args:
        generation: with the pictures that go along.
        strip: leave out the prompt and all other words; the model's name stays.
    """
    host = re.sub(r":[0-9]*$", "", generation.endpoint.partition("://")[2])
    secret = f"//{host}" if host else ""
    words = ("text", "finish_reason", "revised_prompt")
    bare: dict[str, Any] = dict.fromkeys((*words, "prompt_sent"), "") | {"sources": (), "usage": {}}
    names = (*words, "sources", "usage")
    return replace(
        generation,
        **LEFT_BEHIND,
        **(bare if strip else {name: _masked(getattr(generation, name), secret) for name in names}),
        model_reported=mask(generation.model_reported, secret),
        request=_told_request(generation.request, strip=strip),
        pictures=tuple(replace(one, alt="" if strip else mask(one.alt, secret)) for one in generation.pictures),
    )


def _masked(value: Any, secret: str) -> Any:
    """A value out of JSON, the keys in its texts masked."""
    if isinstance(value, str):
        return mask(value, secret)
    if isinstance(value, Mapping):
        return {_masked(name, secret): _masked(inner, secret) for name, inner in value.items()}
    return type(value)(_masked(inner, secret) for inner in value) if isinstance(value, (list, tuple)) else value


def _told_request(request: ImageRequest, *, strip: bool) -> ImageRequest:
    """A request whose references are told by digest and name: an address may be private, or signed."""
    if strip or is_stripped(request):
        return stripped(request)
    hole = _told_reference(request.mask) if request.mask else None
    return replace(request, references=tuple(map(_told_reference, request.references)), mask=hole)


def _told_reference(one: Reference) -> Reference:
    return Reference("", one.digest, mask(re.split("[?#]", one.label)[0]), one.origin)


@dataclass
class Parcel:
    """A lesson that is being written.

    Args:
        archive: open for writing.
        records, pictures: how many are in it so far.
        created: the day of its newest generation.
    """

    archive: ZipFile
    records: int = 0
    pictures: int = 0
    created: str = ""
    _files: dict[str, dict[str, Any]] = field(default_factory=dict)
    _left: int = LIMIT
    _words_left: int = MOST_WORDS

    def add(self, generation: Generation, name_of: Callable[[GeneratedImage | None, int], str], *, strip: bool) -> None:
        """Add a generation's pictures, read a piece at a time, then its record.

        Args:
            generation: as it is told; its pictures' files are read.
            name_of: names the entry of a picture by its number, from 1; of the record for None and 0.
            strip: take out the words in the pictures' files; each is held in memory then.

        Raises:
            ImageError: words cannot be taken out of a picture; nothing of the generation was added.
            ConfigError: it is too much for one lesson.
            OSError: a file cannot be read or written.
        """
        with ExitStack() as stack:
            contents = [stack.enter_context(_content(image, strip=strip)) for image in generation.pictures]
            found = []
            for number, (image, content) in enumerate(zip(generation.pictures, contents, strict=True), 1):
                name = name_of(image, number)
                found.append(replace(image, path=Path(name), **self._write(name, content)))
        record = encode(replace(generation, pictures=tuple(found)))
        self._write(name_of(None, 0), io.BytesIO(record), words=True)
        self.records, self.pictures = self.records + 1, self.pictures + len(found)
        self.created = max(self.created, generation.created[:10])

    def close(self) -> None:
        """Add the list of all that is in it.

        Raises:
            ConfigError: nothing is.
            OSError: it cannot be written.
        """
        if not self.records:
            raise ConfigError(
                _("There is no picture to hand on."),
                do=_("%wenwen history lists what is saved."),
            )
        files = [{"name": name, **self._files[name]} for name in sorted(self._files)]
        words = {**KIND, "created": self.created, "files": files}
        self._words_left = MOST_WORDS  # the list has as much room as the records
        self._write(LIST, io.BytesIO(json.dumps(words, ensure_ascii=False, indent=1).encode()), words=True)

    def _write(self, name: str, content: BinaryIO, *, words: bool = False) -> dict[str, Any]:
        """Write an entry; gives its size in bytes and its SHA-256."""
        info = ZipInfo(name)  # its date is the first that a zip can tell
        info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
        info.compress_type = ZIP_DEFLATED if words else ZIP_STORED
        digest, size = hashlib.sha256(), 0
        with self.archive.open(info, "w") as entry:
            while piece := content.read(PIECE):
                size += len(piece)
                self._judge_size(size, words=words)
                digest.update(piece)
                entry.write(piece)
        self._left, self._words_left = self._left - size, self._words_left - (size if words else 0)
        self._files[name] = {"size": size, "sha256": digest.hexdigest()}
        return self._files[name]

    def _judge_size(self, size: int, *, words: bool) -> None:
        if size > self._left or (words and size > self._words_left):
            raise ConfigError(
                _("This is too much for one lesson."),
                why=_(
                    "More than {limit} MiB, or {most_words} MiB of records.",
                    limit=LIMIT >> 20,
                    most_words=MOST_WORDS >> 20,
                ),
                do=_("Name the ids that belong into it."),
            )


def _content(image: GeneratedImage, *, strip: bool) -> BinaryIO:
    return io.BytesIO(without_words(image.data)) if strip else image.path.open("rb")


def written(path: Path, fill: Callable[[Parcel], None]) -> Parcel:
    """Write a lesson beside its place, and put it there whole.

    Args:
        path: its place; a file that is there is replaced.
        fill: adds what belongs into it.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            with ZipFile(file, "w") as archive:
                parcel = Parcel(archive)
                fill(parcel)
                parcel.close()
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return parcel


@dataclass(frozen=True)
class Exported:
    """What went into a lesson.

    Args:
        records: how many generations.
        pictures: how many pictures.
        bytes: the lesson's size.
        left_out: generations that stayed behind: without a picture whose file is here, or, where prompts are left out,
            with a picture whose own words cannot be taken out.
    """

    records: int
    pictures: int
    bytes: int
    left_out: int


@dataclass(frozen=True)
class Imported:
    """What came out of a lesson.

    Args:
        records: generations that are new here.
        pictures: picture files written.
        already: generations that were here.
    """

    records: int
    pictures: int
    already: int


# -- handing on --------------------------------------------------------------------------------------------------------


def export(
    history: History, path: Path, generations: Iterable[Generation] | None = None, *, strip: bool = False
) -> Exported:
    """Write generations and their pictures into one zip file, the same for the same content.

    It tells no endpoint, price, error or machine; drafts, unsound pictures and raw replies stay behind.

    Args:
        history: where they are.
        path: the lesson's; a lesson that is there is replaced, nothing else is.
        generations: which ones; None for all that are saved.
        strip: leave out prompts and all other words, also those in the pictures' files (PNG, JPEG and WebP). The same
            prompt typed in a notebook still finds its picture.

    Raises:
        ConfigError: there is no picture to hand on, too much for one lesson, or another file under the name.
        HistoryError: a file cannot be read or written.
    """
    if os.path.lexists(path) and not is_lesson(path):
        raise ConfigError(
            _("There is another file of this name."),
            why=_("{name} is no lesson, and stays.", name=path.name),
            do=_("Choose another name."),
        )
    if not path.parent.is_dir():
        raise ConfigError(
            _("There is no folder {name!r}.", name=path.parent.name),
            do=_("Make it, or name another place."),
        )
    rows = [_with_files(one) for one in (history.all() if generations is None else generations)]
    # Words that were wanted are a result too; without all words nothing of them is left.
    chosen = {one.id: one for one in rows if one.pictures or (one.has_result and not strip)}
    try:
        made = written(path, lambda made: _fill(made, history, chosen.values(), strip=strip))
        size = path.stat().st_size
    except OSError as error:
        raise _unfinished(path.name, error) from None
    left_out = sum(one.id not in chosen for one in rows) + len(chosen) - made.records
    return Exported(made.records, made.pictures, size, left_out)


def _with_files(generation: Generation) -> Generation:
    """A generation with those of its results whose files are here and are pictures."""
    return replace(generation, pictures=tuple(image for image in generation.images if _is_picture(image)))


def _is_picture(image: GeneratedImage) -> bool:
    """Whether the file is what its record says: in a folder that came from somebody it may be a link to anything."""
    try:
        with image.path.open("rb") as file:
            return looks_like(image.mime, file.read(HEAD))
    except OSError:
        return False


def _fill(made: Parcel, history: History, generations: Iterable[Generation], *, strip: bool) -> None:
    for generation in sorted(generations, key=lambda one: (one.created[:10], one.id)):
        try:
            _add(made, history, told(generation, strip=strip), strip=strip)
        except ImageError:  # words cannot be taken out of its picture, so it stays behind
            continue


def _add(made: Parcel, history: History, generation: Generation, *, strip: bool) -> None:
    def name_of(image: GeneratedImage | None, number: int) -> str:
        path = _place(history, generation, image, number) if image else history.path(generation, ".json")
        return path.relative_to(history.folder).as_posix()

    made.add(generation, name_of, strip=strip)


def _place(history: History, generation: Generation, image: GeneratedImage, number: int) -> Path:
    """Where a picture is, in a history and in a lesson: never where a record says."""
    return history.path(generation, f"-{number}.{TYPES[image.mime][0]}")


# -- taking in ---------------------------------------------------------------------------------------------------------


def import_(history: History, path: Path, *, limit: int = LIMIT) -> Imported:
    """Take a lesson in: all of it is judged before anything is written, and nothing is written over.

    A generation that is here (same id, request and moment) is passed over, but for pictures whose files are gone here.
    One whose id stands for another here is given a new id, always the same one: an id is eight random digits, so two
    people's may meet, and neither's picture is lost for that. Interrupted, it is run again.

    Args:
        history: where to.
        path: the lesson's; it may come from a stranger.
        limit: bytes that all its files may have, unpacked.

    Raises:
        ConfigError: it is refused; the message names the entry and the reason. Nothing was written.
        HistoryError: a file cannot be written, or the lesson changed while it was read.
    """
    with ExitStack() as stack:
        with judging(path):
            archive = stack.enter_context(ZipFile(path))
            lesson = judged(archive, limit)
        steps = _planned(history, lesson.records)
        try:
            pictures = sum(_copied(archive, lesson.entries, step) for step in steps)
        except (OSError, *UNSOUND) as error:
            raise _unfinished(history.folder.name + "/", error) from None
    new = [step.record for step in steps if step.record]
    for record in new:  # only now: no record is here without its picture
        history.write(record)
    return Imported(len(new), pictures, len(steps) - len(new))


def _unfinished(name: str, error: Exception) -> HistoryError:
    return HistoryError(
        _("The lesson cannot be read or written to its end."),
        why=f"{getattr(error, 'strerror', None) or error}: {name}",
        do=_("Free space, and run it again: it goes on."),
    )


@dataclass(frozen=True)
class _Step:
    """What is written for one generation: its record, None for one that is here, and entries to their places."""

    record: Generation | None
    moves: Mapping[str, Path]


def _planned(history: History, found: Sequence[Generation]) -> list[_Step]:
    taken = {one.id for one in found}
    steps: list[_Step] = []
    for one in found:
        step = next(step for name in _ids(one, taken) if (step := _step(history, one, name)))
        taken |= {step.record.id} if step.record else set()
        steps.append(step)
    return steps


def _ids(found: Generation, taken: set[str]) -> Iterator[str]:
    """Its own id, then others that are made of what it is: taken in again, it gets the same one."""
    yield found.id
    seed = f"{found.id} {found.created} {found.request.fingerprint}"
    digests = (hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:8] for number in range(1 << 32))
    yield from (name for name in digests if name not in taken)


def _step(history: History, found: Generation, name: str) -> _Step | None:
    """What is to be done for a generation if this is its id; None where the id stands for another."""
    own = history.find(name)
    if own and (own.created, own.request.fingerprint) == (found.created, found.request.fingerprint):
        here = {image.sha256: image.path for image in own.pictures}
        kept = [image for image in found.pictures if image.sha256 in here]
        return _Step(None, {image.path.as_posix(): here[image.sha256] for image in kept})
    moved = _moved(history, replace(found, id=name, **LEFT_BEHIND))
    if own or not _is_free(history, moved):
        return None
    places = zip(found.pictures, moved.pictures, strict=True)
    return _Step(moved, {image.path.as_posix(): place.path for image, place in places})


def _moved(history: History, found: Generation) -> Generation:
    """A generation whose pictures are where this history keeps them."""
    numbered = enumerate(found.pictures, 1)
    places = [replace(image, path=_place(history, found, image, number)) for number, image in numbered]
    return replace(found, pictures=tuple(places))


def _is_free(history: History, generation: Generation) -> bool:
    """Whether none of its files is here, but for pictures that an interrupted import has left."""
    here = [image for image in generation.pictures if os.path.lexists(image.path)]
    return not os.path.lexists(history.path(generation, ".json")) and all(map(_is_whole, here))


def _is_whole(image: GeneratedImage) -> bool:
    try:
        with image.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == image.sha256
    except OSError:
        return False


def _copied(archive: ZipFile, entries: Mapping[str, Entry], step: _Step) -> int:
    """Write the pictures of a generation that are not here; gives how many."""
    missing = {name: target for name, target in step.moves.items() if not os.path.lexists(target)}
    for name, target in missing.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(archive, entries[name], target)
    return len(missing)


def _copy(archive: ZipFile, entry: Entry, target: Path) -> None:
    """Write an entry to its place, a piece at a time, so that it is there whole or not at all."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            for piece in pieces(archive, entry):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)
