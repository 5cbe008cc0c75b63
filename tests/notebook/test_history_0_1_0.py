"""A history folder that version 0.1.0 wrote: it is read, shown, searched, replayed and handed on as it was then."""

import base64
import hashlib
import html
import io
import json
import re
import shutil
import socket
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from wenwen_magic import Client, WenwenError

DATA = next(found for one in Path(__file__).parents if (found := one / "data" / "history-0.1.0").is_dir())
EXPECTED = json.loads((DATA / "expected.json").read_text("utf-8"))
RECORDS = {one["id"]: one for one in EXPECTED["records"]}
NAMES = EXPECTED["names"]
DRAWN = [one["id"] for one in RECORDS.values() if one["images"]]
STYLES = EXPECTED["styles"]
FOLDER = "wenwen_images"


def name_of(key):
    """A test's name for a record: what the fixture calls it, else its id."""
    return next((name for name, known in NAMES.items() if known == key), key)


def name_of_replay(row):
    return f"{name_of(row['id'])}{'-take' if 'take' in row else ''}"


@pytest.fixture
def old(here):
    """A copy of the old folder where a notebook expects it, the mask beside it."""
    shutil.copytree(DATA / "history", here / FOLDER)
    shutil.copy(DATA / "mask.png", here)
    return here / FOLDER


@pytest.fixture
def offline(monkeypatch):
    """Let nothing in this process connect to anything; a try is noted even where its error is caught."""
    tried = []

    def forbidden(*given, **_):
        tried.append(given)
        raise AssertionError("a socket was opened")

    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, forbidden)
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, forbidden)
    yield
    assert tried == []


@pytest.fixture
def client(old, offline):
    """A client of that copy that asks nobody."""
    return replaying()


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """One copy for all tests that only read; at the end not a byte of it may have changed."""
    folder = tmp_path_factory.mktemp("library") / FOLDER
    shutil.copytree(DATA / "history", folder)
    before = everything(folder)
    yield folder
    assert everything(folder) == before


@pytest.fixture
def reader(library, here, offline):
    """A client of the copy for reading that asks nobody."""
    return replaying(library)


@pytest.fixture
def reading(shell, library, offline, monkeypatch):
    """A real shell that reads that copy."""
    monkeypatch.setenv("WENWEN_HISTORY", str(library))
    return shell


def replaying(folder=FOLDER):
    return Client(history=str(folder), mode="replay", styles=STYLES, poll_seconds=0.5)


def told(one):
    """All that a generation says of itself, as expected.json has it."""
    asked = one.request
    return {
        **{name: getattr(asked, name) for name in ("prompt", "model", "orientation", "format", "stream", "task")},
        "params": dict(asked.params),
        "references": [reference(each) for each in asked.references],
        "mask": reference(asked.mask) if asked.mask else None,
        "fingerprint": asked.fingerprint,
        **{name: getattr(one, name) for name in ("id", "parent", "prompt_sent", "state", "created", "charged", "take")},
        **{name: getattr(one, name) for name in ("star", "price", "demo", "endpoint", "text", "finish_reason")},
        **{name: getattr(one, name) for name in ("model_reported", "elapsed", "revised_prompt", "job", "has_result")},
        "sources": list(one.sources),
        "usage": one.usage and dict(one.usage),
        "error": one.error and dict(one.error),
        "buttons": [
            {**{name: getattr(each, name) for name in ("label", "again", "task", "asks")}, "params": dict(each.params)}
            for each in one.buttons
        ],
        "images": len(one.images),
        "pictures": [picture(each) for each in one.pictures],
    }


def reference(one):
    return {name: getattr(one, name) for name in ("address", "digest", "label", "origin")}


def picture(one):
    names = ("mime", "width", "height", "size", "sha256", "alt", "draft", "problem")
    return {"file": one.path.name, **{name: getattr(one, name) for name in names}}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def digests(one):
    """The digests of a generation's results, of the files as they are."""
    return [digest(image.path.read_bytes()) for image in one.images]


def expected_digests(key):
    return [one["sha256"] for one in RECORDS[key]["pictures"] if not one["draft"] and not one["problem"]]


def replayed(client, row):
    """What the client gives for a request of old, asked for as it was then."""
    if "press" in row:
        return client.press(client.history.get(row["press"]["of"]), row["press"]["label"])
    options = dict(row["options"])
    if "references" in row:
        options["references"] = [one if "://" in one else client.history.get(one) for one in row["references"]]
    if "mask" in row:
        options["mask"] = DATA / row["mask"]
    return client.generate(row["prompt"], take=row.get("take", 0), **options)


def everything(folder):
    """Every file below a folder: its bytes and when it was written."""
    return {
        path.relative_to(folder): (digest(path.read_bytes()), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def listed(shell):
    """The short ids that the last cell lists, in order."""
    return re.findall(r"#([0-9a-f]{6})\b", shell.shown()[-1]["text/plain"])


def short(ids):
    return [key[:6] for key in ids]


def several(made):
    return [made] if hasattr(made, "request") else list(made)


# -- reading -----------------------------------------------------------------------------------------------------------


def test_the_fixture_is_of_version_0_1_0_and_holds_every_kind_of_record():
    assert EXPECTED["version"] == "0.1.0"
    kinds = {name: {one[name] for one in RECORDS.values()} for name in ("format", "state", "charged", "demo", "star")}
    assert kinds["format"] == {"chat", "images", "gemini", "midjourney"}
    assert kinds["state"] == {"sent", "answered", "complete", "failed"}
    assert kinds["charged"] == {"no", "maybe", "yes"}
    assert kinds["demo"] == kinds["star"] == {False, True}
    assert len(list((DATA / "history").glob("2*/*.json"))) == len(RECORDS)


@pytest.mark.parametrize("key", RECORDS, ids=name_of)
def test_every_record_says_what_it_said_then(reader, key):
    assert told(reader.history.get(key)) == RECORDS[key]


def test_all_records_come_in_the_order_of_their_making(reader):
    assert [one.id for one in reader.history.all()] == list(RECORDS)
    assert [one.id for one in reader.history.recent(5)] == EXPECTED["recent"] == list(RECORDS)[:-6:-1]


@pytest.mark.parametrize("key", DRAWN, ids=name_of)
def test_every_picture_is_there_bit_for_bit_and_can_be_opened(reader, key):
    found = reader.history.get(key)
    assert digests(found) == expected_digests(key)
    for image in found.images:
        assert image.pil().size == (image.width, image.height)
        assert Image.MIME[Image.open(io.BytesIO(image.data)).format] == image.mime


def test_an_id_is_found_by_its_first_digits_and_behind_a_number_sign(reader):
    for key in RECORDS:
        assert reader.history.get(f"#{key[:6]}").id == key


def test_a_page_of_the_history_is_the_page_it_was(reader):
    wanted = EXPECTED["page"]
    page = reader.history.page("", wanted["number"], wanted["size"])
    assert (page.total, page.pages, [one.id for one in page.rows]) == (wanted["total"], wanted["pages"], wanted["ids"])


def test_reading_searching_showing_and_replaying_write_nothing_into_the_folder(shell, old, offline):
    before = everything(old)
    client = replaying()
    assert [told(client.history.get(one.id)) for one in client.history.all()] == EXPECTED["records"]
    for word in EXPECTED["search"]:
        client.history.search(word)
    for row in EXPECTED["replays"]:
        replayed(client, row)
    shell.run("%wenwen history")
    shell.run("%wenwen votes")
    for key in RECORDS:
        shell.run(f"%wenwen show {key} --lineage")
        shell.run(f"%wenwen show {key}")
    assert everything(old) == before


# -- finding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", EXPECTED["search"])
def test_words_find_what_they_found_then_newest_first(reader, words):
    assert [one.id for one in reader.history.search(words)] == EXPECTED["search"][words]


def test_a_single_chinese_character_finds_its_pictures(reader):
    for character in "狐水月":
        having = [key for key, one in RECORDS.items() if character in one["prompt"]]
        assert having
        assert {one.id for one in reader.history.search(character)} == set(having)


@pytest.mark.parametrize("key", RECORDS, ids=name_of)
def test_every_record_is_found_by_its_prompt_and_by_its_model(reader, key):
    for words in (RECORDS[key]["prompt"], RECORDS[key]["model"]):
        assert key in [one.id for one in reader.history.search(words)]


@pytest.mark.parametrize("line", EXPECTED["listings"])
def test_the_command_history_lists_what_it_listed_then(reading, line):
    reading.run(f"%wenwen history {line}")
    newest_first = list(RECORDS)[::-1]
    longer_pages = {"--page 2": newest_first[24:48]}  # of 20 then
    assert listed(reading) == short(longer_pages.get(line, EXPECTED["listings"][line]))


# -- showing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", RECORDS, ids=name_of)
def test_every_record_is_shown_with_its_prompt_and_its_picture(reading, key):
    wanted = RECORDS[key]
    reading.run(f"%wenwen show {key}")
    data = reading.shown()[-1]
    assert wanted["prompt"] in html.unescape(data["text/html"])
    assert data["text/html"].count("<img") == wanted["images"]
    assert key in data["text/plain"] or not wanted["images"]  # the name of its file
    if wanted["images"] == 1:
        [saved] = [one for one in wanted["pictures"] if not one["draft"]]
        [mime] = [kind for kind in data if kind.startswith("image/")]  # of what is shown, a PNG or a JPEG
        with Image.open(io.BytesIO(base64.b64decode(data[mime]))) as shown:
            assert Image.MIME[shown.format] == mime
            assert shown.size == (saved["width"], saved["height"])
    if not wanted["has_result"] and wanted["error"]:
        assert wanted["error"]["what"] in data["text/plain"]


@pytest.mark.parametrize("key", RECORDS, ids=name_of)
def test_every_record_shows_its_prompt_where_no_preview_was_made(reader, key):
    bundle = reader.history.get(key)._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert RECORDS[key]["prompt"] in html.unescape(data["text/html"])


def test_words_that_were_wanted_are_shown_and_kept(reading):
    for name in ("words", "wordszh"):
        shown = reading.run(f"%wenwen show {NAMES[name]}")
        assert shown.text == RECORDS[NAMES[name]]["text"]
        assert shown.text.splitlines()[0] in reading.words()


def test_the_chain_of_edits_is_shown_as_the_tree_it_was(reading):
    for key, family in EXPECTED["lineage"].items():
        reading.run(f"%wenwen show {key} --lineage")
        assert listed(reading) == short(family)
    chain = [NAMES[name] for name in ("boat", "moon", "night", "fox1")]
    assert [RECORDS[key]["parent"] for key in chain] == [*chain[1:], ""]


def test_two_old_pictures_are_compared(reading):
    landscape, _, other, _ = EXPECTED["cells"][0]["ids"]
    reading.run(f"%wenwen compare {landscape} {other}")
    assert all(word in reading.words() for word in ("gpt-4o-image", "nano-banana", f"#{other[:6]}"))
    reading.run(f"%wenwen compare {NAMES['night']} {NAMES['fox1']}")
    assert reading.shown()[-1]["text/html"].count("<img") >= 2


def test_the_votes_are_counted_as_they_were(reading, capsys):
    capsys.readouterr()
    reading.run("%wenwen votes")
    lines = capsys.readouterr().out.splitlines()

    def tally(lines):
        return [(*line.split()[:2], *re.findall(r"(\d+) of (\d+)", line)) for line in lines]

    assert tally(lines) == tally(EXPECTED["votes"])
    assert len(lines) == 4


# -- stars -------------------------------------------------------------------------------------------------------------


def test_a_star_of_old_decides_which_take_is_shown(reader):
    starred = RECORDS[NAMES["fox2"]]
    assert (starred["star"], starred["take"]) == (True, 2)
    assert reader.generate(starred["prompt"]).id == NAMES["fox2"]
    assert reader.generate(starred["prompt"], take=1).id == NAMES["fox1"]


def test_a_star_can_be_given_and_taken_and_changes_nothing_else_of_an_old_record(shell, old, offline):
    first, second = NAMES["fox1"], NAMES["fox2"]
    shell.run(f"%wenwen star {second} off")
    shell.run(f"%wenwen star {first}")
    client = replaying()
    assert told(client.history.get(first)) == {**RECORDS[first], "star": True}
    assert told(client.history.get(second)) == {**RECORDS[second], "star": False}
    assert shell.run("%%wenwen_image\na red fox in the snow").id == first
    changed = {key for key in RECORDS if told(client.history.get(key)) != RECORDS[key]}
    assert changed == {first, second}


# -- replay ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", EXPECTED["replays"], ids=name_of_replay)
def test_every_request_of_old_gives_its_saved_picture_back_without_a_socket(reader, row):
    before = reader.session.account()
    found = replayed(reader, row)
    assert found.id == row["id"]
    assert found.from_history
    assert digests(found) == expected_digests(row["id"])
    assert found.text == RECORDS[row["id"]]["text"]
    assert reader.session.account() == before


def test_every_record_with_a_result_is_replayed_by_one_of_these_tests():
    typed = {row["id"] for row in EXPECTED["replays"]} | {key for row in EXPECTED["cells"] for key in row["ids"]}
    shadowed = NAMES["demofox"]  # in mode replay the paid one of the same words goes first
    assert {key for key, one in RECORDS.items() if one["has_result"]} - typed == {shadowed}


@pytest.mark.parametrize("row", EXPECTED["answers_without_a_picture"], ids=lambda row: name_of(row["id"]))
def test_what_brought_no_picture_is_an_error_that_costs_nothing_more(client, row):
    with pytest.raises(WenwenError) as caught:
        client.generate(row["prompt"], **row["options"])
    error = caught.value
    assert (error.charged, error.record, error.text) == (row["charged"], row["record"], row["text"])
    kept, wanted = told(client.history.get(row["id"])), RECORDS[row["id"]]
    kinds = [one["error"] and one["error"]["kind"] for one in (kept, wanted)]  # its words are in the reader's language
    assert kinds[0] == kinds[1]
    assert {**kept, "error": None} == {**wanted, "error": None}


def test_an_answer_that_came_before_the_kernel_died_is_finished_from_its_kept_reply(client):
    wanted = EXPECTED["unfinished"]
    assert (RECORDS[wanted["id"]]["state"], RECORDS[wanted["id"]]["images"]) == ("answered", 0)
    found = client.generate(wanted["prompt"])
    made = [
        {**{name: getattr(one, name) for name in ("mime", "width", "height", "sha256")}, "file": one.path.name}
        for one in found.pictures
    ]
    assert (found.id, found.take, found.charged) == (wanted["id"], wanted["take"], wanted["charged"])
    assert made == wanted["pictures"]
    assert digests(found) == [one["sha256"] for one in wanted["pictures"]]
    assert replaying().history.get(found.id).state == wanted["state"]


def test_a_work_under_way_is_still_known_as_one(client):
    found = client.history.get(NAMES["mjwork"])
    assert (found.state, found.charged, found.error["kind"]) == ("sent", "maybe", "WaitEnded")
    with pytest.raises(WenwenError) as caught:
        client.fetch(found.id)
    assert (caught.value.charged, caught.value.record) == ("maybe", found.id)


def test_the_demos_takes_answer_for_the_demo_alone(old, offline):
    words = RECORDS[NAMES["demofox"]]["prompt"]
    assert Client(base_url="http://127.0.0.1:9/demo").generate(words).id == NAMES["demofox"]
    assert Client().generate(words).id == NAMES["fox2"]
    with pytest.raises(WenwenError) as caught:  # it would have to be asked for, and there is no key
        Client().generate(RECORDS[NAMES["demoonly"]]["prompt"])
    assert caught.value.charged == "no"


# -- cells -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["cache", "replay"])
@pytest.mark.parametrize("row", EXPECTED["cells"], ids=lambda row: row["line"] or "plain")
def test_a_cell_of_old_shows_its_saved_pictures_again(shell, old, offline, monkeypatch, row, mode):  # noqa: PLR0917
    monkeypatch.setenv("WENWEN_MODE", mode)
    made = several(shell.run(f"%%wenwen_image {row['line']}\n{row['text']}\n"))
    shown = [one.id for one in made]
    assert (sorted(shown) if "--blind" in row["line"] else shown) == (
        sorted(row["ids"]) if "--blind" in row["line"] else row["ids"]
    )
    assert shell.words().count("<img") == len(row["ids"])
    for one in made:
        assert digests(one) == expected_digests(one.id)


@pytest.mark.parametrize("key", EXPECTED["cells_used"], ids=name_of)
def test_the_cell_that_was_put_below_then_and_the_one_of_today_show_the_picture(shell, old, offline, key):
    assert shell.run(EXPECTED["cells_used"][key]).id == key
    shell.run(f"%wenwen use {key}")
    assert shell.run(shell.inserted[-1]).id == key
    assert shell.words().count("<img") == 1


def test_a_cell_with_a_style_shows_the_picture_that_was_drawn_in_it(shell, old, offline):
    shell.run(f"%config WenwenMagics.styles = {STYLES!r}")
    assert shell.run("%%wenwen_image --style ink\na lighthouse by the sea").id == NAMES["style"]
    assert shell.run("%%wenwen_image --风格 水彩\n竹林里的小屋").id == NAMES["stylezh"]


# -- lessons -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def taken_in(here, offline):
    """Take a lesson of old into an empty history; gives the client, and what the import told."""

    def take_in(name):
        client = replaying("empty")
        return client, client.import_(DATA / name)

    return take_in


@pytest.mark.parametrize("name", EXPECTED["lessons"])
def test_a_lesson_of_old_comes_into_an_empty_history_with_its_ids_and_pictures(taken_in, name):
    client, done = taken_in(name)
    wanted = EXPECTED["lessons"][name]
    assert (done.records, done.pictures, done.already) == (wanted["records"], wanted["pictures"], 0)
    assert sorted(one.id for one in client.history.all()) == wanted["ids"]
    for one in client.history.all():
        assert digests(one) == expected_digests(one.id)
        assert one.request.fingerprint == RECORDS[one.id]["fingerprint"]


def test_a_lesson_of_old_keeps_what_was_asked_and_answered(taken_in):
    client, _ = taken_in("lesson.zip")
    names = ("prompt", "model", "orientation", "format", "params", "parent", "text", "take")
    for key in EXPECTED["lessons"]["lesson.zip"]["ids"]:
        found = told(client.history.get(key))
        assert {name: found[name] for name in names} == {name: RECORDS[key][name] for name in names}


def test_a_lesson_of_old_replays(taken_in):
    client, _ = taken_in("lesson.zip")
    for row in EXPECTED["replays"]:  # a lesson tells no buttons: what one made is asked for as it stands
        found = client.generate(client.history.get(row["id"]).request) if "press" in row else replayed(client, row)
        assert found.id == row["id"]
        assert digests(found) == expected_digests(row["id"])


def test_a_lesson_of_old_without_prompts_holds_none_and_replays_for_whoever_types_one(taken_in, here):
    client, _ = taken_in("lesson-stripped.zip")
    written = b"".join(path.read_bytes() for path in (here / "empty").rglob("*.json")).decode()
    assert [one["prompt"] for one in RECORDS.values() if one["prompt"] in written] == []
    inside = EXPECTED["lessons"]["lesson-stripped.zip"]["ids"]
    rows = [row for row in EXPECTED["replays"] if row["id"] in inside and "press" not in row]
    assert len(rows) > 20
    for row in rows:
        found = replayed(client, row)
        assert found.id == row["id"]
        assert digests(found) == expected_digests(row["id"])


def test_a_lesson_of_old_taken_into_the_history_it_came_from_changes_nothing(old, client):
    before = everything(old)
    done = client.import_(DATA / "lesson.zip")
    assert (done.records, done.pictures, done.already) == (0, 0, EXPECTED["lessons"]["lesson.zip"]["records"])
    assert everything(old) == before


def test_the_history_of_old_can_be_handed_on_again(client, here):
    done = client.export(here / "again.zip")
    wanted = EXPECTED["lessons"]["lesson.zip"]
    assert (done.records, done.pictures, done.left_out) == tuple(
        wanted[name] for name in ("records", "pictures", "left_out")
    )
    with zipfile.ZipFile(DATA / "lesson.zip") as then, zipfile.ZipFile(here / "again.zip") as now:
        kept = [name for name in then.namelist() if not name.endswith(".json")]
        assert {name: digest(then.read(name)) for name in kept} == {name: digest(now.read(name)) for name in kept}
