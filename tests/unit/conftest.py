"""Messages are read in English here, unless a test chooses another language."""

import pytest

from wenwen_magic.text.i18n import speak


@pytest.fixture(autouse=True)
def _english():
    speak("en")  # the next test starts anew (tests/conftest.py)
