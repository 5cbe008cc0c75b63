"""Words what a Midjourney proxy is asked for: the path and the body of each task's submission.

Source: wenwen's pages 文生图(Imagine), 图片融合(Blend) and 按钮点击(Action). Of 图生文(Describe), 换脸(FaceSwap),
上传(upload), 窗口执行(Modal) and 编辑图片(Edit) only the names are there: their paths and bodies are those of
midjourney-proxy (novicezk, trueai-org) and new-api (not seen on wenwen's pages). 刷新链接(Refresh) is in none of these:
its path and body are a guess.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.records import DESCRIBE, DRAW, ImageRequest
from wenwen_magic.text.i18n import N_, _

_RATIOS = {"landscape": "3:2", "portrait": "2:3", "square": "1:1"}
# A long dash is what some keyboards make of two hyphens; Midjourney takes it for them.
_HAS_RATIO = re.compile(r"(?:^|\s)(?:--|—)(?:ar|aspect)\b", re.IGNORECASE)
_MANY = 100
"""References that are no question of a limit of ours."""


@dataclass(frozen=True)
class Order:
    """How a task is submitted.

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
        continues: whether the work that ``taskId`` names goes on, under its number.
        notice: what the user should know before it is sent, marked for translation.
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
    notice: str = ""


def prompt_as_sent(request: ImageRequest) -> str:
    """The prompt with ``--ar`` for the orientation, unless it names a ratio; addresses of references before it.

    A task whose prompt stays here (blend, describe, swap, upload, refresh) has it as it is.
    """
    order = ORDERS[request.task]
    ratio = _RATIOS.get(request.orientation)
    add = f" --ar {ratio}" if order.prompted and ratio and not _HAS_RATIO.search(request.prompt) else ""
    links = [one.address for one in request.references if one.is_link] if request.task == DRAW else []
    return " ".join([*links, request.prompt]) + add


def body(request: ImageRequest) -> dict[str, Any]:
    """The body of a task's submission; further ``params`` stand beside the task's own fields.

    Raises:
        ConfigError: too few or too many references, an address where a picture is needed, a missing or a reserved
            param, or a mask that goes nowhere.
    """
    order = ORDERS[request.task]
    _check_references(request, order)
    _check_mask(request, order)
    if taken := sorted(order.reserved & request.params.keys()):
        raise ConfigError(
            _("--param cannot set {taken}.", taken=", ".join(taken)),
            do=_("The cell's text is the prompt, --ref and --mask give the pictures."),
        )
    needed = {name: _text(request, name) for name in order.needs}
    more = {name: _worded(name, value) for name, value in request.params.items()}
    return {**order.usual, **order.own(request), **more, **needed}


def window(request: ImageRequest, job: str) -> dict[str, Any]:
    """The body that fills the window which a button has opened: the request's prompt, and its mask if it has one.

    Args:
        request: that pressed the button.
        job: the number of the work that waits.
    """
    return {"taskId": job, **_prompt_and_mask(request)}


def _worded(name: str, value: Any) -> Any:
    """The page writes the speed in capitals, and people do not."""
    return value.upper() if name == "mode" and isinstance(value, str) else value


def _text(request: ImageRequest, name: str) -> str:
    """A param that must be there; a number typed after ``--param`` has become one on the way."""
    value = request.params.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise ConfigError(
            _("The task {task} needs {name}.", task=request.task, name=name),
            do=_("Press a button under a finished picture, or give it: --param {name}=...", name=name),
        )
    return str(value).strip()


def _check_references(request: ImageRequest, order: Order) -> None:
    given = len(request.references)
    if not order.least <= given <= order.most:
        few = str(order.least) if order.least == order.most else f"{order.least}-{order.most}"
        raise ConfigError(
            _("The task {task} takes {few} reference pictures, not {given}.", task=request.task, few=few, given=given),
            do=_("Give them one by one: --ref a.png --ref b.png"),
        )
    # An address that is empty is that of a saved request, whose pictures' bytes were not kept.
    if not order.links and any(one.is_link for one in request.references):
        raise _no_link(request.task)


def _check_mask(request: ImageRequest, order: Order) -> None:
    if request.mask and not order.masked:
        raise ConfigError(
            _("The task {task} takes no mask.", task=request.task),
            do=_("Masks go with: ") + ", ".join(name for name, one in ORDERS.items() if one.masked),
        )
    if request.mask and request.mask.is_link:
        raise _no_link(request.task)


def _no_link(task: str) -> ConfigError:
    return ConfigError(
        _("The task {task} needs the pictures themselves, not addresses.", task=task),
        do=_("Save the picture and give the file: --ref cat.png"),
    )


def _addresses(request: ImageRequest) -> list[str]:
    return [one.address for one in request.references]


def _prompt_and_mask(request: ImageRequest) -> dict[str, str]:
    mask = {"maskBase64": request.mask.address} if request.mask else {}
    return {"prompt": prompt_as_sent(request), **mask}


def _imagine(request: ImageRequest) -> dict[str, Any]:
    pictures = [one.address for one in request.references if not one.is_link]
    return {"prompt": prompt_as_sent(request), "base64Array": pictures}


def _blend(request: ImageRequest) -> dict[str, Any]:
    given = "dimensions" in request.params or request.orientation == "auto"
    return {"base64Array": _addresses(request), **({} if given else {"dimensions": request.orientation.upper()})}


def _describe(request: ImageRequest) -> dict[str, Any]:
    one = request.references[0]
    return {"link" if one.is_link else "base64": one.address}


def _swap(request: ImageRequest) -> dict[str, Any]:
    return dict(zip(("sourceBase64", "targetBase64"), _addresses(request), strict=True))


def _edit(request: ImageRequest) -> dict[str, Any]:
    return {"image": request.references[0].address, **_prompt_and_mask(request)}


_SPEED, _HOOK = {"mode": "RELAX"}, {"notifyHook": ""}
UNPROVEN = N_("No public server is known to have this call; wenwen's pages only name it. It is sent as it might be.")
"""What is told before a call that nobody has seen."""
ORDERS: Mapping[str, Order] = {
    # Page 文生图(Imagine): the body exactly as shown there.
    DRAW: Order(
        "/mj/submit/imagine",
        _imagine,
        {**_SPEED, **_HOOK},
        frozenset({"prompt", "base64Array"}),
        most=_MANY,
        links=True,
        prompted=True,
    ),
    # Page 图片融合(Blend); that it takes 2 to 5 pictures is not seen there.
    "blend": Order(
        "/mj/submit/blend", _blend, {**_SPEED, **_HOOK, "state": ""}, frozenset({"base64Array"}), least=2, most=5
    ),
    # Not seen on wenwen's pages (图生文(Describe) is only named).
    DESCRIBE: Order(
        "/mj/submit/describe", _describe, reserved=frozenset({"base64", "link"}), least=1, most=1, links=True
    ),
    # Not seen on wenwen's pages (换脸(FaceSwap) is only named).
    "swap": Order(
        "/mj/insight-face/swap", _swap, reserved=frozenset({"sourceBase64", "targetBase64"}), least=2, most=2
    ),
    # Not seen on wenwen's pages (上传(upload) is only named).
    "upload": Order(
        "/mj/submit/upload-discord-images",
        lambda request: {"base64Array": _addresses(request)},
        reserved=frozenset({"base64Array"}),
        least=1,
        most=_MANY,
    ),
    # Page 按钮点击(Action). The prompt goes out only if the button opens a window.
    "action": Order(
        "/mj/submit/action",
        usual={"chooseSameChannel": True, **_HOOK, "state": ""},
        needs=("taskId", "customId"),
        masked=True,
        prompted=True,
    ),
    # Not seen on wenwen's pages (窗口执行(Modal) is only named).
    "modal": Order(
        "/mj/submit/modal",
        _prompt_and_mask,
        reserved=frozenset({"prompt", "maskBase64"}),
        needs=("taskId",),
        masked=True,
        prompted=True,
        continues=True,
    ),
    # Not seen on wenwen's pages (编辑图片(Edit) is only named).
    "edit": Order(
        "/mj/submit/edits",
        _edit,
        reserved=frozenset({"prompt", "image", "maskBase64"}),
        least=1,
        most=1,
        links=True,
        masked=True,
        prompted=True,
    ),
    # Not seen anywhere (刷新链接(Refresh) is only named).
    "refresh": Order("/mj/submit/refresh", needs=("taskId",), continues=True, notice=UNPROVEN),
}
"""How each task is submitted, by its name."""
