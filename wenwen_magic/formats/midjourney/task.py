"""Says what a Midjourney work holds: how far it is, its picture, its words, and the buttons under it.

Source: wenwen's page 任务查询接口 shows the fields ``action`` and ``buttons`` of a work and is cut off there;
the others are those of midjourney-proxy (novicezk, trueai-org) and new-api (not seen on wenwen's pages).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wenwen_magic.errors import mask
from wenwen_magic.formats.parse import markdown
from wenwen_magic.formats.parse.base64_data import Payloads
from wenwen_magic.protocol import Progress, Source
from wenwen_magic.records import Button
from wenwen_magic.text.i18n import say

SUCCESS, FAILURE, CANCEL = "SUCCESS", "FAILURE", "CANCEL"
"""The statuses of a work that has ended."""
MODAL = "MODAL"
"""The status of a work that waits for what its window asks."""
MOST_BUTTONS = 40
LONGEST_ID = 500
"""Characters of a work's or a button's number."""
_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,4})?)")
_LONGEST_LABEL, _LONGEST_STATUS = 60, 40
_SELECTOR = "\ufe0f"
"""Tells that a sign is shown as a picture; the same sign comes with and without it."""

_STATUS = {
    "": ("waiting to start", "等待开始"),
    "NOT_START": ("waiting to start", "等待开始"),
    "SUBMITTED": ("submitted", "已提交"),
    "IN_PROGRESS": ("drawing", "绘制中"),
    MODAL: ("waiting for the window", "等待窗口确认"),
}
_SIGNS = {
    "🔄": ("reroll", "重新生成"),
    "⬅": ("pan left", "向左平移"),
    "➡": ("pan right", "向右平移"),
    "⬆": ("pan up", "向上平移"),
    "⬇": ("pan down", "向下平移"),
    "🔍": ("zoom out", "缩小视野"),
    "↔": ("make square", "变成方形"),
    "🪄": ("vary", "变化"),
    "🖌": ("vary a region", "局部重绘"),
    "❤": ("favourite", "收藏"),
    "⏫": ("upscale", "放大"),
    "🎉": ("imagine all", "全部生成"),
}
"""What the buttons that carry only a sign do (signs as in midjourney-proxy's answers)."""
_ASKS = {"inpaint": "region", "customzoom": "words"}
"""What a button's window waits for, by a piece of the button's order (new-api; not seen on wenwen's pages)."""


@dataclass(frozen=True)
class Work:
    """How far a work is.

    Args:
        body: as it came, long base64 cut out.
        payloads: where that base64 is kept.
    """

    body: Mapping[str, Any]
    payloads: Payloads = field(default_factory=Payloads, repr=False)

    @property
    def status(self) -> str:
        """``SUCCESS``, ``FAILURE``, ``CANCEL``, ``MODAL``, or another word while it goes on."""
        return self._words("status")[:_LONGEST_STATUS].upper()

    @property
    def percent(self) -> float | None:
        """How far it is, 0 to 100; None where it does not say."""
        found = _PERCENT.match(str(self.body.get("progress")))
        return min(float(found[1]), 100.0) if found else None

    @property
    def picture(self) -> Source | None:
        """Its picture, a preview while it goes on."""
        return next(iter(self._sources(self.body.get("imageUrl"))), None)

    @property
    def videos(self) -> tuple[str, ...]:
        """The addresses of its films, each once."""
        listed = self.body.get("videoUrls")
        items = [self.body.get("videoUrl"), *(listed if isinstance(listed, list) else [])]
        urls = [item.get("url") if isinstance(item, Mapping) else item for item in items]
        return tuple(dict.fromkeys(source.address for url in urls for source in self._sources(url)))

    @property
    def described(self) -> str:
        """The words that a description gives."""
        return self._property("finalPrompt") or self._words("prompt") or self._words("promptEn")

    @property
    def rewritten(self) -> str:
        """The prompt that was worked from; empty where it does not say."""
        return self._property("finalPrompt") or self._words("promptEn")

    @property
    def banned(self) -> str:
        """The word of the prompt that is not allowed; empty for none."""
        return self._property("bannedWord")

    @property
    def reason(self) -> str:
        """Why it failed."""
        return self._words("failReason") or self._words("description")

    def as_text(self) -> str:
        """All of it as it came, for reading."""
        text = json.dumps(dict(self.body), ensure_ascii=False, default=str)
        return mask(self.payloads.hide(text))[:65_536]

    def told(self, before: Source | None = None) -> Progress:
        """A word on how far it is, in the reader's language, with its preview.

        Args:
            before: the preview shown last, which is not shown again.
        """
        known = _STATUS.get(self.status)
        words = say(*known) if known else mask(self.status)
        shown = None if self.picture == before else self.picture
        return Progress(words if self.percent is None else f"{words} {self.percent:g}%", self.percent, picture=shown)

    def buttons(self, job: str) -> tuple[Button, ...]:
        """What can be done next with it: at most 40; links and whatever names no order are left out.

        Args:
            job: the work's number.
        """
        listed = self.body.get("buttons")
        found = (self._button(one, job) for one in (listed if isinstance(listed, list) else []))
        return tuple(one for one in found if one)[:MOST_BUTTONS]

    def _button(self, item: Any, job: str) -> Button | None:
        order = item.get("customId") if isinstance(item, Mapping) else None
        if not isinstance(order, str) or not 0 < len(order) <= LONGEST_ID:
            return None
        label = (
            _label(whole_characters(item.get("label")), whole_characters(item.get("emoji")))
            or whole_characters(order)[:_LONGEST_LABEL]
        )
        # One of four made large is always the same picture; everything else is drawn anew each time.
        params = {"taskId": job, "customId": whole_characters(order)}
        small = order.lower()
        return Button(
            label, params, again="upsample" not in small, asks=next((_ASKS[one] for one in _ASKS if one in small), "")
        )

    def _words(self, name: str) -> str:
        return self.payloads.hide(whole_characters(self.body.get(name))).strip()

    def _property(self, name: str) -> str:
        more = self.body.get("properties")
        return Work(more, self.payloads)._words(name) if isinstance(more, Mapping) else ""  # noqa: SLF001  its own kind

    def _sources(self, address: Any) -> tuple[Source, ...]:
        address = whole_characters(address).strip()
        if address.startswith("data:"):
            return markdown.read(address, self.payloads).naked
        whole = address.startswith(("http://", "https://", "/"))
        return (Source(self.payloads.restore_text(address)),) if whole else ()


def whole_characters(value: Any) -> str:
    """A text without half characters, which no file and no page can hold; empty for what is no text."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _label(label: str, sign: str) -> str:
    """What stands on a button: its label, or its sign and what the sign means."""
    meaning = _SIGNS.get(sign.strip().replace(_SELECTOR, ""))
    words = label.strip() or (f"{sign.strip()} {say(*meaning)}" if meaning else sign.strip())
    return " ".join(mask(words).split())[:_LONGEST_LABEL]
