"""Every recorded reply to a request for a clip gives its clips and posters, or says why there are none."""

import pytest
from support.replies import FOLDER, lead, recorded, request_in
from support.scripted import told

from wenwen_magic.errors import EndpointError
from wenwen_magic.formats import FORMATS
from wenwen_magic.records import CLIP

REPLIES = [one for one in recorded("clips").values() if "error" not in one.row]
REFUSED = [one for one in recorded("clips").values() if "error" in one.row]


def test_every_recorded_reply_has_its_expectation():
    assert {path.name for path in (FOLDER / "clips").iterdir()} - {"expected.json"} == set(recorded("clips"))


@pytest.mark.parametrize("one", REPLIES, ids=str)
def test_an_answer_by_chat_gives_its_clips(one):
    led = lead(FORMATS["chat"].talk(request_in("chat", task=CLIP)), one.reply())
    answer, row = led.result, {"posters": [], **one.row}
    found = {
        "videos": [told(source) for source in answer.videos],
        "posters": [told(source) for source in answer.sources],
        "text": answer.text,
        "finish": answer.finish_reason,
        "model": answer.model,
        "job": answer.job,
        "percents": [step.percent for step in led.told if step.percent is not None],
    }
    assert found == {name: row.get(name, value) for name, value in found.items()}
    assert row.get("says", "") in answer.text
    assert [word for word in row.get("silent", []) if word in answer.text] == []
    assert [call.path for call in led.calls] == ["/v1/chat/completions"]  # a polling address elsewhere is not asked


@pytest.mark.parametrize("one", REFUSED, ids=str)
def test_an_error_is_raised_with_the_endpoints_words_and_may_have_cost(one):
    with pytest.raises(EndpointError, match=one.row["error"]) as caught:
        lead(FORMATS["chat"].talk(request_in("chat", task=CLIP)), one.reply())
    assert caught.value.charged == "maybe"
