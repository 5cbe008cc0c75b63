"""Turns what an endpoint answers in place of a picture into errors: what happened, why, what to do, and the cost."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from urllib3 import exceptions as low

from wenwen_magic.errors import AnswerError, Charged, ConfigError, EndpointError, NotSentError
from wenwen_magic.text.i18n import N_, _
from wenwen_magic.text.sanitize import mask_keys, one_line

LONGEST_TEXT = 65_536
"""Characters of a body that an error keeps."""
_WITHOUT_LIST = N_("Any model's name works without the list.")
_REQUEST_ID = re.compile(r"\(?request id:\s*([\w-]+)\)?", re.IGNORECASE)
_MESSAGE_KEYS = ("message", "msg", "error_msg", "detail", "description", "err", "error")

# The relay found these out before it asked any model, whatever status it gave them (new-api's sources; not seen on
# wenwen's pages).
_REFUSED_UNASKED = {
    "convert_request_failed",
    "insufficient_user_quota",
    "invalid_request",
    "model_not_found",
    "model_price_error",
    "pre_consume_token_quota_failed",
    "read_request_body_failed",
    "sensitive_words_detected",
}
# 408 and 409 can come from a gateway in the middle of the work; every other 4xx is a refusal of the request.
_UNDECIDED = {408, 409}
SOON = 10.0
"""Seconds within which a 429 or 503 counts as answered at once: nothing can have been drawn by then."""


@dataclass(frozen=True)
class Problem:
    """What an error body says.

    Args:
        message: its words, masked; may be empty.
        code: its code word or number as text.
        request_id: the endpoint's number of the request.
    """

    message: str = ""
    code: str = ""
    request_id: str = ""


def read_problem(body: Any) -> Problem:
    """Find the message in an error body of any of the family's shapes.

    Args:
        body: a parsed JSON value, or text.
    """
    inner = body.get("error") if isinstance(body, Mapping) else None
    source = inner if isinstance(inner, Mapping) else body
    if isinstance(source, Mapping):
        message = next((source[key] for key in _MESSAGE_KEYS if isinstance(source.get(key), str) and source[key]), "")
        if not message and body:  # of a shape not met yet: the whole says more than nothing
            message = json.dumps(body, ensure_ascii=False, default=str)[:300]
        code = source.get("code") or source.get("type") or ""
    else:
        text, code = str(body), ""
        message = _title(text[:LONGEST_TEXT]) if looks_like_html(text) else text
    message = mask_keys(message.strip())
    number = _REQUEST_ID.search(message)
    return Problem(_REQUEST_ID.sub("", message).strip(), mask_keys(str(code)), number[1] if number else "")


def _title(page: str) -> str:
    """Return the text between a page's title tags; found without going back, for any server may write a page."""
    start = page.lower().find("<title")
    opened = page.find(">", start) + 1
    end = page.lower().find("</title", opened)
    return one_line(page[opened:end], 300) if start >= 0 and 0 < opened <= end else ""


def looks_like_html(text: str) -> bool:
    """Tell whether a body begins like a web page."""
    return (
        text.lstrip("\ufeff \t\r\n")[:15].lower().startswith(("<!doctype", "<html", "<head", "<body", "<!--", "<meta"))
    )


def error_of_reply(status: int, body: bytes, *, seconds: float, request_id: str = "") -> EndpointError:
    """Make the error for an HTTP error status.

    Args:
        status: 300 to 599.
        body: as it came, possibly cut off at some length.
        seconds: from sending to the answer.
        request_id: from the answer's headers, if one was there.
    """
    text = body.decode("utf-8", "replace")
    problem = read_problem(_parsed(text))
    charged = _charged(status, problem.code, seconds)
    if problem.code == "model_not_found":
        what = _("The endpoint has no such model for your key.")
        do = _("Check the model's name: %wenwen models lists them.")
    else:
        known = _BY_STATUS.get(status) or _BY_STATUS.get(status // 100 * 100) or _BY_STATUS[500]
        what, do = f"{_(known[0])} (HTTP {status})", _(_MAYBE if charged == "maybe" else known[1])
    return EndpointError(
        what,
        why=problem.message,
        do=do,
        charged=charged,
        status=status,
        request_id=problem.request_id or mask_keys(request_id),
        text=_kept(text),
    )


def error_of_object(body: Any) -> EndpointError:
    """Make the error for an error object that came with HTTP status 200, alone or inside a stream."""
    problem = read_problem(body)
    return EndpointError(
        _("The endpoint answered with an error."),
        why=problem.message or problem.code or mask_keys(str(body))[:600],
        do=_("Read the reason; run the cell again to ask again, which may cost again."),
        charged="no" if problem.code in _REFUSED_UNASKED else "maybe",
        status=200,
        request_id=problem.request_id,
        text=_kept(json.dumps(body, ensure_ascii=False, default=str)),
    )


def not_models(body: str) -> EndpointError:
    """Make the error for an answer that should list models and does not; asking costs nothing."""
    return EndpointError(
        _("The endpoint did not list its models."),
        why=read_problem(_parsed(body)).message[:600],
        do=_(_WITHOUT_LIST),
        status=200,
        text=_kept(body),
    )


def about_models(error: EndpointError) -> EndpointError:
    """Mark the error of a request for models as free, whatever it would mean for a picture."""
    if error.charged != "no":
        error.charged, error.do = "no", _(_WITHOUT_LIST)
    return error


def no_models_in_replay() -> ConfigError:
    """Make the error for a request for models in mode ``replay`` where no list is saved."""
    return ConfigError(
        _("Replay mode is offline and has no saved model list."),
        do="%config WenwenMagics.mode = 'cache'",
    )


def unreadable(text: str, what: str = "") -> AnswerError:
    """Make the error for an answer that cannot be read.

    Args:
        text: as much of it as shall be shown; is masked here.
        what: what is wrong with it; empty for that it cannot be read.
    """
    empty = _("The answer is empty.")
    what = what or (_("The answer cannot be read.") if text.strip() else empty)
    do = _("What came is kept in the history. Running the cell again asks again, which may cost again.")
    return AnswerError(what, why=mask_keys(text)[:600], do=do, charged="maybe", text=_kept(text))


def too_long(limit: int) -> EndpointError:
    """Make the error for an answer longer than some bytes, a whole number of MiB."""
    return EndpointError(
        _("The answer is longer than {longest_reply} MiB; reading stopped there.", longest_reply=limit >> 20),
        do=_("Ask for fewer or smaller pictures. Running the cell again asks again, which may cost again."),
        charged="maybe",
    )


def too_packed(size: int) -> AnswerError:
    """Make the error for an answer that came packed and becomes far larger than any answer.

    Args:
        size: the bytes that it had become.
    """
    return AnswerError(
        _("The answer is packed, and unpacks to more than {size} MiB; reading stopped there.", size=size >> 20),
        do=_("What came is kept in the history. Running the cell again asks again, which may cost again."),
        charged="yes",
        status=200,
    )


def web_page(status: int, text: str) -> EndpointError:
    """Make the error for a web page where an answer was expected.

    Args:
        status: the HTTP status, 200 as a rule.
        text: the page, possibly cut off.
    """
    return EndpointError(
        _("The address answered with a web page, not with an API answer."),
        why=read_problem(text).message,
        do=_(
            "Check base_url (%wenwen status shows it): it should be the API's address, like https://api.wenwen-ai.com"
        ),
        charged="no",
        status=status,
        text=_kept(text),
    )


def _parsed(text: str) -> Any:
    """Return the JSON in a body, also behind keep-alive comments and `data:`; else the text itself."""
    text = text.strip("\ufeff \t\r\n")
    for candidate in (text, *reversed(text.splitlines()[-20:])):
        try:
            value = json.loads(candidate.removeprefix("data:"))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, Mapping):
            return value
    return text


def _kept(text: str) -> str:
    return mask_keys(text)[:LONGEST_TEXT]


def _charged(status: int, code: str, seconds: float) -> Charged:
    if code in _REFUSED_UNASKED or status < 400:  # noqa: PLR2004  a redirect is not followed
        return "no"
    if status in {429, 503}:
        return "no" if seconds <= SOON else "maybe"
    return "no" if status < 500 and status not in _UNDECIDED else "maybe"  # noqa: PLR2004


_MAYBE = N_("The work may have been done and charged, so it was not sent again. Running the cell again asks again.")
_BY_STATUS: dict[int, tuple[str, str]] = {
    300: (
        N_("The address redirects to another one; a paid request does not follow redirects."),
        N_("Set base_url to the final address."),
    ),
    400: (
        N_("The endpoint refused the request."),
        N_("Change what the reason names, then run the cell again."),
    ),
    401: (
        N_("The endpoint did not accept the key."),
        N_("Set a valid key: %wenwen key, or the environment variable WENWEN_API_KEY. %wenwen demo draws without one."),
    ),
    403: (
        N_("The endpoint does not allow this."),
        N_("Check the balance and what the key may use, on the relay's site."),
    ),
    404: (
        N_("The endpoint has no such address."),
        N_("Check base_url: %wenwen status shows it."),
    ),
    408: (N_("A gateway gave up waiting for the picture."), _MAYBE),
    409: (N_("The endpoint failed."), _MAYBE),
    413: (
        N_("The request is too large for the endpoint."),
        N_("Send fewer or smaller reference pictures."),
    ),
    429: (
        N_("The endpoint is busy or your rate limit is reached."),
        N_("Wait a minute, then run the cell again."),
    ),
    500: (N_("The endpoint failed."), _MAYBE),
    503: (
        N_("The endpoint has no channel for this model right now."),
        N_("Try again later, or another model (-m)."),
    ),
    524: (N_("A gateway gave up waiting for the picture."), _MAYBE),
}


def connection_error(error: Exception, where: str, *, sent: bool) -> NotSentError | EndpointError:
    """Make the error for a call that met no answer.

    Args:
        error: what requests raised.
        where: scheme, host and port that were called.
        sent: whether sending the body had begun.

    Returns:
        NotSentError when the call cannot have arrived, else an EndpointError that may have cost.
    """
    if not sent:
        return NotSentError(
            _("The endpoint {where} could not be reached.", where=where),
            why=_describe(list(_causes(error))),
            do=_("Check the connection and base_url (%wenwen status), then run the cell again."),
        )
    return broken(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those it was made of, outermost first."""
    waiting, seen = [error], set()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            inner = [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
            waiting += [item for item in inner if isinstance(item, BaseException)]


def _describe(reasons: list[BaseException]) -> str:
    """Describe the innermost cause; requests' own texts hold addresses of objects."""
    names = [reason for reason in reasons if isinstance(reason, OSError) and reason.strerror]
    inner = names[-1].strerror if names else str(reasons[-1])
    return f"{type(reasons[-1]).__name__}: {inner}"[:300]


def broken(error: Exception) -> EndpointError:
    """Make the error for a connection that broke, or stayed silent, after the call was sent."""
    reasons = list(_causes(error))
    late = any(isinstance(reason, (low.ReadTimeoutError, TimeoutError)) for reason in reasons)
    what = (
        _("The endpoint did not answer in time.")
        if late
        else _("The connection broke before the whole answer had come.")
    )
    return EndpointError(
        what,
        why="" if late else _describe(reasons),
        do=_(_MAYBE),
        charged="maybe",
    )
