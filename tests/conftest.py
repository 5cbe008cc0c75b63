"""What every test starts from: no settings of this machine, a cache of its own, English messages."""

import gc
import hashlib
import io
import os
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

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
settings.register_profile("quick", max_examples=40, deadline=None)
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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Have as many workers as cores for ``-n auto``, and two more where browsers and kernels, which wait much, are tested."""
    return (os.cpu_count() or 1) + (0 if all("tests/unit" in place for place in config.args) else 2)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have one worker run all tests in a browser, which share a JupyterLab; of the others a file goes to one."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return SLOW[0] if nodeid.startswith(SLOW[0]) else super()._split_scope(nodeid)

    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


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


@pytest.fixture(scope="session", autouse=True)
def _no_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Take this machine's settings, proxies, caches and keyring away once for all tests; give the cache's folder."""
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper() in proxies or (name.startswith("WENWEN_") and name != "WENWEN_CHROMIUM"):
                patch.delenv(name)
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        patch.setattr(limits, "SandboxPool", shared_sandbox)
        patch.setattr(os, "fsync", lambda _: None)  # no test cuts the machine's power
        yield tmp_path_factory.getbasetemp() / "cache"


@pytest.fixture(autouse=True)
def _own_surroundings(_no_machine: Path) -> None:
    if (models := _no_machine / "wenwen_magic/models").exists():  # a port may have been another endpoint's
        shutil.rmtree(models)
    i18n.speak("")  # what an earlier test has spoken or decided
    i18n._decided = ""  # else it is decided once for a process


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
