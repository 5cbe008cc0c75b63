"""Folders of records for the tests of the index."""

import pytest
from support.records import later, planted

from wenwen_magic.history import index


@pytest.fixture
def trusted(monkeypatch):
    """Every folder's time of change is trusted at once; with ``later`` between changes, no test has to wait."""
    monkeypatch.setattr(index, "SETTLED", -(10**30))


@pytest.fixture
def folder(tmp_path, trusted):
    """Six days of two records each, one of which is a fox every day."""
    for number in range(1, 7):
        planted(tmp_path / "w", f"prompt {number}", day=f"2026-01-0{number}")
        planted(tmp_path / "w", "fox", day=f"2026-01-0{number}")
    later(tmp_path / "w")
    return tmp_path / "w"
