"""What every test of the notebook starts from: English messages, and no language decided by an earlier test."""

import pytest

from wenwen_magic.text import i18n


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    monkeypatch.setattr(i18n, "_decided", "")
    i18n.speak("en")
    yield
    i18n.speak("auto")
