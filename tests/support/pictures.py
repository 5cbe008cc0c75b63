"""Pictures for tests, sound, moving and hostile, made here byte by byte or by Pillow."""

import io
import random
import struct
import zlib
from functools import cache
from itertools import product

from PIL import Image

from wenwen_magic.demo import painter


def noise(width=300, height=260, mode="RGB", seed=1):
    size = width * height * len(Image.new(mode, (1, 1)).tobytes())
    return Image.frombytes(mode, (width, height), random.Random(seed).randbytes(size))


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def moving(kind):
    frames = [noise(40, 30, seed=n) for n in range(3)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def chunk(name, data):
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, *, depth=1, colour=0, rows=True):
    line = b"\0" + bytes((width * depth * {0: 1, 2: 3}[colour] + 7) // 8)
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(line) for _ in range(height)) + packer.flush() if rows else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def riff(chunks):
    """A WebP of these chunks."""
    body = b"WEBP" + chunks
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_header(name, data):
    return riff(name + struct.pack("<I", len(data)) + data)


@cache
def _painted(_sizes, *words, **more):
    return painter.paint(*words, **more)


def painted(*words, references=(), **more):
    """What the demo paints, painted once: ``tests/demo/test_paint.py`` shows that the same words give the same bytes."""
    return _painted(tuple(painter.SIZES.values()), *words, references=tuple(references), **more)


def with_scans(times, side=2000, noise=0, **options):
    """Give a square JPEG of one colour, or of tiles of noise, whose last scan comes so many times; pixels of a side."""
    picture, tile = Image.new("L", (side, side)), Image.effect_noise((500, 500), noise)
    for place in product(range(0, side if noise else 0, 500), repeat=2):
        picture.paste(tile, place)
    data = encoded(picture, "JPEG", **options)
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * times + b"\xff\xd9"
