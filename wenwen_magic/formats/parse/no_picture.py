"""Read an object that holds no picture: the task that it names, a complaint, or something that is not known.

The names are those of asynchronous servers of the relay's family (not seen on wenwen's pages).
"""

from collections.abc import Mapping
from typing import Any

from wenwen_magic.endpoint.failures import is_complaint
from wenwen_magic.formats.parse import shapes

_NUMBERS = ("taskid", "jobid", "taskuuid", "predictionid", "generationid")
_STATES = ("status", "state", "taskstatus", "jobstatus")
_WAITING = {
    *("queued", "queueing", "queuing", "in_queue", "pending", "submitted", "submit", "processing", "in_progress"),
    *("running", "starting", "started", "created", "waiting", "not_start", "scheduled", "generating", "accepted"),
    *(
        "dreaming",
        "drawing",
        "rendering",
        "executing",
        "initializing",
        "preparing",
        "not_started",
        "inprogress",
        "doing",
    ),
}
_ABOUT = {"id", "created", "object", "model", "modelversion", "usage", "usagemetadata", "requestid", "type", "event"}
"""Fields that are no answer by themselves."""


def _waits(state: Any) -> bool:
    return isinstance(state, str) and state.strip().lower().replace(" ", "_") in _WAITING


def task_in(value: Any, depth: int = 0) -> tuple[str, str] | None:
    """Return the number and the state of a task that an object, or one in it, describes; None for none."""
    if depth > 4:  # noqa: PLR2004  tasks are near the top
        return None
    if isinstance(value, list):
        return next(filter(None, (task_in(item, depth + 1) for item in value[:5])), None)
    if not isinstance(value, Mapping):
        return None
    fields = shapes.plain_fields(value)
    state = next((fields[name] for name in _STATES if isinstance(fields.get(name), str)), "")
    waits = _waits(state)
    names = (*_NUMBERS, *(("id", "requestid") if waits else ()), *(("result",) if "code" in fields else ()))
    for name in names:
        number = fields.get(name)
        number = str(number) if shapes.number_of(number) is not None else number
        if isinstance(number, str) and number.strip() and (name != "result" or number.strip().isdigit()):
            return number.strip()[:200], state
    return next(filter(None, (task_in(inner, depth + 1) for inner in fields.values())), None)


def is_bare(body: Mapping[str, Any], depth: int = 0) -> bool:
    """Tell whether an object has a problem's words and nothing that is a result."""
    results = {*shapes.WRAPPERS, *shapes.ADDRESSES} - {"message"}
    fields = shapes.plain_fields(body)
    waits = any(_waits(fields.get(name)) for name in _STATES)
    held = (value for name, value in fields.items() if name in results and value)
    return (
        is_complaint(body)
        and not waits
        and all(
            depth < 2 and isinstance(value, Mapping) and is_bare(value, depth + 1)  # noqa: PLR2004  envelopes are near the top
            for value in held
        )
    )


def is_strange(body: Mapping[str, Any]) -> bool:
    """Tell whether an object holds anything beside what is about an answer."""
    fields = shapes.plain_fields(body)
    return any(
        value not in (None, "", [], {})
        for name, value in fields.items()
        if name not in _ABOUT and not isinstance(value, bool)
    )
