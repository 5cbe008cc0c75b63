"""Reads a lesson, a zip file that may come from a stranger, and refuses the whole for anything unforeseen in it."""

import hashlib
import json
import re
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from wenwen_magic.errors import ConfigError, WenwenError
from wenwen_magic.history.record_json import decode
from wenwen_magic.records import GeneratedImage, Generation
from wenwen_magic.text.i18n import say

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
        raise _refused(path.name, f"it cannot be read ({reason}).", f"无法读取（{reason}）。") from None
    except UNSOUND as error:
        raise _refused(path.name, f"it is no sound zip file ({error}).", f"不是完好的 zip 文件（{error}）。") from None


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
        raise BadZipFile(f"{entry.info.filename[:120]!r}: " + say("not what the list says", "内容与列表不符"))


def _raw(archive: ZipFile, info: ZipInfo) -> Iterator[bytes]:
    left = info.file_size
    with archive.open(info) as source:
        while piece := source.read(min(PIECE, left + 1)):
            left -= len(piece)
            if left < 0:
                raise BadZipFile(f"{info.filename[:120]!r}: " + say("longer than it says", "比声明的更长"))
            yield piece


def _refused(name: str, english: str, chinese: str) -> ConfigError:
    why = say(english, chinese)
    return ConfigError(
        say("The lesson is refused; nothing was written.", "课程包被拒绝；没有写入任何内容。"),
        why=f"{name[:120]!r}: {why}" if name else why,
        do=say("Ask for it again, made with: %wenwen export", "请对方用 %wenwen export 重新制作。"),
    )


# -- the list ----------------------------------------------------------------------------------------------------------


def _listed(archive: ZipFile) -> dict[str, dict[str, Any]]:
    """The files that the list names; every one has a name, a size and a digest."""
    if LIST not in archive.namelist():
        raise _refused(LIST, "it is missing: this is no lesson.", "缺少此文件：这不是课程包。")
    info = archive.getinfo(LIST)
    _judge_info(info)
    if info.file_size > MOST_WORDS:
        raise _refused(LIST, "it is too long.", "过长。")
    told = _json(b"".join(_raw(archive, info)))
    if not isinstance(told, dict) or {name: told.get(name) for name in KIND} != KIND:
        raise _refused(LIST, "this is no lesson, or one of another version.", "这不是课程包，或版本不同。")
    files = told.get("files")
    if not isinstance(files, list) or not all(_is_listing(one) for one in files):
        raise _refused(LIST, "the list of files is broken.", "文件列表已损坏。")
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
        raise _refused(name, "it is not both in the lesson and in its list.", "课程包与文件列表不一致。")
    for name, one in told.items():
        if present[name].file_size != one["size"]:
            raise _refused(name, "its size is not what the list says.", "大小与列表不符。")
    _judge_sums(present, limit)
    return {name: Entry(present[name], one["sha256"]) for name, one in told.items()}


def _judge_info(info: ZipInfo) -> None:
    """What an entry says of itself, its name as it is written included."""
    name, mode = info.orig_filename, info.external_attr >> 16
    if name != info.filename or (name != LIST and not _is_name(name)):
        raise _refused(name, "such a name is not taken.", "不接受这样的文件名。")
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        raise _refused(name, "it is a link, or no plain file.", "是链接或不是普通文件。")
    if info.flag_bits & _ENCRYPTED or info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise _refused(name, "it is encrypted, or packed in an unusual way.", "已加密，或压缩方式不受支持。")


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
            raise _refused(name, "it is there twice, or differs in letter case only.", "重复，或仅大小写不同。")
        seen.add(same)


def _judge_sums(present: Mapping[str, ZipInfo], limit: int) -> None:
    words = sum(info.file_size for name, info in present.items() if _is_record(name))
    if sum(info.file_size for info in present.values()) > limit or words > MOST_WORDS:
        most = f"{limit >> 20} MiB, {MOST_WORDS >> 20} MiB"
        raise _refused("", f"Unpacked it is too large ({most}).", f"解压后过大（{most}）。")


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
            raise _refused(name, "another record has the same id.", "另一条记录的编号相同。")
        found[record.id] = record
    for image in (image for record in found.values() for image in record.pictures):
        name = image.path.as_posix()
        _judge_picture(name, image, heads.pop(name, None), entries)
    for name in heads:
        raise _refused(name, "it belongs to no record.", "不属于任何记录。")
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
        raise _refused(name, f"it is no record ({error}).", f"不是记录（{error}）。") from None
    if record.created[:10] != day or not record.has_result:
        raise _refused(name, "its day is another, or it has no result.", "日期不符，或没有结果。")
    return record


def _judge_picture(name: str, image: GeneratedImage, head: bytes | None, entries: Mapping[str, Entry]) -> None:
    if head is None:
        raise _refused(name, "a record names it, and it is not there for that record.", "记录所指的图片不存在。")
    if not looks_like(image.mime, head) or not name.endswith("." + TYPES[image.mime][0]):
        raise _refused(name, "it is no picture of the type that its record says.", "图片类型与记录不符。")
    if (image.sha256, image.size) != (entries[name].sha256, entries[name].info.file_size):
        raise _refused(name, "its record tells another size or digest.", "记录中的大小或摘要不符。")
