"""The Gemini format: words and pictures go out as parts of contents and come back as parts of candidates.

Source: wenwen's pages Gemini 聊天 and Gemini 编辑图片(nano banana), ``POST /v1beta/models/{model}:generateContent``.
They show the key in the address (``?key=``) and ``inline_data`` in snake case, and no answer. The key goes into the
header ``x-goog-api-key`` all the same, where no log of addresses keeps it (as Google and new-api take it; not seen on
wenwen's pages); the setting ``key_in`` puts it where the page has it. Settings, sizes and answers are Google's own,
and those of servers of the family (not seen on wenwen's pages).
"""

import math
import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from wenwen_magic.errors import ConfigError
from wenwen_magic.formats.parse.stream import read
from wenwen_magic.kinds import split_data_uri
from wenwen_magic.models import default_model, family
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Progress, WireFormat
from wenwen_magic.records import ASK_JSON, DESCRIBE, DRAW, QUESTIONS, ImageRequest, Reference
from wenwen_magic.text.i18n import _
from wenwen_magic.text.json_values import with_request
from wenwen_magic.text.orientation import RESOLUTIONS, nearest

PATH = "/v1beta/models/{}:{}"
_BY_ORIENTATION = {"landscape": "3:2", "portrait": "2:3", "square": "1:1"}
_IMAGE_FIELDS = {"aspectRatio": "ratios", "imageSize": "sizes", "personGeneration": ""}
"""The settings of the picture's shape, and what ``models.toml`` calls the values that a family takes."""
_LARGER_THAN_USUAL = 2 << 20
"""Pixels above which a size is asked for: Google's usual pictures have a million, and older models know no other."""
_SETTINGS = frozenset(
    {
        *("temperature", "topP", "topK", "seed", "maxOutputTokens", "stopSequences", "presencePenalty"),
        *("frequencyPenalty", "responseModalities", "responseMimeType", "responseSchema", "responseJsonSchema"),
        *("thinkingConfig", "mediaResolution", "responseLogprobs", "logprobs", "speechConfig"),
    }
)
"""The generation settings that are not about the picture's shape; other ``params`` go to the top of the body."""
_OWN_FIELDS = frozenset({"model", "contents", "stream", "generationConfig", "imageConfig", "n", "candidateCount"})
_UNFIT_FOR_A_PATH = "\\?#%"


def path(request: ImageRequest) -> str:
    """Return where the request goes: the model's name is part of it, and a stream has an address of its own.

    A name with its maker's prefix stays as it is (``google/gemini-x``: new-api reads all behind ``/models/``, by its
    sources); ``models/`` is there already.

    Raises:
        ConfigError: the model's name does not fit into an address.
    """
    model = request.model.removeprefix("models/")
    strange = any(part in {"", ".", ".."} for part in model.split("/"))
    if strange or not model.isprintable() or any(sign in model for sign in _UNFIT_FOR_A_PATH):
        raise ConfigError(
            _("The model's name {model!r} cannot be used in an address.", model=request.model),
            do=_("Give its plain name: -m {name}", name=default_model(FORMAT.name)),
        )
    method = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
    return PATH.format(quote(model), method)


def prompt_as_sent(request: ImageRequest) -> str:
    """Return the prompt, where JSON is wanted with a line that asks for nothing else."""
    return with_request(request.prompt) if request.task == ASK_JSON else request.prompt


def body(request: ImageRequest) -> dict[str, Any]:
    """Return the request's body: the words first, then the pictures, as the page shows them; then the settings.

    ``params`` that are Google's generation settings, in either spelling, join them; others go to the top.

    Raises:
        ConfigError: a mask, a reference that is an address, or a param that cannot be.
    """
    if request.mask:
        raise ConfigError(
            _("The gemini format takes no mask."),
            do=_("Say in words what to change, or use --format images -m {name}.", name=default_model("images")),
        )
    parts = [{"text": prompt_as_sent(request)}, *map(_inline, request.references)]
    draws = not request.wants_words
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]} if draws else {}
    image: dict[str, Any] = _shaped(request) if draws else {}
    more: dict[str, Any] = {}
    for name, value in request.params.items():
        known = re.sub("_([a-z])", lambda letter: letter[1].upper(), name)
        if known in _OWN_FIELDS:
            raise ConfigError(
                _("--param cannot set {name}.", name=name),
                do=_(
                    "Use -m for the model, -n for several and --stream for streaming; settings go by their own "
                    "names: --param temperature=0.5 --param aspectRatio=16:9"
                ),
            )
        if known in _IMAGE_FIELDS:
            taken = family(FORMAT.name, request.model).get(_IMAGE_FIELDS[known], ())
            image[known] = _checked(name, value, taken)
        elif known in _SETTINGS:
            config[known] = value
        else:
            plain_words = known == "systemInstruction" and isinstance(value, str)
            more[name] = {"parts": [{"text": value}]} if plain_words else value
    config |= {"imageConfig": image} if image else {}
    settings = {"generationConfig": config} if config else {}
    return {"contents": [{"role": "user", "parts": parts}], **settings, **more}


def _shaped(request: ImageRequest) -> dict[str, str]:
    """Return the nearest of Google's ratios and resolutions; a size in pixels is as large as the nearest of these.

    Raises:
        ConfigError: no ratio is near.
    """
    shape, known = request.shape, family(FORMAT.name, request.model) or family(FORMAT.name, default_model(FORMAT.name))
    ratio = nearest(shape, known["ratios"], request.model) if shape.ratio else _BY_ORIENTATION.get(shape.turn, "")
    size = shape.resolution
    if shape.pixels and (area := math.prod(shape.pixels)) > _LARGER_THAN_USUAL:
        sizes = [name for name in known["sizes"] if name in RESOLUTIONS]
        size = min(sizes, key=lambda name: abs(math.log2(area) - 2 * math.log2(RESOLUTIONS[name])))
    return {**({"aspectRatio": ratio} if ratio else {}), **({"imageSize": size} if size else {})}


def _shape_sent(request: ImageRequest) -> str:
    """Return the ratio and the resolution in the body, also those that ``params`` give."""
    image = body(replace(request, references=(), mask=None)).get("generationConfig", {}).get("imageConfig", {})
    return " ".join(str(image[name]) for name in ("aspectRatio", "imageSize") if name in image)


def _inline(reference: Reference) -> dict[str, Any]:
    """Return a picture as a part of the request; no server is known to fetch one for this format."""
    if reference.is_link:
        raise ConfigError(
            _("The gemini format cannot send the address {label}.", label=reference.label or reference.address),
            why=_("Its pictures are sent inside the request."),
            do=_("Download the picture and give the file: --ref cat.png"),
        )
    mime, data = split_data_uri(reference.address)  # both empty in a request read back from its record
    return {"inline_data": {"mime_type": mime, "data": data}}


def _checked(name: str, value: Any, allowed: Sequence[str]) -> Any:
    """Return a value as the list of allowed values spells it; of an unknown family any value, with a capital K."""
    given = str(value).strip().upper()
    if not allowed and re.fullmatch(r"[\d.]+K", given):
        return given
    if allowed and given not in allowed:
        raise ConfigError(
            _("{name} cannot be {value!r}.", name=name, value=value),
            do=_("Use one of: ") + ", ".join(allowed),
        )
    return given if allowed else value


def talk(request: ImageRequest) -> Generator[HttpCall | Progress, HttpReply | None, Answer]:
    """Make one call, and read its reply.

    Raises:
        ConfigError: as :func:`path` and :func:`body`.
        EndpointError: the answer is an error object or a web page, or broke off before a picture.
        AnswerError: the answer is empty or cannot be read.
    """
    reply = yield HttpCall("POST", path(request), body(request), stream=request.stream)
    return (yield from read(reply, request))


FORMAT = WireFormat(
    name="gemini",
    talk=talk,
    prompt_as_sent=prompt_as_sent,
    shape_as_sent=_shape_sent,
    auth=("x-goog-api-key", "{key}"),
    key_parameter="key",
    tasks=(DRAW, DESCRIBE, *QUESTIONS),
)
