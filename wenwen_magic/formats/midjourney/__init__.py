"""The midjourney format: a job is submitted, asked about until it is done, and continued by its buttons.

Source: wenwen's pages 文生图(Imagine), 图片融合(Blend), 按钮点击(Action), 任务查询接口 and 任务批量查询接口 show the
calls of the tasks ``draw``, ``blend`` and ``action`` and the two queries; 获取种子(Seed) is named there as a GET, and
its path is new-api's. Of 图生文(Describe), 换脸(FaceSwap), 上传(upload), 窗口执行(Modal) and 编辑图片(Edit) only the
names are there: their paths and bodies are those of midjourney-proxy (novicezk, trueai-org) and new-api (not seen on
wenwen's pages). 刷新链接(Refresh) is in none of these, and not here. No model is sent, nothing is streamed.
"""

import re
from collections.abc import Callable, Generator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from wenwen_magic.endpoint.failures import unreadable
from wenwen_magic.errors import ConfigError
from wenwen_magic.formats.midjourney import task
from wenwen_magic.formats.parse.stream import ask_about_job, ask_free, inquiry
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Progress, Source, Step, WireFormat
from wenwen_magic.records import DESCRIBE, DRAW, ImageRequest
from wenwen_magic.text.i18n import _

_RATIOS = {"landscape": "3:2", "portrait": "2:3", "square": "1:1"}
# A long dash is what some keyboards make of two hyphens; Midjourney reads it as two hyphens.
_HAS_RATIO = re.compile(r"(?:^|\s)(?:--|—)(?:ar|aspect)\b", re.IGNORECASE)
_MANY = 100
"""The most references of a call for which no limit is known."""
_ASKS = 4
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
            return Answer(text="\n".join(taken.links), finish_reason=task.SUCCESS)
        return Answer(sources=tuple(map(Source, taken.links)), finish_reason=task.SUCCESS)
    number = taken.job or (str(request.params["taskId"]) if request.task == "modal" else "")
    if not number:
        raise unreadable("", _("The endpoint accepted the request, but gave no job number."))
    windows = request.task == "action"
    if taken.modal and windows:
        number, windows = (yield from _fill_window(request, number)), False
    return (yield from _follow(request, number, windows=windows))


def _submit(call: HttpCall) -> Generator[Step, HttpReply | None, task.Submission]:
    taken = task.read_submission((yield call))
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
        job = yield from ask_about_job(_question(number), task.read_job)
        if job.status == task.SUCCESS:
            asks += 1
            if request.wants_words or job.pictures or job.videos or asks > _ASKS:
                return _answer(request, job, number)
            yield Progress(_("drawn; waiting for the picture's address"))
            continue
        if job.status in {task.FAILURE, task.CANCEL}:
            raise task.failed(job)
        progress = job.progress(shown)
        yield progress
        shown = progress.picture or shown
        if job.status == task.MODAL and windows:
            number, windows = (yield from _fill_window(request, number)), False


def _question(number: str, about: str = "fetch") -> HttpCall:
    """Return the question about a job (page 任务查询接口, without the number that other servers have in the path)."""
    return HttpCall("GET", f"/mj/task/{quote(number, safe='')}/{about}", free=True)


def _answer(request: ImageRequest, job: task.Job, number: str) -> Answer:
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
    return {"seed": task.read_submission((yield _question(job, "image-seed"))).job}


FORMAT = WireFormat(
    name="midjourney",
    talk=talk,
    prompt_as_sent=prompt_as_sent,
    tasks=tuple(_SUBMITS),
    inquiries={"query": inquiry(_question), "queries": queries, "seed": seed},
)
