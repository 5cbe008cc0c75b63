"""The list of models is kept for a day, one file for each endpoint, and a damaged file is no list."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wenwen_magic.engine.model_cache import FRESH, ModelCache
from wenwen_magic.models import Model

HERE, THERE = "https://api.example", "https://other.example"
MODELS = (Model("gpt-4o-image", "openai", ("openai",)), Model("画图", "某", ()))


class Clock:
    def __init__(self, now=1_800_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(tmp_path, clock):
    return ModelCache(tmp_path / "models", clock)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_was_kept_is_read_by_another_process(cache, tmp_path, clock):
    kept = cache.keep(HERE, MODELS)
    found = ModelCache(tmp_path / "models", clock).read(HERE)
    assert found.models == kept.models == MODELS
    assert (found.asked, found.kept, kept.kept) == (clock.now, True, False)


def test_nothing_is_known_of_an_endpoint_that_was_not_asked(cache):
    cache.keep(HERE, MODELS)
    assert cache.read(THERE) is None


def test_there_is_one_file_for_each_endpoint_and_no_other(cache, tmp_path):
    for models in (MODELS, (), MODELS):
        cache.keep(HERE, models)
    cache.keep(THERE, MODELS)
    assert len(files(tmp_path)) == 2
    assert {json.loads(path.read_bytes())["address"] for path in files(tmp_path)} == {HERE, THERE}


def test_a_list_is_fresh_for_a_day_and_is_kept_longer(cache, clock):
    kept = cache.keep(HERE, MODELS)
    clock.now += FRESH - 1
    assert cache.is_fresh(kept)
    clock.now += 1
    assert not cache.is_fresh(kept)
    assert cache.age(kept) == FRESH
    assert cache.read(HERE).models == MODELS


def test_a_list_from_the_future_is_not_fresh_and_no_age_is_below_zero(cache, clock):
    kept = cache.keep(HERE, MODELS)
    clock.now -= 3600
    assert not cache.is_fresh(kept)
    assert cache.age(kept) == 0


def test_what_does_not_last_is_in_no_file(cache, tmp_path):
    cache.keep(HERE, MODELS, lasting=False)
    assert cache.read(HERE).models == MODELS
    assert files(tmp_path) == []


def test_where_the_folder_cannot_be_written_the_list_lasts_as_long_as_the_process(tmp_path, clock):
    (tmp_path / "models").write_text("in the way")
    cache = ModelCache(tmp_path / "models", clock)
    cache.keep(HERE, MODELS)
    assert cache.read(HERE).models == MODELS
    assert files(tmp_path) == [tmp_path / "models"]


def test_the_later_of_two_kernels_lists_is_read(cache, tmp_path, clock):
    cache.keep(HERE, MODELS)
    clock.now += 60
    ModelCache(tmp_path / "models", clock).keep(HERE, MODELS[:1])
    assert cache.read(HERE).models == MODELS[:1]


def test_a_file_that_stays_the_same_is_read_once(cache, tmp_path, clock, monkeypatch):
    cache.keep(HERE, MODELS)
    fresh, reads = ModelCache(tmp_path / "models", clock), []
    monkeypatch.setattr(Path, "read_bytes", lambda path, _read=Path.read_bytes: (reads.append(path), _read(path))[1])
    assert fresh.read(HERE).models == fresh.read(HERE).models == MODELS
    assert len(reads) == 1


def test_without_a_folder_of_its_own_the_list_is_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ModelCache().keep(HERE, MODELS)
    [path] = files(tmp_path)
    assert path.parent == tmp_path / "wenwen_magic" / "models"
    assert "example" not in path.name


GOOD = {"version": 1, "address": HERE, "asked": 1.0, "models": [{"id": "a", "owner": "", "endpoint_types": []}]}


@pytest.mark.parametrize(
    "saved",
    [
        *(None, [], 1, "a", {}, {**GOOD, "version": 2}, {**GOOD, "address": THERE}, {**GOOD, "asked": "never"}),
        *({**GOOD, "asked": -1}, {**GOOD, "asked": float("inf")}, {**GOOD, "asked": float("nan")}),
        *({**GOOD, "asked": 10**400}, {**GOOD, "models": None}, {**GOOD, "models": ["a"]}, {**GOOD, "models": [{}]}),
        {**GOOD, "models": [{"id": "a\nb", "owner": "", "endpoint_types": []}]},
        {**GOOD, "models": [{"id": " ", "owner": "", "endpoint_types": []}]},
        {**GOOD, "models": [{"id": "a", "owner": 1, "endpoint_types": []}]},
        {**GOOD, "models": [{"id": "a", "owner": "", "endpoint_types": "openai"}]},
    ],
)
def test_a_foreign_file_is_no_list(cache, tmp_path, clock, saved):
    cache.keep(HERE, MODELS)
    [path] = files(tmp_path)
    fresh = ModelCache(tmp_path / "models", clock)
    path.write_text(json.dumps(GOOD))
    assert fresh.read(HERE).models == (Model("a"),)
    path.write_text(json.dumps(saved))
    assert ModelCache(tmp_path / "models", clock).read(HERE) is None  # a new one: the clock of files may stand still


@given(st.binary(max_size=64), st.integers(0, 400))
def test_a_damaged_file_is_no_list_and_nothing_fails(tmp_path_factory, junk, at):
    folder = tmp_path_factory.mktemp("models")
    ModelCache(folder).keep(HERE, MODELS)
    [path] = files(folder)
    path.write_bytes(path.read_bytes()[:at] + junk)
    found = ModelCache(folder).read(HERE)
    assert found is None or found.models


def test_a_damaged_file_is_replaced_when_the_endpoint_is_asked_again(cache, tmp_path, clock):
    cache.keep(HERE, MODELS)
    [path] = files(tmp_path)
    path.write_bytes(b"\0" * 100)
    cache.keep(HERE, MODELS)
    assert ModelCache(tmp_path / "models", clock).read(HERE).models == MODELS
