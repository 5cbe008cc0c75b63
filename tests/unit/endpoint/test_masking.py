"""A key that an endpoint echoes is found again in what was read, in whatever pieces and by whatever spelling it came."""

import base64
import html
import itertools
import json
import secrets
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import ASKED, answering, data_uri, event, grows_in_proportion, png, reply_of

from wenwen_magic.endpoint import masking
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.masking import mask, mask_bytes, mask_reply
from wenwen_magic.engine.generate import run_protocol
from wenwen_magic.errors import AnswerError, NoImageError, WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.protocol import Answer, HttpCall, Progress

KEYS = ("sk-QzVxWkPmTnRsLhGfDbJc7391", "QzVxWkPmTnRsLhGfDbJc7391aabb", "Ab/9+_x.Y-z~Kk$(m)|n&<'>")
PICTURE = f"![x]({data_uri(png())})"


def drive(talk, *replies, key=None):
    """All that a conversation reports, and its answer or its error, with the key masked."""
    told, waiting = [], iter(replies)
    try:
        return told, run_protocol(talk, lambda _: next(waiting), told.append, lambda: None, key)
    except WenwenError as error:
        return told, error


def read(body, key, name="chat", **reply):
    return drive(FORMATS[name].talk(ASKED), reply_of(body, **reply), key=Secret(key))


def everything(outcome):
    """All that can be read off progress and an answer, or an error, signs without width left out."""
    told, end = outcome
    texts = [repr(told), repr(end), json.dumps(end.usage) if isinstance(end, Answer) else f"{end} {vars(end)}"]
    return "".join(texts).replace("\u200b", "").replace("\\u200b", "")


@pytest.mark.parametrize("key", KEYS)
def test_no_cut_over_two_pieces_of_a_stream_brings_the_key_back(key):
    for at in range(len(key) + 1):
        for last in (PICTURE, "no picture"):
            body = "".join(map(event, (f"key {key[:at]}", f"{key[at:]} ", last))) + event("", "stop")
            outcome = read(body, key)
            assert key not in everything(outcome), (at, last)
            assert "***" in outcome[1].text


def hexadecimal(value):
    return value.encode().hex()


def in_base64(value, before=""):
    return base64.b64encode((before + value + " and more").encode()).decode()


SPELLINGS = {
    "plain": lambda key: key,
    "small escapes": lambda key: "".join(f"\\u{ord(sign):04x}" for sign in key),
    "large escapes": lambda key: "".join(f"\\u{ord(sign):04X}" for sign in key),
    "half escaped": lambda key: "".join(f"\\u{ord(sign):04x}" if n % 2 else sign for n, sign in enumerate(key)),
    "first escaped": lambda key: f"\\u{ord(key[0]):04x}{key[1:]}",
    "escaped twice": lambda key: "".join(f"\\\\u{ord(sign):04x}" for sign in key),
    "percent": lambda key: "".join(f"%{ord(sign):02X}" for sign in key),
    "percent where needed": lambda key: quote(key, safe=""),
    "entities": lambda key: "".join(f"&#{ord(sign)};" for sign in key),
    "entities by name": html.escape,
    "entities in hexadecimal": lambda key: "".join(f"&#x{ord(sign):x};" for sign in key),
    "without width": "\u200b".join,
    "without width, escaped": "\\u200B".join,
    "soft hyphens, escaped": "\\u00ad".join,
    "other directions, escaped": "\\u202e".join,
    "controls, escaped": "\\u0001".join,
    "slashes": lambda key: key.replace("/", "\\/"),
    "base64": in_base64,
    "base64 of a header": lambda key: in_base64(key, "Bearer "),
    "base64 of a longer header": lambda key: in_base64(key, "Bearer:  "),
    "base64 for addresses": lambda key: in_base64(key, "a").replace("+", "-").replace("/", "_"),
    "hexadecimal": hexadecimal,
}
PLACES = {
    "text": lambda key: answering("KEYHERE " + PICTURE),
    "words": lambda key: answering("KEYHERE"),
    "alternative text": lambda key: answering("![KEYHERE](https://h.example/a.png)"),
    "address": lambda key: answering("![x](https://h.example/a.png?token=KEYHERE)"),
    "reason": lambda key: json.dumps({"choices": [{"message": {"content": "no"}, "finish_reason": "KEYHERE"}]}),
    "model": lambda key: json.dumps({"model": "KEYHERE", "choices": [{"message": {"content": PICTURE}}]}),
    "usage": lambda key: json.dumps(
        {"usage": {"KEYHERE": {"a": ["KEYHERE"]}}, "data": [{"url": "https://h.example/a"}]}
    ),
    "prompt": lambda key: json.dumps({"data": [{"url": "https://h.example/a", "revised_prompt": "KEYHERE"}]}),
    "error": lambda key: json.dumps({"error": {"message": "KEYHERE", "code": "KEYHERE"}}),
    "page": lambda key: "<html><title>KEYHERE</title>",
    "progress": lambda key: event("> 进度 40% KEYHERE\n") + event(PICTURE, "stop"),
    "torn": lambda key: answering("KEYHERE " + PICTURE)[:-20],
    "nothing": lambda key: "KEYHERE",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", KEYS)
def test_no_spelling_of_the_key_comes_back_from_any_place_of_an_answer(key, place):
    body = PLACES[place](key)
    for name, spelled in SPELLINGS.items():
        seen = everything(read(body.replace("KEYHERE", spelled(key)), key))
        assert key not in seen, name
        assert hexadecimal(key) not in seen
        assert in_base64(key)[:20] not in seen


@pytest.mark.parametrize("name", SPELLINGS)
def test_each_spelling_is_masked_in_a_text_and_the_words_around_it_are_kept(name):
    for key in KEYS:
        spelled = SPELLINGS[name](key)
        assert mask(f"红 before {spelled} behind", Secret(key)).startswith("红 before ")
        assert mask(f"before {spelled} behind", Secret(key)).endswith(" behind")
        assert "***" in mask(spelled, Secret(key))


def test_buttons_and_the_number_of_a_job_are_masked_too():
    key = KEYS[0]
    buttons = [{"customId": key, "label": f"U1 {key}"}]
    job = {"status": "SUCCESS", "imageUrl": f"https://h.example/{key}.png", "buttons": buttons, "promptEn": key}
    replies = reply_of(json.dumps({"code": 1, "result": key})), *[reply_of(json.dumps(job))] * 3
    outcome = drive(FORMATS["midjourney"].talk(ASKED), *replies, key=Secret(key))
    assert isinstance(outcome[1], Answer)
    assert outcome[1].buttons
    assert key not in everything(outcome)


@given(st.sampled_from(KEYS), st.lists(st.text("ab\\/u0-+", max_size=5)), st.sets(st.integers(0, 200)))
def test_a_body_in_any_pieces_is_masked_as_the_whole_and_nothing_else_is_lost(key, words, places):
    body = key.join(words).encode()
    waiting, out = b"", b""
    for first, last in itertools.pairwise(sorted({0, len(body), *(at for at in places if at < len(body))})):
        ready, waiting = mask_bytes(waiting + body[first:last], Secret(key))
        out += ready
    assert out + waiting == body.replace(key.encode(), b"***")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "name", ["plain", "small escapes", "large escapes", "half escaped", "first escaped", "slashes"]
)
def test_a_key_with_escapes_of_json_is_masked_in_a_body_at_every_cut(key, name):
    body = f'{{"a": "{SPELLINGS[name](key)}!"}}'.encode()
    for at in range(len(body)):
        first, waiting = mask_bytes(body[:at], Secret(key))
        second, waiting = mask_bytes(waiting + body[at:], Secret(key))
        assert json.loads(first + second + waiting) == {"a": "***!"}


@pytest.mark.parametrize("form", [str, lambda text: f"\u200b{text}"])
@pytest.mark.parametrize("key", KEYS)
def test_a_key_over_two_events_is_masked_in_a_whole_body_at_every_cut(key, form):
    for at in range(1, len(key)):
        body = event(f"a {key[:at]}") + ": ping\n\n" + event(form(f"{key[at:]} b")) + "data: [DONE]\n\n"
        clean = mask_reply([body[:50].encode(), body[50:].encode()], Secret(key)).decode()
        texts = [json.loads(line[5:])["choices"][0]["delta"]["content"] for line in clean.splitlines() if "{" in line]
        assert "".join(texts) == "a *** b"
        assert clean.endswith(": ping\n\n" + event(" b") + "data: [DONE]\n\n")


def test_a_key_over_many_events_and_many_keys_in_one_are_masked():
    key = KEYS[0]
    body = "".join(map(event, [*key, "x", key[:3], key[3:9], key[9:] + key + key[:5], key[5:], key[:-1]]))
    clean = mask_reply([body.encode()], Secret(key)).decode()
    texts = [json.loads(line[5:])["choices"][0]["delta"]["content"] for line in clean.splitlines() if line]
    assert "".join(texts) == f"***x*********{key[:-1]}"


@pytest.mark.parametrize("half", ["\ud83d", "\ud83d\ud83d", "猫"])
def test_half_a_character_beside_a_piece_of_the_key_does_not_lose_the_answer(half):
    key, half_written = KEYS[0], json.dumps(half)[1:-1]
    body = event("HALF" + key[:9]).replace("HALF", half_written) + event(key[9:])
    clean = mask_reply([body.encode()], Secret(key)).decode()
    texts = [json.loads(line[5:])["choices"][0]["delta"]["content"] for line in clean.splitlines() if line]
    assert texts == [half + "***", ""]


@pytest.mark.parametrize("second", ["x", "A" * 5000, "B" * 5000])
def test_an_event_with_a_name_twice_keeps_its_pictures_as_they_came(second):
    key = KEYS[0]
    twice = f'data: {{"b":"{"A" * 5000}","c":"{"C" * 6000}","b":"{second}","d":"{key[:9]}"}}\n\n'
    body = f'{twice}data: {{"d":"{key[9:]}"}}\n\n{event(key)}'
    assert mask_reply([body.encode()], Secret(key)) == body.replace(key, "***").encode()


def test_an_event_that_is_too_deep_to_be_written_again_does_not_lose_the_answer():
    key = KEYS[0]
    for depth in range(sys.getrecursionlimit() - 300, sys.getrecursionlimit()):
        deep = f'data: {{"a":{"[" * depth}{"]" * depth},"d":"{key[:9]}"}}\n\ndata: {{"d":"{key[9:]}"}}\n\n'
        mask_reply([deep.encode()], Secret(key))


def test_a_byte_order_mark_before_the_first_event_hides_no_piece_of_the_key():
    key = KEYS[0]
    body = "\ufeff" + event(f"a {key[:9]}") + event(key[9:])
    clean = mask_reply([body.encode()], Secret(key)).decode()
    assert (key[:9] in clean, key[9:] in clean, "a ***" in clean) == (False, False, True)
    assert mask_reply([("\ufeff" + event("a")).encode()], Secret(key)) is None


def test_choices_that_take_turns_hide_no_piece_of_the_key():
    key = KEYS[0]
    rows = [{"index": at, "delta": {"content": text}} for letter in key for at, text in enumerate((letter, "z", "y"))]
    body = "".join(f"data: {json.dumps({'choices': [row]})}\n\n" for row in rows)
    clean = mask_reply([body.encode()], Secret(key)).decode()
    kept = [json.loads(line[5:])["choices"][0] for line in clean.splitlines() if line]
    told = ["".join(one["delta"]["content"] for one in kept if one["index"] == at) for at in range(3)]
    assert told == ["***", "z" * len(key), "y" * len(key)]


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("cut", [1, 50, 10_000])
def test_each_spelling_is_masked_in_a_whole_body_and_pictures_are_left_as_they_are(name, cut):
    picture = data_uri(noise_of(30_000))
    for key in KEYS:
        spelled = SPELLINGS[name](key.replace("\\", ""))
        body = f'{{"a": "{picture}", "b": "{spelled}", "c": "\\n{spelled}", "d": "{picture}"}}'.encode()
        pieces = [body[at : at + cut] for at in range(0, len(body), cut)] if cut > 1 else [body]
        read = json.loads(mask_reply(pieces, Secret(key)))
        assert (read["a"], read["d"]) == (picture, picture)
        assert "***" in read["b"]
        assert "***" in read["c"]


@pytest.mark.parametrize(
    ("key", "texts", "joined"),
    [
        ("ab" * 8, ["ab"] * 8, "***"),
        ("ab" * 8, ["b"] + ["ab"] * 9 + ["a"], "b***aba"),
        ("a" * 9, ["a"] * 10, "***a"),
        (KEYS[0], ["words ", KEYS[0][:5] + "\x1b[1 ", "q" + KEYS[0][5:], " words"], "words *** words"),
        ('sk-Qz"VxWk Pm'.replace(" ", ""), ['sk-Qz"V', "xWkPm"], "***"),
        (KEYS[0], ['{"a', '":"', KEYS[0][:5], KEYS[0][5:], '"}'], '{"a":"***"}'),
    ],
)
def test_a_key_over_events_is_found_though_they_are_alike_or_hold_spaces_and_quotes(key, texts, joined):
    clean = mask_reply(["".join(map(event, texts)).encode()], Secret(key)).decode()
    kept = [json.loads(line[5:])["choices"][0]["delta"]["content"] for line in clean.splitlines() if line]
    assert "".join(kept) == joined


@pytest.mark.parametrize("between", ["", '\x1b["@'])
def test_a_key_with_a_quote_in_it_or_between_its_letters_is_masked_in_a_whole_body(between):
    for key in (KEYS[0], 'sk-Qz"VxWkPm'):
        body = f"it is {key[:4]}{between}{key[4:]}, they say".encode()
        assert mask_reply([body], Secret(key)) == b"it is ***, they say"


def noise_of(size):
    return bytes(at * at % 251 for at in range(size))


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe data: {", event("sk-QzVxWk").encode() * 9, b"data: [[[[" * 99])
def test_a_whole_body_without_the_key_is_kept_as_it_came(body):
    assert mask_reply([body, body], Secret(KEYS[0])) is None
    assert mask_reply([body], None) is None
    assert mask_reply([b"it is secret7"], Secret("secret7")) is None


def test_bytes_that_are_no_text_are_left_as_they_are_beside_a_key():
    assert mask_reply([b"\xff\x00 " + KEYS[1].encode(), b" \xe4"], Secret(KEYS[1])) == b"\xff\x00 *** \xe4"


def test_runs_of_base64_too_short_for_a_picture_are_passed_in_time_in_proportion_to_their_length():
    assert grows_in_proportion(
        lambda factor: [b'{"a": "' + (b"A" * 1000 * factor + b" ") * 200 + b'"}'],
        lambda pieces: mask_reply(pieces, Secret("sk-" + "a1b2c3d4" * 6)),
    )


def test_a_whole_body_is_masked_in_time_in_proportion():
    key = Secret(KEYS[0])
    for piece in ("\\", "\\u0073", event("sk-Q"), event(KEYS[0][:9]) + event(KEYS[0][9:])):
        size = 25_000 // len(piece)
        assert grows_in_proportion(
            lambda times, one=piece, size=size: [(one * size * times).encode()],
            lambda pieces: mask_reply(pieces, key),
            16,
        )


def test_short_keys_are_left_for_they_are_in_any_text():
    assert mask("a demo for all", Secret("demo")) == "a demo for all"
    assert mask_bytes(b"password here", Secret("password")) == (b"password here", b"")


def test_a_mask_of_a_long_text_takes_time_in_proportion(monkeypatch):
    text = "\\u200b\u200b&#" * 200_000
    assert mask(text, Secret(KEYS[0])) == text


def test_what_is_looked_for_is_made_once_for_equal_keys_and_where_it_stands_only_for_a_text_that_may_hold_it(
    monkeypatch,
):
    key = "sk-" + secrets.token_hex(16)
    monkeypatch.setattr(masking, "_spellings", lambda _: pytest.fail("the pattern of its places was made"))
    body = json.dumps({"choices": [{"message": {"content": "words \\ and\n lines " * 20}}]}).encode()
    for text in ("https://h.example/" + "a" * 80, "a\u200b" * 60, "\\u00e9" * 20):
        assert mask(text, Secret(key)) == text
    assert mask_reply([body], Secret(key)) is None
    assert masking._letters(Secret(key)) is masking._letters(Secret(key))


class OddError(Exception):
    """What nobody foresaw."""


def failing(kind, *told):
    reply = yield HttpCall("POST", "/v1/x", {})
    next(iter(reply.chunks))
    yield from told
    raise kind


@pytest.mark.parametrize("told", [(), (Progress("10 %"),)])
@pytest.mark.parametrize(
    "kind", [TypeError, KeyError("x"), RecursionError, OverflowError, MemoryError, OddError(KEYS[0])]
)
def test_whatever_a_reader_raises_is_an_answer_that_cannot_be_read_and_was_paid_and_is_kept_whole(kind, told):
    rest = iter([b"first", b"second"])
    reply = type(reply_of(""))(200, "", rest)
    _told, error = drive(failing(kind, *told), reply, key=Secret(KEYS[0]))
    assert type(error) is AnswerError
    assert error.charged == "yes"
    assert error.__context__ is None
    assert KEYS[0] not in str(error)
    assert list(rest) == []


def test_what_fails_before_the_first_call_is_no_answer():
    def broken():
        raise TypeError
        yield

    with pytest.raises(TypeError):
        drive(broken())


def test_half_characters_are_replaced_in_all_texts_also_without_a_key():
    def halves():
        yield Progress("a\ud800")
        return Answer(text="\udfff", usage={"\ud800": "\ud801"})

    told, answer = drive(halves())
    assert told == [Progress("a\ufffd")]
    assert (answer.text, answer.usage) == ("\ufffd", {"\ufffd": "\ufffd"})


def test_a_value_nested_too_deeply_is_shortened():
    deep = []
    for _ in range(900):
        deep = [deep]

    def nested():
        yield Progress("")
        return Answer(usage={"a": deep})

    assert len(json.dumps(drive(nested())[1].usage)) < 100


def test_an_error_without_a_picture_is_masked_in_its_arguments_too():
    def refused():
        yield HttpCall("POST", "/", {})
        raise NoImageError(f"{KEYS[1]}", text=KEYS[1], record=KEYS[1])

    _told, error = drive(refused(), reply_of(""), key=Secret(KEYS[1]))
    assert KEYS[1] not in repr(error.args) + repr(vars(error))
    assert masking.mask(KEYS[1], None) == KEYS[1]
