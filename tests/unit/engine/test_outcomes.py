"""What comes of a request beside a picture is an error that says what to do and whether it cost."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from wenwen_magic import errors
from wenwen_magic.engine import limits, outcomes
from wenwen_magic.errors import WenwenError
from wenwen_magic.models import Model, ModelList
from wenwen_magic.protocol import Answer
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Video
from wenwen_magic.text.i18n import is_chinese, speak

TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, WenwenError)]
REQUEST = ImageRequest("画一只猫")
FAULT = {
    "what": "It broke.",
    "why": "A fuse.",
    "do": "Change it.",
    "charged": "maybe",
    "status": 502,
    "record": "a1b2c3d4",
}
CUT = GeneratedImage(Path("wenwen_images/cat-1.unsound"), "", 0, 0, problem="the file is cut")
SENT = Generation("a1b2c3d4", REQUEST, "画一只猫", "sent", "2026-01-01", charged="maybe")


def none_valid(picture):
    return outcomes.none_saved(replace(SENT, pictures=(picture,)), ())


def video_lost(problem="the server answered HTTP 404"):
    lost = Video("https://videos.example/a.mp4?sign=1", problem=problem)
    return outcomes.none_saved(replace(SENT, videos=(lost,)), ())


OUTCOMES = {
    "no picture": (lambda: outcomes.no_image(Answer(text="I cannot.")), errors.NoImageError, "yes"),
    "no words either": (lambda: outcomes.no_image(Answer()), errors.NoImageError, "yes"),
    "nothing saved": (lambda: outcomes.not_in_history(REQUEST, 0), errors.NotInHistory, "no"),
    "no such take": (lambda: outcomes.not_in_history(REQUEST, 3), errors.NotInHistory, "no"),
    "nothing kept": (lambda: outcomes.nothing_kept(SENT), errors.NotInHistory, "maybe"),
    "limit": (lambda: limits.limit_reached(limits.Cost(50), limits.Cost(1), 50), errors.LimitReached, "no"),
    "unsound": (lambda: none_valid(CUT), errors.ImageError, "yes"),
    "a video that is lost": (video_lost, errors.ImageError, "yes"),
    "a work that goes on": (lambda: outcomes.goes_on(errors.NotSentError("No name.")), errors.WaitEnded, "maybe"),
    "a work that takes long": (outcomes.still_working, errors.WaitEnded, "maybe"),
    "a work that is gone": (
        lambda: outcomes.unknown_job(errors.EndpointError("task_no_found", status=400)),
        errors.EndpointError,
        "maybe",
    ),
    "interrupt": (outcomes.wait_ended, errors.WaitEnded, "maybe"),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("make", "kind", "charged"), OUTCOMES.values(), ids=OUTCOMES)
def test_every_outcome_says_what_and_what_to_do_and_the_cost_in_both_languages(make, kind, charged, language):
    speak(language)
    error = make()
    assert type(error) is kind
    assert error.charged == charged
    assert is_chinese(error.what) == is_chinese(error.do) == (language == "zh")


TODAY = date(2026, 11, 28)
PASTED = [
    "flux'+__import__('os').getcwd()+'",
    "flux{1+1}",
    "flux$HOME",
    "flux\\",
    'flux"x',
    "flux;x",
    "flux x",
    "-mflux",
]


@pytest.mark.parametrize("name", PASTED)
def test_bug_the_name_of_a_model_in_a_suggested_line_could_run_code(name):
    request = ImageRequest("a cat", "gpt-4o-image", usual="gpt-4o-image")
    error = outcomes.default_not_listed(request, ModelList((Model(name),), 1.0), TODAY)
    assert name not in str(error)
    known = ModelList((Model(name), Model("jimeng-4.0")), 1.0)
    line = outcomes.default_not_listed(request, known, TODAY).do
    assert "%config WenwenMagics.model = 'jimeng-4.0'" in line


def test_bug_another_format_was_answered_with_a_setting_that_counts_for_all():
    request = ImageRequest("a cat", "gpt-image-2", format="images", usual="gpt-image-2")
    known = ModelList((Model("flux-2"),), 1.0)
    assert outcomes.default_not_listed(request, known, TODAY).do == "Choose one: --format images -m flux-2"
    assert "%config" in outcomes.default_not_listed(request, known, TODAY, "images").do


def test_bug_a_list_without_models_that_describe_was_said_to_lack_models_for_pictures():
    request = ImageRequest("what?", "gpt-4o", task="describe", usual="gpt-4o")
    error = outcomes.default_not_listed(request, ModelList((Model("tts-1"),), 1.0), TODAY)
    assert error.why == "It lists no model that describes."


def test_an_answer_without_a_picture_is_explained_by_its_own_words():
    error = outcomes.no_image(Answer(text="I cannot draw that."))
    assert (error.why, error.text, error.status) == ("I cannot draw that.", "I cannot draw that.", 200)
    assert "--fresh" in error.do


def test_an_answer_without_picture_and_words_is_explained_by_why_it_ended():
    assert outcomes.no_image(Answer(finish_reason="content_filter")).why == "content_filter"


@pytest.mark.parametrize(
    "text",
    ["\x1b[2Jhello", "\x1b]0;title\x07hello", "your key sk-abcdef0123456789 hello"],
    ids=["screen", "title", "key"],
)
def test_the_words_of_an_answer_are_shown_without_commands_and_keys(text):
    shown = str(outcomes.no_image(Answer(text=text)))
    assert "hello" in shown
    assert "\x1b" not in shown
    assert "abcdef0123456789" not in shown


def test_a_long_answer_leaves_room_for_what_to_do():
    lines = str(outcomes.no_image(Answer(text="la\n" * 5000))).split("\n")
    assert len(lines) < 30


def test_a_missing_take_is_named_by_its_number_and_prompt():
    error = outcomes.not_in_history(REQUEST, 3)
    assert "Take 3" in error.what
    assert error.why == "画一只猫"
    assert "Nothing was sent" in error.do


def test_a_long_prompt_is_named_by_its_beginning():
    assert len(outcomes.not_in_history(ImageRequest("a  cat\n" * 500), 0).why) == 200


def test_a_limit_says_how_many_were_asked_for_and_how_to_raise_it():
    error = limits.limit_reached(limits.Cost(41, clips=4, counted=40), limits.Cost(10, clips=1, counted=10), 50)
    assert "50" in error.what
    assert "4 clips and 1 picture (in all counted as 41 pictures)" in error.why
    assert "asked for now: 1 clip (in all counted as 10 pictures)" in error.why
    assert "session_limit" in error.do


def test_an_unsound_picture_names_the_file_its_problem_and_the_way_to_fetch_it_again():
    error = none_valid(CUT)
    assert error.why == "the file is cut"
    assert "cat-1.unsound" in error.do
    assert "%wenwen fetch a1b2c3" in error.do
    assert "wenwen_images" not in error.do


def test_a_lost_video_names_its_address_and_the_way_to_fetch_it_again():
    error = video_lost()
    assert "404" in error.why
    assert "https://videos.example/a.mp4?sign=1" in error.do
    assert "%wenwen fetch a1b2c3" in error.do


def test_an_address_that_has_expired_is_told_with_what_helps():
    expired = GeneratedImage(Path("cat-1.unsound"), "", 0, 0, problem="AccessDenied: Request has expired")
    for error in (none_valid(expired), video_lost("HTTP 403: Request has expired")):
        assert "--fresh" in error.do
        assert "%wenwen fetch" not in error.do


@pytest.mark.parametrize("kind", TREE)
def test_an_error_of_a_record_comes_back_as_it_was(kind):
    error = outcomes.error_of_record({"kind": kind.__name__, **FAULT})
    assert type(error) is kind
    assert {name: getattr(error, name) for name in FAULT} == FAULT


def test_a_generation_that_failed_tells_the_error_it_met():
    failed = Generation("a1b2c3d4", REQUEST, "x", "failed", "2026-01-01", error={"kind": "EndpointError", **FAULT})
    error = outcomes.nothing_kept(failed)
    assert isinstance(error, errors.EndpointError)
    assert (error.what, error.charged) == ("It broke.", "maybe")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "UnknownError", **FAULT},
        {"kind": None, **FAULT},
        FAULT,
        {"kind": "mask", **FAULT},
        {"kind": "re", **FAULT},
        {"kind": "Any", **FAULT},
        {"kind": "Charged", **FAULT},
        {"kind": "EndpointError", **FAULT, "of_a_later_version": 1},
        {"kind": "EndpointError"},
        {"kind": "EndpointError", **FAULT, "charged": "perhaps"},
        {"kind": "EndpointError", **FAULT, "why": None},
    ],
    ids=lambda fault: "-".join(map(str, (fault.get("kind"), len(fault), fault.get("charged"), fault.get("why")))),
)
def test_a_record_of_another_version_or_hand_still_makes_an_error_that_shows_itself(fault):
    error = outcomes.error_of_record(fault)
    assert isinstance(error, WenwenError)
    assert "charged" in str(error)
