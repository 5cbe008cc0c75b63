"""The midjourney format: a job is submitted, asked about until it is done, and continued by its buttons.

Source: wenwen's pages 文生图(Imagine), 图片融合(Blend), 按钮点击(Action), 任务查询接口 and 任务批量查询接口 show the
calls of the tasks ``draw``, ``blend`` and ``action`` and the two queries; 获取种子(Seed) is named there as a GET, and
its path is new-api's. Of 图生文(Describe), 换脸(FaceSwap), 上传(upload), 窗口执行(Modal) and 编辑图片(Edit) only the
names are there: their paths and bodies are those of midjourney-proxy (novicezk, trueai-org) and new-api (not seen on
wenwen's pages). 刷新链接(Refresh) is in none of these, and not here. No model is sent, nothing is streamed. Of a job's
answer the page 任务查询接口 shows the fields ``action`` and ``buttons`` and is cut off there; the others are those of
these servers (not seen on wenwen's pages).
"""

import json
import re
from collections.abc import Callable, Generator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from wenwen_magic.endpoint.bodies import plain_fields, read_problem
from wenwen_magic.endpoint.failures import error_of_object, unreadable
from wenwen_magic.errors import Charged, ConfigError, EndpointError
from wenwen_magic.formats.parse.json_text import Payloads
from wenwen_magic.formats.parse.stream import ask_about_job, ask_free, inquiry, read_json
from wenwen_magic.formats.parse.walk import number_of, percent_in, source_of
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Progress, Source, Step, WireFormat
from wenwen_magic.records import DESCRIBE, DRAW, Button, ImageRequest
from wenwen_magic.text.i18n import N_, _
from wenwen_magic.text.sanitize import mask_keys, one_line

_RATIOS = {"landscape": "3:2", "portrait": "2:3", "square": "1:1"}
# A long dash is what some keyboards make of two hyphens; Midjourney reads it as two hyphens.
_HAS_RATIO = re.compile(r"(?:^|\s)(?:--|—)(?:ar|aspect)\b", re.IGNORECASE)
_MANY = 100
"""The most references of a call for which no limit is known."""
_MOST_ASKED = 4
"""How often a job that is done is asked about again: some servers say so before they have its picture's address."""


# -- what is sent ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Submit:
    """Describe how a task is submitted.

    Args:
        path: where to.
        own: makes the fields that the request itself sets.
        usual: fields that params may set otherwise.
        reserved: fields that params may not set.
        needs: params that must be there; they go out as text.
        pictures: how many references it needs and takes.
        links: whether a reference may be an address.
        masked: whether it takes a mask.
        prompted: whether the prompt goes out.
    """

    path: str
    own: Callable[[ImageRequest], Mapping[str, Any]] = lambda _: {}
    usual: Mapping[str, Any] = field(default_factory=dict)
    reserved: AbstractSet[str] = frozenset()
    needs: tuple[str, ...] = ()
    pictures: tuple[int, int] = (0, 0)
    links: bool = False
    masked: bool = False
    prompted: bool = False


def prompt_as_sent(request: ImageRequest) -> str:
    """Return the prompt with ``--ar`` for the orientation, unless it names a ratio; addresses of references before it.

    A task whose prompt is not sent (blend, describe, swap, upload) has it as it is.
    """
    shape = request.shape
    ratio = (shape.in_words or _RATIOS.get(shape.turn)) if _SUBMITS[request.task].prompted else None
    add = f" --ar {ratio}" if ratio and not _HAS_RATIO.search(request.prompt) else ""
    links = [reference.address for reference in request.references if reference.is_link] if request.task == DRAW else []
    return " ".join([*links, request.prompt]) + add


def _body(request: ImageRequest) -> dict[str, Any]:
    """Return the body of a task's submission; further ``params`` go beside the task's own fields."""
    submit = _SUBMITS[request.task]
    _check_pictures(request, submit)
    if request.shape.resolution not in {"", "1K"}:
        raise ConfigError(
            _("{model} cannot draw {shape}.", model="Midjourney", shape=request.shape.resolution),
            do=_("Leave --size out; the buttons U1 to U4 enlarge a picture."),
        )
    if taken := sorted(submit.reserved & request.params.keys()):
        raise ConfigError(
            _("--param cannot set {taken}.", taken=", ".join(taken)),
            do=_("The cell's text is the prompt, --ref and --mask give the pictures."),
        )
    more = {**request.params, **{name: _needed(request, name) for name in submit.needs}}
    if isinstance(more.get("mode"), str):
        more["mode"] = more["mode"].upper()  # the page writes the speed in capitals, and people do not
    return {**submit.usual, **submit.own(request), **more}


def _needed(request: ImageRequest, name: str) -> str:
    """Return a param that must be there; a number typed after ``--param`` arrives as an int."""
    value = request.params.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise ConfigError(
            _("The task {task} needs {name}.", task=request.task, name=name),
            do=_("Press a button under a finished picture, or give it: --param {name}=...", name=name),
        )
    return str(value).strip()


def _check_pictures(request: ImageRequest, submit: _Submit) -> None:
    given, (least, most) = len(request.references), submit.pictures
    if not least <= given <= most:
        few = str(least) if least == most else f"{least}-{most}"
        raise ConfigError(
            _("The task {task} takes {few} reference pictures, not {given}.", task=request.task, few=few, given=given),
            do=_("Give them one by one: --ref a.png --ref b.png"),
        )
    if request.mask and not submit.masked:
        raise ConfigError(
            _("The task {task} takes no mask.", task=request.task),
            do=_("Masks go with: ") + ", ".join(name for name, other in _SUBMITS.items() if other.masked),
        )
    # An address that is empty is that of a saved request, whose pictures' bytes were not kept.
    files_only = (*(() if submit.links else request.references), *filter(None, [request.mask]))
    if any(picture.is_link for picture in files_only):
        raise ConfigError(
            _("The task {task} needs the pictures themselves, not addresses.", task=request.task),
            do=_("Save the picture and give the file: --ref cat.png"),
        )


def _addresses(request: ImageRequest) -> list[str]:
    return [reference.address for reference in request.references]


def _prompt_and_mask(request: ImageRequest) -> dict[str, str]:
    mask = {"maskBase64": request.mask.address} if request.mask else {}
    return {"prompt": prompt_as_sent(request), **mask}


def _imagine(request: ImageRequest) -> dict[str, Any]:
    pictures = [reference.address for reference in request.references if not reference.is_link]
    return {"prompt": prompt_as_sent(request), "base64Array": pictures}


def _blend(request: ImageRequest) -> dict[str, Any]:
    given, turn = "dimensions" in request.params, request.shape.turn
    return {"base64Array": _addresses(request), **({} if given or turn == "auto" else {"dimensions": turn.upper()})}


def _describe(request: ImageRequest) -> dict[str, Any]:
    reference = request.references[0]
    return {"link" if reference.is_link else "base64": reference.address}


def _swap(request: ImageRequest) -> dict[str, Any]:
    return dict(zip(("sourceBase64", "targetBase64"), _addresses(request), strict=True))


def _edit(request: ImageRequest) -> dict[str, Any]:
    return {"image": request.references[0].address, **_prompt_and_mask(request)}


_SPEED, _HOOK = {"mode": "RELAX"}, {"notifyHook": ""}
_SUBMITS: Mapping[str, _Submit] = {
    # Page 文生图(Imagine): the body exactly as shown there.
    DRAW: _Submit(
        "/mj/submit/imagine",
        _imagine,
        {**_SPEED, **_HOOK},
        {"prompt", "base64Array"},
        pictures=(0, _MANY),
        links=True,
        prompted=True,
    ),
    # Page 图片融合(Blend); that it takes 2 to 5 pictures is not seen there.
    "blend": _Submit("/mj/submit/blend", _blend, {**_SPEED, **_HOOK, "state": ""}, {"base64Array"}, pictures=(2, 5)),
    # This and swap, upload, modal and edit are only named on wenwen's pages.
    DESCRIBE: _Submit("/mj/submit/describe", _describe, reserved={"base64", "link"}, pictures=(1, 1), links=True),
    "swap": _Submit("/mj/insight-face/swap", _swap, reserved={"sourceBase64", "targetBase64"}, pictures=(2, 2)),
    "upload": _Submit(
        "/mj/submit/upload-discord-images",
        lambda request: {"base64Array": _addresses(request)},
        reserved={"base64Array"},
        pictures=(1, _MANY),
    ),
    # Page 按钮点击(Action). The prompt goes out only if the button opens a window.
    "action": _Submit(
        "/mj/submit/action",
        usual={"chooseSameChannel": True, **_HOOK, "state": ""},
        needs=("taskId", "customId"),
        masked=True,
        prompted=True,
    ),
    "modal": _Submit(
        "/mj/submit/modal",
        _prompt_and_mask,
        reserved={"prompt", "maskBase64"},
        needs=("taskId",),
        masked=True,
        prompted=True,
    ),
    "edit": _Submit(
        "/mj/submit/edits",
        _edit,
        reserved={"prompt", "image", "maskBase64"},
        pictures=(1, 1),
        links=True,
        masked=True,
        prompted=True,
    ),
}
"""How each task is submitted, by its name."""


# -- what comes --------------------------------------------------------------------------------------------------------

_SUCCESS, _FAILURE, _CANCEL = "SUCCESS", "FAILURE", "CANCEL"
"""The statuses of a job that has ended."""
_MODAL = "MODAL"
"""The status of a job that waits for what its window asks."""
_MOST_BUTTONS = 40
_LONGEST_ID = 500
"""Characters of a job's or a button's number."""
_LONGEST_LABEL, _LONGEST_STATUS = 60, 40
_SELECTOR = "\ufe0f"
"""Tells that a sign is shown as a picture; the same sign comes with and without it."""

_STATUS = {
    "": N_("waiting to start"),
    "NOT_START": N_("waiting to start"),
    "SUBMITTED": N_("submitted"),
    "IN_PROGRESS": N_("drawing"),
    _MODAL: N_("waiting for the window"),
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
class _Job:
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
        return tuple(button for button in buttons if button)[:_MOST_BUTTONS]

    def _button(self, item: Any, job: str) -> Button | None:
        number = item.get("customId") if isinstance(item, Mapping) else None
        if not isinstance(number, str) or not 0 < len(number) <= _LONGEST_ID:
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
class _Submission:
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


def _read_submission(reply: HttpReply | None) -> _Submission:
    """Read the answer to a submission; EndpointError for a refusal, and as :func:`read_json`."""
    payloads = Payloads()
    # Of one that broke off the number is enough: the job is paid.
    body = read_json(reply, payloads, torn=lambda body: isinstance(body, Mapping) and body.get("result"))
    if not isinstance(body, Mapping):
        raise payloads.redact_error(unreadable(json.dumps(body)))
    code, result = _number(body.get("code")), body.get("result")
    if code is None and not result:
        raise payloads.redact_error(error_of_object(body) if body else unreadable(json.dumps(body)))
    if code is not None and code not in {_TAKEN, _EXISTS, _QUEUED}:
        raise payloads.redact_error(_refused(code, _Job(body, payloads)))
    texts = [item for item in (result if isinstance(result, list) else [result]) if isinstance(item, str)]
    links = [text for text in texts if text.startswith(("http://", "https://"))]
    named = isinstance(result, (str, int)) and not isinstance(result, bool) and not links
    more = body.get("properties")
    more = more if isinstance(more, Mapping) else {}
    return _Submission(
        # wenwen's pages answer a number, other servers a text
        job=payloads.redact(str(result)).strip()[:_LONGEST_ID] if named else "",
        links=tuple(payloads.restore(link).decode() for link in links),
        modal=code == _EXISTS and str(more.get("status")).upper() == _MODAL,
        queue=_number(more.get("numberOfQueues")) if code == _QUEUED else None,
    )


def _read_job(reply: HttpReply | None) -> _Job | None:
    """Read the answer to a question about a job, as :func:`read_json`; None where it tells no status."""
    payloads = Payloads()
    body = read_json(reply, payloads)
    body = body[0] if isinstance(body, list) and body else body
    return _Job(body, payloads) if isinstance(body, Mapping) and "status" in body else None


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


def _refused(code: int, answer: _Job) -> EndpointError:
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


def _failed(job: _Job) -> EndpointError:
    """Make the error for a job that ended without a picture."""
    return EndpointError(
        _("Midjourney could not finish the job.") if job.status == _FAILURE else _("The job was cancelled."),
        why=mask_keys(job.text("failReason") or job.text("description")),
        do=_("Change the prompt if the reason names it. Running the cell again submits again, which may cost again."),
        charged="maybe",
        status=200,
        text=job.as_text(),
    )


# -- the conversation --------------------------------------------------------------------------------------------------


def talk(request: ImageRequest) -> Generator[Step, HttpReply | None, Answer]:
    """Submit a job, fill the window that a button may open, and ask about the job until it has ended.

    Raises:
        ConfigError: too few or too many references, an address where a picture is needed, a missing or a reserved
            param, or a mask that goes nowhere.
        EndpointError: the submission was refused, or the job failed or was cancelled.
        AnswerError: the submission's answer is empty or cannot be read.
    """
    taken = yield from _submit(HttpCall("POST", _SUBMITS[request.task].path, _body(request)))
    if taken.links:  # addresses in place of a job: words where words were wanted, else pictures
        if request.wants_words:
            return Answer(text="\n".join(taken.links), finish_reason=_SUCCESS)
        return Answer(sources=tuple(map(Source, dict.fromkeys(taken.links))), finish_reason=_SUCCESS)
    number = taken.job or (str(request.params["taskId"]) if request.task == "modal" else "")
    if not number:
        raise unreadable("", _("The endpoint accepted the request, but gave no job number."))
    windows = request.task == "action"
    if taken.modal and windows:
        number, windows = (yield from _fill_window(request, number)), False
    return (yield from _follow(request, number, windows=windows))


def _submit(call: HttpCall) -> Generator[Step, HttpReply | None, _Submission]:
    taken = _read_submission((yield call))
    if taken.queue is not None:
        yield Progress(_("queued, {queue} before it", queue=taken.queue))
    return taken


def _fill_window(request: ImageRequest, number: str) -> Generator[Step, HttpReply | None, str]:
    """Fill the window that a button has opened, and return the number of the job that goes on."""
    fields = {"taskId": number, **_prompt_and_mask(request)}
    taken = yield from _submit(HttpCall("POST", _SUBMITS["modal"].path, fields))
    return taken.job or number


def _follow(request: ImageRequest, number: str, *, windows: bool) -> Generator[Step, HttpReply | None, Answer]:
    """Ask about a job until it has ended; what cannot be read is asked again."""
    shown, asks = None, 0
    while True:
        job = yield from ask_about_job(_question(number), _read_job)
        if job.status == _SUCCESS:
            asks += 1
            if request.wants_words or job.pictures or job.videos or asks > _MOST_ASKED:
                return _answer(request, job, number)
            yield Progress(_("drawn; waiting for the picture's address"))
            continue
        if job.status in {_FAILURE, _CANCEL}:
            raise _failed(job)
        progress = job.progress(shown)
        yield progress
        shown = progress.picture or shown
        if job.status == _MODAL and windows:
            number, windows = (yield from _fill_window(request, number)), False


def _question(number: str, about: str = "fetch") -> HttpCall:
    """Return the question about a job (page 任务查询接口, without the number that other servers have in the path)."""
    return HttpCall("GET", f"/mj/task/{quote(number, safe='')}/{about}", free=True)


def _answer(request: ImageRequest, job: _Job, number: str) -> Answer:
    words = [_("Video: ") + video.address for video in job.videos]
    if not (job.pictures or words or request.wants_words):
        words = [_("The job is done, and its picture has no address yet. %wenwen fetch asks for it again, for free.")]
    answer = Answer(finish_reason=job.status, buttons=job.buttons(number), job=number, videos=job.videos)
    final, english = job.text("finalPrompt", "properties"), job.text("promptEn")
    if request.wants_words:
        return replace(answer, text="\n".join([final or job.text("prompt") or english, *words]))
    rewritten = final or english
    if rewritten in {request.prompt.strip(), prompt_as_sent(request).strip()}:
        rewritten = ""
    return replace(answer, sources=job.pictures, text="\n".join(words), revised_prompt=rewritten)


# -- questions about a finished job ------------------------------------------------------------------------------------


def queries(jobs: str) -> Generator[Step, HttpReply | None, Mapping[str, Any]]:
    """Ask about several jobs (page 任务批量查询接口), and return those that the endpoint knows, by their numbers, free.

    Args:
        jobs: the numbers, commas between them.

    Raises:
        EndpointError: the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    ids = [number.strip() for number in jobs.replace("，", ",").split(",") if number.strip()]
    answer = yield from ask_free(HttpCall("POST", "/mj/task/list-by-condition", {"ids": ids}, free=True))
    # The page shows an object, other servers answer with an array.
    known = [item for item in (answer if isinstance(answer, list) else [answer]) if isinstance(item, Mapping)]
    return {str(item.get("id", place)): dict(item) for place, item in enumerate(known)}


def seed(job: str) -> Generator[Step, HttpReply | None, Mapping[str, Any]]:
    """Ask for a job's seed (page 获取种子(Seed): the method only), and return it under ``seed``, free.

    Args:
        job: the job's number.

    Raises:
        EndpointError: it was refused, the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    return {"seed": _read_submission((yield _question(job, "image-seed"))).job}


FORMAT = WireFormat(
    name="midjourney",
    talk=talk,
    prompt_as_sent=prompt_as_sent,
    tasks=tuple(_SUBMITS),
    inquiries={"query": inquiry(_question), "queries": queries, "seed": seed},
)
