"""A demo endpoint that waits for nothing, and notes how long it would have waited; each picture is painted once."""

import pytest
from support.pictures import painted

from wenwen_magic.demo import DemoServer


@pytest.fixture(autouse=True)
def _painted_once(monkeypatch):
    monkeypatch.setattr("wenwen_magic.demo.exchange.paint", painted)


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
