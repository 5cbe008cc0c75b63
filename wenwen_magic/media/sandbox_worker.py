"""Judges, shrinks and converts pictures in a process of its own: one JSON job a line in, one JSON line out.

Started by path, never imported: ``python -I -S inspector.py MEMORY FOLDER``. MEMORY is the most it may hold, in bytes;
FOLDER holds the package PIL. It ends when its standard input ends.
"""

import contextlib
import importlib
import io
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

with contextlib.suppress(ImportError):  # Windows knows no such limits
    import resource


def _tell(out: BinaryIO, words: Mapping[str, Any]) -> None:
    out.write(json.dumps(words).encode() + b"\n")
    out.flush()


def _limit_memory(size: int) -> None:
    """Bound the address space to some bytes; be the first to go, before the kernel, when the machine's memory ends."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    with contextlib.suppress(OSError, ValueError, NameError):
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        size = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


if __name__ == "__main__":  # before Pillow is loaded: from that one folder, within the limit, failing aloud
    OUT = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints goes nowhere
    sys.excepthook = lambda kind, error, _: _tell(OUT, {"ready": False, "problem": f"{kind.__name__}: {error}"})
    _limit_memory(int(sys.argv[1]))
    sys.path.append(sys.argv[2])

from PIL import AvifImagePlugin, Image, ImageCms, ImageFile  # noqa: E402

for plugin in ("Gif", "Jpeg", "Png", "WebP"):  # at hand, or Image.open would load the other forty as well
    importlib.import_module(f"PIL.{plugin}ImagePlugin")
Image.MAX_IMAGE_PIXELS = None  # the job's own limits are judged between opening and decoding
AvifImagePlugin.DEFAULT_MAX_THREADS = 2  # each thread of a many-core machine would take its share of the limit

KINDS = re.compile(
    rb"(?s)(?P<PNG>\x89PNG\r\n\x1a\n)|(?P<JPEG>\xff\xd8\xff)|(?P<GIF>GIF8[79]a)|(?P<WEBP>RIFF....WEBP)"
    rb"|(?P<AVIF>....ftyp.{0,56}avi[fs])"
)
OWN = re.compile(rb"(?s)(?P<BMP>BM)|(?P<TIFF>II\*\0|MM\0\*)")
"""Kinds that are opened only where the user himself points at them, to be sent as another kind."""
TEXTS = re.compile(rb"(?s)(?P<svg>(?!<!doctype html|<html)<(?:.*<)?svg)|(?P<xml><\?xml)|(?P<html><)|(?P<json>[{\[])")
STRANGERS = re.compile(
    rb"(?s)(?P<BMP>BM)|(?P<TIFF>II\*\0|MM\0\*)|(?P<ICO>\0\0\1\0)|(?P<PSD>8BPS)|(?P<JXL>\xff\x0a|\0\0\0\x0cJXL )"
    rb"|(?P<JPEG2000>\0\0\0\x0cjP  |\xff\x4f\xff\x51)|(?P<PDF>%PDF)|(?P<PostScript>%!PS)|(?P<HEIC>....ftyp)"
)
PIXELS, SIDE, SMALL = 100_000_000, 16_384, 256  # up to SMALL pixels a side a PNG is as light as a JPEG, and exact
ORIENTATION, GPS = 0x0112, 0x8825
TURNS = dict(zip(range(2, 9), map(Image.Transpose, (0, 3, 1, 5, 4, 6, 2)), strict=True))  # by EXIF's numbers


class RefusedError(Exception):
    """This file will not do: a code for programs, a sentence for people."""


def _sniff(data: bytes, *, own: bool) -> str:
    """The picture's format by its first bytes; nothing else is ever handed to Pillow."""
    if known := KINDS.match(data) or (OWN.match(data) if own else None):
        return str(known.lastgroup)
    if text := TEXTS.match(data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()):
        name = str(text.lastgroup)
        code = name if name in {"svg", "html"} else "not-a-picture"
        raise RefusedError(code, f"The file is {name.upper()} text.")
    if other := STRANGERS.match(data):
        raise RefusedError("format", f"The file is of the kind {other.lastgroup}, not PNG, JPEG, WebP, GIF or AVIF.")
    raise RefusedError("not-a-picture", "The first bytes are those of no picture." if data else "The file is empty.")


def _judge_size(width: int, height: int, pixels: int, side: int) -> None:
    size = f"The picture has {width} x {height} pixels; the limit is"
    if width * height > pixels:
        raise RefusedError("too-many-pixels", f"{size} {pixels} in all.")
    if max(width, height) > side:
        raise RefusedError("too-long-a-side", f"{size} {side} a side.")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height from a WebP's header: Pillow takes the memory for them on opening, before anyone can judge."""
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


def _sound(data: bytes, pixels: int, side: int, *, own: bool = False) -> tuple[str, ImageFile.ImageFile]:
    """The format and the first frame, decoded, of a whole picture within the limits; ``own``: of the user's own."""
    kind = _sniff(data, own=own)
    if own and OWN.match(data):
        importlib.import_module(f"PIL.{kind.title()}ImagePlugin")
    if kind == "WEBP":
        _judge_size(*_webp_size(data), pixels, side)
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as picture:
            _judge_size(*picture.size, pixels, side)
            if picture.format == "MPO":  # decoding its last part shows whether the file is whole
                picture.seek(getattr(picture, "n_frames", 1) - 1)
                _judge_size(*picture.size, pixels, side)
                picture.load()
            picture.verify()
        picture = Image.open(io.BytesIO(data), formats=[kind])
        picture.load()
    except (RefusedError, MemoryError):
        raise
    except Exception as error:
        code = "memory" if "out of memory" in str(error).lower() else "truncated"
        raise RefusedError(code, f"The picture cannot be decoded to its end ({str(error)[:200]}).") from error
    if not _goes_to_its_end(data, kind):
        raise RefusedError("truncated", "The picture is cut off: its end mark is missing.")
    return kind, picture


def _goes_to_its_end(data: bytes, kind: str) -> bool:
    """Whether nothing is missing behind the first frame, where Pillow does not look."""
    if kind == "GIF":
        return data.rstrip(b"\0\r\n ").endswith(b"\0;")
    return kind != "PNG" or b"IEND\xaeB`\x82" in data


def _exif(picture: Image.Image) -> Image.Exif:
    try:
        return picture.getexif()
    except Exception:  # noqa: BLE001  broken notes do not make a broken picture
        return Image.Exif()


def _fit(picture: Image.Image, side: int) -> Image.Image:
    """The picture as seen: upright, sRGB, at most ``side`` px a side, RGBA if it shows through, else RGB."""
    turn, picture = TURNS.get(_exif(picture).get(ORIENTATION, 1)), _eight_bits(picture)
    picture.thumbnail((side, side), Image.Resampling.HAMMING)  # as sharp as bicubic, at half its cost
    picture = _in_srgb(picture if turn is None else picture.transpose(turn))
    shows_through = picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255)
    picture = picture.convert("RGBA" if shows_through else "RGB")
    picture.info = {}  # or Pillow would write profile and comment into the new file
    return picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A picture in one of the modes that scale well: L, RGB, RGBA, CMYK."""
    if picture.mode.startswith("I"):
        return picture.point(lambda value: value / 257).convert("L")
    wanted = "RGBA" if picture.has_transparency_data else {"1": "L", "L": "L", "CMYK": "CMYK"}.get(picture.mode, "RGB")
    return picture if picture.mode == wanted else picture.convert(wanted)


def _in_srgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    mode, ours = "RGBA" if picture.mode == "RGBA" else "RGB", ImageCms.createProfile
    try:
        return ImageCms.profileToProfile(picture, io.BytesIO(profile), ours("sRGB"), outputMode=mode) or picture
    except Exception:  # noqa: BLE001  colours a little off are better than no picture
        return picture


def _write(picture: Image.Image, target: str, quality: int, *, exact: bool = False) -> dict[str, Any]:
    """PNG when it shows through or must be exact, else JPEG."""
    kind = "PNG" if exact or picture.mode == "RGBA" else "JPEG"
    picture.save(target, kind, quality=quality)
    return _facts(kind, *picture.size)


def _facts(kind: str, width: int, height: int) -> dict[str, Any]:
    return {
        "mime": f"image/{kind.lower()}",
        "extension": {"JPEG": "jpg"}.get(kind, kind.lower()),
        "width": width,
        "height": height,
    }


def _inspect(job: Mapping[str, Any]) -> dict[str, Any]:
    kind, picture = _sound(Path(job["path"]).read_bytes(), job["max_pixels"], job["max_side"])
    width, height = picture.size[::-1] if _exif(picture).get(ORIENTATION, 1) in (5, 6, 7, 8) else picture.size
    small, exact = _fit(picture, job["preview_side"]), max(width, height) <= SMALL
    preview = _write(small, job["preview"], job["quality"], exact=exact)
    return {**_facts(kind, width, height), "preview_mime": preview["mime"]}


def _convert(job: Mapping[str, Any]) -> dict[str, Any]:
    kind, picture = _sound(Path(job["path"]).read_bytes(), job["max_pixels"], job["limit_side"], own=True)
    if max(picture.size) > job["max_side"] or not _may_pass(picture):
        return _write(_fit(picture, job["max_side"]), job["target"], 92)
    shutil.copyfile(job["path"], job["target"])
    return _facts(kind, *picture.size)


def _may_pass(picture: ImageFile.ImageFile) -> bool:
    """Whether a relay reads it as it is, the right way up, and learns no place from it."""
    exif, moving = _exif(picture), getattr(picture, "is_animated", False)
    place = exif.get_ifd(GPS) or b"GPS" in picture.info.get("xmp", b"")
    return picture.format in {"PNG", "JPEG", "WEBP"} and not moving and exif.get(ORIENTATION, 1) == 1 and not place


def _sheet(job: Mapping[str, Any]) -> dict[str, Any]:
    """A grid on white, at most 768 px wide, each row as high as its highest picture."""
    files, width = [Path(name).read_bytes() for name in job["previews"]], 768
    columns = min(job.get("columns") or math.isqrt(max(len(files) - 1, 0)) + 1, 64)
    gap = max(2, 16 // columns)
    cell = (width - gap) // columns - gap
    cells = [_fit(_sound(data, PIXELS, SIDE)[1], cell).convert("RGBA") for data in files]
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [max(small.height for small in row) for row in rows]
    sheet, y = Image.new("RGB", (width, gap + sum(height + gap for height in heights)), "white"), gap
    for row, height in zip(rows, heights, strict=True):
        for n, small in enumerate(row):
            at = gap + n * (cell + gap) + (cell - small.width) // 2, y + (height - small.height) // 2
            sheet.paste(small, at, small)
        y += height + gap
    return _write(sheet, job["target"], 85)


def _answer(line: bytes) -> dict[str, Any]:
    try:
        job = json.loads(line)
        return {"ok": True, **JOBS[job["job"]](job)}
    except RefusedError as refused:
        code, problem = refused.args
    except MemoryError:
        code, problem = "memory", "The picture needs more memory than is allowed."
    except OSError as error:
        code, problem = "disk", f"A file cannot be read or written: {error.strerror or error}."
    except Exception as error:  # noqa: BLE001  whatever one job meets, the next one works
        code, problem = "failed", f"{type(error).__name__}: {str(error)[:200]}"
    return {"ok": False, "code": code, "problem": problem}


JOBS = {"inspect": _inspect, "sheet": _sheet, "convert": _convert}

if __name__ == "__main__":
    _tell(OUT, {"ready": True})
    for job_line in sys.stdin.buffer:
        _tell(OUT, _answer(job_line))
