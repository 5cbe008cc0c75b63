"""Which models make clips, told by their names, and which of those that an endpoint lists are suggested."""

from datetime import date

import pytest

from wenwen_magic.engine.build_request import usual_format
from wenwen_magic.engine.outcomes import no_clip_model
from wenwen_magic.models import Model, ModelList, draws, makes_clips
from wenwen_magic.records import CLIP
from wenwen_magic.settings import Layer, load

TODAY = date(2026, 11, 28)
MAKE = """
sora-2 sora-2-pro sora_video2 sora_video2-landscape-15s sora2 openai/sora-2 veo-3.1 veo3.1-fast veo-3.1-fast-fl veo_3_1_t2v_fast
veo_3_1-portrait google/veo-3.1-generate-preview kling-v1 kling-v2-6 kling-3.0-turbo jimeng-video-3.0 jimeng_video_3_0_pro 即梦视频
hailuo-02 minimax-hailuo-2.3 MiniMax-Video-01 wan2.5-t2v-preview wan2.2-i2v-plus wan2.6 wan-2.6 wanx2.1-i2v-plus wan-video runway-gen4
runwayml-gen3a gen3a_turbo gen4_turbo gen-4.5 doubao-seedance-1-0-pro vidu-q2 viduq2 pika-2.2 luma-ray-2 ray-2 ray3 pixverse-v5 cogvideox-3
hunyuan-video ltx-2 mochi-1 grok-imagine-video stable-video-diffusion happy-video-1 mj_video 文生视频-v2 wan2.2-t2v-plus Wan-AI/Wan2.2-T2V-A14B
"""
DO_NOT = """
gpt-4o gpt-4o-image sora_image sora-image gemini-3-pro-image kling-image wanx2.1-t2i-turbo wan2.5-t2i-preview wan2.5-i2i-preview
gen4_image luma-photon video-understanding video-caption-1 video-to-text qwen-video-ocr video-embedding kolors flux-dev jimeng-3.0
whisper-1 swan-7b wander-1 taiwan-llm rayleigh-1 array-3 lumalabs klingon-translator gpt-4-turbo gen-ai hunyuan-image-3 midjourney
claude-opus-4 mochi-bert-embed pikachu dall-e-3 seedream-4 gemini-2.5-flash veoh
"""


@pytest.mark.parametrize("name", MAKE.split())
def test_a_model_that_makes_clips_is_known_by_its_name_and_draws_no_pictures(name):
    assert makes_clips(name)
    assert not draws(name)


@pytest.mark.parametrize("name", DO_NOT.split())
def test_no_other_model_is_taken_for_one(name):
    assert not makes_clips(name)


def test_bug_models_that_make_clips_were_suggested_to_describe_with():
    known = ModelList(tuple(map(Model, [*MAKE.split(), "gpt-6"])), 1.0)
    assert known.instead_of("gpt-4o", "chat", TODAY, words=True) == ["gpt-6"]


def test_what_an_endpoint_lists_is_suggested_without_what_is_shut_down():
    names = ("gpt-4o", "sora-2", "sora-2-pro", "sora_video2", "veo-3.1", "gone-video", "gpt-4o-image")
    ends = {"gone-video": "2026-11-01"}
    models = tuple(Model(name, ends=ends.get(name, "")) for name in names)
    assert ModelList(models, 0.0).clips(TODAY) == ["sora_video2", "veo-3.1"]


def test_a_name_that_would_run_something_where_it_is_pasted_is_not_suggested():
    error = no_clip_model(["x'; import os", "veo-3.1"])
    assert "import os" not in str(error)
    assert "veo-3.1" in error.do
    assert "-m" in no_clip_model([]).do


@pytest.mark.parametrize(
    ("model", "settings", "form"),
    [
        ("veo3.1-fast", {}, "chat"),
        ("sora_video2", {}, "chat"),
        ("sora-2", {}, "videos"),
        ("openai/sora-2-pro", {}, "videos"),
        ("veo-3.1-fast-official", {}, "videos"),
        ("veo3.1-fast", {"format": "videos"}, "videos"),
        ("veo3.1-fast", {"formats": {"veo*": "videos"}}, "videos"),
        ("sora-2", {"formats": {"sora*": "chat"}}, "chat"),
        ("veo3.1-fast", {"format": "images"}, "chat"),
        ("veo3.1-fast", {"format": "midjourney"}, "chat"),
        ("veo3.1-fast", {"format": "none-such"}, "none-such"),
    ],
)
def test_the_way_is_chosen_by_the_model_and_the_settings(model, settings, form):
    assert usual_format(model, load(Layer("here", settings)).settings, CLIP) == form
