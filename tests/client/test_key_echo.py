"""A key that the endpoint echoes, anywhere and in any spelling, reaches no text, record, archive, log or error."""

import json
import logging
import os
import traceback
import zipfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from support.canary import ANSWERS, ERRORS, KEYS, SPELLINGS, EchoingEndpoint, escaped, found, in_json
from support.clock import Ticks
from support.faults import EVENTS, SHOWN
from support.relay import Relay
from support.scripted import event

from wenwen_magic import Client, WenwenError
from wenwen_magic.engine.limits import Session
from wenwen_magic.history.archive import export_archive

ECHOES = {**ANSWERS, **ERRORS}
CASES = [(name, spelling) for name in ECHOES for spelling in SPELLINGS]
SAMPLE = [case for at, case in enumerate(CASES) if at % 13 == 0]
"""Each answer with one or two spellings, never the same ones in order."""


def client_of(address, key, **settings):
    return Client(base_url=address, api_key=key, clock=Ticks(), session=Session(), **settings)


def outcome(client, told, **options):
    """All that a program can read off one run: a picture's texts and pages, or an error's."""
    try:
        made = client.generate("fox", tell=lambda step: told.append(repr(step)), **options)
    except WenwenError as error:
        shown = "".join(error._render_traceback_())
        return f"{error}{vars(error)}{error.args}{shown}{''.join(traceback.format_exception(error))}"
    return f"{made.text}{made!r}{vars(made)}{made.pictures}{''.join(map(str, made._repr_mimebundle_().values()))}"


def models_of(client):
    try:
        return repr(client.models())
    except WenwenError as error:
        return f"{error}{vars(error)}"


def files_in(folder):
    """The bytes of all files below a folder: records, replies, pictures, the index, lists of models, previews."""
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def exported(client, target):
    try:
        export_archive(client.history, target)
    except WenwenError as error:  # there is no picture
        return str(error).encode()
    with zipfile.ZipFile(target) as packed:
        return b"\n".join((str(packed.infolist()).encode(), *map(packed.read, packed.namelist())))


def leaks(name, spelling, key, log):
    """Where the key is found again."""
    echo, told = ECHOES[name], []
    server = EchoingEndpoint(echo, key, SPELLINGS[spelling], head="plain" if spelling != "plain" else "base64")
    try:
        client = client_of(server.origin, key)
        seen = {
            "the first run": outcome(client, told, **echo.options),
            "the second run": outcome(client, told, **echo.options),
            "progress": "".join(told),
            "models": models_of(client),
            "the client": f"{client!r}{vars(client)}{client.settings}{vars(client.history)}",
            "the archive": exported(client, Path("lesson.zip")),
            "the history": files_in(client.history.folder),
            "the cache": files_in(Path(os.environ["XDG_CACHE_HOME"])),
            "the log": log.text,
        }
        requests = "".join(repr(row) + repr(row.request) for row in client.history.recent())
    finally:
        server.stop()
    hits = {place: found(text, key) for place, text in {**seen, "requests": requests}.items()}
    return {place: found for place, found in hits.items() if found}


@pytest.mark.parametrize(
    ("name", "spelling"),
    [*SAMPLE, *(pytest.param(*case, id=f"{case[0]}-{case[1]}-long", marks=pytest.mark.long) for case in CASES)],
)
def test_an_echoed_key_is_found_nowhere(name, spelling, here, caplog):
    caplog.set_level(logging.DEBUG)
    place = CASES.index((name, spelling))
    key = KEYS[place // 13 % len(KEYS)]
    assert not leaks(name, spelling, key, caplog)


def test_what_is_found_nowhere_would_be_found():
    for key in KEYS:
        for spelled in SPELLINGS.values():
            assert found(f"a {spelled(key)} b".encode(), key)
            assert found(json.dumps(f"a {spelled(key)} b"), key)


# -- cut in pieces -----------------------------------------------------------------------------------------------------


def thought(text):
    return "data: " + json.dumps({"choices": [{"delta": {"reasoning_content": text}}]}) + "\n\n"


def part(text):
    return "data: " + json.dumps({"candidates": [{"content": {"parts": [{"text": text}]}}]}) + "\r\n\r\n"


STREAMS = {"text": event, "thoughts": thought, "Gemini's parts": part}


def cut(spelled, size):
    """A text in pieces of some letters."""
    return [spelled[first:last] for first, last in pairwise([*range(0, len(spelled), size), len(spelled)])]


@pytest.mark.parametrize("last", [SHOWN, "no picture"])
@pytest.mark.parametrize("way", STREAMS)
@pytest.mark.parametrize("size", [1, 5, 14, 20])
def test_a_key_that_events_cut_in_pieces_is_not_in_the_kept_reply_either(size, way, last, here):
    for key in KEYS[1:3]:
        body = "".join(map(STREAMS[way], ["key ", *cut(key, size), "!", last])) + event("", "stop")
        with Relay(lambda _, body=body: body) as relay:
            relay.content_type = EVENTS
            client = client_of(relay.address, key, history=f"history-{key[:2]}")
            told, options = [], {"stream": True}
            assert not found(outcome(client, told, **options) + outcome(client, told, **options), key)
        assert len(relay.posts) == 1
        [kept] = client.history.folder.glob("20*/*.reply")
        assert "***" in kept.read_text()
        assert not found("".join(piece["text"] for piece in pieces_of(kept.read_text())), key)
        assert not found(files_in(client.history.folder), key)


def pieces_of(reply):
    """The texts of the events in a kept reply."""
    for line in reply.splitlines():
        if line.startswith("data:"):
            value = json.loads(line[5:])
            delta = value.get("choices", [{}])[0].get("delta", {})
            parts = value.get("candidates", [{}])[0].get("content", {}).get("parts", [{}])
            yield {"text": delta.get("content") or delta.get("reasoning_content") or parts[0].get("text") or ""}


def test_bug_a_kept_reply_gave_the_old_key_away_when_it_was_read_with_a_new_one(here):
    old, new = KEYS[:2]
    body = event(f"your key is {old[:9]}") + event(f"{old[9:]}, no picture") + event("", "stop")
    with Relay(lambda _: body) as relay:
        relay.content_type = EVENTS
        outcome(client_of(relay.address, old), [], stream=True)
        seen = outcome(client_of(relay.address, new), [], stream=True)
    assert "your key is ***, no picture" in seen
    assert not found(seen, old)
    assert len(relay.posts) == 1


def test_bug_a_line_that_is_no_header_put_the_key_into_a_warning(here, caplog):
    key = KEYS[0]
    server = EchoingEndpoint(ANSWERS["chat"], key)
    server.head = [f"no header {key}", f"X: {key}"]
    try:
        outcome(client_of(server.origin, key), [])
    finally:
        server.stop()
    assert not found(caplog.text, key)


@pytest.mark.parametrize("spelling", [in_json, escaped])
def test_an_echo_leaves_the_rest_of_a_reply_as_it_was(spelling, here):
    body = ANSWERS["chat"].body.replace("KEYHERE", spelling(KEYS[0]))
    with Relay(lambda _: body) as relay:
        client = client_of(relay.address, KEYS[0])
        outcome(client, [])
    [kept] = client.history.folder.glob("20*/*.reply")
    head, _, came = kept.read_text().partition("\n")
    assert json.loads(head)["status"] == 200
    assert json.loads(came) == json.loads(ANSWERS["chat"].body.replace("KEYHERE", "***"))


def test_bug_the_key_of_an_executors_worker_came_back_over_two_events(here, monkeypatch):
    own, workers = KEYS[:2]
    monkeypatch.setenv("WENWEN_API_KEY", workers)
    body = event(f"your key is {workers[:9]}") + event(f"{workers[9:]} {SHOWN}") + event("", "stop")
    with Relay(lambda _: body) as relay, ThreadPoolExecutor(1) as executor:
        relay.content_type = EVENTS
        client = client_of(relay.address, own)
        [made] = client.generate_many(["fox"], executor=executor, progress=False, stream=True).rows
    assert "your key is ***" in made.text
    assert workers in relay.posts[0][0]["Authorization"]
    assert not found(repr(vars(made)), workers)
    assert not found(files_in(client.history.folder), workers)
