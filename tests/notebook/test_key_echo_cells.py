"""A key that the endpoint echoes everywhere is in nothing that a notebook shows, saves, exports or logs."""

import json
import logging
import zipfile
from pathlib import Path

import pytest
from support.canary import ANSWERS, ERRORS, KEYS, SPELLINGS, EchoingEndpoint, found
from support.shells import cell

FLAGS = {
    "chat": "",
    "chat stream": "--stream",
    "images": "--format images",
    "images stream": "--format images --stream",
    "gemini": "--format gemini",
    "gemini stream": "--format gemini --stream",
    "midjourney": "--format midjourney",
    "words in a stream": "--stream",
    "error with 401": "",
    "Google with 200": "",
}
AFTERWARDS = (
    "%wenwen history",
    "%wenwen history {words}",
    "%wenwen show one",
    "%wenwen show one --lineage",
    "%wenwen compare one two",
    "%wenwen star one",
    "%wenwen use one",
    "%wenwen fetch one",
    "%wenwen task one",
    "%wenwen task one two",
    "%wenwen task one seed",
    "%wenwen task one U1",
    "%wenwen models",
    "%wenwen models drawer",
    "%wenwen_describe --ref one",  # its default is not listed: the error names what is
    "%wenwen status",
    "%wenwen budget",
    "%wenwen export lesson.zip",
    "one",
    "one.buttons, one.usage, one.text, vars(one)",
    "client.settings, vars(client)",
)
PLAIN = ("plain", "half in escapes", "percent", "base64 behind one byte", "hexadecimal")


def outputs(shell, capsys, text):
    """All that a cell leaves in a notebook and beside it, whether it works or fails."""
    shell.seen.clear(), shell.told.clear(), shell.inserted.clear()
    shell.run_cell(text, store_history=True)
    return json.dumps([shell.seen, shell.told, shell.inserted, *capsys.readouterr()], default=repr, ensure_ascii=False)


@pytest.mark.parametrize("name", FLAGS)
def test_an_echoed_key_is_in_no_output_of_a_notebook(name, shell, monkeypatch, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    place = list(FLAGS).index(name)
    key, spelling = KEYS[place % len(KEYS)], PLAIN[place % len(PLAIN)]
    server = EchoingEndpoint({**ANSWERS, **ERRORS}[name], key, SPELLINGS[spelling])
    monkeypatch.setenv("WENWEN_API_KEY", key)
    monkeypatch.setenv("WENWEN_BASE_URL", server.origin)
    shell.user_ns["client"] = None
    cells = [
        "%config WenwenMagics.poll_seconds = 0.01\nfrom wenwen_magic import Client; client = Client()",
        cell(f"one {FLAGS[name]}", "a fox"),
        cell(f"one {FLAGS[name]}", "a fox"),
        cell(f"two {FLAGS[name]} --fresh", "a fox"),
        cell(f"{FLAGS[name]} -n 2", "a hen"),
        cell(f"-m a -m b {FLAGS[name]}", "an owl"),
        *(command.format(words=key[:9]) for command in AFTERWARDS),
    ]
    try:
        leaks = {text: found(outputs(shell, capsys, text), key) for text in cells}
    finally:
        server.stop()
    for path in Path().rglob("*"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as packed:
                leaks[path.name] = found(b"\n".join(map(packed.read, packed.namelist())), key)
        elif path.is_file():
            leaks[str(path)] = found(path.read_bytes(), key)
    leaks["the log"] = found(caplog.text, key)
    assert not {text: forms for text, forms in leaks.items() if forms}
    assert server.posts >= 4
