"""The table of models: legible as text and as HTML without styles; and the line on a name that is not in it."""

import re
from datetime import date

import pytest
from support.html import read

from wenwen_magic.models import Model, ModelList, in_order
from wenwen_magic.render.models import MOST, model_warning, table
from wenwen_magic.text.i18n import is_chinese, speak, text_width

TODAY = date(2026, 11, 28)
MODELS = (
    Model("gpt-4o", "openai", ("openai",)),
    Model("gpt-4o-image", "custom", ("openai",)),
    Model("gemini-3-pro-image", "vertex-ai", ("gemini", "openai")),
    Model("nano-banana", "谷歌"),
    Model("claude-sonnet", "anthropic", ("anthropic",)),
    Model("sora_video2", "custom", ("openai",)),
)


def known(*models, kept=True):
    return ModelList(tuple(in_order(models or MODELS)), 1.0, kept=kept)


def rows(shown):
    return [[cell.words for cell in row] for row in read(shown.bundle).rows]


def test_the_table_has_a_row_for_each_model_pictures_first():
    head, *shown = rows(table(known()))
    assert head == ["model", "makes", "other names", "owner", "endpoint types"]
    assert [row[0] for row in shown] == [
        *("gemini-3-pro-image", "gpt-4o-image", "nano-banana", "claude-sonnet", "gpt-4o", "sora_video2")
    ]
    assert shown[0][1:4] == ["✓ picture", "nano-banana2, nano-banana-pro, gemini-3-pro-image-preview", "vertex-ai"]
    assert shown[2][2] == "= gemini-2.5-flash-image"
    assert [row[1] for row in shown[3:]] == ["– other", "– other", "▶ clip"]


def test_a_printed_page_holds_all_columns():
    models = [
        Model("claude-sonnet-4-5-20250929-thinking", "anthropic", ("anthropic", "openai-response")),
        Model("gemini-3-pro-image-preview", "volcengine-ark-bytedance", ("gemini", "openai", "image-generation")),
    ]
    html = table(known(*models)).bundle["text/html"]
    columns = zip(*(re.findall(r"<td.*?</td>", row) for row in re.findall(r"<tr>(<td.*?)</tr>", html)), strict=True)
    widest = [max(map(len, re.findall(r"<nobr>(.*?)</nobr>", " ".join(column)))) for column in columns]
    assert sum(widest) <= 85, "letters of a page that is 600 pixels wide"


def test_the_text_says_the_same_in_columns():
    shown = table(known())
    head, *lines = shown.bundle["text/plain"].split("\n\n")[0].splitlines()
    start = len(head[: head.index("owner")])
    for row, line in zip(rows(shown)[1:], lines, strict=True):
        assert all(cell in line for cell in row)
        assert text_width(line[: line.index(row[3])]) == start


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", 6),
        ("IMAGE", 3),
        ("image  pro", 1),
        ("ＧＰＴ", 2),
        ("picture", 3),
        ("图片", 3),
        ("picture gemini", 2),
        ("other", 2),
        ("其他", 2),
        ("clip", 1),
        ("短片", 1),
        ("vertex", 1),
        ("谷歌", 1),
        ("banana2", 1),
        ("anthropic", 1),
        ("nothing", 0),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_models_are_found_by_all_words_in_any_case_and_language(words, found, language):
    speak(language)
    assert len(table(known(), words)) == found


def test_what_is_not_found_is_said_with_what_there_is():
    shown = table(known(), "nothing")
    for kind in ("text/plain", "text/html"):
        assert "No model matches" in shown.bundle[kind]
        assert "0 of 6 models" in shown.bundle[kind]
    assert rows(shown) == []


@pytest.mark.parametrize(
    ("age", "words"),
    [(0, "just now"), (59, "just now"), (60, "1 min ago"), (7260, "2 h ago"), (86_400, "1 d ago"), (9e6, "104 d ago")],
)
def test_a_kept_list_tells_its_age_and_how_to_ask_again(age, words):
    text = table(known(), age=age).bundle["text/plain"]
    assert words in text
    assert "%wenwen models --refresh" in text


def test_a_list_that_was_just_asked_for_tells_no_age():
    text = table(known(kept=False)).bundle["text/plain"]
    assert "--refresh" not in text
    assert "ago" not in text


def test_in_mode_replay_nobody_is_advised_to_ask():
    text = table(known(), replay=True).bundle["text/plain"]
    assert "--refresh" not in text
    assert "replay" in text


def test_a_long_list_is_cut_and_says_so():
    shown = table(known(*(Model(f"m-{number:04}") for number in range(1000))))
    assert len(shown) == 1000
    assert len(rows(shown)) == MOST + 1
    assert f"the first {MOST} are shown" in shown.bundle["text/plain"]
    assert len(shown.bundle["text/html"]) < 200_000


def test_a_name_like_a_key_is_masked():
    bundle = table(known(Model("sk-abcdefgh12345678"))).bundle
    assert "abcdefgh" not in str(bundle)


def test_the_rows_can_be_used_from_python():
    shown = table(known(), "gpt")
    assert (shown[0].id, shown[0].picture, shown[1].id, shown[1].picture) == ("gpt-4o-image", True, "gpt-4o", False)
    assert shown._repr_mimebundle_() == shown.bundle


# -- a name that is not in the list ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("gpt4o-image", "gpt-4o-image"),
        ("GPT-4o-image", "gpt-4o-image"),
        ("nano-banana2", "gemini-3-pro-image"),
        ("google/gemini-3-pro-image", "gemini-3-pro-image"),
        ("claude-sonet", "claude-sonnet"),
    ],
)
def test_a_name_that_is_not_listed_gets_a_warning_in_one_line_with_the_nearest(name, near):
    line = model_warning(name, known(), TODAY)
    assert "\n" not in line
    assert line == f"{name} is not in the model list. Did you mean {near}? Trying it anyway."


def test_for_a_question_the_nearest_is_a_model_that_answers():
    models = known(Model("gpt-4o-image"), Model("gpt-4o"))
    assert "Did you mean gpt-4o-image?" in model_warning("gpt-4o-imag", models, TODAY)
    assert "Did you mean gpt-4o?" in model_warning("gpt-4o-imag", models, TODAY, words=True)


@pytest.mark.parametrize(
    ("name", "near"), [("gemini-2.5-flash-image-preview", "nano-banana"), ("dall-e-3", "gpt-image-2")]
)
def test_a_name_that_is_not_listed_because_its_maker_shut_it_down_says_when(name, near):
    line = model_warning(name, known(*MODELS, Model("gpt-image-2")), TODAY)
    assert line.startswith(f"{name} is not in the model list: its maker shut it down on 2026-")
    assert f"Did you mean {near}?" in line


def test_a_listed_name_that_the_endpoint_shut_down_or_will_soon_says_when():
    models = known(Model("old-image", ends="2026-11-01"), Model("b-image", ends="2026-12-01"), Model("new-image"))
    line = model_warning("old-image", models, TODAY)
    assert line == "old-image was shut down on 2026-11-01. Did you mean b-image? Trying it anyway."
    assert model_warning("b-image", models, TODAY) == "b-image will be shut down on 2026-12-01."
    assert model_warning("new-image", models, TODAY) == ""
    assert [row[1] for row in rows(table(models))[1:]] == [
        *("✓ picture · ends 2026-12-01", "✓ picture", "✓ picture · ends 2026-11-01")
    ]


def test_where_no_name_is_near_none_is_named():
    assert model_warning("zzz", known(), TODAY) == "zzz is not in the model list. Trying it anyway."


@pytest.mark.parametrize("name", ["gpt-4o", "nano-banana"])
def test_a_listed_name_gets_no_warning(name):
    assert model_warning(name, known(), TODAY) == ""


def test_an_empty_list_warns_of_no_name():
    assert model_warning("gpt-4o", ModelList((), 1.0), TODAY) == ""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_is_said_in_the_readers_language(language):
    speak(language)
    models = known(Model("a-image"), *(Model(f"b{number}") for number in range(MOST)))
    texts = [
        *table(models, age=90).bundle["text/plain"].splitlines()[:2],
        table(models, age=90).bundle["text/plain"].splitlines()[-1],
        table(models, "nothing", replay=True).bundle["text/plain"],
        model_warning("c", models, TODAY),
    ]
    assert [is_chinese(text) for text in texts] == [language == "zh"] * len(texts)
