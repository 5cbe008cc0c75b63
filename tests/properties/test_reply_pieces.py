"""Recorded replies read the same in pieces, whatever format was asked; one that breaks off gives nothing else."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pictures import png
from support.replies import READERS, in_pieces, outcome, recorded
from support.scripted import broken_connection, reply_of, told

from wenwen_magic.formats.parse import stream
from wenwen_magic.kinds import data_uri
from wenwen_magic.protocol import Answer, HttpReply

REPLIES = [one for wire in READERS for one in recorded(wire).values()]
SHAPES = list(recorded("shapes").values())
READABLE = [one for one in SHAPES if "error" not in one.row]


@pytest.mark.parametrize("wire", READERS)
def test_a_recorded_reply_reads_the_same_in_pieces(wire):
    for one in recorded(wire).values():
        body, whole = one.body, outcome(wire, one.reply())
        for chunk in (1, 7):
            assert outcome(wire, one.reply(chunk=chunk)) == whole, (one.name, chunk)
        for part in (1, 2, 3, 5):
            cut = HttpReply(200, one.kind, [*in_pieces(body, [len(body) * part // 7]), b""])
            assert outcome(wire, cut) == whole or "status" in one.row, (one.name, part)


def test_a_recorded_reply_reads_the_same_whatever_format_was_asked():
    for one in REPLIES:
        expected, *others = (outcome(wire, one.reply()) for wire in READERS)
        assert others == [expected] * len(others), str(one)


@pytest.mark.parametrize("wire", READERS)
def test_a_reply_that_breaks_off_gives_whole_pictures_or_an_error(wire):
    for one in recorded(wire).values():
        body, whole = one.body, outcome(wire, one.reply())
        whole = () if isinstance(whole[0], type) else {source.address for source in whole[0].sources}
        for part in (1, 3, 5, 7):
            torn = outcome(wire, reply_of(body[: len(body) * part // 8], one.kind))
            for source in () if isinstance(torn[0], type) else torn[0].sources:
                address = re.escape(source.address.encode()) + rb"[^\w/+=.-]"
                if source.data:
                    assert told(source)  # opens it
                else:
                    assert source.address in whole or re.search(address, body.replace(b"\\/", b"/")), (one.name, part)


def test_a_shape_reads_the_same_in_pieces():
    for one in SHAPES:
        body, whole = one.body, outcome("chat", one.reply())
        assert outcome("chat", one.reply(chunk=7)) == whole, one.name
        cuts = [len(body) // 3, len(body) // 2, len(body) * 4 // 5]
        assert outcome("chat", HttpReply(200, one.kind, [*in_pieces(body, cuts), b""])) == whole, one.name


def test_a_shape_that_breaks_off_gives_nothing_that_the_whole_has_not():
    for one in READABLE:
        # The first picture of one, a thought's, counts where no other comes; in the other, one choice has said its end.
        if one.name in {"claude-thinking.json", "interleaved.sse"}:
            continue
        body, whole = one.body, outcome("chat", one.reply())[0]
        known = {(source.address, source.data) for source in (*whole.sources, *whole.videos)}
        for part in (1, 3, 5, 7):
            torn = outcome("chat", reply_of(body[: len(body) * part // 8], one.kind))[0]
            if isinstance(torn, Answer) and one.name not in SILENTLY_CUT:
                assert {(source.address, source.data) for source in torn.sources} <= known, (one.name, part)
            torn = outcome("chat", reply_of(body[: len(body) * part // 8], one.kind, broken=broken_connection()))[0]
            if isinstance(torn, Answer):
                assert {(source.address, source.data) for source in torn.sources} <= known, (one.name, part)


SILENTLY_CUT = {name for name in recorded("shapes") if name.endswith((".txt", ".bin"))}
"""Bodies that do not say where they end."""


PICTURE = data_uri("image/png", png(4, 4))
WORDS = st.one_of(
    st.text(st.sampled_from('ab "\\/\n\t\x7f\u3000\u200b画🦊\ud83d{}[],:'), max_size=9),
    st.sampled_from(["![", f"![x]({PICTURE})", f"data:image/png;base64,{'A' * 1100}", "B" * 1100, "?", '","x":"']),
)


@st.composite
def events_of_a_stream(draw):
    """Lines of events, most of them alike, in JSON with and without escapes, some with a thing that others have not."""
    lines = []
    for words in draw(st.lists(WORDS, max_size=12)):
        piece = {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"content": words}}]}
        match draw(st.sampled_from([*range(9), *[9] * 20])):
            case 0:
                piece["choices"][0]["index"] = 1
            case 1:
                piece["usage"] = {"content": words}
            case 2:
                piece["choices"][0]["delta"]["reasoning_content"] = "so"
            case 3:
                piece["choices"][0]["content"] = words
            case 4:
                piece["model"] = "other"
            case 5:
                piece["error"] = {"message": "no"}
        line = json.dumps(piece, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
        lines.append(draw(st.sampled_from([line] * 20 + [line[:-1], line + b"}", b"event: note\n" + line])))
    return lines


@given(events_of_a_stream())
def test_events_alike_are_read_as_each_alone_would_be(lines):
    body = b"".join(
        (b"" if line.startswith(b"event") else b"data: ") + line.replace(b"\n", b"\ndata: ") + b"\n\n" for line in lines
    )
    kind = "text/event-stream"
    found = outcome("chat", reply_of(body, kind))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "_MOST_LEARNT", 0)
        assert outcome("chat", reply_of(body, kind)) == found
