"""Makes the errors of what comes in place of a picture: what happened, why, what to do, and the cost.

What a relay refuses before it asks any model is told by codes and words, whatever status comes with them: it costs
nothing, and asking again does not help. Codes are new-api's (its sources), words those of relays and of makers; few of
them are on wenwen's pages.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from urllib3 import exceptions as low

from wenwen_magic.endpoint.bodies import LONGEST_TEXT, Problem, parsed, read_problem
from wenwen_magic.errors import AnswerError, Charged, ConfigError, EndpointError, NotSentError
from wenwen_magic.models import replacement_in
from wenwen_magic.text.i18n import N_, _
from wenwen_magic.text.sanitize import mask_keys

_WITHOUT_LIST = N_("Any model's name works without the list.")
# 408 and 409 can come from a gateway in the middle of the work; every other 4xx is a refusal of the request.
_UNDECIDED = {408, 409}
SOON = 10.0
"""Seconds within which a 429 or 503 counts as answered at once: nothing can have been drawn by then."""


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
    refusal = _refusal_of(problem, status)
    charged = _charged(status, seconds, refused=refusal is not None)
    if refusal:
        what, do = refusal
    else:
        away = status == 404 and _is_away(problem.message)  # noqa: PLR2004  with words on a model, not on the address
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
    refusal = None if begun else _refusal_of(problem)
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
    title = read_problem(text).message
    is_late = re.search(r"\b5[02]\d\b", title)  # a gateway's, whatever status it has
    return EndpointError(
        _("The address answered with a web page, not with an API answer."),
        why=title,
        do=_(_MAYBE)
        if is_late
        else _(
            "Check base_url (%wenwen status shows it): it should be the API's address, like https://api.wenwen-ai.com"
        ),
        charged="maybe" if is_late else "no",
        status=status,
        text=_kept(text),
    )


def _kept(text: str) -> str:
    # Not the whole of a long one is masked; what the cut may have left of a key at its end is not kept.
    return mask_keys(text[: 2 * LONGEST_TEXT])[:LONGEST_TEXT]


def _charged(status: int, seconds: float, *, refused: bool) -> Charged:
    if refused or status < 400:  # noqa: PLR2004  a redirect is not followed
        return "no"
    if status in {429, 503}:
        return "no" if seconds <= SOON else "maybe"
    return "no" if status < 500 and status not in _UNDECIDED else "maybe"  # noqa: PLR2004


_REFUSED = (
    N_("The endpoint refused the request."),
    N_("Change what the reason names, then run the cell again."),
)
_NOT_ALLOWED = (
    N_("The endpoint does not allow this."),
    N_("Check the balance and what the key may use, on the relay's site."),
)
_TOO_LARGE = (
    N_("The request is too large for the endpoint."),
    N_("Send fewer or smaller reference pictures."),
)
"""What happened, and what to do; also told for the statuses 400, 403 and 413."""
_MAYBE = N_("The work may have been done and charged, so it was not sent again. Running the cell again asks again.")
_BY_STATUS: dict[int, tuple[str, str]] = {
    300: (
        N_("The address redirects to another one; a paid request does not follow redirects."),
        N_("Set base_url to the final address."),
    ),
    400: _REFUSED,
    401: (
        N_("The endpoint did not accept the key."),
        N_(
            "Set a valid key (%wenwen key), or set base_url to the key's own site: api.wenwen-ai.com, "
            "breakout.wenwen-ai.com and api.apipro.ai may have keys of their own. %wenwen demo needs no key."
        ),
    ),
    403: _NOT_ALLOWED,
    404: (
        N_("The endpoint has no such address."),
        N_("Check base_url: %wenwen status shows it."),
    ),
    408: (N_("A gateway gave up waiting for the picture."), _MAYBE),
    409: (N_("The endpoint failed."), _MAYBE),
    413: _TOO_LARGE,
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


# -- connections -------------------------------------------------------------------------------------------------------


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
        why="" if late or isinstance(reasons[-1], ValueError) else _describe(reasons),  # that is of parsing a piece
        do=_(_MAYBE),
        charged="maybe",
    )


# -- refusals ----------------------------------------------------------------------------------------------------------

_LONGEST = 2000
"""Characters of a message that are looked at."""


@dataclass(frozen=True)
class _Refusal:
    """Describe one kind of refusal.

    Args:
        what: what happened.
        do: what to do.
        codes: the codes of the kind, small letters and digits only.
        words: what its words are like; None where only codes tell.
        numbered: whether to tell the HTTP status too.
    """

    what: str
    do: str
    codes: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None
    numbered: bool = False


_NAME = r"[\w./:@+=-]{0,200}"
_BEEN = (
    r"(?:(?:has|have|was|were|is|are|be|been|being|got|now|already|since|officially|permanently|currently|can|could"
    r"|does|do|did|you requested) )*"
)
_ENDED = (
    r"(?:retired|decommissioned|discontinued|sunset(?:ted)?|shut ?down|withdrawn|delisted|deprecated|removed|disabled"
    r"|replaced|deactivated|reached (?:the |its )?end[ -]of[ -](?:its )?life"
    r"|no longer (?:available|supported|offered|served|exists?))"
)
_MAKERS = (
    r"(?:gemini|gpt|chatgpt|dall|imagen|nano|seedream|jimeng|flux|midjourney|claude|grok|qwen|wan|kling|doubao|sora|veo"
    r"|stable|ideogram|recraft|o[1-9])"
)
_MODEL_GONE = re.compile(  # of what _plain returns: "not" is also n't and cannot, and there are no quotation marks
    r"\b(?:models?|engines?|deployments?)(?: (?:id|name|version|identifier|code|or endpoint|for this resource))?:? ?"
    rf"{_NAME},? ?{_BEEN}not (?:be )?"
    r"(?:exists?|found|available|supported|enabled|allowed|deployed|accessible|offered|recogni[sz]ed|valid|whitelisted"
    r"|(?:in|on) (?:the |your )?(?:allow|white)list)\b"
    r"|\bmodel identifier is invalid\b|\bmodel_?not_?found\b|\binvalid value (?:for|of) (?:the )?model ?(?::|$)"
    r"|\bmodel:? (?:must|should) be one of\b|^body\.model: input should be\b"
    r"|\b(?:unknown|invalid|unsupported|unrecogni[sz]ed|no such|nonexistent|not a valid|not a known|not supported"
    r"|not a supported|retired) model\b"
    r"(?! (?:parameter|input|output|type|field|config|response|argument))"
    r"|\bnot found (?:the )?model\b"
    r"|\b(?:can not|could not|unable to) (?:find|access|locate) (?:the |this )?model\b"
    r"|\bno model (?:named|called|found|with|matches)\b"
    r"|\bno (?:available |allowed |valid |matching )?(?:channels?|providers?|endpoints?)(?: (?:are|is))?"
    r"(?: available| found)? (?:for|to serve)\b"
    rf"|\bmodels?(?: (?:id|name|version))?:? ?{_NAME},? ?{_BEEN}{_ENDED}\b"
    rf"|\b{_MAKERS}[\w .-]{{0,60}}? {_BEEN}{_ENDED}\b"
    r"|\b(?:no|not have|without) (?:access|permissions?) (?:to|for) (?:use |access |the |this |requested )*models?\b"
    r"|\bnot (?:allowed|authori[sz]ed|permitted|entitled) to (?:access|use|call) (?:the |this |requested )*models?\b"
    r"|\bnot activated the model\b|\bmodel access (?:is )?denied\b"
    rf"|\bdenied (?:for|to) (?:the |this )?model\b|\baccess to (?:the |this )?model {_NAME} (?:is |was )?denied\b"
    rf"|^model: ?{_NAME}$"  # Anthropic's not_found_error
    r"|[无無]可用(?:的)?(?:渠道|通道)|没有可用(?:的)?(?:渠道|通道)"
    r"|(?:未找到|找不到|没有找到|未查询到|没有|无|不存在|未知|无效|非法|不支持)(?:的|该|此|这个|指定的?|请求的)*模型"
    r"(?!的?参数|的?权限|输出|输入)"
    r"|(?:[无無][权權]限?|没有权限|无权限|未(?:被|获)?(?:授权|开通|启用|激活)|不允许|禁止)(?:访问|訪問|使用|调用|请求)?(?:该|此|这个|指定)*模型"
    r"|没有(?:访问|使用|调用)?(?:该|此)?模型[^，。,]{0,120}权限"
    r"|模型(?:(?!参数|尺寸|图)[^，。,;；]){0,60}?(?:不存在|未找到|找不到|不可用|未开放|未开通|未启用|未部署"
    r"|未激活|未上线|下线|下架|停用|停止(?:服务|支持|提供)|退役|弃用|废弃|移除|删除|禁用|无权(?:限)?(?:访问|使用)?)"
    r"|模型(?:名称?|ID|id|编码|代码)(?:错误|不正确|有误)"
)
_TRANSIENT = re.compile(
    r"overload|busy|temporar|right now|at the moment|at capacity|try again (?:in|later|after)|rate limit"
    r"|暂时|暂不|稍后|繁忙|饱和|负载|限流"
)
"""Words of a state that passes: beside them, words on a model do not say that it is gone."""
_OF_RESULTS = re.compile(
    r"content polic|usage polic|safety|moderat|violat|violen|nsfw|sexual|copyright"
    r"|real people|public figure|minors|children|filter"
    r"|(?:generated|made|returned|produced|created|drawn) by"
    r"|for (?:this|your|the) (?:prompt|image|picture|input|content)\b"
    r"|not (?:be )?(?:allowed|able|permitted) to (?:generate|draw|create|produce|show|make|edit)"
    rf"|\b(?:models?|{_MAKERS})[\w.:/@+-]*(?<!:) (?:s )?(?:generated )?(?:images?|generations?|requests?|jobs?|tasks?"
    r"|orders?|texts?|size|quality|style|resolution|parameters?|inputs?)\b"
    r"(?! (?:models?\b|v?\d|preview|pro\b|flash\b|mini\b|latest))"
    rf"|\b(?:models?|{_MAKERS})[\w .:/@+-]{{0,40}}? (?:outputs?|responses?|results?|content|inference|pictures?"
    r"|photos?|videos?|files?|answers?|repl(?:y|ies)|edits?|drawings?|messages?)\b"
    r"|违规|违法|违反|审核|安全|敏感|色情|暴力|版权|风控|风险|(?:生成|返回|输出|绘制|画|产出)的?(?:内容|结果|图|文件|答案)"
    r"|模型(?:的|所)?(?:输出|响应|回复|返回|结果|内容|尺寸)"
)
"""Words on what a model made, or on what was asked of it: beside them, the model may have worked."""
_GONE_CODES = frozenset(
    {
        *("modelnotfound", "modelnotexist", "modelnotexists", "modeldoesnotexist", "modelgone", "modelretired"),
        *("modeldeprecated", "modelremoved", "modeldecommissioned", "modelnotavailable", "modelnotsupported"),
        *("modelnotopen", "modelnotallowed", "modelaccessdenied", "invalidmodel", "invalidmodelid", "unknownmodel"),
        *("unsupportedmodel", "nosuchmodel", "deploymentnotfound", "invalidendpointormodelnotfound"),
        "invalidendpointormodelmodelidaccessdisabled",
    }
)
_INSTEAD = re.compile(
    r"(?i)(?:(?<!to )(?<!not )\b(?:use|try|(?:switch|migrate|move|upgrade|update|renamed) to|(?:replaced|superseded"
    r"|succeeded) (?:by|with)|replacement(?: model)?|successor|in favou?r of|recommend(?:ed)?|suggest(?:ed)?)\b"
    r"|改用|请使用|请用|替[换代](?:为|模型)?|更换[为成到]|切换[到至为]|迁移[到至]|升级[到至为]|推荐|建议|改为|换成|->|→|=>)"
    r"(?:[\s:：`'\"“「*\[]|is |the |our |newer |new |model |one of |either |using |models/|模型|使用|为|是)*"
    r"([a-z][\w./:@+-]{2,80})"
)
_NOT_FOR_IMAGES = re.compile(
    r"not supported model for image generation|only imagen models? (?:is|are) supported"
    r"|not an? image(?: generation)? model"
    r"|not support(?:ed)? (?:for |by |in |with |on |the )*/?(?:v1/)?images?(?:/| )(?:generations?|edits?|api|endpoint)"
    r"|不支持(?:该|此)?(?:图像|图片|绘图|生图)(?:生成)?接口|不是(?:图像|图片|绘图|生图)模型"
)
_NOT_FOR_CHAT = re.compile(
    r"not an? chat(?: completions?)? model|not support(?:ed)? (?:for |by |in |with |on |the )*/?(?:v1/)?chat"
    r"|only (?:be )?(?:supported|available|used) (?:in|with|on|for|through|via) (?:the )?/?(?:v1/)?images?\b"
    r"|(?<!or is )not support(?:ed)? (?:for |by |in )?generatecontent"
    r"|不支持(?:聊天|对话)|不是(?:聊天|对话)模型|请(?:使用|调用)(?:图像|图片|绘图|生图)(?:生成)?接口"
)
_NO_FORMAT = N_("This model does not work with this format.")
_GONE = _Refusal(
    N_("The endpoint has no such model for your key."),
    N_("Check the model's name: %wenwen models lists them."),
    _GONE_CODES,
)
_REFUSALS = (
    _Refusal(_NO_FORMAT, N_("Use --format gemini or --format chat."), words=_NOT_FOR_IMAGES),
    _Refusal(_NO_FORMAT, N_("Use --format images."), words=_NOT_FOR_CHAT),
    _GONE,
    _Refusal(
        *_NOT_ALLOWED,
        frozenset({"insufficientuserquota", "insufficientquota", "preconsumetokenquotafailed"}),
        re.compile(
            r"预扣费额度失败|[额額]度不足|余额不足"
            r"|insufficient (?:user |account )?(?:balance|credits?)"
        ),
        numbered=True,
    ),
    _Refusal(*_TOO_LARGE, frozenset({"readrequestbodyfailed"}), numbered=True),
    _Refusal(
        N_("The endpoint has no price for this model."),
        N_("Try again later, or another model (-m)."),
        frozenset({"modelpriceerror"}),
        re.compile(r"倍率或价格未配置|ratio or price not (?:set|configured)"),
    ),
    _Refusal(
        *_REFUSED,
        frozenset({"convertrequestfailed", "invalidrequest", "sensitivewordsdetected"}),
        numbered=True,
    ),
)


def _refusal_of(problem: Problem, status: int = 0) -> tuple[str, str] | None:
    """Return what was refused and what to do, in the language of messages; None where a model may have been asked.

    Args:
        problem: what the endpoint said.
        status: the HTTP status, if it is to be told.
    """
    code, words = re.sub(r"[^a-z0-9]", "", problem.code.lower()), _plain(problem.message)
    found = next((one for one in _REFUSALS if code in one.codes or (one.words and one.words.search(words))), None)
    if found is None and _MODEL_GONE.search(words) and not (_TRANSIENT.search(words) or _OF_RESULTS.search(words)):
        found = _GONE
    if found is None:
        return None
    name = _named_instead(problem) if found is _GONE else ""
    do = _("Try -m {name}. %wenwen models lists all.", name=name) if name else _(found.do)
    return _(found.what) + (f" (HTTP {status})" if found.numbered and status else ""), do


def _is_away(message: str) -> bool:
    """Tell whether words are about a model that cannot be used for a while."""
    words = _plain(message)
    return bool(_TRANSIENT.search(words) and re.search(r"\b(?:models?|deployments?|engines?)\b|模型", words))


def _plain(message: str) -> str:
    """Write a message's beginning in small letters, on one line, without quotation marks and short forms of not."""
    text = re.sub(r"can[’']?t\b|cannot", "can not", message[:_LONGEST].lower())
    text = re.sub(r"n[’']t\b", " not", text)
    return " ".join(re.sub(r"[`'\"“”‘’「」《》()（）\[\]]", " ", text).split())


def _named_instead(problem: Problem) -> str:
    """Return the model to use in place of one that is gone: the endpoint's own word, else what is known of its name."""
    said = problem.message[:_LONGEST]
    for found in _INSTEAD.finditer(said):
        name = found[1].rstrip("./:-+")
        is_name = re.search(r"[-\d]", name) and "//" not in name and not name.lower().startswith(("http", "v1"))
        if is_name and said.find(name) == found.start(1):
            return name
    return problem.instead or replacement_in(said)
