"""Build what a Midjourney proxy is sent: the path and the body of each task's submission.

Source: wenwen's pages 文生图(Imagine), 图片融合(Blend) and 按钮点击(Action). Of 图生文(Describe), 换脸(FaceSwap),
上传(upload), 窗口执行(Modal) and 编辑图片(Edit) only the names are there: their paths and bodies are those of
midjourney-proxy (novicezk, trueai-org) and new-api (not seen on wenwen's pages).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.records import DESCRIBE, DRAW, ImageRequest
from wenwen_magic.text.i18n import _

_RATIOS = {"landscape": "3:2", "portrait": "2:3", "square": "1:1"}
# A long dash is what some keyboards make of two hyphens; Midjourney reads it as two hyphens.
_HAS_RATIO = re.compile(r"(?:^|\s)(?:--|—)(?:ar|aspect)\b", re.IGNORECASE)
_MANY = 100
"""The most references of a call for which no limit is known."""


@dataclass(frozen=True)
class Submit:
    """Describe how a task is submitted.

    Args:
        path: where to.
        own: makes the fields that the request itself sets.
        usual: fields that params may set otherwise.
        reserved: fields that params may not set.
        needs: params that must be there; they go out as text.
        least: reference pictures that it needs.
        most: reference pictures that it takes.
        links: whether a reference may be an address.
        masked: whether it takes a mask.
        prompted: whether the prompt goes out.
        continues: whether the job that ``taskId`` names goes on, under its number.
    """

    path: str
    own: Callable[[ImageRequest], Mapping[str, Any]] = lambda _: {}
    usual: Mapping[str, Any] = field(default_factory=dict)
    reserved: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    least: int = 0
    most: int = 0
    links: bool = False
    masked: bool = False
    prompted: bool = False
    continues: bool = False


def prompt_as_sent(request: ImageRequest) -> str:
    """Return the prompt with ``--ar`` for the orientation, unless it names a ratio; addresses of references before it.

    A task whose prompt is not sent (blend, describe, swap, upload) has it as it is.
    """
    shape = request.shape
    ratio = (shape.in_words or _RATIOS.get(shape.turn)) if SUBMITS[request.task].prompted else None
    add = f" --ar {ratio}" if ratio and not _HAS_RATIO.search(request.prompt) else ""
    links = [reference.address for reference in request.references if reference.is_link] if request.task == DRAW else []
    return " ".join([*links, request.prompt]) + add


def body(request: ImageRequest) -> dict[str, Any]:
    """Return the body of a task's submission; further ``params`` go beside the task's own fields.

    Raises:
        ConfigError: too few or too many references, an address where a picture is needed, a missing or a reserved
            param, or a mask that goes nowhere.
    """
    submit = SUBMITS[request.task]
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


def window(request: ImageRequest, job: str) -> dict[str, Any]:
    """Return the body that fills the window which a button opened: the request's prompt, and its mask if it has one.

    Args:
        request: that pressed the button.
        job: the number of the job that waits.
    """
    return {"taskId": job, **_prompt_and_mask(request)}


def _needed(request: ImageRequest, name: str) -> str:
    """Return a param that must be there; a number typed after ``--param`` arrives as an int."""
    value = request.params.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise ConfigError(
            _("The task {task} needs {name}.", task=request.task, name=name),
            do=_("Press a button under a finished picture, or give it: --param {name}=...", name=name),
        )
    return str(value).strip()


def _check_pictures(request: ImageRequest, submit: Submit) -> None:
    given = len(request.references)
    if not submit.least <= given <= submit.most:
        few = str(submit.least) if submit.least == submit.most else f"{submit.least}-{submit.most}"
        raise ConfigError(
            _("The task {task} takes {few} reference pictures, not {given}.", task=request.task, few=few, given=given),
            do=_("Give them one by one: --ref a.png --ref b.png"),
        )
    if request.mask and not submit.masked:
        raise ConfigError(
            _("The task {task} takes no mask.", task=request.task),
            do=_("Masks go with: ") + ", ".join(name for name, other in SUBMITS.items() if other.masked),
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
SUBMITS: Mapping[str, Submit] = {
    # Page 文生图(Imagine): the body exactly as shown there.
    DRAW: Submit(
        "/mj/submit/imagine",
        _imagine,
        {**_SPEED, **_HOOK},
        frozenset({"prompt", "base64Array"}),
        most=_MANY,
        links=True,
        prompted=True,
    ),
    # Page 图片融合(Blend); that it takes 2 to 5 pictures is not seen there.
    "blend": Submit(
        "/mj/submit/blend", _blend, {**_SPEED, **_HOOK, "state": ""}, frozenset({"base64Array"}), least=2, most=5
    ),
    # Not seen on wenwen's pages (图生文(Describe) is only named).
    DESCRIBE: Submit(
        "/mj/submit/describe", _describe, reserved=frozenset({"base64", "link"}), least=1, most=1, links=True
    ),
    # Not seen on wenwen's pages (换脸(FaceSwap) is only named).
    "swap": Submit(
        "/mj/insight-face/swap", _swap, reserved=frozenset({"sourceBase64", "targetBase64"}), least=2, most=2
    ),
    # Not seen on wenwen's pages (上传(upload) is only named).
    "upload": Submit(
        "/mj/submit/upload-discord-images",
        lambda request: {"base64Array": _addresses(request)},
        reserved=frozenset({"base64Array"}),
        least=1,
        most=_MANY,
    ),
    # Page 按钮点击(Action). The prompt goes out only if the button opens a window.
    "action": Submit(
        "/mj/submit/action",
        usual={"chooseSameChannel": True, **_HOOK, "state": ""},
        needs=("taskId", "customId"),
        masked=True,
        prompted=True,
    ),
    # Not seen on wenwen's pages (窗口执行(Modal) is only named).
    "modal": Submit(
        "/mj/submit/modal",
        _prompt_and_mask,
        reserved=frozenset({"prompt", "maskBase64"}),
        needs=("taskId",),
        masked=True,
        prompted=True,
        continues=True,
    ),
    # Not seen on wenwen's pages (编辑图片(Edit) is only named).
    "edit": Submit(
        "/mj/submit/edits",
        _edit,
        reserved=frozenset({"prompt", "image", "maskBase64"}),
        least=1,
        most=1,
        links=True,
        masked=True,
        prompted=True,
    ),
}
"""How each task is submitted, by its name."""
