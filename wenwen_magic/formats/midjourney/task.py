"""Read a Midjourney proxy's answers: a job's progress, picture, texts, buttons and errors.

Source: wenwen's page 任务查询接口 shows the fields ``action`` and ``buttons`` of a job and is cut off there;
the others are those of midjourney-proxy (novicezk, trueai-org) and new-api (not seen on wenwen's pages).
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from wenwen_magic.endpoint.bodies import plain_fields, read_problem
from wenwen_magic.endpoint.failures import error_of_object, unreadable
from wenwen_magic.errors import Charged, EndpointError
from wenwen_magic.formats.parse.json_text import Payloads
from wenwen_magic.formats.parse.stream import read_json
from wenwen_magic.formats.parse.walk import number_of, percent_in, source_of
from wenwen_magic.protocol import HttpReply, Progress, Source
from wenwen_magic.records import Button
from wenwen_magic.text.i18n import N_, _
from wenwen_magic.text.sanitize import mask_keys, one_line

SUCCESS, FAILURE, CANCEL = "SUCCESS", "FAILURE", "CANCEL"
"""The statuses of a job that has ended."""
MODAL = "MODAL"
"""The status of a job that waits for what its window asks."""
MOST_BUTTONS = 40
LONGEST_ID = 500
"""Characters of a job's or a button's number."""
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
"""What a button's window waits for, by a piece of the button's number (new-api; not seen on wenwen's pages)."""


@dataclass(frozen=True)
class Job:
    """Hold the state of a job.

    Args:
        body: as it came, long base64 taken out.
        payloads: where that base64 is kept.
    """

    body: Mapping[str, Any]
    payloads: Payloads = field(default_factory=Payloads, repr=False)

    def text(self, name: str, within: str = "") -> str:
        """Return the text of a field, perhaps of an object inside; empty where there is none."""
        fields = self.body.get(within) if within else self.body
        return self.payloads.redact(fields.get(name)).strip() if isinstance(fields, Mapping) else ""

    @property
    def status(self) -> str:
        """``SUCCESS``, ``FAILURE``, ``CANCEL``, ``MODAL``, or another word while it goes on."""
        return self.text("status")[:_LONGEST_STATUS].upper()

    @property
    def pictures(self) -> tuple[Source, ...]:
        """Its grid, or a preview while the job is running; where there is none, the pictures that it lists."""
        return self._sources("imageurl") or self._sources("imageurls")

    @property
    def videos(self) -> tuple[Source, ...]:
        """Its videos, each once."""
        return tuple(dict.fromkeys([*self._sources("videourl"), *self._sources("videourls")]))

    def _sources(self, name: str) -> tuple[Source, ...]:
        """Return what a field names: an address, an object with one, or a list of these."""
        value = plain_fields(self.body).get(name)
        found = (self._source(item, name) for item in (value if isinstance(value, list) else [value]))
        return tuple(dict.fromkeys(source for source in found if source))

    def _source(self, item: Any, name: str) -> Source | None:
        fields = plain_fields(item) if isinstance(item, Mapping) else {name: item}
        names = (name, "url", "imageurl", "videourl", "src")
        source = next(filter(None, (source_of(fields.get(one), self.payloads, name) for one in names)), None)
        return replace(source, address=_reachable(source.address)) if source else None

    def as_text(self) -> str:
        """Return the whole body as text, with keys masked."""
        text = json.dumps(dict(self.body), ensure_ascii=False, default=str)
        return mask_keys(self.payloads.redact(text))[:65_536]

    def progress(self, before: Source | None = None) -> Progress:
        """Report how far it is, in the reader's language, with its preview unless that is the one shown before."""
        known = _STATUS.get(self.status)
        words = _(known) if known else mask_keys(self.status)
        percent = percent_in(self.body.get("progress"))
        preview = next(iter(self.pictures), None)
        text = words if percent is None else f"{words} {percent:g}%"
        return Progress(text, percent, picture=None if preview == before else preview)

    def buttons(self, job: str) -> tuple[Button, ...]:
        """Return what can be done next with it: at most 40; links and buttons without a number are left out.

        Args:
            job: the job's number.
        """
        listed = self.body.get("buttons")
        buttons = (self._button(item, job) for item in (listed if isinstance(listed, list) else []))
        return tuple(button for button in buttons if button)[:MOST_BUTTONS]

    def _button(self, item: Any, job: str) -> Button | None:
        number = item.get("customId") if isinstance(item, Mapping) else None
        if not isinstance(number, str) or not 0 < len(number) <= LONGEST_ID:
            return None
        label, sign = (self.payloads.redact(item.get(name)).strip() for name in ("label", "emoji"))
        meaning = _SIGNS.get(sign.replace(_SELECTOR, ""))
        label = label or (f"{sign} {_(meaning)}" if meaning else sign)
        label = one_line(mask_keys(label), _LONGEST_LABEL) or self.payloads.redact(number)[:_LONGEST_LABEL]
        small = number.lower()
        return Button(
            label,
            {"taskId": job, "customId": self.payloads.redact(number)},
            again="upsample" not in small,  # one of four made large is always the same picture, all else is drawn again
            asks=next((asks for piece, asks in _ASKS.items() if piece in small), ""),
        )


def _reachable(address: str) -> str:
    """Return an address; one of the server's own network as a path below the endpoint, which leads to the same server.

    Servers that were never told their public address name themselves ``http://localhost:3000``.
    """
    with suppress(ValueError):
        parts = urlsplit(address)
        if parts.scheme in {"http", "https"} and _is_inside(parts.hostname or ""):
            return urlunsplit(("", "", parts.path or "/", parts.query, ""))
    return address


def _is_inside(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan", ".svc"))


_TAKEN, _EXISTS, _QUEUED = 1, 21, 22


@dataclass(frozen=True)
class Submission:
    """Hold the answer to a submission that was accepted.

    Args:
        job: the job's number; empty where none was named.
        links: the addresses that were answered in place of a number.
        modal: whether the job waits for what its window asks.
        queue: how many jobs are before it; None when it is not queued.
    """

    job: str = ""
    links: tuple[str, ...] = ()
    modal: bool = False
    queue: int | None = None


def read_submission(reply: HttpReply | None) -> Submission:
    """Read the answer to a submission.

    Args:
        reply: as it comes.

    Raises:
        EndpointError: it was refused, the answer is an error or a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    payloads = Payloads()
    # Of one that broke off the number is enough: the job is paid.
    body = read_json(reply, payloads, torn=lambda body: isinstance(body, Mapping) and body.get("result"))
    if not isinstance(body, Mapping):
        raise payloads.redact_error(unreadable(json.dumps(body)))
    code, result = _number(body.get("code")), body.get("result")
    if code is None and not result:
        raise payloads.redact_error(error_of_object(body) if body else unreadable(json.dumps(body)))
    if code is not None and code not in {_TAKEN, _EXISTS, _QUEUED}:
        raise payloads.redact_error(_refused(code, Job(body, payloads)))
    texts = [item for item in (result if isinstance(result, list) else [result]) if isinstance(item, str)]
    links = [text for text in texts if text.startswith(("http://", "https://"))]
    named = isinstance(result, (str, int)) and not isinstance(result, bool) and not links
    more = body.get("properties")
    more = more if isinstance(more, Mapping) else {}
    return Submission(
        # wenwen's pages answer a number, other servers a text
        job=payloads.redact(str(result)).strip()[:LONGEST_ID] if named else "",
        links=tuple(payloads.restore(link).decode() for link in links),
        modal=code == _EXISTS and str(more.get("status")).upper() == MODAL,
        queue=_number(more.get("numberOfQueues")) if code == _QUEUED else None,
    )


def read_job(reply: HttpReply | None) -> Job | None:
    """Read the answer to a question about a job; None where it tells no status.

    Args:
        reply: as it comes.

    Raises:
        EndpointError: the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    payloads = Payloads()
    body = read_json(reply, payloads)
    body = body[0] if isinstance(body, list) and body else body
    return Job(body, payloads) if isinstance(body, Mapping) and "status" in body else None


def _number(value: Any) -> int | None:
    """Return a code or a count, written as a number or as a text."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 10:  # noqa: PLR2004
        return int(value)
    return number_of(value)


# -- errors ------------------------------------------------------------------------------------------------------------

_WAIT = N_("Wait a minute, then run the cell again.")
_CHANGE = N_("Change what the reason names, then run the cell again.")
_GONE = N_("Draw the picture again: servers forget jobs after some time.")
_LATER = N_("Try again later; that asks again.")
_CODES: Mapping[int, tuple[str, str, Charged]] = {
    3: (N_("The endpoint knows no such job."), _GONE, "no"),
    4: (N_("The endpoint refused the request."), _CHANGE, "no"),
    23: (N_("The endpoint's queue is full."), _WAIT, "no"),
    24: (
        N_("The prompt holds a word that is not allowed."),
        N_("Rephrase the prompt, then run the cell again."),
        "no",
    ),
    30: (N_("The endpoint is at its limit."), _WAIT, "no"),
}
_OTHER: tuple[str, str, Charged] = (N_("The endpoint could not accept the request."), _LATER, "maybe")


def _refused(code: int, answer: Job) -> EndpointError:
    what, do, charged = _CODES.get(code, _OTHER)
    banned = mask_keys(answer.text("bannedWord", "properties"))
    problem = read_problem(answer.body)
    return EndpointError(
        f"{_(what)} (code {code})",
        why=" · ".join(part for part in (banned, problem.message) if part),
        do=(_("Leave out {banned}. ", banned=repr(banned)) if banned else "") + _(do),
        charged=charged,
        status=200,
        text=answer.as_text(),
    )


def failed(job: Job) -> EndpointError:
    """Make the error for a job that ended without a picture."""
    return EndpointError(
        _("Midjourney could not finish the job.") if job.status == FAILURE else _("The job was cancelled."),
        why=mask_keys(job.text("failReason") or job.text("description")),
        do=_("Change the prompt if the reason names it. Running the cell again submits again, which may cost again."),
        charged="maybe",
        status=200,
        text=job.as_text(),
    )
