"""A demo endpoint that waits for nothing, and notes how long it would have waited."""

import pytest

from wenwen_magic.demo import DemoServer


@pytest.fixture
def waits():
    """The seconds that the demo would have waited, in order."""
    return []


@pytest.fixture
def demo(waits):
    with DemoServer(wait=waits.append) as server:
        yield server
