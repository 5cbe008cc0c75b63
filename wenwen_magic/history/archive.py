"""Hands a history on as one zip file, a lesson, and takes a lesson in without touching what is here."""

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import ZipFile

from wenwen_magic.errors import ConfigError, HistoryError, ImageError
from wenwen_magic.history import archive_read, archive_write
from wenwen_magic.history.archive_read import HEAD, LIMIT, TYPES, UNSOUND, Entry, looks_like
from wenwen_magic.history.archive_write import LEFT_BEHIND, Parcel, told
from wenwen_magic.history.atomic import sync_folder
from wenwen_magic.history.store import History
from wenwen_magic.records import GeneratedImage, Generation
from wenwen_magic.text.i18n import say


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
    if os.path.lexists(path) and not archive_read.is_lesson(path):
        raise ConfigError(
            say("There is another file of this name.", "已有同名的其他文件。"),
            why=say(f"{path.name} is no lesson, and stays.", f"{path.name} 不是课程包，予以保留。"),
            do=say("Choose another name.", "请换一个名字。"),
        )
    if not path.parent.is_dir():
        raise ConfigError(
            say(f"There is no folder {path.parent.name!r}.", f"没有文件夹 {path.parent.name!r}。"),
            do=say("Make it, or name another place.", "请先建立它，或换一个位置。"),
        )
    rows = [_with_files(one) for one in (history.all() if generations is None else generations)]
    # Words that were wanted are a result too; without all words nothing of them is left.
    chosen = {one.id: one for one in rows if one.pictures or (one.has_result and not strip)}
    try:
        made = archive_write.written(path, lambda made: _fill(made, history, chosen.values(), strip=strip))
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
        with archive_read.judging(path):
            archive = stack.enter_context(ZipFile(path))
            lesson = archive_read.judged(archive, limit)
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
        say("The lesson cannot be read or written to its end.", "无法完整读取或写入课程包。"),
        why=f"{getattr(error, 'strerror', None) or error}: {name}",
        do=say("Free space, and run it again: it goes on.", "请腾出空间后重新运行，会继续完成。"),
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
            for piece in archive_read.pieces(archive, entry):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)
