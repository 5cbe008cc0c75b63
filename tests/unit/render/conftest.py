"""Generations with pictures to show."""

import itertools
from pathlib import Path

import pytest

from wenwen_magic.errors import EndpointError
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
FAULT = {"kind": "EndpointError", "what": "The endpoint failed.", **EndpointError("", why="up <stream>").as_dict()}


@pytest.fixture
def make(tmp_path):
    """Makes generations with pictures of given sizes (pixels), numbered from 1; number 2 has the preview ``2.jpg``."""
    numbers = itertools.count(1)

    def generation(*sizes, request=None, sent="a cat", mime="image/jpeg", **more):
        number = next(numbers)
        preview = tmp_path / f"{number}.{'png' if mime == 'image/png' else 'jpg'}"
        preview.write_bytes((PNG if mime == "image/png" else JPEG) + b"preview %d" % number)
        path = Path("wenwen_images") / f"secret-{number}.png"
        pictures = tuple(GeneratedImage(path, "image/png", *size, alt="a cat", preview=preview) for size in sizes)
        fields = {
            "id": f"{number:06x}ff",
            "state": "complete",
            "created": f"2026-11-22T12:{number:02d}:07.5+08:00",
            "charged": "yes",
            "elapsed": 41.2,
            "take": 1,
            "still": preview if sizes else None,
        } | more
        return Generation(request=request or ImageRequest("a cat"), prompt_sent=sent, pictures=pictures, **fields)

    return generation


@pytest.fixture
def failed(make):
    """Makes generations that failed."""
    return lambda **more: make(**{"state": "failed", "error": FAULT, "charged": "maybe", **more})
