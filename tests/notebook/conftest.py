"""What every test of the notebook starts from: English messages; a client."""

import pytest
from support.widgets import client_of

from wenwen_magic.text.i18n import speak


@pytest.fixture(autouse=True)
def _english():
    speak("en")  # the next test starts anew (tests/conftest.py)


@pytest.fixture
def client(here, relay):
    """A client of the relay, with sums of its own."""
    return client_of(relay)
