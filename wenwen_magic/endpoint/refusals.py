"""What a relay refuses before it asks any model, told by codes and words, whatever status comes with them.

Such a refusal costs nothing, and asking again does not help. Codes are new-api's (its sources), words those of relays
and of makers; few of them are on wenwen's pages.
"""

import re
from dataclasses import dataclass

from wenwen_magic.models import replacement_in
from wenwen_magic.text.i18n import N_, _

REFUSED = (
    N_("The endpoint refused the request."),
    N_("Change what the reason names, then run the cell again."),
)
NOT_ALLOWED = (
    N_("The endpoint does not allow this."),
    N_("Check the balance and what the key may use, on the relay's site."),
)
TOO_LARGE = (
    N_("The request is too large for the endpoint."),
    N_("Send fewer or smaller reference pictures."),
)
"""What happened, and what to do; also told for the statuses 400, 403 and 413."""
_LONGEST = 2000
"""Characters of a message that are looked at."""


@dataclass(frozen=True)
class Refusal:
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
_GONE = Refusal(
    N_("The endpoint has no such model for your key."),
    N_("Check the model's name: %wenwen models lists them."),
    _GONE_CODES,
)
_REFUSALS = (
    Refusal(_NO_FORMAT, N_("Use --format gemini or --format chat."), words=_NOT_FOR_IMAGES),
    Refusal(_NO_FORMAT, N_("Use --format images."), words=_NOT_FOR_CHAT),
    _GONE,
    Refusal(
        *NOT_ALLOWED,
        frozenset({"insufficientuserquota", "insufficientquota", "preconsumetokenquotafailed"}),
        re.compile(
            r"预扣费额度失败|[额額]度不足|余额不足"
            r"|insufficient (?:user |account )?(?:balance|credits?)"
        ),
        numbered=True,
    ),
    Refusal(*TOO_LARGE, frozenset({"readrequestbodyfailed"}), numbered=True),
    Refusal(
        N_("The endpoint has no price for this model."),
        N_("Try again later, or another model (-m)."),
        frozenset({"modelpriceerror"}),
        re.compile(r"倍率或价格未配置|ratio or price not (?:set|configured)"),
    ),
    Refusal(
        *REFUSED,
        frozenset({"convertrequestfailed", "invalidrequest", "sensitivewordsdetected"}),
        numbered=True,
    ),
)


def refusal_of(code: str, message: str, instead: str = "", status: int = 0) -> tuple[str, str] | None:
    """Return what was refused and what to do, in the language of messages; None where a model may have been asked.

    Args:
        code: of the problem; empty for none.
        message: its words.
        instead: the model that the endpoint names in a field of its own, in place of one that is gone.
        status: the HTTP status, if it is to be told.
    """
    plain_code, words = re.sub(r"[^a-z0-9]", "", code.lower()), _plain(message)
    found = next((one for one in _REFUSALS if plain_code in one.codes or (one.words and one.words.search(words))), None)
    if found is None and _MODEL_GONE.search(words) and not (_TRANSIENT.search(words) or _OF_RESULTS.search(words)):
        found = _GONE
    if found is None:
        return None
    name = _named_instead(message[:_LONGEST], instead) if found is _GONE else ""
    do = _("Try -m {name}. %wenwen models lists all.", name=name) if name else _(found.do)
    return _(found.what) + (f" (HTTP {status})" if found.numbered and status else ""), do


def is_away(message: str) -> bool:
    """Tell whether words are about a model that cannot be used for a while."""
    words = _plain(message)
    return bool(_TRANSIENT.search(words) and re.search(r"\b(?:models?|deployments?|engines?)\b|模型", words))


def _plain(message: str) -> str:
    """Write a message's beginning in small letters, on one line, without quotation marks and short forms of not."""
    text = re.sub(r"can[’']?t\b|cannot", "can not", message[:_LONGEST].lower())
    text = re.sub(r"n[’']t\b", " not", text)
    return " ".join(re.sub(r"[`'\"“”‘’「」《》()（）\[\]]", " ", text).split())


def _named_instead(said: str, field: str) -> str:
    """Return the model to use in place of one that is gone: the endpoint's own word, else what is known of its name."""
    for found in _INSTEAD.finditer(said):
        name = found[1].rstrip("./:-+")
        is_name = re.search(r"[-\d]", name) and "//" not in name and not name.lower().startswith(("http", "v1"))
        if is_name and said.find(name) == found.start(1):
            return name
    return field or replacement_in(said)
