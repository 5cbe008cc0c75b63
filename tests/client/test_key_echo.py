"""A key that the endpoint echoes reaches no text, no record, no page, no archive and no error."""

import json
import zipfile

import pytest
from support.relay import Relay
from support.scripted import answering, data_uri, event, png

from wenwen_magic import Client, WenwenError
from wenwen_magic.endpoint import transport
from wenwen_magic.engine.limits import Session
from wenwen_magic.history.archive import export_archive

HASTE = transport.Clock(sleep=lambda _: None)
PICTURE = f"![x]({data_uri(png())})"
BROKEN = f"![x]({data_uri(b'no picture at all, but long enough for one')})"
KEYS = ("sk-QzVxWkPmTnRsLhGfDbJc7391", "QzVxWkPmTnRsLhGfDbJc7391aabb")
WAYS = {
    "over two pieces of a stream": lambda key, last: (
        event(f"key {key[:10]}") + event(f"{key[10:]} ") + event(last) + event("", "stop")
    ),
    "escaped": lambda key, last: answering(f"KEYHERE {last}").replace(
        "KEYHERE", "".join(f"\\u{ord(sign):04x}" for sign in key)
    ),
    "whole": lambda key, last: answering(f"{key} {last}"),
}


def shown(generation):
    bundle = generation._repr_mimebundle_()
    return "".join(map(str, bundle.values())).replace("<wbr>", "") + repr(generation)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("way", WAYS)
def test_an_echoed_key_is_in_nothing_that_is_shown_saved_or_exported(way, key, here, tmp_path):
    with Relay(lambda _: WAYS[way](key, PICTURE)) as relay:
        client = Client(base_url=relay.address, api_key=key, clock=HASTE, session=Session(), stream=True)
        generation = client.generate("p")
    export_archive(client.history, tmp_path / "lesson.zip")
    with zipfile.ZipFile(tmp_path / "lesson.zip") as packed:
        exported = b"".join(packed.read(name) for name in packed.namelist())
    files = b"".join(path.read_bytes() for path in client.history.folder.rglob("*") if path.is_file())
    assert "***" in generation.text
    assert key not in generation.text + shown(generation)
    assert key.encode() not in exported + files


@pytest.mark.parametrize("last", [BROKEN, "no picture"])
@pytest.mark.parametrize("way", WAYS)
def test_an_echoed_key_is_in_no_error_and_not_in_what_is_read_again(way, last, here):
    key = KEYS[1]
    with Relay(lambda _: WAYS[way](key, last)) as relay:
        client = Client(base_url=relay.address, api_key=key, clock=HASTE, session=Session(), stream=True)
        for _run in range(2):
            with pytest.raises(WenwenError) as caught:
                client.generate("p")
            assert key not in str(caught.value) + repr(vars(caught.value))
    assert len(relay.posts) == 1
    records = [json.loads(path.read_text()) for path in client.history.folder.rglob("*.json")]
    assert records
    assert key not in json.dumps(records)
