"""Says what a Midjourney work holds: how far it is, its picture, its words, and the buttons under it.

Source: wenwen's page 任务查询接口 shows the fields ``action`` and ``buttons`` of a work and is cut off there;
the others are those of midjourney-proxy (novicezk, trueai-org) and new-api (not seen on wenwen's pages).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wenwen_magic.endpoint.failures import error_of_object, looks_like_html, read_problem, unreadable, web_page
from wenwen_magic.errors import AnswerError, Charged, EndpointError, mask
from wenwen_magic.formats.parse import markdown, stream
from wenwen_magic.formats.parse.base64_data import Payloads
from wenwen_magic.protocol import HttpReply, Progress, Source
from wenwen_magic.records import Button
from wenwen_magic.text.i18n import N_, _

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
    "": N_("waiting to start"),
    "NOT_START": N_("waiting to start"),
    "SUBMITTED": N_("submitted"),
    "IN_PROGRESS": N_("drawing"),
    MODAL: N_("waiting for the window"),
}
_SIGNS = {
    "🔄": N_("reroll"),
    "⬅": N_("pan left"),
    "➡": N_("pan right"),
    "⬆": N_("pan up"),
    "⬇": N_("pan down"),
    "🔍": N_("zoom out"),
    "↔": N_("make square"),
    "🪄": N_("vary"),
    "🖌": N_("vary a region"),
    "❤": N_("favourite"),
    "⏫": N_("upscale"),
    "🎉": N_("imagine all"),
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
        words = _(known) if known else mask(self.status)
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
    words = label.strip() or (f"{sign.strip()} {_(meaning)}" if meaning else sign.strip())
    return " ".join(mask(words).split())[:_LONGEST_LABEL]


_TAKEN, _EXISTS, _QUEUED = 1, 21, 22


@dataclass(frozen=True)
class Submission:
    """A submission that was taken.

    Args:
        job: the work's number; empty where none was named.
        links: the addresses that were answered in place of a number.
        modal: whether the work waits for what its window asks.
        queue: how many works are before it; None when it is not queued.
    """

    job: str = ""
    links: tuple[str, ...] = ()
    modal: bool = False
    queue: int | None = None

    @property
    def told(self) -> Progress | None:
        """A word on the queue; None when there is none."""
        if self.queue is None:
            return None
        return Progress(_("queued, {queue} before it", queue=self.queue))


def submission(reply: HttpReply) -> Submission:
    """Read the answer to a submission.

    Args:
        reply: as it comes.

    Raises:
        EndpointError: it was refused, the answer is an error or a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    body, payloads = _parsed(reply)
    code = _number(body.get("code")) if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or (code is None and not body.get("result")):
        raise error_of_object(body) if isinstance(body, Mapping) and body else unreadable(json.dumps(body))
    if code not in {None, _TAKEN, _EXISTS, _QUEUED}:
        raise _refused(int(code or 0), Work(body, payloads))
    more = body.get("properties")
    more = more if isinstance(more, Mapping) else {}
    result = body.get("result")
    links = tuple(whole_characters(one) for one in (result if isinstance(result, list) else [result]) if _is_link(one))
    modal = code == _EXISTS and str(more.get("status")).upper() == MODAL
    return Submission(_job(result), links, modal, _number(more.get("numberOfQueues")) if code == _QUEUED else None)


def work(reply: HttpReply) -> Work | None:
    """Read the answer to a question after a work; None when nothing can be made of it: it is asked again."""
    try:
        body, payloads = _parsed(reply)
    except (EndpointError, AnswerError):
        return None
    body = body[0] if isinstance(body, list) and body else body
    return Work(body, payloads) if isinstance(body, Mapping) and "status" in body else None


def plain(reply: HttpReply) -> Any:
    """Read an answer as the JSON value it is; a question that costs nothing has no other reading.

    Raises:
        EndpointError: it is a web page, or the connection broke.
        AnswerError: it is empty or no JSON.
    """
    try:
        return _parsed(reply, cut=False)[0]
    except AnswerError as error:
        error.charged = "no"
        raise


def _parsed(reply: HttpReply, *, cut: bool = True) -> tuple[Any, Payloads]:
    payloads = Payloads()
    whole, broken = stream.whole(stream.begin(reply.chunks)[1])
    small = payloads.cut(whole) if cut else whole
    try:
        return json.loads(small), payloads
    except (ValueError, RecursionError):
        text = payloads.hide(small[:65_536].decode("utf-8", "replace"))
    if broken:
        raise broken
    raise web_page(reply.status, text) if looks_like_html(text) else unreadable(text)


def _number(value: Any) -> int | None:
    """A code or a count, written as a number or as a text."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 10:  # noqa: PLR2004
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _job(result: Any) -> str:
    """A work's number as text: wenwen's pages answer a number, other servers a text."""
    if isinstance(result, str):
        return "" if _is_link(result) else whole_characters(result).strip()[:LONGEST_ID]
    return str(result) if isinstance(result, int) and not isinstance(result, bool) else ""


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


# -- errors ------------------------------------------------------------------------------------------------------------

_WAIT = N_("Wait a minute, then run the cell again.")
_CHANGE = N_("Change what the reason names, then run the cell again.")
_GONE = N_("Draw the picture anew: servers forget a work after some time.")
_LATER = N_("Try again later; that asks anew.")
_CODES: Mapping[int, tuple[str, str, Charged]] = {
    3: (N_("The endpoint knows no such work."), _GONE, "no"),
    4: (N_("The endpoint refused the request."), _CHANGE, "no"),
    23: (N_("The endpoint's queue is full."), _WAIT, "no"),
    24: (
        N_("The prompt holds a word that is not allowed."),
        N_("Say it in another way, then run the cell again."),
        "no",
    ),
    30: (N_("The endpoint is at its limit."), _WAIT, "no"),
}
_OTHER: tuple[str, str, Charged] = (
    N_("The endpoint failed to take the request."),
    _LATER,
    "maybe",
)


def _refused(code: int, told: Work) -> EndpointError:
    what, do, charged = _CODES.get(code, _OTHER)
    banned = mask(told.banned)
    problem = read_problem(told.body)
    return EndpointError(
        f"{_(what)} (code {code})",
        why=" · ".join(part for part in (banned, problem.message) if part),
        do=(_("Leave out {banned}. ", banned=repr(banned)) if banned else "") + _(do),
        charged=charged,
        status=200,
        text=told.as_text(),
    )


def failed(done: Work) -> EndpointError:
    """Make the error for a work that ended without a picture."""
    stopped = _("The work was cancelled.")
    broke = _("Midjourney could not do the work.")
    return EndpointError(
        broke if done.status == FAILURE else stopped,
        why=mask(done.reason),
        do=_("Change the prompt if the reason names it. Running the cell again submits anew, which may cost again."),
        charged="maybe",
        status=200,
        text=done.as_text(),
    )


def unnumbered(told: Submission) -> AnswerError:
    """Make the error for a submission that was taken and whose work has no number to ask after."""
    what = _("The endpoint took the request and named no work.")
    return unreadable(", ".join(told.links), what)
