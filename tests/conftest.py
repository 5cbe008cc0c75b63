"""What every test starts from: no settings of this machine, a cache of its own, English messages."""

import gc
import hashlib
import io
import os
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from PIL import Image

from wenwen_magic.demo.scene import orientation_of
from wenwen_magic.engine import limits
from wenwen_magic.media.sandbox import SandboxPool
from wenwen_magic.text import i18n

pytest_plugins = ["support.kernels", "support.loopback", "support.shells"]
# Where jsonschema finds this module, it compiles 39 grammars in four seconds, for formats that no notebook has.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  its import fails as if it were not installed
settings.register_profile("quick", max_examples=60, deadline=None)
settings.register_profile("long", max_examples=2000, deadline=None)  # by --hypothesis-profile=long
settings.load_profile("quick")
if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 2 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", "/dev/shm")  # the tests make 100,000 small files
SLOW = (
    "tests/browser/",
    "tests/kernel/",
    "tests/client/",
    "tests/properties/",
    "tests/demo/",
    "tests/system/",
)
"""Where the slowest files are, the slowest first."""


def pytest_xdist_auto_num_workers() -> int:
    """Have one more worker than cores for ``-n auto``: those with browsers and kernels wait much."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first: one that came last would keep one worker while the others have nothing to do."""
    items.sort(key=lambda item: next((rank for rank, place in enumerate(SLOW) if item.nodeid.startswith(place)), 99))


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over all modules and tests, which live as long as the process."""
    gc.collect()
    gc.freeze()


@cache
def shared_sandbox(**options: int) -> SandboxPool:
    """Make the children that check pictures once for all tests: a child for each client would cost more than the test."""
    return SandboxPool(**options)


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith("WENWEN_") and name != "WENWEN_CHROMIUM":
            monkeypatch.delenv(name)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    cache = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    shutil.rmtree(cache / "wenwen_magic" / "models", ignore_errors=True)  # a port may have been another endpoint's
    i18n.speak("")  # what an earlier test has spoken or decided
    monkeypatch.setattr(i18n, "_decided", "")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setattr(limits, "SandboxPool", shared_sandbox)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no test cuts the machine's power


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder that is the working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def plain_side() -> int:
    """The shorter side of a plain picture, pixels: small, where no test looks at its size."""
    return 256


@pytest.fixture
def quick_paint(monkeypatch: pytest.MonkeyPatch, plain_side: int) -> None:
    """The demo gives plain pictures of the right shape, each of its own colour: painting is tested elsewhere."""

    def plain(prompt: str, orientation: str = "auto", *, variant: int = 0, **_: object) -> bytes:
        turn = orientation_of(prompt) if orientation == "auto" else orientation
        longer = plain_side * 3 // 2
        sizes = {"landscape": (longer, plain_side), "portrait": (plain_side, longer)}
        size = sizes.get(turn, (plain_side, plain_side))
        colour = tuple(hashlib.sha256(f"{prompt} {variant}".encode("utf-8", "replace")).digest()[:3])
        file = io.BytesIO()
        Image.new("RGB", size, colour).save(file, "PNG", compress_level=1)
        return file.getvalue()

    monkeypatch.setattr("wenwen_magic.demo.exchange.paint", plain)
