"""What every test of the notebook starts from: English messages, no language decided by an earlier test; a client."""

import pytest
from support.widgets import client_of

from wenwen_magic.text import i18n


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    monkeypatch.setattr(i18n, "_decided", "")
    i18n.speak("en")
    yield
    i18n.speak("auto")


@pytest.fixture
def client(here, relay):
    """A client of the relay, with sums of its own."""
    return client_of(relay)
