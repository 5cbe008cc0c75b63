"""Define the public records: requests, references, pictures, generations and galleries, all frozen."""

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, overload

from wenwen_magic.errors import AnswerError, Charged, ConfigError, ImageError
from wenwen_magic.kinds import PICTURES, VIDEOS
from wenwen_magic.models import default_model
from wenwen_magic.text.i18n import N_, _
from wenwen_magic.text.json_values import value_in
from wenwen_magic.text.orientation import Shape, shape_of, spelled
from wenwen_magic.text.sanitize import mask_keys, one_line, replace_unshown

__all__ = ["Button", "Gallery", "GeneratedImage", "Generation", "ImageRequest", "Label", "Reference", "Video"]

DRAW, DESCRIBE, ASK, ASK_JSON, CLIP = "draw", "describe", "ask", "ask_json", "clip"
"""The tasks of a request: a picture, a text about pictures, a text, JSON, a clip. A format may know further tasks."""
QUESTIONS = (ASK, ASK_JSON)
"""The tasks that need no picture."""
WORD_TASKS = (DESCRIBE, *QUESTIONS, "upload")
"""The tasks whose result is a text and not a picture."""
_WRITE = {
    DRAW: N_("Write what to draw, for example: a cat, watercolour."),
    CLIP: N_("Write what the clip shall show, for example: a cat walks through the snow."),
    **dict.fromkeys((DESCRIBE, *QUESTIONS), N_("Write a question, for example: which animals live in the snow?")),
}
"""What to do about an empty prompt."""
LENGTH_REACHED = ("length", "max_tokens", "max_output_tokens", "model_length")
"""The reasons, in small letters, for the end of an answer that its length limit cut off."""


@dataclass(frozen=True)
class Reference:
    """Hold a picture that is sent with a prompt.

    Args:
        address: an ``https`` address, or the picture itself as a ``data:`` URI (PNG, JPEG or WebP).
        digest: SHA-256 of the address in hexadecimal; it distinguishes references in the history.
        label: the name that the user gave: a variable, an id, a path or an address.
        origin: the id of the generation it is a picture of; empty for any other picture.
    """

    address: str = field(repr=False, compare=False)  # its digest says the same, in a record too
    digest: str
    label: str = ""
    origin: str = field(default="", compare=False)

    @property
    def is_link(self) -> bool:
        """Whether it is an address on the web, and not the picture itself."""
        return self.address.lower().startswith(("http://", "https://"))

    @property
    def pointer(self) -> str:
        """Its address on the web, else its label without folders."""
        if self.is_link:
            return self.address
        return re.split(r"[/\\]", self.label)[-1]


MOST_TAKES = 1000
"""Most takes of one request."""
_REQUEST_TYPES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("prompt", "model", "orientation", "format", "task", "parent"), (str,)),
    "mask": (Reference, type(None)),
    "count": (int,),
    "references": (tuple,),
    "params": (Mapping,),
    "stream": (bool,),
}
"""Values of other types could be sent, but not be read back from the record."""


@dataclass(frozen=True)
class ImageRequest:
    """Describe what is asked of a model, without address and key.

    Args:
        prompt: the prompt, after interpolation.
        model: the relay's name of the model.
        orientation: ``auto`` (add nothing), ``square``, ``landscape``, ``portrait``, a ratio (``16:9``) or a size
            (``1536x1024``), then perhaps ``2K``; in any spelling of :func:`wenwen_magic.text.orientation.shape_of`.
        count: wanted takes, at least 1.
        references: pictures to start from, in order.
        params: further fields of the request body, passed through as they are.
        format: the wire format's name.
        stream: ask for the answer as a stream.
        task: ``draw``, ``describe``, or another task of the format.
        mask: where the first reference may be changed: a PNG of its size, transparent there.
        parent: the id of the generation that this one continues; empty for none.
        usual: the default that the model was taken from, where nobody named one; empty for a name that was given.

    Attributes:
        shape: what the orientation asks for.
        wants_words: whether the result is a text and not a picture.
        wants_clip: whether the result is a clip and not a picture.
        unnamed: whether nobody named the model: it is a default.

    Raises:
        ConfigError: an empty prompt or model, an orientation that cannot be, or a count below 1.
    """

    prompt: str
    model: str = field(default_factory=default_model)
    orientation: str = "auto"
    count: int = 1
    references: tuple[Reference, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    format: str = "chat"
    stream: bool = False
    task: str = DRAW
    mask: Reference | None = None
    parent: str = ""
    usual: str = field(default="", compare=False, repr=False)
    shape: Shape = field(init=False, compare=False, repr=False)
    wants_words: bool = field(init=False, compare=False, repr=False)
    wants_clip: bool = field(init=False, compare=False, repr=False)
    unnamed: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, kinds in _REQUEST_TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, kinds) or (name == "count" and isinstance(value, bool)):
                raise ConfigError(
                    _("{name} is of a wrong type.", name=name),
                    why=type(value).__name__,
                    do=_("It should be: {named}", named=" | ".join(kind.__name__ for kind in kinds)),
                )
        if not self.prompt.strip():
            raise ConfigError(_("The prompt is empty."), do=_(_WRITE.get(self.task, _WRITE[DRAW])))
        if not self.model.strip():
            example = _("Name one, for example: -m {name}", name=default_model())
            raise ConfigError(_("The model's name is empty."), do=example)
        if not 1 <= self.count <= MOST_TAKES:
            raise ConfigError(
                _("{count:.9g} pictures cannot be drawn.", count=self.count),
                do=_("Ask for 1 to {most_takes}: -n 1", most_takes=MOST_TAKES),
            )
        # Copied, so that a request does not change after it was made; every spelling of a shape becomes the same.
        made: dict[str, Any] = {"params": dict(self.params), "orientation": spelled(self.orientation)}
        made |= {"shape": shape_of(self.orientation), "unnamed": self.usual == self.model}
        made |= {"wants_words": self.task in WORD_TASKS, "wants_clip": self.task == CLIP}
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<ImageRequest {_beginning(self.model)} {self.orientation} {_beginning(self.prompt)!r}>"

    def __hash__(self) -> int:  # a table of params has none
        return hash((self.prompt, self.model))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (64 hexadecimal digits) of all fields that decide about the picture: equal for equal requests.

        The number of takes and streaming do not change the picture and are left out.
        """
        parts: list[Any] = [self.prompt, self.model, self.orientation, [ref.digest for ref in self.references]]
        # Fields that most requests do not have are left out when empty, so that older records still match.
        more = {"task": self.task} if self.task != DRAW else {}
        more |= {"mask": self.mask.digest} if self.mask else {}
        parts += [dict(self.params), self.format, *([more] if more else [])]
        text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @cached_property
    def pictures(self) -> int:
        """How many pictures one answer holds and costs: the parameter ``n``, else 1."""
        wanted = self.params.get("n", 1)
        return wanted if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > 0 else 1

    @property
    def recipe(self) -> dict[str, Any]:
        """The fields that are written into a picture's file, ready for JSON; of references only their names."""
        names = ("prompt", "model", "orientation", "format")
        more: dict[str, Any] = {"task": self.task} if self.task != DRAW else {}
        more |= {"references": [reference.pointer for reference in self.references]} if self.references else {}
        more |= {"mask": self.mask.pointer} if self.mask else {}
        return {"version": 1, **{name: getattr(self, name) for name in names}, "params": dict(self.params), **more}


_LONGEST_BEGINNING = 40


def _beginning(text: str) -> str:
    """Return the beginning of a text, in one line that can be shown."""
    return replace_unshown(one_line(mask_keys(text[: 10 * _LONGEST_BEGINNING]), _LONGEST_BEGINNING, "…"))


State = Literal["sent", "answered", "complete", "failed"]


@dataclass(frozen=True)
class GeneratedImage:
    """Hold one picture on disk, exactly as it was received.

    Args:
        path: the file.
        mime: its type, judged by its bytes; empty when it failed the check.
        width: in pixels; 0 when it failed the check.
        height: in pixels; 0 when it failed the check.
        alt: alternative text.
        size: of the file, in bytes.
        sha256: of the file's bytes, hexadecimal.
        draft: whether it is an intermediate step and not a result.
        problem: why the file is not shown; empty for a valid picture.
        preview: a small JPEG or PNG of it in the user's cache folder, for display.
        request: the request that it answers.
        record: the id of the generation it belongs to.
        origin: the generation whose result it is; None for a draft, and for a picture that failed the check.
    """

    path: Path
    mime: str
    width: int
    height: int
    alt: str = ""
    size: int = 0
    sha256: str = ""
    draft: bool = False
    problem: str = ""
    preview: Path | None = field(default=None, repr=False, compare=False)
    request: ImageRequest | None = field(default=None, repr=False, compare=False)
    record: str = field(default="", repr=False, compare=False)
    origin: "Generation | None" = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"<GeneratedImage {self.width}×{self.height} {self.path.name}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.alone._repr_mimebundle_() if self.alone else {"text/plain": repr(self)}

    @property
    def alone(self) -> "Generation | None":
        """Its generation with this picture only, which shows it; None where that is not known."""
        return self.origin and replace(self.origin, pictures=(self,), still=self.preview)

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return self.path.read_bytes()

    def pil(self) -> Any:
        """Load the picture as a ``PIL.Image.Image``.

        Raises:
            OSError: the file is gone or is not a picture that Pillow reads.
        """
        from PIL import Image  # noqa: PLC0415  Pillow is loaded only when asked for

        try:
            with Image.open(self.path) as picture:
                picture.load()
                return picture
        except (ValueError, SyntaxError, OSError):  # Pillow refuses notes that every viewer passes over
            from wenwen_magic.media.metadata import without_notes  # noqa: PLC0415  as in save

            with Image.open(io.BytesIO(without_notes(self.data))) as picture:
                picture.load()
                return picture

    def save(self, path: str | Path, *, recipe: bool = False) -> Path:
        """Copy the file to another path; returns that path.

        Args:
            path: the target; the ending of another type of picture is refused.
            recipe: whether to write prompt, model and settings into the copy (PNG, JPEG or WebP); the pixels stay as
                they are. Without it the copy has the same bytes.

        Raises:
            OSError: the path cannot be written.
            ImageError: the ending does not fit the picture, or its type cannot hold a recipe.
            ConfigError: the request is not known.
        """
        target = _target(path, self.mime, N_("The picture is a {kind}, not a {ending}."))
        if recipe and self.request is None:
            raise ConfigError(_("It is not known how this picture was made."), do=_("Save it without recipe=True."))
        data = self.data
        if recipe and self.request:
            from wenwen_magic.media.metadata import embed  # noqa: PLC0415  rarely used, and of a higher layer

            data = embed(data, self.request.recipe)
        target.write_bytes(data)
        return target


def _target(path: str | Path, mime: str, message: str) -> Path:
    """Return the path to copy a file of a type to; refuse the ending of another type with the message."""
    target, kinds = Path(path).expanduser(), (*PICTURES, *VIDEOS)
    kind, ending = next((one for one in kinds if one.mime == mime), None), target.suffix.lower()
    if kind and any(ending in other.suffixes for other in kinds if other is not kind):
        raise ImageError(
            _(message, kind=kind.name, ending=ending),
            why=_("It is copied as it came, nothing was written."),
            do=_("Save it as ") + target.with_suffix(kind.suffixes[0]).name,
        )
    return target


@dataclass(frozen=True)
class Video:
    """Hold a clip, or a video that came where a picture was expected, exactly as it was received; nothing decodes it.

    Args:
        address: where it is, or was; ``data:<type>`` for a video in the answer itself.
        path: the file; None while it could not be fetched.
        mime: its type, judged by its first bytes; empty while it could not be fetched, and where it is no video.
        size: of the file, in bytes.
        sha256: of the file's bytes, hexadecimal.
        problem: why there is no file of it, or no video in the file; empty for a video.
        width: in pixels; 0 where the file does not say it.
        height: in pixels; 0 where the file does not say it.
        seconds: how long it plays; None where the file does not say it.
        poster: a still picture of it, beside the file; None for none.
        origin: the generation whose result it is; None for one that could not be fetched.
    """

    address: str
    path: Path | None = None
    mime: str = ""
    size: int = 0
    sha256: str = ""
    problem: str = ""
    width: int = 0
    height: int = 0
    seconds: float | None = None
    poster: Path | None = None
    origin: "Generation | None" = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"<Video {self.mime or '–'} {self.path.name if self.path else self.problem}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        alone = self.origin and replace(self.origin, pictures=(), videos=(self,), still=self.poster)
        return alone._repr_mimebundle_() if alone else {"text/plain": repr(self)}

    @property
    def is_kept(self) -> bool:
        """Whether it was fetched and is a video."""
        return self.path is not None and not self.problem

    def save(self, path: str | Path) -> Path:
        """Copy the file to another path; returns that path.

        Args:
            path: the target; the ending of a picture, or of another type of video, is refused.

        Raises:
            OSError: there is no file, or the path cannot be written.
            ImageError: the ending does not fit the video.
        """
        if self.path is None:
            raise FileNotFoundError(self.problem or self.address)
        target = _target(path, self.mime, N_("The clip is a {kind}, not a {ending}."))
        target.write_bytes(self.path.read_bytes())
        return target


class Words(str):
    """The answer to a question: ``--for`` takes its lines one by one, and any other text as one value."""

    __slots__ = ()


@dataclass(frozen=True)
class Button:
    """Describe an action that the endpoint offers for a finished picture.

    Args:
        label: its text, such as ``U1``.
        params: the parameters of the request that presses it.
        again: whether pressing it again gives a new result; else the saved result is shown.
        task: the task of that request.
        asks: what must be given with it: ``words``, ``region`` (a mask), or nothing.
    """

    label: str
    params: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False
    task: str = "action"
    asks: str = ""


@dataclass(frozen=True)
class Generation:
    """Hold one request and its results: this is what is shown, saved, replayed and returned to Python.

    Args:
        id: eight hexadecimal digits.
        request: the request.
        prompt_sent: the prompt as it was sent.
        state: ``sent``, ``answered``, ``complete`` or ``failed``.
        created: when it was sent, ISO 8601 with the offset from UTC.
        charged: whether money may be gone.
        pictures: all pictures, drafts and invalid ones included.
        text: the text that came with the pictures.
        sources: the addresses in the answer (``data:<type>`` for a picture in the answer itself).
        finish_reason: why the model stopped.
        model_reported: the model's name as the endpoint reported it.
        usage: token counts as received.
        elapsed: seconds from sending to the whole answer; None before that.
        error: the error's fields for a failed request, else None.
        demo: whether the demo endpoint drew it.
        endpoint: scheme, host and port that were asked.
        take: which of several generations of the same request this is, from 1; 0 for one without a picture.
        from_history: whether it was saved before and not requested now.
        price: what it costs by the user's own table of prices, in the unit of that table; None for unknown.
        star: whether the user marked it.
        tags: words that the user gave it, without spaces.
        revised_prompt: the prompt as the endpoint rewrote it; empty where it did not say.
        buttons: what the endpoint offers to do next.
        job: the endpoint's own number of the job; empty for none.
        number: which request of its kind this is, from 1, as a clock may be set back; 0 in records of version 0.1.0.
        videos: the videos that came where pictures were expected.
        note: a remark for the caption; not in the record.
        currency: the unit of the price; not in the record.
        still: a small picture that represents all of them, in the user's cache folder.
        embed: whether a small clip is shown from within the notebook, and not from its file; not in the record.
        render: makes the MIME bundle that front ends show.
    """

    id: str
    request: ImageRequest
    prompt_sent: str
    state: State
    created: str
    charged: Charged = "no"
    pictures: tuple[GeneratedImage, ...] = ()
    text: str = ""
    sources: tuple[str, ...] = ()
    finish_reason: str = ""
    model_reported: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    elapsed: float | None = None
    error: Mapping[str, Any] | None = None
    demo: bool = False
    endpoint: str = ""
    take: int = field(default=0, compare=False)
    from_history: bool = field(default=False, compare=False)
    price: float | None = None
    star: bool = False
    tags: tuple[str, ...] = ()
    revised_prompt: str = ""
    buttons: tuple[Button, ...] = ()
    job: str = ""
    number: int = 0
    videos: tuple[Video, ...] = ()
    note: str = field(default="", repr=False, compare=False)
    currency: str = field(default="", repr=False, compare=False)
    still: Path | None = field(default=None, repr=False, compare=False)
    embed: bool = field(default=False, repr=False, compare=False)
    render: "Callable[[Generation], dict[str, Any]] | None" = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        shown = self.results
        size = f"{shown[0].width}×{shown[0].height}" if shown else self.state
        more = f" +{len(shown) - 1}" if len(shown) > 1 else ""
        demo = " demo" if self.demo else ""
        request = self.request
        asked = f"{_beginning(request.model)}{demo} {size}{more} {_beginning(request.prompt)!r}"
        return f"<Generation #{self.id[:6]} {asked}>"

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        """Return the text where a text was wanted, so that ``print`` and ``{{...}}`` in a prompt give it."""
        return self.text if self.request.wants_words and self.has_result else repr(self)

    @cached_property
    def images(self) -> tuple[GeneratedImage, ...]:
        """The results: valid pictures that are not drafts."""
        kept = (picture for picture in self.pictures if not picture.draft and not picture.problem)
        return tuple(replace(picture, origin=self) for picture in kept)

    @cached_property
    def kept_videos(self) -> tuple[Video, ...]:
        """The videos that were fetched."""
        return tuple(replace(video, origin=self) for video in self.videos if video.is_kept)

    @cached_property
    def clips(self) -> tuple[Video, ...]:
        """The results of a request for a clip: the videos that were fetched."""
        return self.kept_videos if self.request.wants_clip else ()

    @cached_property
    def results(self) -> tuple[GeneratedImage | Video, ...]:
        """The results of the kind that was asked for; the pictures, else the videos, where there is none of it."""
        return self.clips or self.images or self.kept_videos

    @cached_property
    def stills(self) -> tuple[Path, ...]:
        """Small pictures of the results, where there are any: a picture's preview, a video's poster."""
        shown = (result.poster if isinstance(result, Video) else result.preview for result in self.results)
        return tuple(filter(None, shown))

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files of the results."""
        return tuple(result.path for result in self.results if result.path)

    @cached_property
    def has_result(self) -> bool:
        """Whether there is a result: a valid picture, a video in place of it, or a text where the task wants a text."""
        if self.request.wants_words:
            return bool(self.text) and self.state == "complete"
        return bool(self.kept_videos if self.request.wants_clip else self.results)

    @cached_property
    def value(self) -> Any:
        """The JSON value in the text, as Python has it: a list, a dict, or what else the whole text is.

        Raises:
            AnswerError: there is none, or it is not clear which; the text is in it, paid for and kept.
            ConfigError: there is none, for no words were asked for.
        """
        try:
            return value_in(self.text).value
        except ValueError as problem:
            if not self.request.wants_words:
                raise ConfigError(
                    _("This is no answer to a question: {generation}", generation=repr(self)),
                    do=_(".value is for answers of %%wenwen_ask --json; a picture has .images, a clip .clips."),
                ) from None
            raise AnswerError(
                _("The JSON of the answer cannot be read: {problem}.", problem=problem),
                why=mask_keys(self.text),
                do=_(
                    "The answer is kept: %wenwen show {id}. --fresh (fresh=True) asks again, which costs again.",
                    id=self.id[:6],
                ),
                charged=self.charged,
                text=mask_keys(self.text),
                record=self.id,
            ) from None

    @cached_property
    def said(self) -> Any:
        """What a cell's variable holds: the answer to a question, as JSON the value; else this generation itself.

        Raises:
            AnswerError: as for :attr:`value`.
        """
        if self.request.task not in QUESTIONS or not self.has_result:
            return self
        return self.value if self.request.task == ASK_JSON else Words(self.text)

    @property
    def parent(self) -> str:
        """The id of the generation that this one continues; empty for none."""
        return self.request.parent

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.render(self) if self.render else {"text/plain": repr(self)}


Label = tuple[tuple[str, str], ...]
"""A place in a comparison, as pairs of axis and value, such as ``(("model", "a"),)``."""


@dataclass(frozen=True)
class Gallery(Sequence[Generation]):
    """Hold several generations, in the order of the requests; a failure is a row like the others.

    Args:
        rows: the generations.
        labels: for each row its place in the comparison; empty for no comparison.
        blind: whether the labels are hidden.
        differ: compares two generations.
        still: a small contact sheet of them, in the user's cache folder.
        render: makes the MIME bundle that front ends show.
    """

    rows: Sequence[Generation]
    labels: tuple[Label, ...] = ()
    blind: bool = False
    still: Path | None = field(default=None, repr=False, compare=False)
    render: "Callable[[Gallery], dict[str, Any]] | None" = field(default=None, repr=False, compare=False)
    differ: Callable[[Generation, Generation], Any] | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"<Gallery of {len(self)}{' pictures, blind' if self.blind else ''}>"

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Generation: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Generation]: ...

    def __getitem__(self, index: int | slice) -> Generation | Sequence[Generation]:
        return self.rows[index]

    def __iter__(self) -> Iterator[Generation]:
        return iter(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this process: a pickled gallery holds its rows, and compares none."""
        return {**vars(self), "rows": tuple(self.rows), "differ": None}

    @property
    def images(self) -> tuple[GeneratedImage, ...]:
        """The results of all rows, in order; those of a blind comparison do not know what they are."""
        images = (image for row in self.rows for image in row.images)
        return tuple(replace(image, origin=None) for image in images) if self.blind else tuple(images)

    @property
    def clips(self) -> tuple[Video, ...]:
        """The clips of all rows, in order; clips are never compared blind."""
        return tuple(clip for row in self.rows for clip in row.clips)

    @property
    def failures(self) -> tuple[Generation, ...]:
        """The rows without a result."""
        return tuple(row for row in self.rows if not row.has_result)

    @property
    def letters(self) -> dict[str, int]:
        """The names of the rows with a picture or an answer while labels are hidden: row numbers by letter, A to Z."""
        drawn = [
            number for number, row in enumerate(self) if row.images or (row.request.wants_words and row.has_result)
        ]
        return {_letter(place): number for place, number in enumerate(drawn)}

    def diff(self, old: int, new: int) -> Any:
        """Compare two rows, by their numbers from 0: the prompts marked, and everything else that differs.

        Raises:
            IndexError: there is no such row.
        """
        return self.differ(self[old], self[new]) if self.differ else None

    def dataframe(self) -> Any:
        """Return the rows as a pandas DataFrame, one row each; the labels of a comparison are further columns.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        import pandas as pd  # noqa: PLC0415  pandas is optional

        labels = self.labels or ((),) * len(self)
        return pd.DataFrame([{**dict(label), **_columns(row)} for label, row in zip(labels, self, strict=True)])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.render(self) if self.render else {"text/plain": repr(self)}


def _letter(place: int) -> str:
    return (_letter(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)  # noqa: PLR2004


def _columns(row: Generation) -> dict[str, Any]:
    """Return the columns of one row of the DataFrame."""
    shown = row.results[0] if row.results else None
    own = ("id", "state", "created", "charged", "price", "elapsed", "take", "star", "prompt_sent", "model_reported")
    return {
        **{name: getattr(row.request, name) for name in ("prompt", "model", "orientation")},
        **{name: getattr(row, name) for name in (*own, "text")},
        **({"path": str(shown.path), "width": shown.width, "height": shown.height} if shown else {}),
        "error": (row.error or {}).get("what", ""),
    }
