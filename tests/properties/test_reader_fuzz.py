"""A reply that was changed at random gives a result or an error of ours, in every format: 20,000 here, a million by ``-m long``."""

import json
import random

import pytest
from support.mutations import BODIES, reply_for
from support.replies import lead, request_in
from support.scripted import reply_of

from wenwen_magic.errors import CHARGES, WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.protocol import Answer
from wenwen_magic.records import CLIP, ImageRequest, Reference
from wenwen_magic.text.i18n import speak

ALL = [path.read_bytes() for path in BODIES]
TASKS = [path.read_bytes() for path in BODIES if path.parent.name == "midjourney"]
DONE = next(path.read_bytes() for path in BODIES if path.name == "task-grid.json")
TAKEN = next(path.read_bytes() for path in BODIES if path.name == "submit-text.json")
CLIPS = [path.read_bytes() for path in BODIES if path.parent.name == "videos"]
CLIP_DONE = next(path.read_bytes() for path in BODIES if path.name == "c20-completed.json")
CLIP_TAKEN = next(path.read_bytes() for path in BODIES if path.name == "c30.json")
DESCRIBE = {"task": "describe", "references": (Reference("", "1"),)}


def check(answer):
    """What every answer and every error is: text that can be shown and written, and nothing of how it was read."""
    if isinstance(answer, WenwenError):
        said = [answer.what, answer.why, answer.text, answer.request_id]
        assert answer.charged in CHARGES
        assert str(answer)
        assert json.dumps(answer.as_dict())
    else:
        assert isinstance(answer, Answer)
        said = [answer.text, answer.finish_reason, answer.model, answer.revised_prompt, answer.job]
        sources = (*answer.sources, *answer.videos)
        said += [text for source in sources for text in (source.alt, "" if source.data else source.address)]
        assert all(source.address for source in sources)
        assert len({(source.address, source.data) for source in sources}) == len(sources)
        assert isinstance(answer.usage, dict)
        json.dumps(dict(answer.usage))
    assert all(isinstance(text, str) for text in said)
    assert not [text for text in said if "wwcut" in text and "n0n" in text]


def one_call(dice, wire):
    more = DESCRIBE if wire != "images" and dice.random() < 0.1 else {}
    return lead(FORMATS[wire].talk(request_in(wire, **more)), reply_for(dice, ALL)).result


def midjourney(dice, wire):
    changed = reply_for(dice, TASKS if dice.random() < 0.8 else ALL)
    after = [reply_of(DONE) for _ in range(8)]
    replies = [changed, *after] if dice.random() < 0.5 else [reply_of(TAKEN), changed, *after]
    request = ImageRequest("Cat", **(DESCRIBE if dice.random() < 0.2 else {}))
    return lead(FORMATS[wire].talk(request), *replies).result


def videos(dice, wire):
    changed = reply_for(dice, CLIPS if dice.random() < 0.8 else ALL)
    after = [reply_of(CLIP_DONE) for _ in range(8)]
    replies = [changed, *after] if dice.random() < 0.5 else [reply_of(CLIP_TAKEN), changed, *after]
    return lead(FORMATS[wire].talk(request_in(wire, task=CLIP)), *replies).result


READERS = {"chat": one_call, "gemini": one_call, "images": one_call, "midjourney": midjourney, "videos": videos}


def fuzz(wire, seed, cases):
    speak("en")  # else each error's words look for the reader's language
    for number in range(cases):
        dice = random.Random(f"{wire} {seed} {number}")
        try:
            answer = READERS[wire](dice, wire)
        except WenwenError as error:
            answer = error
        except Exception as error:
            raise AssertionError(f"seed {seed}, number {number}") from error
        try:
            check(answer)
        except Exception as error:
            raise AssertionError(f"seed {seed}, number {number}: {answer!r:.600}") from error


@pytest.mark.parametrize("wire", READERS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_changed_reply_gives_an_answer_or_an_error_of_ours(wire, seed):
    fuzz(wire, seed, 2_000)


@pytest.mark.long
@pytest.mark.parametrize("wire", READERS)
@pytest.mark.parametrize("seed", range(100, 110))
def test_a_million_changed_replies_give_an_answer_or_an_error_of_ours(wire, seed):
    fuzz(wire, seed, 20_000)
