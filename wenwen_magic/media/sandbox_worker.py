"""Checks, shrinks and converts pictures in a process of its own: one JSON job a line in, one JSON line out.

Started by path, never imported: ``python -I -S sandbox_worker.py MEMORY FOLDER``. MEMORY is the most it may hold, in
bytes; FOLDER holds the package PIL. Of our package it loads two files, by their paths. It ends when its input ends.
"""

import contextlib
import importlib
import io
import json
import math
import os
import runpy
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

with contextlib.suppress(ImportError):  # Windows knows no such limits
    import resource


def _write_line(out: BinaryIO, value: Mapping[str, Any]) -> None:
    out.write(json.dumps(value).encode() + b"\n")
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


def _limit_work(seconds: int) -> None:
    """Let the system end this process when it has used so many further seconds of the processor."""
    with contextlib.suppress(OSError, ValueError, NameError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, hard))


if __name__ == "__main__":  # before Pillow is loaded: from that one folder, within the limit, failing aloud
    OUT = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints goes nowhere
    sys.excepthook = lambda kind, error, _: _write_line(OUT, {"ready": False, "problem": f"{kind.__name__}: {error}"})
    _limit_memory(int(sys.argv[1]))
    sys.path.append(sys.argv[2])
    # Pillow keeps 16 MiB of its pixels' memory for the next picture: giving it back each time takes a fifth of a job.
    os.environ.update(PILLOW_BLOCK_SIZE="8m", PILLOW_BLOCKS_MAX="2")

from PIL import AvifImagePlugin, Image, ImageCms, ImageDraw, ImageFile  # noqa: E402

for plugin in ("Gif", "Jpeg", "Png", "WebP"):  # at hand, or Image.open would load the other forty as well
    importlib.import_module(f"PIL.{plugin}ImagePlugin")
Image.MAX_IMAGE_PIXELS = None  # the job's own limits are checked between opening and decoding
AvifImagePlugin.DEFAULT_MAX_THREADS = 2  # each thread of a many-core machine would take its share of the limit

kinds: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "kinds.py")))
file_parts: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("file_parts.py"))))
LONGEST_SIDE = 16_384  # pixels of a picture that is opened
MOST_WORK = 2_000_000_000  # pixels of all scans of a JPEG together: some two seconds; ordinary ones have ten scans
SHOWN = 768  # pixels of a preview's side, and of a sheet's width
POSTER = 480  # pixels of a poster's side: it is in the notebook twice
FRAMES = 6  # of a clip beside one another
SMALL = 256  # up to this many pixels a side a PNG is as light as a JPEG, and exact
ORIENTATION, GPS = 0x0112, 0x8825
TURNS = dict(zip(range(2, 9), map(Image.Transpose, (0, 3, 1, 5, 4, 6, 2)), strict=True))  # by EXIF's numbers


class RefusedError(Exception):
    """A file that is refused: a code for programs, a sentence for people."""


def _kind_of(data: bytes, among: Iterable[Any]) -> Any:
    """Return the picture's kind by its first bytes; nothing else is ever handed to Pillow."""
    if kind := kinds.kind_of(data, among):
        return kind
    name = kinds.other_kind(data)
    if name in kinds.TEXTS:
        code = name.lower() if name in {"SVG", "HTML"} else "not-a-picture"
        raise RefusedError(code, f"The file is {name} text.")
    if name:
        raise RefusedError("format", f"The file is of the kind {name}, not PNG, JPEG, WebP, GIF or AVIF.")
    raise RefusedError("not-a-picture", "The first bytes are those of no picture." if data else "The file is empty.")


def _check_size(width: int, height: int, pixels: int) -> None:
    size = f"The picture has {width} x {height} pixels; the limit is"
    if width * height > pixels:
        raise RefusedError("too-many-pixels", f"{size} {pixels} in all.")
    if max(width, height) > LONGEST_SIDE:
        raise RefusedError("too-long-a-side", f"{size} {LONGEST_SIDE} a side.")


def _check_work(pixels: int) -> None:
    if pixels > MOST_WORK:
        raise RefusedError("effort", "The picture is drawn over itself too many times.")


def _opened(path: str, pixels: int, among: Iterable[Any]) -> tuple[Any, ImageFile.ImageFile]:
    """Return the kind and the first frame, decoded, of a whole picture within the limits, of one of some kinds."""
    data = given = Path(path).read_bytes()
    kind = _kind_of(data, among)
    name = kind.name
    scans, end = file_parts.jpeg_scans(data) if name == "JPEG" else (0, 0)
    data = file_parts.png_without_notes(data) if name == "PNG" else data
    if not data or (name == "GIF" and not file_parts.gif_end(data)):
        raise RefusedError("truncated", "The picture is cut off: its end mark is missing.")
    importlib.import_module(f"PIL.{'WebP' if name == 'WEBP' else name.title()}ImagePlugin")
    if name == "WEBP":
        width, height = file_parts.webp_size(data)
        _check_size(width, height, pixels)  # Pillow allocates the memory on opening
    try:
        with Image.open(io.BytesIO(data), formats=[name]) as picture:
            _check_size(*picture.size, pixels)
            _check_work(scans * math.prod(picture.size))
            # Decoding its last part shows whether the file is whole; some senders take away all parts but the first.
            if picture.format == "MPO" and data[end:].strip(b"\0"):
                picture.seek(getattr(picture, "n_frames", 1) - 1)
                _check_size(*picture.size, pixels)
                picture.load()
            picture.verify()
        source = path if data is given else io.BytesIO(data)
        del data, given, picture  # the bytes are as many as the pixels: both at once are not needed
        picture = Image.open(source, formats=[name])
        _check_size(*picture.size, pixels)
        picture.load()
    except (RefusedError, MemoryError):
        raise
    except Exception as error:
        code = "memory" if "out of memory" in str(error).lower() else "truncated"
        raise RefusedError(code, f"The picture cannot be decoded to its end ({str(error)[:200]}).") from error
    return kind, picture


def _exif(picture: Image.Image) -> Image.Exif:
    try:
        return picture.getexif()
    except Exception:  # noqa: BLE001  broken notes do not make a broken picture
        return Image.Exif()


def _fit(picture: Image.Image, side: int) -> Image.Image:
    """Return the picture as it is seen: upright, sRGB, at most ``side`` px a side, RGBA if it shows through."""
    turn, picture = TURNS.get(_exif(picture).get(ORIENTATION, 1)), _eight_bits(picture)
    picture.thumbnail((side, side), Image.Resampling.HAMMING)  # as sharp as bicubic, at half its cost
    picture = _in_srgb(picture if turn is None else picture.transpose(turn))
    shows_through = picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255)
    picture = picture.convert("RGBA" if shows_through else "RGB")
    picture.info = {}  # or Pillow would write profile and comment into the new file
    return picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Return a picture in one of the modes that scale well: L, RGB, RGBA, CMYK."""
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


def _write(picture: Image.Image, target: str, *, quality: int = 85, exact: bool = False) -> dict[str, Any]:
    """Write PNG when it shows through or must be exact, else JPEG."""
    kind = kinds.PNG if exact or picture.mode == "RGBA" else kinds.JPEG
    picture.save(target, kind.name, quality=quality)
    return _facts(kind, *picture.size)


def _facts(kind: Any, width: int, height: int) -> dict[str, Any]:
    return {"mime": kind.mime, "extension": kind.extension, "width": width, "height": height}


def _inspect(job: Mapping[str, Any]) -> dict[str, Any]:
    kind, picture = _opened(job["path"], job["max_pixels"], kinds.PICTURES)
    width, height = picture.size[::-1] if _exif(picture).get(ORIENTATION, 1) in (5, 6, 7, 8) else picture.size
    preview = _write(_fit(picture, SHOWN), job["target"], exact=max(width, height) <= SMALL)
    return {**_facts(kind, width, height), "preview_mime": preview["mime"]}


def _convert(job: Mapping[str, Any]) -> dict[str, Any]:
    kind, picture = _opened(job["path"], job["max_pixels"], kinds.CONVERTIBLE)
    if job["exact"] or max(picture.size) > job["max_side"] or not _may_pass(picture, Path(job["path"]).read_bytes()):
        return _write(_fit(picture, job["max_side"]), job["target"], quality=92, exact=job["exact"])
    shutil.copyfile(job["path"], job["target"])
    return _facts(kind, *picture.size)


def _may_pass(picture: ImageFile.ImageFile, data: bytes) -> bool:
    """Tell whether a relay reads a picture as it is, the right way up, and learns no place from it."""
    exif, moving = _exif(picture), getattr(picture, "is_animated", False)
    place = (
        exif.get_ifd(GPS)
        or b"GPS" in picture.info.get("xmp", b"")
        or (file_parts.XMP in data and "xmp" not in picture.info)
    )
    sendable = picture.format in {kind.name for kind in kinds.SENDABLE}
    return sendable and not moving and exif.get(ORIENTATION, 1) == 1 and not place


def _sheet(job: Mapping[str, Any]) -> dict[str, Any]:
    """Write a grid on white, at most 768 px wide, each row as high as its highest picture."""
    paths = job["previews"]
    columns = min(math.isqrt(max(len(paths) - 1, 0)) + 1, 64)
    gap = max(2, 16 // columns)
    cell = (SHOWN - gap) // columns - gap
    cells = [_fit(_opened(path, job["max_pixels"], kinds.PICTURES)[1], cell).convert("RGBA") for path in paths]
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [max(small.height for small in row) for row in rows]
    sheet, y = Image.new("RGB", (SHOWN, gap + sum(height + gap for height in heights)), "white"), gap
    for row, height in zip(rows, heights, strict=True):
        for n, small in enumerate(row):
            at = gap + n * (cell + gap) + (cell - small.width) // 2, y + (height - small.height) // 2
            sheet.paste(small, at, small)
        y += height + gap
    return _write(sheet, job["target"])


def _clip(job: Mapping[str, Any]) -> dict[str, Any]:
    """Judge a clip by the parts of its file; write a poster of the first still that can be opened, or empty."""
    with Path(job["path"]).open("rb") as file:
        kind = kinds.kind_of(file.read(kinds.HEAD), kinds.VIDEOS)
        if kind is None:
            raise RefusedError("no-clip", "The first bytes are those of no clip.")
        try:
            clip = file_parts.read_clip(file)
        except file_parts.CutOffError as error:
            raise RefusedError("cut-clip", str(error)) from None
    width, height = clip.width or 16, clip.height or 9
    sides = [max(1, POSTER * side // max(width, height)) for side in (width, height)]
    poster = next(_stills(job), Image.new("RGBA", sides, "#3a4250"))
    poster = _in_shape(poster, clip.width, clip.height) if clip.width and clip.height else poster
    _write(_as_poster(poster, clip.seconds), job["target"])
    return {**_facts(kind, clip.width, clip.height), "seconds": clip.seconds}


def _stills(job: Mapping[str, Any]) -> Iterator[Image.Image]:
    """Open the pictures that a poster may be made of; those that cannot be opened are left out."""
    for path in job["stills"]:
        with contextlib.suppress(RefusedError, file_parts.TooManyPartsError, MemoryError, OSError):
            yield _fit(_opened(path, job["max_pixels"], kinds.PICTURES)[1], POSTER).convert("RGBA")


def _in_shape(still: Image.Image, width: int, height: int) -> Image.Image:
    """Return the middle of a still in the shape of its clip: the player would jump from another to that."""
    wide, high = min(still.width, still.height * width // height), min(still.height, still.width * height // width)
    left, top = (still.width - wide) // 2, (still.height - high) // 2
    return still.crop((left, top, left + max(1, wide), top + max(1, high)))


def _strip(job: Mapping[str, Any]) -> dict[str, Any]:
    """Write a picture of a clip in its own shape: its first frame, and down the right side six from all of it."""
    av = importlib.import_module("av")  # the extra `video`; takes long to load
    with Path(job["path"]).open("rb") as file:
        kind = kinds.kind_of(file.read(kinds.HEAD), kinds.VIDEOS)
        seconds = file_parts.read_clip(file).seconds or 0.0
        file.seek(0)
        # The bytes alone, as what they are: no list of other files, no address, no reader but for this kind.
        reader = "matroska" if kind in kinds.VIDEOS and kind.extension in {"webm", "mkv"} else "mov"
        with av.open(file, format=reader, options={"protocol_whitelist": "none"}) as film:
            frames = list(_frames(film, seconds, job["max_pixels"]))
    if not frames:
        raise RefusedError("truncated", "The clip has no frame.")
    strip, (width, height) = frames[0].copy(), frames[0].size
    wide, edge = width // FRAMES, max(1, width // 160)
    if len(frames) == FRAMES and wide > edge:
        strip = Image.new("RGB", (width, height), "#101418")
        strip.paste(frames[0].crop((wide // 2, 0, width - wide + wide // 2, height)))
        for number, frame in enumerate(frames):
            top, bottom = (height * place // FRAMES for place in (number, number + 1))
            small = frame.resize((wide - edge, max(1, bottom - top - edge * (number < FRAMES - 1))))
            strip.paste(small, (width - wide + edge, top))
    return _write(strip, job["target"])


def _frames(film: Any, seconds: float, pixels: int) -> Iterator[Image.Image]:
    """Decode six frames of a film, small, at even steps from the first; one alone where its length is not known."""
    stream, taken = film.streams.video[0], 0
    stream.thread_type = "NONE"  # each thread would take its share of the limit
    _check_size(stream.width, stream.height, pixels)
    for frame in film.decode(stream):
        if (frame.time or 0.0) < taken * seconds / FRAMES:
            continue
        _check_size(frame.width, frame.height, pixels)
        longer = max(frame.width, frame.height, POSTER)
        small = frame.to_image(width=frame.width * POSTER // longer or 1, height=frame.height * POSTER // longer or 1)
        taken += 1
        yield small.rotate(frame.rotation, expand=True)
        if taken == FRAMES or not seconds:
            return


def _as_poster(still: Image.Image, seconds: float | None) -> Image.Image:
    """Draw on a still what tells it from a picture: the sign for playing, and how long the clip is."""
    poster, side = Image.new("RGB", still.size, "white"), max(8, min(still.size) // 4)
    poster.paste(still, (0, 0), still)
    sign = Image.new("RGBA", (4 * side, 4 * side))  # four times its size, for smooth edges
    draw = ImageDraw.Draw(sign)
    draw.ellipse((0, 0, 4 * side - 1, 4 * side - 1), (16, 20, 24, 170))
    draw.polygon([(1.5 * side, side), (1.5 * side, 3 * side), (3.1 * side, 2 * side)], "white")
    sign = sign.resize((side, side), Image.Resampling.BOX)
    poster.paste(sign, ((still.width - side) // 2, (still.height - side) // 2), sign)
    with contextlib.suppress(ImportError, OSError):  # a Pillow without letters
        place = still.width - side // 6, still.height - side // 6
        minutes, rest = divmod(round(seconds or 0), 60)
        text, size, edge = f"{minutes}:{rest:02}" if seconds else "", max(8, side // 3), max(1, side // 30)
        draw = ImageDraw.Draw(poster)
        draw.text(place, text, "white", font_size=size, anchor="rs", stroke_width=edge, stroke_fill="#101418")
    return poster


def _answer(line: bytes) -> dict[str, Any]:
    try:
        job = json.loads(line)
        _limit_work(job["work"])
        return {"ok": True, **JOBS[job["job"]](job)}
    except RefusedError as refused:
        code, problem = refused.args
    except file_parts.TooManyPartsError as error:
        code, problem = "effort", str(error)
    except MemoryError:
        code, problem = "memory", "The picture needs more memory than is allowed."
    except OSError as error:
        code, problem = "disk", f"A file cannot be read or written: {error.strerror or error}."
    except Exception as error:  # noqa: BLE001  whatever one job meets, the next one works
        code, problem = "failed", f"{type(error).__name__}: {str(error)[:200]}"
    return {"ok": False, "code": code, "problem": problem}


JOBS = {"inspect": _inspect, "sheet": _sheet, "convert": _convert, "clip": _clip, "strip": _strip}

if __name__ == "__main__":
    _write_line(OUT, {"ready": True})
    for job_line in sys.stdin.buffer:
        _write_line(OUT, _answer(job_line))
