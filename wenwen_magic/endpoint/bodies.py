"""Reads what a body says by its fields: the words of a problem, whether it failed, where a finished clip is."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import mask_keys, one_line, replace_unshown

MOST_READ = 1 << 14
"""Most bytes of a body, received in place of a file, that are searched for an error message."""
LONGEST_TEXT = 65_536
"""Characters of a body that an error keeps."""
_REQUEST_ID = re.compile(r"\(?request id:\s*([\w-]+)\)?", re.IGNORECASE)
# Names of fields are compared in lower case and without `_` and `-`.
_MESSAGES = (
    *("errordescription", "message", "msg", "errormsg", "errmsg", "errormessage", "statusmsg", "statusmessage"),
    *("taskstatusmsg", "returnmsg", "returnmessage", "resultdesc", "respdesc", "desc"),
    *("failreason", "failurereason", "failmsg", "retmsg", "resultmsg", "respmsg", "jobstatusmsg", "faultstring"),
    *("detail", "details", "description", "fault", "reason", "info", "title", "err", "error", "errors", "text"),
    *("raimediafilteredreasons", "failure", "failedreason", "failuremessage", "errordetail", "exception", "cause"),
)
"""Fields with the words of a problem, the likeliest first."""
_SPOKEN = frozenset(_MESSAGES) - {"info", "title", "text", "reason", "description", "details"}
"""Those that hold nothing but a problem's words, where they are all that an answer has."""
_ENVELOPES = (
    *("baseresp", "response", "responsemetadata", "header", "output", "result", "data", "body", "content"),
    "generatevideoresponse",
)
"""Fields in which the problem may be."""
_CODES = ("code", "errcode", "errorcode", "errno", "ret", "retcode", "statuscode", "resultcode", "returncode")
_REPLACEMENTS = ("replacement", "replacementmodel", "suggestedmodel", "recommendedmodel", "successor")
"""Fields with the model to use in place of one that is gone."""
_FINE_CODES = {"0", "200", "201", "202", "10000", "20000", "0000", "00000", "success", "ok", "succeed", "succeeded"}
"""Codes with which servers say that all is well (not seen on wenwen's pages)."""
FINE = re.compile(
    r"(?i)^\W*(?:success|succe+d|ok\b|done\b|成功|请求成功|操作成功|提交成功|.{0,6}已提交|.{0,6}成功\W*$"
    r"|(?:(?:your|the|task|job|request|video|submit|is|was|has|been) ){0,5}"
    r"(?:submitted|accepted|queued|created|success)\W*$)"
)
"""Words of a message that say that all is well."""
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


@lru_cache(4096)
def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()


def plain_fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's fields by their names in lower case, without ``_`` and ``-``; of equal names the first."""
    fields: dict[str, Any] = {}
    for name, value in item.items():
        fields.setdefault(_plain(name) if len(name) < 40 else name, value)  # noqa: PLR2004  longer ones name nothing
    return fields


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
    words = next((words for words in found if not FINE.match(words)), "") or next(filter(None, within), "")
    if words:
        title, place = fields.get("title"), fields.get("loc")
        where = ".".join(map(str, place[:5])) if isinstance(place, list) else ""
        title = title if isinstance(title, str) and title != words else ""  # of application/problem+json
        return ": ".join(part for part in (where, title, words) if part)
    if depth and not found and all(isinstance(inner, list) for inner in value.values()):
        found = ["; ".join(f"{name}: {words_in(inner, depth + 1)}" for name, inner in list(value.items())[:5])]
    return next(iter(found), "")


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


def is_failure(fields: Mapping[str, Any]) -> bool:
    """Tell whether an object that came with HTTP status 200 says by itself that something failed.

    Args:
        fields: the object's, as :func:`plain_fields` returns them.
    """
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
    words = words_in({key: fields[key] for key in _MESSAGES if key in fields}) if bad else ""
    return bool(words) and not FINE.match(words)


def is_complaint(fields: Mapping[str, Any]) -> bool:
    """Tell whether an object, or one just inside, holds words of a problem; asked of those that hold no result.

    Args:
        fields: the object's, as :func:`plain_fields` returns them.
    """
    objects = [fields, *(plain_fields(inner) for name in _ENVELOPES if isinstance(inner := fields.get(name), Mapping))]
    words = [words for one in objects for name in _SPOKEN if (words := words_in(one.get(name)))]
    return bool(words) and not any(map(FINE.match, words))


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


# -- where a finished clip is ------------------------------------------------------------------------------------------
# Source: the answers of relays and of new-api to `GET /v1/videos/{id}` and to the question for a clip's content (not
# seen on wenwen's pages).

_CLIPS = (
    *("videourl", "motionmp4url", "resourcewithoutwatermark", "url", "contenturl", "resulturl", "output", "video"),
    *("videos", "uri", "result", "results", "outputs", "resulturls", "videourls", "urls", "downloadurl", "resultjson"),
    *("resultvideourl", "outputvideourl", "finalvideourl", "mediaurl", "fileurl", "signedurl", "remoteurl", "resource"),
    *("data", "failreason"),
)
"""Fields with the address, names plain, in the order to look; of a list all. In new-api the last has it on success."""
_POSTERS = ("thumbnailurl", "coverurl", "posterurl", "coverimageurl", "thumbnail", "cover", "poster", "coverimage")
_WRAPPERS = (
    *("data", "response", "output", "result", "results", "task", "job", "video", "videos", "generation", "payload"),
    *("body", "resp", "resultjson", "generatevideoresponse", "generationsbypk", "detail", "baseresp", "tasks"),
)
_HOLDERS = (
    *("metadata", "content", "file", "files", "assets", "creations", "generations", "works", "taskresult"),
    *("videoresult", "videoinfo", "generatedsamples", "generatedimages"),
)
"""Objects that are no answer about a job themselves, and hold what it made."""
_MOST_WRAPPERS, _DEEPEST_CLIP = 5, 10


def envelopes(body: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the fields of an answer about a job, and of the objects that it is wrapped in, the outermost first."""
    body = _opened(body)
    body = body[0] if isinstance(body, list) and body else body
    if isinstance(body, Mapping) and depth < _MOST_WRAPPERS:
        fields = plain_fields(body)
        yield fields
        for name in _WRAPPERS:
            yield from envelopes(fields.get(name), depth + 1)


def _opened(value: Any) -> Any:
    """Return what a server wrote as JSON once more; any other value as it is."""
    return parsed(value) if isinstance(value, str) and value.lstrip()[:1] in {"{", "["} else value


def clip_addresses(body: Any) -> tuple[str, ...]:
    """Return where the clips are that an answer names: addresses, or paths below the endpoint; empty for none."""
    return _addresses(body, _CLIPS, named=True)


def posters(body: Any) -> tuple[str, ...]:
    """Return where the still picture is that an answer names beside its clip; empty for none."""
    return _addresses(body, _POSTERS)[:1]


def _addresses(value: Any, names: tuple[str, ...], depth: int = 0, *, named: bool = False) -> tuple[str, ...]:
    """Return the addresses under the first of some names that has any, all of a list; ``named``: whether it has one."""
    value = _opened(value)
    if isinstance(value, list) and depth < _DEEPEST_CLIP:
        each = [_addresses(item, names, depth + 1, named=named) for item in value[:20]]
        return tuple(dict.fromkeys(chain(*each)))
    if isinstance(value, Mapping) and depth < _DEEPEST_CLIP:
        fields = plain_fields(value)
        places = dict.fromkeys((*names, *_WRAPPERS, *_HOLDERS))
        inner = (_addresses(fields.get(name), names, depth + 1, named=name in names) for name in places)
        return next(filter(None, inner), ())
    address = value.strip() if named and isinstance(value, str) else ""
    is_path = address[:1] == "/" and len(address.split()) == 1 < len(address)
    return (address,) if is_path or address[:8].lower().startswith(("http://", "https://")) else ()
