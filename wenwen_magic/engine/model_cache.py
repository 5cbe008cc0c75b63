"""Keep the lists of models that endpoints gave: in this process, and in files in the user's cache folder."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from wenwen_magic.history.atomic import write_whole
from wenwen_magic.history.index import stamp_of
from wenwen_magic.models import LONGEST_NAME, Model, ModelList, day_in

FRESH = 24 * 3600.0
"""Seconds for which a list counts as what the endpoint offers; an older one only gives suggestions."""
PATIENCE = 600.0
"""Seconds for which an endpoint that gave no list is not asked for one before a picture."""
VERSION = 1
_SAVED = ("id", "owner", "endpoint_types", "ends")
_LONGEST_FILE = 1 << 25


class ModelCache:
    """The lists of models by the address of their endpoint; nothing in a file comes from the key.

    Args:
        folder: of the files, one for each address; None for ``models`` in the user's cache folder of this package.
        now: returns the seconds since 1970.
    """

    def __init__(self, folder: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self._folder, self._now = folder, now
        self._held: dict[str, ModelList] = {}
        self._failed: dict[str, float] = {}

    def read(self, address: str) -> ModelList | None:
        """Return the latest list of an endpoint, of any age and from any process; None if there is none."""
        lists = [self._held.get(address)]
        path = self._path(address)
        with suppress(OSError):
            lists.append(_read_file(path, address, stamp_of(path.stat())))
        latest = max(filter(None, lists), key=lambda models: models.asked, default=None)
        return latest and replace(latest, kept=True)

    def fresh(self, address: str) -> ModelList | None:
        """Return the list of an endpoint of the last day; None if there is none."""
        known = self.read(address)
        return known if known and self.is_fresh(known) else None

    def keep(self, address: str, models: Iterable[Model], *, lasting: bool = True) -> ModelList:
        """Keep a list that an endpoint has just given, if lasting also in a file where that can be, and return it."""
        made = self._held[address] = ModelList(tuple(models), self._now())
        if lasting:
            rows = [{name: getattr(one, name) for name in _SAVED} for one in made.models]
            saved = {"version": VERSION, "address": address, "asked": made.asked, "models": rows}
            with suppress(OSError):
                write_whole(self._path(address), json.dumps(saved, ensure_ascii=False, indent=1).encode())
        return made

    def note_failure(self, address: str) -> None:
        """Note that an endpoint was asked for its models and gave no list."""
        self._failed[address] = self._now()

    def may_ask(self, address: str) -> bool:
        """Tell whether an endpoint is worth asking before a picture: it has not failed to list its models lately."""
        return not 0 <= self._now() - self._failed.get(address, -math.inf) < PATIENCE

    def today(self) -> date:
        """Return the day in UTC."""
        return datetime.fromtimestamp(self._now(), UTC).date()

    def age(self, models: ModelList) -> float:
        """Return the seconds since a list was asked for; at least 0, as clocks may be set back."""
        return max(0.0, self._now() - models.asked)

    def is_fresh(self, models: ModelList) -> bool:
        """Tell whether a list was asked for within the last day, and not in the future."""
        return 0 <= self._now() - models.asked < FRESH

    def _path(self, address: str) -> Path:
        folder = self._folder or user_cache_path("wenwen_magic", appauthor=False) / "models"
        return folder / f"{hashlib.sha256(address.encode()).hexdigest()[:32]}.json"


@lru_cache(maxsize=8)
def _read_file(path: Path, address: str, stamp: str) -> ModelList | None:  # noqa: ARG001  part of the key
    """Return the list in an endpoint's file, read again when its stamp changes; None for a damaged or foreign file."""
    try:
        whole = path.is_file() and path.stat().st_size <= _LONGEST_FILE
        saved: Any = json.loads(path.read_bytes()) if whole else None
        asked = float(saved["asked"])
        if (saved["version"], saved["address"]) != (VERSION, address) or not 0 < asked < math.inf:
            return None
        return ModelList(tuple(map(_model, saved["models"])), asked)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _model(row: Mapping[str, Any]) -> Model:
    name, owner, types = row["id"], row["owner"], row["endpoint_types"]
    if not (_is_word(name) and name.strip() and isinstance(types, list) and all(map(_is_word, (owner, *types)))):
        raise ValueError("no model")
    return Model(name, owner, tuple(types), day_in(row.get("ends")))  # an earlier version wrote no end


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_NAME and value.isprintable()
