"""Models: told apart by their names, read from any relay's list, and known by other names."""

import json
import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wenwen_magic import models
from wenwen_magic.demo.exchange import RELAY
from wenwen_magic.formats import FORMATS
from wenwen_magic.models import (
    LONGEST_NAME,
    Model,
    ModelList,
    aliases,
    answers_for,
    bare,
    default_model,
    draws,
    family,
    former_defaults,
    in_order,
    listed,
    meant_by,
    replacement_in,
    retired,
    rule_for,
    suggested,
)

TODAY = date(2026, 11, 28)

DRAW = """
gpt-4o-image gpt-4o-image-vip gpt4o-image sora_image gpt-image-1 chatgpt-image-latest openai/gpt-5-image dall-e-3 dalle3
gemini-2.5-flash-image gemini-3-pro-image-preview gemini-2.0-flash-exp-image-generation nano-banana nano_banana nanobanana
imagen-4.0-ultra-generate-001 imagen4 jimeng-3.0 即梦-4 doubao-seedream-4-0-250828 doubao-seededit-3-0-i2i-250628
FLUX.1-dev black-forest-labs/FLUX.1-schnell flux1.1-pro stable-diffusion-3-5-large sd3.5-large sdxl mj_imagine mj_blend
swap_face midjourney ideogram-v3 recraftv3 Kwai-Kolors/Kolors cogview-4 qwen-image-edit wanx2.1-t2i-turbo wan2.5-i2i-preview
gpt-image-2 gpt-image-2.6-flare-vip gpt-image-2-all gemini-nano-banana-2.1 gemini-3.1-flash-lite-image krea-3 krea-1-medium
kontext-pro flux-kontext-max grok-imagine-image-2.0 firefly-image-5 leonardo-phoenix lucid-origin animagine-xl-4 dreamshaper-8
hunyuan-image-3 HiDream-I1 grok-2-image grok-imagine-image step-1x-medium z-image-turbo gen4_image 文生图-v1 kling-image
"""
DO_NOT = """
gpt-4o gpt-4-vision-preview gpt-3.5-turbo claude-3-5-sonnet deepseek-chat gemini-2.5-flash gemini-3-pro-preview o3
whisper-1 tts-1 text-embedding-3-small sora-2 sora_video2 veo-3.1 veo3-fast kling-v1 qwen-vl-max llava-1.6
jimeng-video-3.0 wan2.2-t2v-plus wanx2.1-i2v-plus cogvideox-3 stable-video-diffusion image-to-video grok-imagine-video
mj_video mj_describe mj_shorten mj_upload image-embedding image-moderation image-to-text image-recognition
krea-video-1 contextual-7b krealis-1 gpt-6-luna gemini-3.5-flash-lite
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
    decided = [rule_for(name) for name in names]
    known = tomllib.loads(Path(models.__file__).with_name("models.toml").read_text("utf-8"))
    assert all(rule in decided for rule in known["rules"])


def test_an_endpoint_type_helps_only_where_the_name_says_nothing():
    assert draws("v_3_turbo", ["image-generation"])
    assert not draws("v_3_turbo", ["openai"])
    assert not draws("jimeng-video-3.0", ["image-generation"])
    assert draws("gpt-4o-image", ["openai"])


def test_what_is_suggested_at_first_draws():
    assert all(map(draws, suggested()))


# -- what is known of names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [*(name for name, wire in FORMATS.items() if "draw" in wire.tasks), "a fifth"])
def test_every_format_has_a_default_that_draws_is_not_retired_and_is_in_the_demos_list(form):
    model = default_model(form)
    assert draws(model)
    assert not ends_by(model, TODAY)
    assert model in RELAY["models"] or form == "midjourney"  # which sends no name


@pytest.mark.parametrize("form", ["chat", "gemini"])
def test_every_format_that_describes_has_a_reader_that_is_in_the_demos_list(form):
    model = default_model(form, words=True)
    assert not draws(model)
    assert not ends_by(model, TODAY)
    assert model in RELAY["models"]


def ends_by(model, day):
    end = retired(model)
    return end is not None and end.day <= day.isoformat()


def test_nothing_that_is_suggested_or_used_in_place_of_a_retired_model_is_retired_itself():
    ends = [retired(name) for name in retired_names()]
    assert all(date.fromisoformat(end.day) for end in ends)
    assert all("." in end.source for end in ends)
    assert not [name for name in (*suggested(), *(end.use for end in ends)) if ends_by(name, TODAY)]


def retired_names():
    text = "gpt-image-1 gpt-image-1.5 gpt-image-1-mini chatgpt-image-latest dall-e-2 dall-e-3 gpt-4o gemini-2.5-flash"
    gemini = "gemini-2.5-flash-image gemini-2.5-flash-image-preview gemini-3-pro-image-preview gemini-3.1-flash-image"
    return [*text.split(), *gemini.split()]


@pytest.mark.parametrize("name", ["models/gemini-3-pro-image", "google/Gemini_3-pro-image", "a/b/gemini-3-pro-image/"])
def test_what_is_known_of_a_name_holds_behind_any_prefix(name):
    assert bare(name) == "gemini-3-pro-image"
    assert family("gemini", name)["sizes"] == ["1K", "2K", "4K"]
    assert draws(name)
    assert retired(f"openai/{retired_names()[0]}").use == retired(retired_names()[0]).use
    assert meant_by("google/nano-banana") == meant_by("nano-banana")


@pytest.mark.parametrize(
    ("words", "use"),
    [
        ("The model `gpt-image-1` does not exist", "gpt-image-2.6-flare"),
        ("分组 default 下模型 gpt-image-1 无可用渠道", "gpt-image-2.6-flare"),
        ("models/gemini-3-pro-image-preview is not found", "gemini-3-pro-image"),
        ("openai/gpt-image-1.", "gpt-image-2.6-flare"),
        *((words, "") for words in ("gpt-image-10", "my-gpt-4o", "gpt-4o-image", "gpt-4o.5", "nothing", "")),
    ],
)
def test_a_retired_model_in_a_sentence_is_known_by_its_whole_name(words, use):
    assert replacement_in(words) == use


def test_a_model_to_use_in_place_of_another_is_one_that_the_endpoint_has_for_the_format():
    rows = [("gpt-6", "openai"), ("gemini-3-pro-image", "gemini"), ("flux-2", "openai"), ("gpt-4o-image-vip", "openai")]
    known = ModelList(tuple(in_order(Model(name, "", (kind,)) for name, kind in rows)), 1.0)
    assert known.instead_of("gpt-4o-image", "chat", TODAY) == ["gpt-4o-image-vip", "flux-2", "gemini-3-pro-image"]
    assert known.instead_of("gemini-2.5-flash-image", "gemini", TODAY)[0] == "gemini-3-pro-image"
    drawer = Model("gpt-4o-image-2", "", ("image-generation", "openai"))
    assert ModelList((*known.models, drawer), 1.0).instead_of("gpt-4o-image", "chat", TODAY)[0] == "gpt-4o-image-vip"
    assert ModelList((*known.models, drawer), 1.0).instead_of("gpt-image-2", "images", TODAY)[0] == "gpt-4o-image-2"
    assert known.instead_of("gpt-4o", "chat", TODAY, words=True) == ["gpt-6"]


def test_the_replacement_of_a_retired_model_comes_first_and_what_is_shut_down_never():
    names = ("gpt-image-1-vip", "gpt-image-2.6-flare", "gpt-image-1.5")
    known = ModelList((*map(Model, names), Model("gpt-image-1", ends="2026-10-23")), 1.0)
    assert known.instead_of("gpt-image-1", "images", TODAY)[0] == "gpt-image-2.6-flare"
    assert "gpt-image-1" not in known.instead_of("gpt-image-1", "images", TODAY)


@pytest.mark.parametrize(
    ("form", "offered", "first"),
    [
        ("chat", "gpt-image-2 gemini-3.5-flash-image flux-2", "gemini-3.5-flash-image"),
        ("chat", "gpt-image-2-vip dall-e-3 flux-2", "flux-2"),
        ("images", "gemini-3-pro-image flux-2 gpt-image-3", "gpt-image-3"),
        ("gemini", "gpt-image-2-vip gemini-3.1-flash-image gemini-4-image", "gemini-4-image"),
        ("chat", "gemini-2.5-flash-image flux-2", "flux-2"),
    ],
)
def test_bug_without_types_a_model_was_suggested_that_cannot_draw_so_or_is_shut_down(form, offered, first):
    known = ModelList(tuple(map(Model, offered.split())), 1.0)
    assert known.instead_of(default_model(form), form, TODAY)[0] == first


def test_bug_models_that_speak_or_embed_were_suggested_to_describe_with():
    silent = "tts-1 whisper-1 text-embedding-3-large sora-2 veo-3 gpt-4o-audio-preview bge-m3 suno-v5 kling-v2"
    known = ModelList(tuple(map(Model, [*silent.split(), "gpt-6", "qwen-vl-max"])), 1.0)
    assert set(known.instead_of("gpt-4o", "chat", TODAY, words=True)) == {"gpt-6", "qwen-vl-max"}


def test_bug_a_model_that_still_works_was_to_be_replaced():
    assert replacement_in("no access to gpt-4o", date(2027, 1, 13)) == ""
    assert replacement_in("no access to gpt-4o", date(2027, 1, 14)) == "gpt-6-luna"


@pytest.mark.parametrize("name", ["gpt-4o-image", "models/gpt-4o-image"])
def test_bug_a_default_in_another_spelling_was_taken_for_missing(name):
    assert not ModelList((Model(name),), 1.0).lacks("gpt-4o-image", TODAY)
    assert ModelList((Model(name + "-vip"),), 1.0).lacks("gpt-4o-image", TODAY)


def test_earlier_defaults_are_others_than_those_of_now():
    assert former_defaults("chat") == former_defaults("unheard of") == []
    for form in ("images", "gemini"):
        assert default_model(form) not in former_defaults(form)


@pytest.mark.parametrize(
    ("day", "ends", "gone", "soon"),
    [
        ("2026-11-28", "2026-11-28", True, False),
        ("2026-12-01T00:00:00Z", "2026-12-01", False, True),
        ("2027-06-01", "2027-06-01", False, False),
        ("2025-01-01", "2025-01-01", True, False),
        *((value, "", False, False) for value in (None, "", "soon", "2026-13-40", 20261201, [], {})),
    ],
)
def test_a_shutdown_date_in_the_endpoints_list_is_read(day, ends, gone, soon):
    [model] = listed({"data": [{"id": "a", "shutdown_date": day}]})
    assert (model.ends, model.is_gone(TODAY), model.ends_soon(TODAY)) == (ends, gone, soon)
    assert ModelList((model,), 1.0).lacks("a", TODAY) == gone


def test_an_empty_list_lacks_nothing():
    assert not ModelList((), 1.0).lacks("a", TODAY)
    assert ModelList((Model("b"),), 1.0).lacks("a", TODAY)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("nano-banana", "gemini-2.5-flash-image"),
        ("Nano Banana", "gemini-2.5-flash-image"),
        ("nano_banana2", "gemini-3-pro-image"),
        ("nano-banana-pro", "gemini-3-pro-image"),
        ("gemini-3-pro-image-preview", "gemini-3-pro-image"),
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
    for alias, model in aliases().items():
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
        *({"models": ["a"]}, {"models": [{"name": 5}]}),
    ],
)
def test_what_is_no_list_is_refused(answer):
    with pytest.raises(ValueError, match=r"list|model"):
        listed(answer)


def test_the_name_of_a_row_of_models_that_is_no_text_leaves_its_id():
    assert listed({"models": [{"name": 5, "id": "flux"}, {"name": 5}]}) == [Model("flux")]


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
