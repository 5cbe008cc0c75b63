"""Every picture that the demo serves here is painted once."""

import pytest
from support.pictures import painted


@pytest.fixture(autouse=True)
def _painted_once(monkeypatch):
    monkeypatch.setattr("wenwen_magic.demo.exchange.paint", painted)
