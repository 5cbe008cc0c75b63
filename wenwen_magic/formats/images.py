"""The images format: one call draws, another changes pictures that go along as files; the answer lists the results.

Source: wenwen's pages 生成图片(images), ``POST /v1/images/generations`` with ``model``, ``prompt``, ``n``, ``size``,
``quality`` and ``style``, and 修改图片(images), ``POST /v1/images/edits`` as a form with ``image[]``, ``model``,
``prompt`` and ``quality``. The other fields, the sizes and the streamed events are OpenAI's (not seen on wenwen's
pages).
"""

import base64
import binascii
import math
import re
import struct
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.formats.parse.stream import read
from wenwen_magic.kinds import BY_MIME, PNG, SENDABLE, kind_of, split_data_uri
from wenwen_magic.models import family
from wenwen_magic.protocol import Answer, FilePart, HttpCall, HttpReply, Progress, WireFormat
from wenwen_magic.records import ImageRequest, Reference
from wenwen_magic.text.i18n import _
from wenwen_magic.text.orientation import RESOLUTIONS, Shape, nearest, pixels_for, shape_of

DRAWING, CHANGING = "/v1/images/generations", "/v1/images/edits"
LONGEST = 32_000
"""Characters of a prompt (wenwen's page 修改图片(images), gpt-image-1)."""
PARTIAL_IMAGES = 2
"""Pictures on their way that a stream is asked for, unless a param says otherwise."""
SMALL = 4_000_000
"""Bytes of a picture that dall-e-2 changes: less than 4 MB (wenwen's page 修改图片(images), dall-e-2)."""
_USUAL_SIDE, _STEP = 1254, 16
"""Of a ratio's size: the side of a square with as many pixels as 1536x1024, and what the sides are multiples of."""
_OWN_FIELDS = {"model", "prompt", "stream", "image", "mask"}
_WHOLE_NUMBERS = {"n": (1, 10), "output_compression": (0, 100), "partial_images": (0, 3)}


@dataclass(frozen=True)
class Family:
    """Describe what the models of one family accept, as far as that is known before sending: see ``models.toml``.

    Args:
        names: the family's names, as a regular expression; empty for an unknown model.
        shapes: the size for each orientation; the usual ones of gpt-image.
        sizes: the only sizes taken; empty for any of the form.
        form: what a size must look like.
        step: pixels that width and height must be a multiple of.
        longest: characters of a prompt.
        most: pictures of one request.
        words: the values that a param may have; none at all where the model refuses it.
        streams: whether an answer may be asked for as a stream.
        one_square: whether only one square PNG of less than 4 MB may be changed.
        largest: width and height of the largest picture of a family that draws any size; 0 for one that does not.
    """

    names: str = ""
    shapes: Mapping[str, str] = field(
        default_factory=lambda: {"square": "1024x1024", "landscape": "1536x1024", "portrait": "1024x1536"}
    )
    sizes: Sequence[str] = ()
    form: str = r"(?s).+"
    step: int = 1
    longest: int = LONGEST
    most: int = 10
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    streams: bool = True
    one_square: bool = False
    largest: Sequence[int] = (4096, 4096)


def family_of(model: str) -> Family:
    """Return the family of a model by its name; the general one for an unknown model."""
    return Family(**family("images", model))


# -- fields: invalid values are refused here, for free, before an endpoint counts them as a failure --------------------


def fields_of(request: ImageRequest) -> dict[str, Any]:
    """Return the fields of a request, or of its form, without the files.

    Raises:
        ConfigError: a field that the model or the relay is known to refuse.
    """
    family, params = family_of(request.model), request.params
    if taken := sorted(name for name in params if name.partition("[")[0] in _OWN_FIELDS):
        raise ConfigError(
            _("--param cannot set {taken}.", taken=", ".join(taken)),
            do=_("Use -m for the model, --stream, --ref and --mask; the cell's text is the prompt."),
        )
    if len(request.prompt) > family.longest:
        raise ConfigError(
            _(
                "The prompt is too long for {model}: {count} characters.",
                model=request.model,
                count=len(request.prompt),
            ),
            do=_("At most {longest} characters.", longest=family.longest),
        )
    for name, value in params.items():
        if name in _WHOLE_NUMBERS:
            low, high = _WHOLE_NUMBERS[name]
            _check_number(name, value, low, min(high, family.most) if name == "n" else high)
        elif name == "size":
            _check_size(request.model, value, family)
        elif name in family.words and value not in family.words[name]:
            raise _not_taken(request.model, name, value, family.words[name])
    _check_pairs(request, family)
    stream = {"stream": True, "partial_images": PARTIAL_IMAGES} if request.stream else {}
    return {"model": request.model, "prompt": request.prompt, **_shape(request, family), **stream, **params}


def _check_number(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        several = _(" Several pictures of one prompt: -n") if name == "n" and high == 1 else ""
        raise ConfigError(
            _("{name} cannot be {value!s:.80}.", name=name, value=value),
            do=_("A whole number from {low} to {high}.", low=low, high=high) + several,
        )


def _check_size(model: str, value: Any, family: Family) -> None:
    if isinstance(value, str) and "×" in value:
        raise ConfigError(
            _("A size is written with the letter x."),
            do=f"--param size={value.replace('×', 'x').replace(' ', '')}",
        )
    if not isinstance(value, str) or not re.fullmatch(family.form, value):
        raise _not_taken(model, "size", value, family.sizes or ("1024x1024",))
    if family.sizes and value not in family.sizes:
        raise _not_taken(model, "size", value, family.sizes)
    if any(int(side) % family.step for side in re.findall(r"\d+", value) if family.step > 1):
        raise ConfigError(
            _("{model} cannot draw {shape}.", model=model, shape=value),
            do=_("Width and height in steps of {step} pixels.", step=family.step),
        )


def _not_taken(model: str, name: str, value: Any, known: Sequence[str]) -> ConfigError:
    if not known:
        return ConfigError(
            _("{model} refuses {name}.", model=model, name=name),
            do=_("Leave --param {name} out.", name=name),
        )
    return ConfigError(
        _("{model} does not accept {name}={value!s:.80}.", model=model, name=name, value=value),
        do=_("Use one of: ") + ", ".join(known),
    )


def _check_pairs(request: ImageRequest, family: Family) -> None:
    """Refuse combinations that no model accepts."""
    params = request.params
    if request.stream and not family.streams:
        raise ConfigError(_("{model} does not stream.", model=request.model), do=_("Leave --stream out."))
    if "partial_images" in params and not request.stream:
        raise ConfigError(_("partial_images needs a streamed answer."), do=_("Add --stream."))
    if params.get("background") == "transparent" and params.get("output_format") == "jpeg":
        raise ConfigError(_("A JPEG cannot be transparent."), do="--param output_format=png")


def _shape(request: ImageRequest, family: Family) -> dict[str, str]:
    """Return the size that a shape means for a model; nothing for ``auto``, and where a param gives it.

    Raises:
        ConfigError: the family draws nothing like it.
    """
    shape, sizes = request.shape, family.sizes or tuple(family.shapes.values())
    if "size" in request.params or (shape.turn == "auto" and shape.resolution in {"", "1K"}):
        return {}
    if shape.turn != "auto" and shape.turn not in family.shapes:
        raise ConfigError(
            _("{model} draws squares only.", model=request.model),
            do=_("Use -o square, or another model (-m)."),
        )
    if not family.largest[0] and shape.resolution not in {"", "1K"}:
        raise ConfigError(
            _("{model} cannot draw {shape}.", model=request.model, shape=shape.resolution),
            do=_("It draws: ") + ", ".join(sizes),
        )
    if shape.ratio is None and shape.resolution in {"", "1K"}:
        return {"size": family.shapes[shape.turn]}
    if not family.largest[0]:
        return {"size": nearest(shape, sizes, request.model)}
    return {"size": "{}x{}".format(*_computed(shape, family))}


def _computed(shape: Shape, family: Family) -> tuple[int, int]:
    """Return width and height for a ratio, a size or a resolution, of a model that draws any size."""
    if shape.pixels and max(shape.pixels) <= max(family.largest):
        width, height = (round(side / family.step) * family.step for side in shape.pixels)
        return width, height
    if shape.ratio is None:  # an orientation alone
        shape = shape_of(f"{family.shapes.get(shape.turn, '1:1')}".replace("x", ":") + f" {shape.resolution}")
    elif not (shape.pixels or shape.resolution):
        usual = (known.pixels for known in map(shape_of, family.shapes.values()) if known.ratio == shape.ratio)
        if size := next(usual, None):
            return size
    area = math.prod(shape.pixels) if shape.pixels else RESOLUTIONS.get(shape.resolution, _USUAL_SIDE) ** 2
    return pixels_for(shape, area, (family.largest[0], family.largest[1]), max(family.step, _STEP))


# -- files -------------------------------------------------------------------------------------------------------------

_SHOW_THROUGH = {4, 6}
"""PNG's types of colour that have an alpha channel."""


def files_of(request: ImageRequest) -> tuple[FilePart, ...]:
    """Return the pictures to change, in order, and the mask; nothing for a request without them.

    Raises:
        ConfigError: one of them cannot be sent as a file, or not to this model.
    """
    pictures = [
        file_part("image[]", f"image-{number}", picture) for number, picture in enumerate(request.references, 1)
    ]
    # What wenwen's page 修改图片(images) says of dall-e-2.
    if family_of(request.model).one_square and (len(pictures) > 1 or not all(map(_is_small_square, pictures))):
        raise ConfigError(
            _("{model} changes one square PNG of less than 4 MB.", model=request.model),
            do=_("Use another picture, or another model (-m)."),
        )
    if request.mask is None:
        return tuple(pictures)
    if not pictures:
        raise ConfigError(
            _("There is a mask, but no picture to change."),
            do=_("Name the picture to change: --ref"),
        )
    mask = file_part("mask", "mask", request.mask)
    _check_mask(mask)
    return (*pictures, mask)


def file_part(name: str, filename: str, reference: Reference) -> FilePart:
    """Return a picture as a file; its name ends as its type demands, for relays go by that (new-api's sources)."""
    if not reference.address:  # known from its record alone: its answer is being read again, nothing is sent
        return FilePart(name, f"{filename}.png", PNG.mime, b"")
    mime, text = split_data_uri(reference.address)
    kind = BY_MIME.get(mime)
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        kind = None
    if kind not in SENDABLE:
        raise ConfigError(
            _("The reference {label} is an address; this format sends files.", label=reference.label[:80]),
            do=_("Download the picture and name the file, or use --format chat."),
        )
    return FilePart(name, f"{filename}.{kind.name.lower()}", mime, data)


def _is_small_square(picture: FilePart) -> bool:
    small_png = picture.mime == PNG.mime and len(picture.data) < SMALL
    return small_png and len(set(_size_of_png(picture.data))) < 2  # noqa: PLR2004  width and height are the same


def _check_mask(mask: FilePart) -> None:
    is_png = bool(_size_of_png(mask.data))
    if mask.data and not (is_png and (mask.data[25] in _SHOW_THROUGH or b"tRNS" in mask.data)):
        raise ConfigError(
            _("The mask has no transparent part."),
            do=_("Use a PNG of the picture's size that is transparent where it may be changed."),
        )


def _size_of_png(data: bytes) -> tuple[int, ...]:
    """Return width and height in pixels out of a PNG's head; nothing for another file."""
    return struct.unpack(">II", data[16:24]) if kind_of(data, (PNG,)) and len(data) > 25 else ()  # noqa: PLR2004


def talk(request: ImageRequest) -> Generator[HttpCall | Progress, HttpReply | None, Answer]:
    """Make one call, and read its reply.

    Raises:
        ConfigError: as :func:`fields_of` and :func:`files_of`.
        EndpointError: the answer is an error object or a web page, or broke off before a picture.
        AnswerError: the answer is empty or cannot be read.
    """
    files = files_of(request)
    path = CHANGING if files else DRAWING
    reply = yield HttpCall("POST", path, fields_of(request), stream=request.stream, files=files)
    return (yield from read(reply, request))


FORMAT = WireFormat(
    name="images",
    talk=talk,
    shape_as_sent=lambda request: str({**_shape(request, family_of(request.model)), **request.params}.get("size", "")),
)
