"""A demo endpoint that waits for nothing, and notes how long it would have waited; each picture is painted once."""

import pytest
from support.demo import DemoServer
from support.pictures import painted

from wenwen_magic.demo import painter


@pytest.fixture(autouse=True)
def _painted_once(monkeypatch):
    monkeypatch.setattr("wenwen_magic.demo.exchange.paint", painted)


@pytest.fixture
def full_size():
    """Pictures as large as the demo's, in a file of small ones."""


@pytest.fixture
def small_paint(request, monkeypatch):
    """Pictures of a quarter of the width and height, as they show the same, unless a test asks for ``full_size``."""
    if "full_size" not in request.fixturenames:
        monkeypatch.setattr(painter, "SIZES", {turn: (x // 4, y // 4) for turn, (x, y) in painter.SIZES.items()})


@pytest.fixture
def waits():
    """The seconds that the demo would have waited, in order."""
    return []


@pytest.fixture
def demo(waits):
    with DemoServer(wait=waits.append) as server:
        yield server


@pytest.fixture
def plain_side():
    """Plain pictures have the size of painted ones here."""
    return 1024
