"""Reads what comes in place of a picture, and turns it into errors: what happened, why, what to do, and the cost."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from urllib3 import exceptions as low

from wenwen_magic.endpoint.refusals import NOT_ALLOWED, REFUSED, TOO_LARGE, is_away, refusal_of
from wenwen_magic.errors import AnswerError, Charged, ConfigError, EndpointError, NotSentError
from wenwen_magic.text.i18n import N_, _
from wenwen_magic.text.sanitize import mask_keys, one_line, replace_unshown

MOST_READ = 1 << 14
"""Most bytes of a body, received in place of a file, that are searched for an error message."""
LONGEST_TEXT = 65_536
"""Characters of a body that an error keeps."""
_WITHOUT_LIST = N_("Any model's name works without the list.")
_REQUEST_ID = re.compile(r"\(?request id:\s*([\w-]+)\)?", re.IGNORECASE)
# Names of fields are compared in lower case and without `_` and `-`.
_MESSAGES = (
    *("errordescription", "message", "msg", "errormsg", "errmsg", "errormessage", "statusmsg", "statusmessage"),
    *("taskstatusmsg", "returnmsg", "returnmessage", "resultdesc", "respdesc", "desc"),
    *("failreason", "failurereason", "failmsg", "retmsg", "resultmsg", "respmsg", "jobstatusmsg", "faultstring"),
    *("detail", "details", "description", "fault", "reason", "info", "title", "err", "error", "errors", "text"),
)
"""Fields with the words of a problem, the likeliest first."""
_SPOKEN = frozenset(_MESSAGES) - {"info", "title", "text", "reason", "description", "details"}
"""Those that hold nothing but a problem's words, where they are all that an answer has."""
_ENVELOPES = ("baseresp", "response", "responsemetadata", "header", "output", "result", "data", "body", "content")
"""Fields in which the problem may be."""
_CODES = ("code", "errcode", "errorcode", "errno", "ret", "retcode", "statuscode", "resultcode", "returncode")
_REPLACEMENTS = ("replacement", "replacementmodel", "suggestedmodel", "recommendedmodel", "successor")
"""Fields with the model to use in place of one that is gone."""
_FINE_CODES = {"0", "200", "201", "202", "10000", "20000", "0000", "00000", "success", "ok", "succeed", "succeeded"}
"""Codes with which servers say that all is well (not seen on wenwen's pages)."""
_FINE = re.compile(
    r"(?i)^\W*(?:success|succe+d|ok\b|done\b|成功|请求成功|操作成功|提交成功|.{0,6}已提交|.{0,6}成功\W*$"
    r"|(?:(?:your|the|task|job|request|video|submit|is|was|has|been) ){0,5}"
    r"(?:submitted|accepted|queued|created|success)\W*$)"
)
_FAILED = {"error", "fail", "failed", "failure", "errored"}
_STATES = ("status", "state", "taskstatus", "jobstatus", "type", "object", "event")
_DEEPEST = 6
_LONGEST_QUOTE = 300
"""Characters of a page, and of a body of a shape not met yet, that are quoted."""
_LEAST_TEXT = 0.9
"""The share of characters that can be shown, below which bytes are no text."""

_BLANK = "\ufeff \t\r\n"
_TITLE = re.compile(r"(?i)<title[^<>]*>([^<]*)")
# Amazon S3, Aliyun OSS, Tencent COS, Google and Azure answer with such elements; the last two add why.
_ELEMENT = re.compile(
    r"(?i)<(?:[\w.-]+:)?(code|message|msg|details?|authenticationerrordetail|reason|description|faultstring)(?:\s[^<>]*)?>"
    r"\s*(?:<!\[CDATA\[)?([^<]+)"
)

_NO_WORDS = re.compile(r"(?i)<(?:script|style)\b[^<]*(?:<(?!/(?:script|style))[^<]*)*|<[^<>]*>")
_EXPIRED = re.compile(
    r"(?i)\bexpir(?:ed|y\b|ation)|not valid in the specified time|no longer (?:available|valid)"
    r"|过期|已失效|已到期|有效期"
)

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
        instead: the model that it names in place of one that is gone.
    """

    message: str = ""
    code: str = ""
    request_id: str = ""
    instead: str = ""


def read_problem(body: Any) -> Problem:
    """Find the message in an error body of any of the family's shapes.

    Args:
        body: a parsed JSON value, or text.
    """
    if isinstance(body, (Mapping, list)):
        # Of a shape not met yet the whole says more than nothing.
        message = words_in(body) or (json.dumps(body, ensure_ascii=False, default=str)[:_LONGEST_QUOTE] if body else "")
        message = " · ".join([message, *filters_in(body)])
        code = _code_in(body)
    else:
        message, code = _of_text(str(body))
    message = mask_keys(message.strip())
    number = _REQUEST_ID.search(message)
    words = _REQUEST_ID.sub("", message).strip()
    return Problem(words, mask_keys(str(code)), number[1] if number else "", _instead_in(body))


def _of_text(text: str) -> tuple[str, str]:
    """Return the words and the code in a text: of a page its title, of an error in XML what its elements hold."""
    if looks_like_html(text):
        title = _TITLE.search(text, 0, LONGEST_TEXT)
        return one_line(title[1], _LONGEST_QUOTE) if title else "", ""
    found = _ELEMENT.findall(text[:LONGEST_TEXT]) if text.lstrip(_BLANK).startswith("<") else []
    elements = [(name.lower(), one_line(inner.removesuffix("]]>"))) for name, inner in found]
    code = next((inner for name, inner in elements if name == "code"), "")
    words = dict.fromkeys(inner for name, inner in elements if name != "code" and inner)
    return (": ".join(words), code) if elements else (text, "")


def _instead_in(body: Any) -> str:
    """Return the name in a field for the replacement of a model; empty for none."""
    body = body[0] if isinstance(body, list) and body else body
    fields = plain_fields(body) if isinstance(body, Mapping) else {}
    fields |= plain_fields(fields["error"]) if isinstance(fields.get("error"), Mapping) else {}
    value = next((fields[name] for name in _REPLACEMENTS if isinstance(fields.get(name), str)), "")
    return value if re.fullmatch(r"[\w./:@+-]{1,80}", value) else ""


def words_in(value: Any, depth: int = 0) -> str:
    """Return the words with which an object tells its problem, whatever field they are in; empty for none.

    Args:
        value: of any JSON type.
        depth: how many objects it is in.
    """
    if isinstance(value, str) and depth <= _DEEPEST:
        return (words_in(parsed(value), depth + 1) if value.lstrip()[:1] in {"{", "["} else "") or value
    if isinstance(value, list) and depth <= _DEEPEST:
        return "; ".join(dict.fromkeys(filter(None, (words_in(item, depth + 1) for item in value[:5]))))
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return ""
    fields = plain_fields(value)
    inner = next((fields[name] for name in ("error", "errors") if isinstance(fields.get(name), (Mapping, list))), None)
    if inner and (words := words_in(inner, depth + 1)):
        return words
    found = [words for name in _MESSAGES if (words := words_in(fields.get(name), depth + 1).strip())]
    within = (words_in(fields.get(name), depth + 1) for name in _ENVELOPES if not isinstance(fields.get(name), str))
    words = next((words for words in found if not _FINE.match(words)), "") or next(filter(None, within), "")
    if words:
        title, place = fields.get("title"), fields.get("loc")
        where = ".".join(map(str, place[:5])) if isinstance(place, list) else ""
        title = title if isinstance(title, str) and title != words else ""  # of application/problem+json
        return ": ".join(part for part in (where, title, words) if part)
    if depth and not found and all(isinstance(inner, list) for inner in value.values()):
        found = ["; ".join(f"{name}: {words_in(inner, depth + 1)}" for name, inner in list(value.items())[:5])]
    return next(iter(found), "")


@lru_cache(4096)
def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()


def plain_fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's fields by their names in lower case, without ``_`` and ``-``; of equal names the first."""
    fields: dict[str, Any] = {}
    for name, value in item.items():
        fields.setdefault(_plain(name) if len(name) < 40 else name, value)  # noqa: PLR2004  longer ones name nothing
    return fields


def _code_in(body: Any, depth: int = 0) -> str:
    """Return the code word or number of a problem, empty for none."""
    body = body[0] if isinstance(body, list) and body else body
    if not isinstance(body, Mapping) or depth > _DEEPEST:
        return ""
    fields = plain_fields(body)
    if isinstance(fields.get("error"), Mapping):
        return _code_in(fields["error"], depth + 1)
    code = next((fields[name] for name in (*_CODES, "type") if fields.get(name)), "")
    inner = (_code_in(fields.get(name), depth + 1) for name in _ENVELOPES)
    return str(code) or next(filter(None, inner), "")


def filters_in(value: Any, depth: int = 0) -> list[str]:
    """Return the names of the filters that refused, with how sure they were.

    Azure lists them as ``content_filter_results``, Google as ``safetyRatings`` (not seen on wenwen's pages).
    """
    if depth > _DEEPEST or not isinstance(value, (Mapping, list)):
        return []
    if isinstance(value, list):
        return [name for item in value[:20] for name in filters_in(item, depth + 1)]
    named: list[str] = []
    for name, inner in list(value.items())[:50]:
        if isinstance(inner, Mapping) and inner.get("filtered") is True:
            named.append(_with_level(name, inner.get("severity")))
        elif isinstance(inner, (Mapping, list)):
            named += filters_in(inner, depth + 1)
    if value.get("blocked") is True and isinstance(value.get("category"), str):
        named.append(_with_level(value["category"], value.get("probability")))
    return list(dict.fromkeys(named))


def _with_level(name: str, level: Any) -> str:
    return mask_keys(one_line(f"{name}: {level}" if isinstance(level, str) else name, 80))


def is_failure(body: Mapping[str, Any]) -> bool:
    """Tell whether an object that came with HTTP status 200 says by itself that something failed."""
    fields = plain_fields(body)
    error = fields.get("error") or fields.get("errors") or fields.get("fault")
    told = error.values() if isinstance(error, Mapping) else [error]  # some send an empty one along
    if any(str(one).lower() not in {"none", "null", "no", *_FINE_CODES} for one in told if one):
        return True
    if any(str(fields.get(name)).lower() in _FAILED for name in _STATES if isinstance(fields.get(name), str)):
        return True
    if any(str(fields.get(name)).lower() == "false" for name in ("success", "ok")) or fields.get("iserror") is True:
        return True
    status = fields.get("status")
    if isinstance(status, int) and 400 <= status < 600:  # noqa: PLR2004  an HTTP status
        return True
    codes = [fields[name] for name in _CODES if isinstance(fields.get(name), (str, int)) and fields[name] != ""]
    bad = any(str(code).lower() not in _FINE_CODES for code in codes)
    return (
        bad
        and bool(words := words_in({key: fields[key] for key in _MESSAGES if key in fields}))
        and not _FINE.match(words)
    )


def is_complaint(body: Mapping[str, Any]) -> bool:
    """Tell whether an object, or one just inside, holds words of a problem; asked of those that hold no result."""
    fields = plain_fields(body)
    objects = [fields, *(plain_fields(inner) for name in _ENVELOPES if isinstance(inner := fields.get(name), Mapping))]
    words = [words for one in objects for name in _SPOKEN if (words := words_in(one.get(name)))]
    return bool(words) and not any(map(_FINE.match, words))


def looks_like_xml(text: str) -> bool:
    """Tell whether a body is an error in XML, as stores of files write them."""
    begin = text.lstrip(_BLANK)[:2000].lower()
    return begin.startswith(("<?xml", "<error")) and "<error" in begin


def looks_like_html(text: str) -> bool:
    """Tell whether a body begins like a web page."""
    begin = text.lstrip(_BLANK)[:15].lower()
    return begin.startswith(("<!doctype", "<html", "<head", "<body", "<!--", "<meta"))


def words_of(body: bytes) -> str:
    """Return what an error body says, in one line, masked and cut short; empty for bytes that are no text.

    Args:
        body: as it came, or its first :data:`MOST_READ` bytes.
    """
    text = _decoded(body[:MOST_READ])
    problem = read_problem(parsed(text))
    number = f"(request id: {problem.request_id})" if problem.request_id else ""
    words, code = f"{problem.message} {number}".strip(), problem.code
    if code and not code.lstrip("-").isdigit() and not re.search(rf"\b{re.escape(code)}\b", words):
        words = f"{code}: {words}" if words else code
    words = _NO_WORDS.sub(" ", words or text) if text.startswith("<") else words or code
    return one_line(mask_keys(replace_unshown(html.unescape(words))), _LONGEST_QUOTE, " …")


def advice_on(words: str) -> str:
    """Return what to do about an address whose server said so; empty where nothing better is known than to try again.

    Args:
        words: as :func:`words_of` returns them.
    """
    if not _EXPIRED.search(words):
        return ""
    return _("The address was valid for a limited time, which is over: --fresh draws a new picture, which costs again.")


def _decoded(body: bytes) -> str:
    """Decode what may be text; empty where it is none."""
    wide = body.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8", "gb18030"):
        for cut in range(4):  # the last character may be cut
            with suppress(UnicodeDecodeError):
                text = body[: len(body) - cut].decode(encoding).lstrip(_BLANK)
                shown = sum(map(str.isprintable, text)) + sum(map(text.count, "\r\n\t"))
                return text if shown >= _LEAST_TEXT * len(text) else ""
    return ""


def error_of_reply(status: int, body: bytes, *, seconds: float, request_id: str = "") -> EndpointError:
    """Make the error for an HTTP error status.

    Args:
        status: 300 to 599.
        body: as it came, possibly cut off at some length.
        seconds: from sending to the answer.
        request_id: from the answer's headers, if one was there.
    """
    text = body.decode("utf-8", "replace")
    problem = read_problem(parsed(text))
    refusal = refusal_of(problem.code, problem.message, problem.instead, status)
    charged = _charged(status, seconds, refused=refusal is not None)
    if refusal:
        what, do = refusal
    else:
        away = status == 404 and is_away(problem.message)  # noqa: PLR2004  with words on a model, not on the address
        known = _BY_STATUS.get(503 if away else status) or _BY_STATUS.get(status // 100 * 100) or _BY_STATUS[500]
        what, do = f"{_(known[0])} (HTTP {status})", _(_MAYBE if charged == "maybe" else known[1])
    error = EndpointError(
        what,
        why=problem.message,
        do=do,
        charged=charged,
        status=status,
        request_id=problem.request_id or mask_keys(request_id),
        text=_kept(text),
    )
    error.lasting = refusal is not None
    return error


def error_of_object(body: Any, *, begun: bool = False) -> EndpointError:
    """Make the error for an error object that came with HTTP status 200, alone or inside a stream.

    Args:
        body: the object, or text.
        begun: whether words or a draft came before it: then a model has worked, whatever the object says.
    """
    problem = read_problem(body)
    refusal = None if begun else refusal_of(problem.code, problem.message, problem.instead)
    what, do = refusal or (
        _("The endpoint answered with an error."),
        _("Read the reason; run the cell again to ask again, which may cost again."),
    )
    return EndpointError(
        what,
        why=problem.message or problem.code or mask_keys(str(body))[:600],
        do=do,
        charged="no" if refusal else "maybe",
        status=200,
        request_id=problem.request_id,
        text=_kept(json.dumps(body, ensure_ascii=False, default=str)),
    )


def not_models(body: str) -> EndpointError:
    """Make the error for an answer that should list models and does not; asking costs nothing."""
    value = parsed(body)
    # A picture in the place of the list is a text too, and long; what was cut within a key is not quoted.
    value = value[:LONGEST_TEXT] if isinstance(value, str) else value
    return EndpointError(
        _("The endpoint did not list its models."),
        why=read_problem(value).message[:600],
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


def parsed(text: str) -> Any:
    """Return the JSON in a body, also behind keep-alive comments and ``data:``; else the text itself."""
    text = text.strip(_BLANK)
    for candidate in (text, *reversed(text.splitlines()[-20:])):
        try:
            value = json.loads(candidate.removeprefix("data:"), strict=False)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, Mapping):
            return value
        if isinstance(value, list) and any(isinstance(item, (Mapping, str)) for item in value):
            return value
    return text


def _kept(text: str) -> str:
    # Not the whole of a long one is masked; what the cut may have left of a key at its end is not kept.
    return mask_keys(text[: 2 * LONGEST_TEXT])[:LONGEST_TEXT]


def _charged(status: int, seconds: float, *, refused: bool) -> Charged:
    if refused or status < 400:  # noqa: PLR2004  a redirect is not followed
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
    400: REFUSED,
    401: (
        N_("The endpoint did not accept the key."),
        N_(
            "Set a valid key (%wenwen key), or set base_url to the key's own site: api.wenwen-ai.com, "
            "breakout.wenwen-ai.com and api.apipro.ai may have keys of their own. %wenwen demo needs no key."
        ),
    ),
    403: NOT_ALLOWED,
    404: (
        N_("The endpoint has no such address."),
        N_("Check base_url: %wenwen status shows it."),
    ),
    408: (N_("A gateway gave up waiting for the picture."), _MAYBE),
    409: (N_("The endpoint failed."), _MAYBE),
    413: TOO_LARGE,
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
