"""A small answer that unpacks to a large one costs little memory and work: measured in a process of its own."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from support.loopback import Server
from support.scripted import answering, event

SCRIPT = """
import re, sys, time
from pathlib import Path
from wenwen_magic import Client, WenwenError

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) >> 10

for address in sys.argv[1:]:
    client = Client(base_url=address, api_key="k" * 20, stream=True)
    before, began = peak(), time.process_time()
    try:
        outcome = client.generate(address, model="m").state
    except WenwenError as error:
        outcome = type(error).__name__ + " " + error.charged
    print(peak() - before, round(time.process_time() - began, 2), outcome)
"""
MOST_MIB, MOST_SECONDS = 200, 2.0
"""Memory beside what the process had before, and work of its processor."""
HEAD, TAIL = (part.encode() for part in answering("HERE").split("HERE"))
JSON, STREAM = "application/json", "text/event-stream"
BOMBS = {
    "spaces": (JSON, HEAD, b" ", TAIL),
    "lists": (JSON, b"[", b"[],", b"1]"),
    "open lists": (JSON, b"", b"[", b""),
    "keys": (JSON, b"{", b'"a":1,', b'"b":2}'),
    "escapes": (JSON, HEAD, b"\\u0041", TAIL),
    "links": (JSON, HEAD, b"![x](https://h.invalid/a.png)", TAIL),
    "a picture without end": (JSON, HEAD + b"![x](data:image/png;base64,", b"A", b")" + TAIL),
    "events": (STREAM, b"", event("a " * 500).encode(), b""),
    "one event": (STREAM, b"data: ", b" ", b""),
    "a page": ("text/html", b"<html>", b"<b>", b""),
    "an error": (JSON, b'{"error": {"message": "', b"no ", b'"}}'),
}
"""The type, the beginning, what comes again and again, and the end."""


def bomb(first, filling, last, mib=300):
    """Pack an answer; a block that is packed once is repeated, as packing it all would take seconds."""
    packer = zlib.compressobj(9, wbits=31)
    begins = packer.compress(first) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(filling * (-(-(1 << 20) // len(filling)))) + packer.flush(zlib.Z_FULL_FLUSH)
    return begins + block * mib + packer.compress(last) + packer.flush()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc")
def test_small_answers_that_unpack_to_300_mib_cost_little_memory_and_work_and_are_asked_for_once(here):
    servers = []
    for kind, *parts in BOMBS.values():
        body = bomb(*parts)
        head = f"Content-Type: {kind}\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        servers.append(Server([f"HTTP/1.1 200 OK\r\n{head}".encode() + body] * 9))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", SCRIPT, *(server.origin for server in servers)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    finally:
        for server in servers:
            server.stop()
    lines = dict(zip(BOMBS, map(str.split, done.stdout.splitlines()), strict=True))
    print(lines)
    assert sum(int(mib) for mib, *_ in lines.values()) < MOST_MIB, lines
    assert [name for name, (_, seconds, *_) in lines.items() if float(seconds) > MOST_SECONDS] == [], lines
    assert [len(server.asked) for server in servers] == [1] * len(BOMBS)
