"""What a clip costs: its own price or that of its seconds, and as several pictures in every limit."""

import pytest

from wenwen_magic.engine.limits import ClipPrice, Cost, Session, cost_of, cost_text, price_of, things
from wenwen_magic.errors import ConfigError, LimitReached
from wenwen_magic.records import CLIP, ImageRequest
from wenwen_magic.settings import Layer, PerSecond, load

TABLE = {"veo-*": PerSecond(0.03), "*sora*": PerSecond(0.1), "kling": 0.5}


def request(model, task=CLIP, **params):
    return ImageRequest("a fox", model=model, task=task, params=params)


@pytest.mark.parametrize(
    ("wanted", "price"),
    [
        (request("veo-3", seconds="8"), 0.24),
        (request("veo-3", seconds=8), 0.24),
        (request("veo-3", seconds="8s"), 0.24),
        (request("veo-3", duration="5"), 0.15),
        (request("veo-3"), None),
        (request("veo-3", seconds="long"), None),
        (request("veo-3", seconds="-8"), None),
        (request("veo-3", seconds="nan"), None),
        (request("veo-3", seconds="inf"), None),
        (request("sora_video2-15s"), 1.5),
        (request("sora_video2-hd-25s-pro"), 2.5),
        (request("sora_video2-15s", seconds="10"), 1.5),  # it lasts as long as its name says
        (request("sora-2-15s", seconds="4"), 1.5),
        (request("sora-2-8s", seconds="12"), 1.2),
        (request("veo-3-8s-fast", duration=4), 0.24),
        (request("sora-2-4s-to-12s"), 1.2),
        (request("sora-2-10sec", seconds="4"), 1.0),
        (request("Sora/sora-2-10S", seconds="4"), 1.0),
        (request("sora-2-5s", seconds="4", duration=8), 0.8),
        (request("veo-3", durationSeconds=8), 0.24),
        (request("veo-3", n_seconds="10"), 0.3),
        (request("veo-3", parameters={"durationSeconds": 8}), 0.24),
        (request("veo-3", metadata={"input": [{"duration": "6 s"}]}, seconds="4"), 0.18),
        (request("sora-2-8s", seconds="auto"), None),
        (request("sora-2-8s", seconds=-1), None),
        (request("veo-3", seconds="4", duration="long"), None),
        (request("veo-3", seconds=None), None),
        (request("veo-3", seconds=True), None),
        (request("veo-3", duration=[8]), None),
        (request("veo-3.1-8sparks", seconds="4"), 0.12),
        (request("veo-3-1080p-60fps"), None),
        (request("sora_video2-1080p"), None),
        (request("kling", seconds="8"), 0.5),
        (request("other", seconds="8"), None),
        (request("veo-3", task="draw"), None),
        (request("kling", task="draw"), 0.5),
    ],
    ids=lambda value: f"{value.model} {dict(value.params)}" if isinstance(value, ImageRequest) else None,
)
def test_a_price_by_the_second_needs_the_seconds(wanted, price):
    assert price_of(wanted, TABLE) == price


@pytest.mark.parametrize("text", ["0.03/s", " 0.03 /s", "0.03/秒", PerSecond(0.03)])
def test_a_price_by_the_second_is_written_as_such_and_shown_so(text):
    settings = load(Layer("here", {"prices": {"veo-*": text, "a": 1}})).settings
    assert isinstance(settings.prices["veo-*"], PerSecond)
    assert not isinstance(settings.prices["a"], PerSecond)
    assert str(dict(settings.prices)) == "{'veo-*': 0.03/s, 'a': 1.0}"


@pytest.mark.parametrize("wrong", ["/s", "x/s", "-1/s", "0.03/m", "1/s/s", "nan/s"])
def test_what_is_no_price_is_refused(wrong):
    with pytest.raises(ConfigError, match="prices"):
        load(Layer("here", {"prices": {"a": wrong}}))


def test_clips_count_as_pictures_and_are_told_as_clips():
    cost = cost_of([0.1, None, ClipPrice(0.24, 10), ClipPrice(None, 10)])
    assert cost == Cost(pictures=22, known=0.34, unknown=11, clips=2, counted=20)
    assert things(cost) == "2 clips and 2 pictures (in all counted as 22 pictures)"
    assert cost + Cost() - cost == Cost()
    assert cost_text(cost_of([ClipPrice(0.24, 10)]), "$") == "1 clip (in all counted as 10 pictures), 0.24 $"
    assert "2 clips (in all counted as 20 pictures), price unknown" in cost_text(cost_of([ClipPrice(None, 10)] * 2))


def test_a_clip_of_unknown_price_spends_as_much_of_a_budget_as_it_counts():
    settings = load(Layer("here", {"session_limit": 15, "budget": 5})).settings
    with pytest.raises(LimitReached, match="budget"):
        Session().check([ClipPrice(None, 10)], settings)
    with pytest.raises(LimitReached, match="15 pictures"):
        Session().check([ClipPrice(0.1, 10)] * 2, settings)
    Session().check([ClipPrice(0.1, 10)], settings)
