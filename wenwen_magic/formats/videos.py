"""The videos format: a clip is submitted as a job, asked about until it is done, and fetched from the endpoint.

Source: OpenAI's Videos API as relays and new-api serve it, ``POST /v1/videos``, ``GET /v1/videos/{id}`` and
``GET /v1/videos/{id}/content`` (not seen on wenwen's pages, which name asynchronous clips and show no path).
"""

import re
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from itertools import tee
from typing import Any
from urllib.parse import quote

from wenwen_magic.endpoint.bodies import (
    FINE,
    clip_addresses,
    envelopes,
    is_complaint,
    is_failure,
    posters,
    words_in,
)
from wenwen_magic.endpoint.failures import error_of_object, unreadable
from wenwen_magic.errors import AnswerError, ConfigError, EndpointError, WaitEnded
from wenwen_magic.formats.images import file_part
from wenwen_magic.formats.parse import shapes
from wenwen_magic.formats.parse.answer import AnswerParser, task_in
from wenwen_magic.formats.parse.json_text import Fault, Payloads
from wenwen_magic.formats.parse.stream import ask_about_job, inquiry, read, read_json
from wenwen_magic.formats.parse.walk import number_of, percent_in
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Progress, Source, Step, WireFormat
from wenwen_magic.records import CLIP, ImageRequest
from wenwen_magic.text.i18n import N_, _
from wenwen_magic.text.orientation import pixels_for, shape_of
from wenwen_magic.text.sanitize import mask_keys, one_line

PATH = "/v1/videos"
LONGEST_ID = 1000
"""Characters of a job's number; some relays put all that they know of the job into it."""
_SIZES = {"landscape": "1280x720", "portrait": "720x1280", "square": "960x960"}
_AREA, _LONGEST_SIDE, _STEP = 1280 * 720, (1920, 1920), 16
_OWN_FIELDS = {"model", "prompt", "input_reference"}
_NUMBERS = (
    *("id", *shapes.NUMBERS, "taskids", "ids", "uuid", "operationid", "historyrecordid", "runid", "submitid"),
    *("recordid", "creationid", "genid", "clipid", "executeid", "executionid", "historyid", "orderid", "taskno"),
)
_ALONE = ("data", "result", "output", "task", "job", "operation")
"""Fields that some servers give the number itself in, and no object with it."""
_IS_NUMBER = re.compile(r"(?=\D*\d)[\w.:-]{4,}")
_IS_OPERATION = re.compile(r"(?:[\w.-]+/)*operations/[\w.:-]+")
"""What Google's servers call a job, as its ``name``."""
_OF_REQUEST = re.compile(r"(?i)req(?:uest)?[_-]|trace")
"""How the number of a request begins, which is rarely that of a job."""
_STATUS = {"queued": N_("queued"), "in_progress": N_("in progress")}
_DONE = {
    *("complete", "completed", "success", "successful", "succeeded", "succeed", "finished", "finish", "done", "ready"),
    *("generated", "available", "ended", "published"),
}
_DONE_IN_CHINESE = re.compile("(?:视频|任务|生成|制作|处理|合成|已)*(?:完成|成功|完毕)了?|(?:视频)?已生成")
_OF_JOBS = {
    *("video", "videos", "clip", "task", "job", "state", "status", "generation", "generate", "render", "rendering"),
    *("upsampling", "upscaling", "process", "processing", "result", "is", "has", "all", "fully", "successfully"),
}
"""What may stand beside those words, as in ``video_generation_completed``; beside any other they may mean a step."""
_FAILED = re.compile(
    r"^(?:failed|cancell?ed|nsfw|unsafe)_|(?:^|_)(?:fail(?:ed|ure)?|error(?:ed)?|cancell?ed|expired|timed?_?out|rejected"
    r"|aborted|moderated|filtered|refused|terminated|killed|crashed|deleted|violation|nsfw|unsafe|flagged|blocked|banned"
    r"|denied|declined|revoked)$|(?<![未无])(?:失败|已取消|已过期|超时|不通过|未通过|违规|拒绝|驳回|中止|终止|异常|错误)$"
)
_NOT_YET = {"not", "no", "non", "never", "without", "retry", "retrying"}
"""What takes a word of failure back."""
_DONE_WITH_CLIP = {
    *("video_upsampling_failed", "ok", "processed", "rendered", "exported", "delivered", "fulfilled", "archived"),
    *("end", "已结束", "finalized", "uploaded", "saved", "stored", "partial_success"),
}
"""Words after which the clip is there where it is named; without it they may mean anything else."""
_MOST_COMPLAINTS = 3
"""Errors in a row, in place of the job's state, after which nobody waits any longer."""
_IS_OWN = re.compile(r"(?:^|/)v1/videos/[^/?#]+/content/?(?:[?#]|$)")
"""How an address ends that is the endpoint's own, where its key is wanted."""
_PROGRESS = ("progress", "percent", "percentage", "progresspercent", "progresspct", "taskprogress")


# -- what is sent ------------------------------------------------------------------------------------------------------


def size_of(request: ImageRequest) -> str:
    """Return the size that a shape means; empty for ``auto``, and where a param gives it.

    Raises:
        ConfigError: a resolution is asked for, which no model of this format is known to understand.
    """
    shape = request.shape
    if "size" in request.params:
        return ""
    if shape.resolution:
        raise ConfigError(
            _("{model} cannot draw {shape}.", model=request.model, shape=shape.resolution),
            do=_("Give width and height that the model offers: --size 1280x720"),
        )
    if shape.pixels:
        return "{}x{}".format(*shape.pixels)
    if shape.ratio is None or shape.ratio == shape_of(_SIZES.get(shape.turn, "1:1")).ratio:
        return _SIZES.get(shape.turn, "")
    return "{}x{}".format(*pixels_for(shape, _AREA, _LONGEST_SIDE, _STEP))


def _submission(request: ImageRequest) -> HttpCall:
    """Return the call that submits a job: JSON, and a form where pictures go along as files.

    Raises:
        ConfigError: a param would replace a field that the request itself sets, there is a mask, or some pictures are
            files and others addresses.
    """
    if request.mask:
        raise ConfigError(_("A clip takes no mask."), do=_("Say in words what happens; --ref gives the first picture."))
    if taken := sorted(_OWN_FIELDS & request.params.keys()):
        raise ConfigError(
            _("--param cannot set {taken}.", taken=", ".join(taken)),
            do=_("The cell's text is the prompt, -m the model, --ref gives the pictures."),
        )
    size = size_of(request)
    fields = {"model": request.model, "prompt": request.prompt, **({"size": size} if size else {}), **request.params}
    links = [reference.address for reference in request.references if reference.is_link]
    if not links:
        # The first is the first frame, a second the last; each is a field of the same name.
        files = (file_part("input_reference", f"image-{n}", one) for n, one in enumerate(request.references, 1))
        return HttpCall("POST", PATH, fields, files=tuple(files))
    if len(links) < len(request.references):
        raise ConfigError(
            _("Files and addresses of pictures cannot go together."),
            do=_("Download the pictures, and give all as files."),
        )
    return HttpCall("POST", PATH, {**fields, "input_reference": links[0] if len(links) == 1 else links})


# -- what comes --------------------------------------------------------------------------------------------------------


class _Job:
    """The state of a job, as an answer tells it."""

    def __init__(self, body: Any, payloads: Payloads) -> None:
        self.body, self._payloads = body, payloads
        self._fields = list(envelopes(body))

    def _text(self, names: tuple[str, ...]) -> str:
        """Return the first of some fields that holds a text or a number; empty for none."""
        return next(filter(None, (self._text_in(fields.get(name)) for fields in self._fields for name in names)), "")

    def _text_in(self, value: Any) -> str:
        value = value[0] if isinstance(value, list) and value else value
        return self._payloads.redact(value if number_of(value) is None else str(value)).strip()

    @property
    def number(self) -> str:
        """What the job is asked about by: of several numbers of one object a text, as plain ones count rows of a table.

        Empty for none, and for the answer of a chat, which has a number of its own.
        """
        if any("choices" in fields for fields in self._fields):
            return ""
        told: list[str] = []
        for fields in self._fields:
            each = sorted(map(fields.get, _NUMBERS), key=lambda value: not isinstance(value, str))
            told += filter(lambda text: text.strip("0"), map(self._text_in, each))
        jobs = [number for number in told if not _OF_REQUEST.match(number)]
        if not (jobs or self.is_refusal):
            values = map(self._text_in, [self.body, *(one.get(name) for one in self._fields for name in _ALONE)])
            names = (self._text_in(fields.get("name")) for fields in self._fields)
            jobs = [*filter(_IS_NUMBER.fullmatch, values), *filter(_IS_OPERATION.fullmatch, names), *told]
            if not (jobs or self._words):  # xAI's servers give the number of the request, and nothing but a state
                jobs = [self._text(("requestid",)) or self._text_in((task_in(self.body) or ("",))[0])]
        return next(iter(jobs), "")[:LONGEST_ID]

    @property
    def is_refusal(self) -> bool:
        """Whether the answer says that it is an error; with a job's number beside it, it need not be one."""
        return any(map(is_failure, self._fields))

    @property
    def is_complaint(self) -> bool:
        """Whether it is an error in place of a state."""
        if self.status or not self._fields:
            return False
        says_nothing_else = not self.number and self._percent is None
        return self.is_refusal or (says_nothing_else and any(map(is_complaint, self._fields)))

    @property
    def status(self) -> str:
        """The word for its state in lower case, its parts joined by ``_``; empty for none.

        The object with the job's number tells it, then the others; the outermost may only say that it could be asked.
        """
        numbered = [one for one in self._fields if any(map(one.get, _NUMBERS))]
        objects = [*numbered, *self._fields[1:], *self._fields[:1]]
        words = (self._payloads.redact(one.get(name)) for one in objects for name in shapes.STATES)
        word = next((word for word in map(str.strip, words) if word and not word.isdigit()), "")[:60]
        return re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word)).strip("_").lower()

    @property
    def is_done(self) -> bool:
        """Whether its clip is there: it says so in words that mean nothing else, or names it and tells no state."""
        parts, percent = set(self.status.split("_")), self._percent
        if self.status in _DONE_WITH_CLIP:
            return bool(self.clips)
        if not self.status:
            return bool(self._is_ended or self.clips) and not (self.is_refusal or (percent and percent < 100))  # noqa: PLR2004
        in_chinese = _DONE_IN_CHINESE.fullmatch(self.status)
        return bool(in_chinese) or (not parts.isdisjoint(_DONE) and parts - _DONE <= _OF_JOBS)

    @property
    def _is_ended(self) -> bool:
        return any(one.get("done") is True for one in self._fields)

    @property
    def has_failed(self) -> bool:
        """Whether it has ended without a clip; an unknown word means that it goes on.

        Google's say no word: they are done with an error, or with the number of clips that were held back.
        """
        if not self.status and self._is_ended:
            held_back = self.is_refusal or any(one.get("raimediafilteredcount") for one in self._fields)
            return held_back and not self.clips
        is_end = bool(_FAILED.search(self.status)) and _NOT_YET.isdisjoint(self.status.split("_"))
        return is_end and not self.is_done

    @property
    def clips(self) -> tuple[Source, ...]:
        """Its clips, also those that stand in none of the usual places, where any other answer could hold them.

        Empty while no answer names them, and where they are at the endpoint itself.
        """
        if addresses := clip_addresses(self.body):
            return tuple(map(Source, map(self._payloads.restore_text, addresses)))
        parser = AnswerParser(ImageRequest("a clip"), self._payloads)
        list(parser.add(self.body))
        return parser.answer().videos

    @property
    def _words(self) -> str:
        """What it says in words, but for that all is well."""
        return next((words for words in map(words_in, self._fields) if words and not FINE.match(words)), "")

    @property
    def _percent(self) -> float | None:
        told = (percent_in(fields.get(name)) for fields in self._fields for name in _PROGRESS)
        return next((percent for percent in told if percent is not None), None)

    def progress(self) -> Progress:
        """Report how far it is: its state, or the words in place of one; of an answer that tells nothing no JSON."""
        known = _STATUS.get(self.status)
        said = _(known) if known else self.status.replace("_", " ") or self._words
        words = mask_keys(one_line(self._payloads.redact(said), 80))
        percent = self._percent
        told = " ".join(filter(None, (words, f"{percent:g}%" if percent else "")))
        return Progress(told or _("submitted"), percent)

    def answer(self, number: str, prompt: str) -> Answer:
        """Return the finished clips; without an address they are fetched from the endpoint itself, with the key."""
        own = f"{PATH[1:]}/{quote(number, safe='')}/content"  # below the endpoint's address, whatever its path
        # Servers that were never told their public address give that of their own machine.
        named = self.clips or (Source(own),)
        itself = f"{PATH}/{number}"
        videos = dict.fromkeys(
            Source(own)
            if number and (_IS_OWN.search(one.address) or one.address.endswith(itself))
            # A store may be out of reach from here, want a key of its own, or have the clip no longer.
            else replace(one, otherwise=own if number and len(named) == 1 else "")
            for one in named
        )
        stills = map(Source, map(self._payloads.restore_text, posters(self.body)))
        rewritten = self._text(("enhancedprompt", "revisedprompt", "actualprompt"))
        return Answer(
            revised_prompt="" if rewritten == prompt else rewritten,
            sources=tuple(still for still in stills if still not in videos),
            finish_reason=self.status,
            model=self._text(("model",)),
            job=number,
            videos=tuple(videos),
        )

    def failure(self) -> EndpointError:
        """Make the error for a job that ended without a clip."""
        return self._error(
            EndpointError,
            _("The endpoint could not make the clip."),
            _("Change what the reason names. Running the cell again submits again, which may cost again."),
        )

    def refusal(self) -> EndpointError | AnswerError:
        """Make the error for a submission that was answered without a number."""
        if self.is_refusal:
            return self._payloads.redact_error(error_of_object(self.body))
        text = self._payloads.redact(str(self.body))[:1000]
        return unreadable(text, _("The endpoint accepted the request, but gave no job number."))

    def unknown(self) -> WaitEnded:
        """Make the error for a job that is answered about with errors alone: it may go on."""
        return self._error(
            WaitEnded,
            _("The endpoint answers with an error when it is asked about the job."),
            _(
                "Nothing is sent twice: running this cell again, or %wenwen fetch with the id, asks for free. "
                "--fresh submits again, which may cost again."
            ),
        )

    def _error(self, kind: type[Fault], what: str, do: str) -> Fault:
        text = mask_keys(str(self.body))[:65_536]
        why = mask_keys(self._words) or text[:300]  # of a shape not met yet the whole says more than nothing
        return self._payloads.redact_error(kind(what, why=why, do=do, charged="maybe", status=200, text=text))


def _read(reply: HttpReply | None, **how: Any) -> _Job:
    payloads = Payloads()
    return _Job(read_json(reply, payloads, **how), payloads)


def talk(request: ImageRequest) -> Generator[Step, HttpReply | None, Answer]:
    """Submit a job, and ask about it until it has ended.

    A submission that was answered with a number is taken for a refusal only where its words are those of one that costs
    nothing: else the job may run, and be paid. A question about it is free, and tells.

    Raises:
        ConfigError: as :func:`size_of`; a mask, a reserved param, or files and addresses together.
        EndpointError: the submission was refused, or the job failed.
        AnswerError: the submission's answer is empty or cannot be read.
        WaitEnded: three answers in a row were errors in place of the job's state.
    """
    reply = yield _submission(request)
    again, chunks = tee(reply.chunks if reply else ())
    try:
        # Of an answer that broke off the number is enough: it alone keeps the job from being paid twice.
        job = _read(reply and replace(reply, chunks=chunks), torn=lambda body: _Job(body, Payloads()).number)
    except AnswerError:  # it may be the clip itself, or words with its address
        with suppress(EndpointError, AnswerError):
            answer = yield from read(reply and replace(reply, chunks=again), request)
            if answer.videos:
                return answer
        raise
    number, complaints = job.number, 0  # the answers to questions may name another
    if job.has_failed:
        raise job.failure()
    if (job.is_done or not number) and job.clips:  # a server that makes it at once
        return job.answer(number, request.prompt)
    if not number or (job.is_refusal and not job.status and job.refusal().charged == "no"):
        raise job.refusal()
    while True:
        yield job.progress()
        job = yield from ask_about_job(_question(number), _read)
        if job.has_failed:
            raise job.failure()
        if job.is_done:
            return job.answer(number, request.prompt)
        complaints = complaints + 1 if job.is_complaint else 0
        if complaints == _MOST_COMPLAINTS:
            raise job.unknown()


def _question(number: str) -> HttpCall:
    return HttpCall("GET", f"{PATH}/{quote(number, safe='')}", free=True)


FORMAT = WireFormat(
    name="videos", talk=talk, shape_as_sent=size_of, tasks=(CLIP,), inquiries={"query": inquiry(_question)}
)
