"""The chat format: a prompt goes out as a chat message, pictures come back in the answer's Markdown.

Source: wenwen's page 生成图片(chat), ``POST /v1/chat/completions``. Pictures go along as on the pages 修改图片(chat),
which draws from them, and 分析图片(chat), which describes them; those pages show addresses, and ``data:`` URIs in their
place are the way of servers of the same family (not seen there). Masks are not seen on wenwen's pages for chat. On the
page 生成视频(chat) clips come from words; the first and the last frame as pictures are the way of other relays.
"""

from collections.abc import Generator
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.formats.parse.stream import read
from wenwen_magic.models import default_model
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Progress, WireFormat
from wenwen_magic.records import ASK_JSON, CLIP, DESCRIBE, DRAW, QUESTIONS, ImageRequest
from wenwen_magic.text.i18n import _, is_chinese
from wenwen_magic.text.json_values import with_request

PATH = "/v1/chat/completions"
# The page says that the ratio is given in the prompt, by words like 横屏 and 竖屏, and that no size can be given.
_PHRASES = {
    "square": ("square composition", "方形构图"),
    "landscape": ("landscape composition", "横屏构图"),
    "portrait": ("portrait composition", "竖屏构图"),
}
_RATIO, _RESOLUTION = ("aspect ratio {}", "宽高比 {}"), ("{} resolution", "{} 分辨率")
# The page 分析图片(chat) marks max_tokens as required; its own 400 would cut a longer description short. It is not
# sent without pictures: newer models refuse it.
_DESCRIBING = {"max_tokens": 2000}
_OWN_FIELDS = {"model", "messages", "stream"}


def prompt_as_sent(request: ImageRequest) -> str:
    """Return the prompt with words for the shape on a line of their own, in the prompt's language."""
    shape, chinese = request.shape, is_chinese(request.prompt)
    words = [_PHRASES[shape.turn][chinese]] if shape.turn in _PHRASES else []
    words += [_RATIO[chinese].format(shape.in_words)] if shape.ratio else []
    words += [_RESOLUTION[chinese].format(shape.resolution)] if shape.resolution else []
    prompt = "\n".join(filter(None, [request.prompt, ("，" if chinese else ", ").join(words)]))
    # A response_format of JSON allows no list at the top, and models and relays that do not know it refuse the request.
    return with_request(prompt) if request.task == ASK_JSON else prompt


def body(request: ImageRequest) -> dict[str, Any]:
    """Return the request's body, exactly as the page shows it; further ``params`` go beside the page's fields.

    Words alone go out as a string; with pictures they are the first of a list (page 修改图片(chat)).

    Raises:
        ConfigError: a param would replace a field that the request itself sets, or there is a mask.
    """
    if request.mask:
        raise ConfigError(
            _("The chat format takes no mask."),
            do=_("Say in words what to change, or use --format images -m {name}.", name=default_model("images")),
        )
    if taken := sorted(_OWN_FIELDS & request.params.keys()):
        raise ConfigError(
            _("--param cannot set {taken}.", taken=", ".join(taken)),
            do=_("Use -m for the model and --stream for streaming; the cell's text is the message."),
        )
    content: Any = prompt_as_sent(request)
    if request.references:
        pictures = [{"type": "image_url", "image_url": {"url": reference.address}} for reference in request.references]
        content = [{"type": "text", "text": content}, *pictures]
    message = {"role": "user", "content": content}
    more = _DESCRIBING if request.references and request.wants_words else {}
    return {"model": request.model, "stream": request.stream, "messages": [message], **more, **request.params}


def talk(request: ImageRequest) -> Generator[HttpCall | Progress, HttpReply | None, Answer]:
    """Make one call, and read its reply.

    Raises:
        ConfigError: as :func:`body`.
        EndpointError: the answer is an error object or a web page, or broke off before a picture.
        AnswerError: the answer is empty or cannot be read.
    """
    reply = yield HttpCall("POST", PATH, body(request), stream=request.stream)
    return (yield from read(reply, request))


FORMAT = WireFormat(name="chat", talk=talk, prompt_as_sent=prompt_as_sent, tasks=(DRAW, DESCRIBE, *QUESTIONS, CLIP))
