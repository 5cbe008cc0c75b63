"""Every recorded reply gives the pictures, words and errors that are expected of it, asked in its own format."""

import pytest
from support.replies import FOLDER, READERS, lead, recorded, request_in
from support.scripted import told

from wenwen_magic.errors import WenwenError
from wenwen_magic.formats import FORMATS

REPLIES = [one for wire in READERS for one in recorded(wire).values()]
READABLE = [one for one in REPLIES if "error" not in one.row]
REFUSED = [one for one in REPLIES if "error" in one.row]
NOTHING = {
    "partials": [],
    "text": "",
    "revised": "",
    "finish": "",
    "model": "",
    "usage": {},
    "drafts": [],
    "videos": [],
}
"""What the images format gives where a row says no other; a row of another format holds only what matters."""


def test_every_recorded_reply_has_its_expectation():
    for wire in FORMATS:
        named = {path.name for path in (FOLDER / wire).iterdir()} - {"expected.json", "markdown.json"}
        assert named == set(recorded(wire))


@pytest.mark.parametrize("one", READABLE, ids=str)
def test_a_recorded_reply_gives_its_pictures_and_words(one):
    led = lead(FORMATS[one.format].talk(request_in(one.format)), one.reply())
    answer = led.result
    found = {
        "pictures": [told(source) for source in answer.sources if not source.draft],
        "drafts": [told(source) for source in answer.sources if source.draft],
        "alts": [source.alt for source in answer.sources],
        "videos": [told(source) for source in answer.videos],
        "partials": [told(step.picture) for step in led.told if step.picture],
        "text": answer.text,
        "revised": answer.revised_prompt,
        "finish": answer.finish_reason,
        "model": answer.model,
        "usage": dict(answer.usage),
    }
    row = (NOTHING if one.format == "images" else {"drafts": [], "videos": []}) | one.row
    assert found == {name: value if row.get(name) is None else row[name] for name, value in found.items()}
    assert row.get("says", "") in answer.text
    assert not [word for word in ["base64,", "![", "iVBOR", *row.get("silent", [])] if word in answer.text]
    assert all(step.percent is None for step in led.told if step.picture)


@pytest.mark.parametrize("one", REFUSED, ids=str)
def test_a_recorded_error_is_raised_with_the_endpoints_words(one):
    with pytest.raises(WenwenError) as caught:
        lead(FORMATS[one.format].talk(request_in(one.format)), one.reply())
    said = f"{caught.value} {caught.value.text} {caught.value.request_id}"
    assert type(caught.value).__name__ == one.row["error"]
    assert [word for word in one.row["words"] if word not in said] == []
    assert [word for word in one.row.get("silent", []) if word in said] == []
    assert "status" in one.row or caught.value.charged == ("no" if one.name.endswith(".html") else "maybe")
