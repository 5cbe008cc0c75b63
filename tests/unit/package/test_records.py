"""Requests and results are frozen; equal requests, and only they, have one fingerprint."""

import os
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted import png

from wenwen_magic.errors import ConfigError, ImageError
from wenwen_magic.records import Gallery, GeneratedImage, Generation, ImageRequest, Reference, Video
from wenwen_magic.text.i18n import is_chinese, speak
from wenwen_magic.text.orientation import ORIENTATIONS

ONE = Reference("https://example.com/1.png", "1" * 64, "one")
TWO = Reference("https://example.com/2.png", "2" * 64, "two")
OTHER = {
    "prompt": "another",
    "model": "another",
    "orientation": "portrait",
    "references": (ONE,),
    "params": {"seed": 7},
    "format": "images",
    "task": "describe",
    "mask": TWO,
}
INDIFFERENT = {"count": 3, "stream": True, "parent": "a1b2c3d4", "usual": "gpt-4o-image"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=3,
)


def generation(*pictures, **more):
    return Generation("a1b2c3d4", ImageRequest("a cat"), "a cat", "complete", "2026-01-01", pictures=pictures, **more)


def picture(folder, name="cat.png", **more):
    path = folder / name
    path.write_bytes(png())
    return GeneratedImage(path, "image/png", 8, 6, **more)


def test_every_field_of_a_request_is_known_to_these_tests():
    assert {item.name for item in fields(ImageRequest) if item.init} == {*OTHER, *INDIFFERENT}


def test_a_model_is_unnamed_as_long_as_it_is_the_default_that_was_taken():
    assert not ImageRequest("a cat").unnamed
    taken = ImageRequest("a cat", model="x", usual="x")
    assert taken.unnamed
    assert replace(taken, prompt="a dog").unnamed
    assert not replace(taken, model="y").unnamed


@pytest.mark.parametrize("name", OTHER)
def test_each_field_that_decides_about_the_picture_changes_the_fingerprint(name):
    assert replace(ImageRequest("a cat"), **{name: OTHER[name]}).fingerprint != ImageRequest("a cat").fingerprint


@pytest.mark.parametrize("name", INDIFFERENT)
def test_how_many_are_wanted_and_how_they_are_sent_does_not_change_the_fingerprint(name):
    changed = replace(ImageRequest("a cat"), **{name: INDIFFERENT[name]})
    assert changed.fingerprint == ImageRequest("a cat").fingerprint


def test_no_two_changes_lead_to_the_same_fingerprint():
    made = {replace(ImageRequest("a cat"), **{name: value}).fingerprint for name, value in OTHER.items()}
    made |= {replace(ImageRequest("a cat"), **{name: "images"}).fingerprint for name in ("prompt", "model")}
    made |= {
        ImageRequest("a cat", references=refs).fingerprint for refs in ((TWO,), (ONE, TWO), (TWO, ONE), (ONE, ONE))
    }
    assert len(made) == len(OTHER) + 6


def test_the_order_of_the_references_counts_and_their_labels_do_not():
    assert ImageRequest("x", references=(ONE, TWO)).fingerprint != ImageRequest("x", references=(TWO, ONE)).fingerprint
    renamed = replace(ONE, label="another")
    assert ImageRequest("x", references=(ONE,)).fingerprint == ImageRequest("x", references=(renamed,)).fingerprint


def test_the_order_in_which_params_were_typed_does_not_count():
    assert (
        ImageRequest("x", params={"a": 1, "b": 2}).fingerprint == ImageRequest("x", params={"b": 2, "a": 1}).fingerprint
    )


def test_a_number_and_its_digits_as_text_are_different_params():
    assert ImageRequest("x", params={"seed": 7}).fingerprint != ImageRequest("x", params={"seed": "7"}).fingerprint


def test_the_fingerprint_of_a_request_stays_what_it_was_when_histories_were_written():
    """Another value would ask, and pay, again for every picture that is saved anywhere."""
    request = ImageRequest(
        "画一只猫", "gpt-4o-image", "portrait", references=(ONE,), params={"seed": 7, "a": [1, None]}
    )
    assert request.fingerprint == "92ac16e76bb22b016e6fd15d689ec86714b4eec3546ddde14d12ea7e171a9ed2"
    assert ImageRequest("a cat").fingerprint == "8cee5a18e26bfbf43a4cbbdce80d4a1c6a4c39df450efb7a9356e840868180ee"


def test_the_fingerprint_is_the_same_in_every_process():
    code = (
        "from wenwen_magic.records import ImageRequest;"
        "print(ImageRequest('猫', params={'b': 1, 'a': {'d': 1, 'c': 2}}).fingerprint)"
    )
    here = ImageRequest("猫", params={"a": {"c": 2, "d": 1}, "b": 1}).fingerprint
    for seed in ("1", "2"):
        environ = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}
        run = subprocess.run(
            [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=True
        )
        assert run.stdout.strip() == here


@given(st.text(min_size=1).filter(str.strip), st.sampled_from(ORIENTATIONS), st.dictionaries(st.text(), VALUES))
@settings(max_examples=30, deadline=None)
def test_any_request_has_a_fingerprint_and_its_copy_the_same(prompt, orientation, params):
    request = ImageRequest(prompt, orientation=orientation, params=params)
    twin = pickle.loads(pickle.dumps(request))
    assert twin == request
    assert len(request.fingerprint) == 64
    assert twin.fingerprint == request.fingerprint


def test_a_prompt_with_half_a_surrogate_has_a_fingerprint_too():
    assert ImageRequest("a \ud83d cat").fingerprint != ImageRequest("a  cat").fingerprint


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": " \n\u3000"}, "prompt"),
        ({"model": " "}, "model"),
        ({"orientation": "diagonal"}, "diagonal"),
        ({"count": 0}, "0"),
        ({"count": -3}, "-3"),
        ({"count": 2000}, "2000"),
    ],
)
def test_a_request_that_cannot_be_is_refused_before_anything_is_sent(wrong, named):
    with pytest.raises(ConfigError) as caught:
        ImageRequest(**{"prompt": "x", **wrong})
    assert named in caught.value.what
    assert caught.value.do
    assert caught.value.charged == "no"


@pytest.mark.parametrize(
    ("task", "advised"),
    [
        ("draw", "what to draw"),
        ("blend", "what to draw"),
        ("clip", "what the clip"),
        ("ask", "a question"),
        ("ask_json", "a question"),
    ],
)
def test_what_to_write_in_place_of_an_empty_prompt_is_what_was_asked_for(task, advised):
    with pytest.raises(ConfigError) as caught:
        ImageRequest(" ", task=task)
    assert caught.value.do.startswith(f"Write {advised}")


@pytest.mark.parametrize("task", ["draw", "clip"])
def test_the_value_of_what_is_no_answer_is_told_so_and_not_that_its_json_cannot_be_read(task):
    made = Generation("ab12cd34", ImageRequest("a fox", task=task), "a fox", "complete", "", "yes", text="Here it is.")
    with pytest.raises(ConfigError, match=r"no answer to a question: <Generation #ab12cd .*'a fox'>") as caught:
        _ = made.value
    assert (caught.value.charged, ".images" in caught.value.do) == ("no", True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": ""},
        {"prompt": "", "task": "clip"},
        {"prompt": "", "task": "ask"},
        {"model": ""},
        {"orientation": "diagonal"},
        {"count": 0},
    ],
)
def test_a_refused_request_is_explained_in_chinese_to_a_chinese_reader(wrong):
    speak("zh")
    with pytest.raises(ConfigError) as caught:
        ImageRequest(**{"prompt": "x", **wrong})
    assert is_chinese(caught.value.what)
    assert is_chinese(caught.value.do)


def test_a_request_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        ImageRequest("x").prompt = "y"


def test_what_happens_to_the_params_handed_in_later_does_not_change_the_request():
    params = {"seed": 7}
    request = ImageRequest("x", params=params)
    before = request.fingerprint
    params["seed"] = 8
    assert request.fingerprint == before


def test_printing_a_request_does_not_print_its_reference_pictures():
    big = Reference("data:image/png;base64," + "A" * 10_000, "0" * 64, "cat")
    assert len(repr(ImageRequest("x", references=(big,)))) < 500


def test_the_images_of_a_generation_are_its_sound_results(tmp_path):
    sound = picture(tmp_path)
    draft, unsound = replace(sound, draft=True), replace(sound, problem="cut")
    assert generation(draft, unsound, sound).images == (sound,)


def test_a_gallery_is_a_sequence_in_the_order_asked(tmp_path):
    first, second = generation(picture(tmp_path)), generation()
    gallery = Gallery((first, second))
    assert (len(gallery), list(gallery), gallery[0], gallery[-1]) == (2, [first, second], first, second)
    assert list(reversed(gallery)) == [second, first]
    assert gallery.index(second) == 1
    assert gallery.images == first.images


def test_a_failure_is_a_row_of_the_gallery_like_the_others(tmp_path):
    good, bad = generation(picture(tmp_path)), generation(error={"what": "x"})
    assert Gallery((bad, good)).failures == (bad,)
    assert len(Gallery(())) == 0


def test_a_picture_gives_its_bytes_its_pixels_and_a_copy(tmp_path):
    image = picture(tmp_path)
    assert image.data == png()
    assert image.pil().getpixel((0, 0)) == (255, 0, 0)
    assert image.save(str(tmp_path / "copy.png")).read_bytes() == png()


@pytest.mark.parametrize("recipe", [False, True])
@pytest.mark.parametrize("name", ["c.jpg", "c.JPEG", "c.webp", "c.gif", "c.avif", "c.mp4"])
def test_an_ending_that_would_lie_is_refused_before_anything_is_written(tmp_path, name, recipe):
    with pytest.raises(ImageError, match=r"c\.png") as caught:
        picture(tmp_path).save(tmp_path / name, recipe=recipe)
    assert caught.value.charged == "no"
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["c", "c.PNG", "c.bak", "v1.2"])
def test_any_other_ending_is_taken_as_it_is(tmp_path, name):
    assert picture(tmp_path).save(tmp_path / name).read_bytes() == png()


def test_a_clip_gives_a_copy_and_refuses_an_ending_that_would_lie(tmp_path):
    file = tmp_path / "a.mp4"
    file.write_bytes(b"film")
    clip = Video("https://x.example/a.mp4", path=file, mime="video/mp4")
    assert clip.save(str(tmp_path / "copy.MP4")).read_bytes() == b"film"
    assert clip.save(file).read_bytes() == b"film"
    for name in ("c.webm", "c.gif", "c.jpg"):
        with pytest.raises(ImageError, match=r"c\.mp4"):
            clip.save(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="gone"):
        Video("https://x.example/a.mp4", problem="gone").save(tmp_path / "none.mp4")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.mp4", "copy.MP4"]


def test_saving_a_picture_onto_itself_keeps_it(tmp_path):
    image = picture(tmp_path)
    image.save(image.path)
    assert image.data == png()


def test_what_is_printed_is_short_and_tells_no_folder_of_the_machine(tmp_path):
    image = picture(tmp_path)
    request = ImageRequest("a cat on a " + "very " * 99 + "long wall", "m" * 99)
    one = generation(image, image)
    lines = list(map(repr, (image, request, one, Gallery((one,) * 3), replace(one, pictures=(), state="failed"))))
    assert lines == [
        "<GeneratedImage 8×6 cat.png>",
        f"<ImageRequest {'m' * 40}… auto 'a cat on a very very very very very very…'>",
        "<Generation #a1b2c3 gpt-4o-image 8×6 +1 'a cat'>",
        "<Gallery of 3>",
        "<Generation #a1b2c3 gpt-4o-image failed 'a cat'>",
    ]
    assert "\x1b" not in repr(ImageRequest("\x1b[31m\u202ered", "\x1b]x"))


def test_a_picture_shows_itself_as_its_generation_with_this_picture_alone(tmp_path):
    one = generation(
        picture(tmp_path), picture(tmp_path, "2.png"), render=lambda shown: {"text/plain": f"{shown.pictures}"}
    )
    assert one.images[1]._repr_mimebundle_() == {"text/plain": "(<GeneratedImage 8×6 2.png>,)"}
    assert pickle.loads(pickle.dumps(replace(one, render=None))).images[1].alone.pictures == one.images[1:]
    assert one.pictures[1]._repr_mimebundle_() == {"text/plain": "<GeneratedImage 8×6 2.png>"}


@pytest.mark.parametrize("thing", [generation(), Gallery((generation(),))])
def test_without_a_way_to_render_a_result_shows_itself_as_text(thing):
    assert thing._repr_mimebundle_() == {"text/plain": repr(thing)}
    assert replace(thing, render=lambda one: {"text/plain": type(one).__name__})._repr_mimebundle_(
        include=None, exclude=None
    ) == {"text/plain": type(thing).__name__}
