"""Models: told apart by their names, read from any relay's list, and known by other names."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wenwen_magic.models import (
    ALIASES,
    LONGEST_NAME,
    PICTURE_MODELS,
    RULES,
    Model,
    answers_for,
    draws,
    in_order,
    listed,
    meant_by,
    rule_for,
)

DRAW = """
gpt-4o-image gpt-4o-image-vip gpt4o-image sora_image gpt-image-1 chatgpt-image-latest openai/gpt-5-image dall-e-3 dalle3
gemini-2.5-flash-image gemini-3-pro-image-preview gemini-2.0-flash-exp-image-generation nano-banana nano_banana nanobanana
imagen-4.0-ultra-generate-001 imagen4 jimeng-3.0 即梦-4 doubao-seedream-4-0-250828 doubao-seededit-3-0-i2i-250628
FLUX.1-dev black-forest-labs/FLUX.1-schnell flux1.1-pro stable-diffusion-3-5-large sd3.5-large sdxl mj_imagine mj_blend
swap_face midjourney ideogram-v3 recraftv3 Kwai-Kolors/Kolors cogview-4 qwen-image-edit wanx2.1-t2i-turbo wan2.5-i2i-preview
hunyuan-image-3 HiDream-I1 grok-2-image grok-imagine-image step-1x-medium z-image-turbo gen4_image 文生图-v1 kling-image
"""
DO_NOT = """
gpt-4o gpt-4-vision-preview gpt-3.5-turbo claude-3-5-sonnet deepseek-chat gemini-2.5-flash gemini-3-pro-preview o3
whisper-1 tts-1 text-embedding-3-small sora-2 sora_video2 veo-3.1 veo3-fast kling-v1 qwen-vl-max llava-1.6
jimeng-video-3.0 wan2.2-t2v-plus wanx2.1-i2v-plus cogvideox-3 stable-video-diffusion image-to-video grok-imagine-video
mj_video mj_describe mj_shorten mj_upload image-embedding image-moderation image-to-text image-recognition
imagebind imagination-7b fluxion mjolnir reverse deepseek-ocr
"""


@pytest.mark.parametrize("name", DRAW.split())
def test_a_model_that_draws_is_told_by_its_name(name):
    assert draws(name)


@pytest.mark.parametrize("name", DO_NOT.split())
def test_a_model_for_words_sound_or_video_is_told_from_them(name):
    assert not draws(name)


def test_every_rule_decides_about_some_name():
    names = [*DRAW.split(), *DO_NOT.split(), "demo-slow"]
    assert {rule_for(name) for name in names} >= set(RULES)


def test_an_endpoint_type_helps_only_where_the_name_says_nothing():
    assert draws("v_3_turbo", ["image-generation"])
    assert not draws("v_3_turbo", ["openai"])
    assert not draws("jimeng-video-3.0", ["image-generation"])
    assert draws("gpt-4o-image", ["openai"])


def test_what_is_suggested_at_first_draws():
    assert all(map(draws, PICTURE_MODELS))


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("nano-banana", "gemini-2.5-flash-image-preview"),
        ("Nano Banana", "gemini-2.5-flash-image-preview"),
        ("nano_banana2", "gemini-3-pro-image-preview"),
        ("nano-banana-pro", "gemini-3-pro-image-preview"),
        ("gpt-4o-image", ""),
        ("", ""),
    ],
)
def test_another_name_means_a_model(name, model):
    assert meant_by(name) == model


@pytest.mark.parametrize(
    ("reported", "asked", "same"),
    [
        *((name, "gpt-4o-image", True) for name in ("", "gpt-4o-image", "GPT_4o image", "sora_image")),
        *((name, "gpt-4o-image", True) for name in ("openai/gpt-4o-image", "gpt-4o-image-2025-03-25")),
        *((name, "gpt-image-1", False) for name in ("gpt-image-1-mini", "gpt-image-1.5", "sora_image", "dall-e-3")),
        ("gemini-2.5-flash-image-preview", "nano-banana", True),
        ("models/gemini-2.5-flash-image-preview", "gemini-2.5-flash-image-preview", True),
        ("gemini-2.5-flash-image-001", "gemini-2.5-flash-image", True),
        ("gemini-2.5-flash", "gemini-2.5-flash-image", False),
        ("gpt-4o", "gpt-4o-image", False),
        ("x.com/(a", "(a", True),
    ],
)
def test_an_answer_of_another_model_is_told_from_another_name_of_the_same(reported, asked, same):
    assert answers_for(reported, asked) is same


def test_an_alias_and_its_model_name_each_other():
    for alias, model in ALIASES.items():
        assert Model(alias).alias_of == model
        assert alias in Model(model).aliases
        assert Model(alias).picture
        assert Model(model).picture


# -- the endpoint's list -----------------------------------------------------------------------------------------------

NEW_API = {
    "success": True,
    "object": "list",
    "data": [
        {"id": "gpt-4o", "object": "model", "owned_by": "openai", "supported_endpoint_types": ["openai"]},
        {"id": "gpt-image-1", "owned_by": "openai", "supported_endpoint_types": ["image-generation", "openai"]},
    ],
}
ANTHROPIC = {
    "data": [{"type": "model", "id": "claude-x", "display_name": "X"}],
    "has_more": False,
    "last_id": "claude-x",
}
GEMINI = {"models": [{"name": "models/gemini-2.5-flash-image", "displayName": "G"}], "nextPageToken": None}


def test_new_apis_list_tells_owner_and_endpoint_types():
    assert listed(NEW_API) == [
        Model("gpt-image-1", "openai", ("image-generation", "openai")),
        Model("gpt-4o", "openai", ("openai",)),
    ]


@pytest.mark.parametrize(("answer", "names"), [(ANTHROPIC, ["claude-x"]), (GEMINI, ["gemini-2.5-flash-image"])])
def test_the_lists_of_other_formats_are_read_too(answer, names):
    assert [model.id for model in listed(answer)] == names


@pytest.mark.parametrize(
    ("row", "types"),
    [
        ({"supported_endpoints": ["video"]}, ("video",)),
        ({"supported_endpoint_types": None, "supported_endpoints": ["a"]}, ("a",)),
        ({"supported_endpoint_types": "openai"}, ("openai",)),
        ({"supported_endpoint_types": None}, ()),
        ({"supported_endpoint_types": [None, 1, " gemini ", "a\nb"]}, ("gemini",)),
        ({"permission": [{}], "root": "x", "parent": None}, ()),
        ({}, ()),
    ],
)
def test_endpoint_types_may_be_missing_null_or_named_otherwise(row, types):
    assert listed({"data": [{"id": "a", **row}]}) == [Model("a", "", types)]


@pytest.mark.parametrize(
    "name", [None, 1, "", "  ", "a\nb", "a\x1b[31m", "\u202ea", "\ud83d", "x" * (LONGEST_NAME + 1)]
)
def test_a_row_without_a_name_that_can_be_typed_is_passed_over(name):
    assert listed({"data": [{"id": name}, "a", None, {"id": "b"}]}) == [Model("b")]


@pytest.mark.parametrize(
    "answer",
    [
        {"success": False, "message": "get user group failed"},
        {"success": False, "message": "get user group failed", "data": [{"id": "a"}]},
        {"error": {"message": "x", "code": "model_not_found"}, "data": [{"id": "a"}]},
        *({}, [], None, 1, "a", {"data": None}, {"data": {}}, {"data": ["a"]}, {"data": [{"name": "a"}]}),
    ],
)
def test_what_is_no_list_is_refused(answer):
    with pytest.raises(ValueError, match=r"list|model"):
        listed(answer)


def test_an_empty_list_is_a_list():
    assert listed({"data": []}) == []


def test_models_for_pictures_come_first_then_names_in_any_case():
    names = [model.id for model in in_order(map(Model, ("gpt-4o", "b-image", "FLUX", "Claude", "a-image", "GPT-4o")))]
    assert names == ["a-image", "b-image", "FLUX", "Claude", "GPT-4o", "gpt-4o"]


def test_a_name_that_is_listed_twice_is_there_once():
    assert listed({"data": [{"id": "a", "owned_by": "x"}, {"id": "a"}]}) == [Model("a", "x")]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "models", "id", "name", "owned_by", "supported_endpoints", "x"]), inner
        )
    ),
    max_leaves=20,
)


@given(ANYTHING)
def test_any_answer_is_a_list_of_typable_names_or_refused(answer):
    json.dumps(answer)
    try:
        found = listed(answer)
    except ValueError:
        return
    assert all(model.id.isprintable() and model.id.strip() for model in found)
    assert len({model.id for model in found}) == len(found)
