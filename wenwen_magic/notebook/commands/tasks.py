"""Words a question about the endpoint's own works, and what it answered."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from wenwen_magic.errors import mask
from wenwen_magic.records import Generation
from wenwen_magic.render.generation import sound
from wenwen_magic.text.i18n import padded

_ID = re.compile(r"#?[0-9a-f]{6,8}")
_LONGEST = 300
_UNTOLD = {"buttons"}
"""What is told better elsewhere: buttons stand under the picture."""
_MOMENTS = range(10**12, 10**13)
"""Numbers that are moments: milliseconds since 1970, of 2001 to 2286."""


def is_id(word: str) -> bool:
    """Whether a word looks like the id of a saved generation."""
    return bool(_ID.fullmatch(word))


def about(generations: Sequence[Generation]) -> tuple[Sequence[Generation], str]:
    """Generations, and the plainest question about them: of one, or of several at once."""
    return generations, "query" if len(generations) == 1 else "queries"


def label_of(generations: Sequence[Generation], word: str) -> str:
    """The label of the button that a word means, in any letter case, its sign left out; empty for no button."""
    buttons = generations[0].buttons if len(generations) == 1 else ()
    wanted = _plain(word)
    return next((one.label for one in buttons if wanted and _plain(one.label) == wanted), "")


def _plain(label: str) -> str:
    return " ".join(re.findall(r"[\w.()]+", label)).lower()


def told(answer: Mapping[str, Any]) -> str:
    """What an endpoint answered, a line for each thing that it says; it is a stranger's text."""
    said = {name: value for name, value in answer.items() if value not in ("", None, [], {}, 0) and name not in _UNTOLD}
    return sound(mask("\n".join(f"{padded(str(name), 16)}{_short(value)}" for name, value in said.items())))


def _short(value: Any) -> str:
    if isinstance(value, int) and value in _MOMENTS:
        return datetime.fromtimestamp(value / 1000).astimezone().isoformat(" ", "seconds")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " …"
