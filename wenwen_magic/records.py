"""The words for what came of a request: pictures, generations and galleries, all frozen."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from wenwen_magic.errors import Charged, ConfigError, ImageError
from wenwen_magic.kinds import SUFFIXES
from wenwen_magic.text.i18n import _

ORIENTATIONS = ("auto", "square", "landscape", "portrait")
ORIENTATION_WORDS = {
    **dict.fromkeys(("auto", "自动", "随意"), "auto"),
    **dict.fromkeys(("square", "方", "方形", "方图", "正方形"), "square"),
    **dict.fromkeys(("landscape", "横", "横屏", "横版", "横图"), "landscape"),
    **dict.fromkeys(("portrait", "竖", "竖屏", "竖版", "竖图"), "portrait"),
}
"""What a person may call an orientation, and what it is called inside."""
DRAW, DESCRIBE = "draw", "describe"
"""What is asked for: a picture, or words on pictures. A format may know further tasks."""
WORD_TASKS = (DESCRIBE, "upload")
"""The tasks whose result is words and not a picture."""


@dataclass(frozen=True)
class Reference:
    """A picture that goes along with a prompt.

    Args:
        address: an ``https`` address, or the picture itself as a ``data:`` URI (PNG, JPEG or WebP).
        digest: SHA-256 of the address in hexadecimal; what tells one reference from another in the history.
        label: what the user called it.
        origin: the id of the generation it is a picture of; empty for one from elsewhere.
    """

    address: str = field(repr=False)
    digest: str
    label: str = ""
    origin: str = field(default="", compare=False)

    @property
    def is_link(self) -> bool:
        """Whether it is an address on the web, and not the picture itself."""
        return self.address.lower().startswith(("http://", "https://"))

    @property
    def pointer(self) -> str:
        """What to point at it with: its address on the web, else what it is called, without anybody's folders."""
        if self.is_link:
            return self.address
        return re.split(r"[/\\]", self.label)[-1]


MOST_TAKES = 1000
"""Takes that one request may want."""
_REQUEST_TYPES: dict[str, Any] = {
    **dict.fromkeys(("prompt", "model", "orientation", "format", "task", "parent"), str),
    "mask": (Reference, type(None)),
    "count": int,
    "references": tuple,
    "params": Mapping,
    "stream": bool,
}


@dataclass(frozen=True)
class ImageRequest:
    """What is asked of a model; knows no address and no key.

    Args:
        prompt: the words, after interpolation.
        model: the relay's name of the model.
        orientation: ``auto`` (add nothing), ``square``, ``landscape`` or ``portrait``.
        count: wanted takes, at least 1.
        references: pictures to start from, in order.
        params: further fields of the request body, passed through as they are.
        format: the wire format's name.
        stream: ask for the answer as a stream.
        task: what for: ``draw``, ``describe``, or another that the format knows.
        mask: where the first reference may be changed: a PNG of its size, transparent there.
        parent: the id of the generation that this one goes on from; empty for none.

    Raises:
        ConfigError: an empty prompt or model, an unknown orientation, or a count below 1.
    """

    prompt: str
    model: str = "gpt-4o-image"
    orientation: str = "auto"
    count: int = 1
    references: tuple[Reference, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    format: str = "chat"
    stream: bool = False
    task: str = DRAW
    mask: Reference | None = None
    parent: str = ""

    def __post_init__(self) -> None:
        self._check_types()
        self._check_words()
        if not 1 <= self.count <= MOST_TAKES:
            raise ConfigError(
                _("{count:.3g} pictures cannot be drawn.", count=self.count),
                do=_("Ask for 1 to {most_takes}: -n 1", most_takes=MOST_TAKES),
            )
        # Copied, so that nobody changes a request after it was made; Chinese words count as what they mean.
        object.__setattr__(self, "params", dict(self.params))
        object.__setattr__(self, "orientation", ORIENTATION_WORDS[self.orientation])

    def _check_types(self) -> None:
        """A value of a wrong type could be sent, and then not be read back from its record."""
        for name, kind in _REQUEST_TYPES.items():
            if not isinstance(getattr(self, name), kind) or (name == "count" and isinstance(self.count, bool)):
                raise ConfigError(
                    _("{name} is of a wrong type.", name=name),
                    why=type(getattr(self, name)).__name__,
                    do=_("It should be: {named}", named=_named(kind)),
                )

    def _check_words(self) -> None:
        if not self.prompt.strip():
            raise ConfigError(
                _("The prompt is empty."),
                do=_("Write what to draw, for example: a cat, watercolour."),
            )
        if not self.model.strip():
            raise ConfigError(
                _("The model's name is empty."),
                do=_("Name one, for example: -m gpt-4o-image"),
            )
        if self.orientation not in ORIENTATION_WORDS:
            raise ConfigError(
                _("No orientation is called {orientation!r}.", orientation=self.orientation),
                do=_("Use one of: ") + ", ".join(ORIENTATIONS),
            )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (64 hexadecimal digits) of all that decides about the picture: equal for equal requests.

        How many takes are wanted and whether the answer streams do not change the picture and are left out.
        """
        parts: list[Any] = [self.prompt, self.model, self.orientation, [ref.digest for ref in self.references]]
        # What most requests do not have is left out of theirs, so that older records still answer them.
        more = {"task": self.task} if self.task != DRAW else {}
        more |= {"mask": self.mask.digest} if self.mask else {}
        parts += [dict(self.params), self.format, *([more] if more else [])]
        text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def wants_words(self) -> bool:
        """Whether the result is words and not a picture."""
        return self.task in WORD_TASKS

    @property
    def pictures(self) -> int:
        """How many pictures one answer to it is paid for: the parameter ``n``, where one is given."""
        wanted = self.params.get("n", 1)
        return wanted if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > 0 else 1

    @property
    def recipe(self) -> dict[str, Any]:
        """What a picture of it carries along, ready for JSON; of reference pictures the names alone."""
        names = ("prompt", "model", "orientation", "format")
        more: dict[str, Any] = {"task": self.task} if self.task != DRAW else {}
        more |= {"references": [one.pointer for one in self.references]} if self.references else {}
        more |= {"mask": self.mask.pointer} if self.mask else {}
        return {"version": 1, **{name: getattr(self, name) for name in names}, "params": dict(self.params), **more}


def _named(kind: Any) -> str:
    return " | ".join(one.__name__ for one in kind) if isinstance(kind, tuple) else str(kind.__name__)


__all__ = ["Button", "Gallery", "GeneratedImage", "Generation", "ImageRequest", "Label", "Reference"]
State = Literal["sent", "answered", "complete", "failed"]


@dataclass(frozen=True)
class GeneratedImage:
    """One picture on disk, exactly as it came.

    Args:
        path: the file.
        mime: its type, judged by its bytes; empty when it failed the check.
        width: in pixels; 0 when it failed the check.
        height: in pixels; 0 when it failed the check.
        alt: alternative text.
        size: of the file, in bytes.
        sha256: of the file's bytes, hexadecimal.
        draft: a step on the way, not a result.
        problem: why the file is not shown; empty for a sound picture.
        preview: a small JPEG or PNG of it in the user's cache folder, for showing.
        request: what was asked for when it was drawn.
        record: the id of the generation it belongs to.
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

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return self.path.read_bytes()

    def pil(self) -> Any:
        """The picture as a ``PIL.Image.Image``, loaded.

        Raises:
            OSError: the file is gone or is not a picture that Pillow reads.
        """
        from PIL import Image  # noqa: PLC0415  a door: Pillow is loaded by those who ask for it

        with Image.open(self.path) as picture:
            picture.load()
            return picture

    def save(self, path: str | Path, *, recipe: bool = False) -> Path:
        """Copy the file to another place; returns that place.

        Args:
            path: where to; an ending of another type of picture is refused, any other is taken as it is.
            recipe: write prompt, model and settings into the copy (PNG, JPEG or WebP), pixels untouched; else byte for
                byte.

        Raises:
            OSError: the place cannot be written.
            ImageError: the ending would lie about the bytes, or the recipe cannot be put into a picture of this type.
            ConfigError: nobody knows what was asked for.
        """
        target = Path(path)
        self._refuse_other_ending(target)
        target.write_bytes(self._with_recipe() if recipe else self.data)
        return target

    def _refuse_other_ending(self, target: Path) -> None:
        known, ending = SUFFIXES.get(self.mime, ()), target.suffix.lower()
        others = {one for endings in SUFFIXES.values() for one in endings} - {*known}
        if known and ending in others:
            kind = self.mime.removeprefix("image/").upper()
            raise ImageError(
                _("The picture is a {kind}, not a {ending}.", kind=kind, ending=ending),
                why=_("It is copied as it came, nothing was written."),
                do=_("Save it as ") + target.with_suffix(known[0]).name,
            )

    def _with_recipe(self) -> bytes:
        if self.request is None:
            raise ConfigError(
                _("It is not known how this picture was made."),
                do=_("Save it without recipe=True."),
            )
        from wenwen_magic.media.metadata import embed  # noqa: PLC0415  few ask for it, and it is a layer above

        return embed(self.data, self.request.recipe)


@dataclass(frozen=True)
class Button:
    """What can be done next with a finished picture, as the endpoint offers it.

    Args:
        label: what stands on it, such as ``U1``.
        params: of the request that presses it.
        again: whether pressing it once more gives something new; else the saved result is shown.
        task: what that request is for.
        asks: what has to be given with it: ``words``, ``region`` (a mask), or nothing.
    """

    label: str
    params: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False
    task: str = "action"
    asks: str = ""


@dataclass(frozen=True)
class Generation:
    """The record of one request and all that came of it: shown, stored, replayed, returned to Python.

    Args:
        id: eight hexadecimal digits.
        request: what was asked.
        prompt_sent: the words as they went out.
        state: ``sent``, ``answered``, ``complete`` or ``failed``.
        created: when it was sent, ISO 8601 with the offset from UTC.
        charged: whether money may be gone.
        pictures: all pictures, drafts and unsound ones included.
        text: the words that came with the pictures.
        sources: the addresses the answer named (pictures in the answer itself as ``data:<type>``).
        finish_reason: why the model stopped.
        model_reported: the model's name as the endpoint answered it.
        usage: token counts as they came.
        elapsed: seconds from sending to the whole answer; None before that.
        error: the error's fields for a failed request, else None.
        demo: whether the demo endpoint drew it.
        endpoint: scheme, host and port that were asked.
        take: which of several generations of the same request this is, from 1; 0 for one without a picture.
        from_history: whether it was found and not asked for anew.
        price: what it costs by the user's own table of prices, in the unit of that table; None for unknown.
        star: whether the user marked it.
        revised_prompt: the prompt as the endpoint rewrote it; empty where it did not say.
        buttons: what the endpoint offers to do next.
        job: the endpoint's own number of the work, where it has one.
        note: how it came here, in words for the caption; not in its record.
        still: the picture that stands for all, small, in the user's cache folder.
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
    take: int = 0
    from_history: bool = False
    price: float | None = None
    star: bool = False
    revised_prompt: str = ""
    buttons: tuple[Button, ...] = ()
    job: str = ""
    note: str = field(default="", repr=False, compare=False)
    still: Path | None = field(default=None, repr=False, compare=False)
    render: "Callable[[Generation], dict[str, Any]] | None" = field(default=None, repr=False, compare=False)

    @property
    def images(self) -> tuple[GeneratedImage, ...]:
        """The results: sound pictures that are not drafts."""
        return tuple(picture for picture in self.pictures if not picture.draft and not picture.problem)

    @property
    def has_result(self) -> bool:
        """Whether what was asked for is there: a sound picture, or words where words were wanted."""
        if self.request.wants_words:
            return bool(self.text) and self.state == "complete"
        return bool(self.images)

    @property
    def parent(self) -> str:
        """The id of the generation it goes on from; empty for none."""
        return self.request.parent

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.render(self) if self.render else {"text/plain": repr(self)}


Label = tuple[tuple[str, str], ...]
"""Axis and value, axis and value: where in a comparison something stands, such as ``(("model", "a"),)``."""


@dataclass(frozen=True)
class Gallery(Sequence[Generation]):
    """Several generations, in the order asked; a failure is a row like the others.

    Args:
        rows: the generations.
        labels: for each row the axes of the comparison it belongs to and its value on each; empty for no comparison.
        blind: whether the labels stay hidden.
        differ: says how two generations differ.
        still: a contact sheet of them, small, in the user's cache folder.
        render: makes the MIME bundle that front ends show.
    """

    rows: Sequence[Generation]
    labels: tuple[Label, ...] = ()
    blind: bool = False
    still: Path | None = field(default=None, repr=False, compare=False)
    render: "Callable[[Gallery], dict[str, Any]] | None" = field(default=None, repr=False, compare=False)
    differ: Callable[[Generation, Generation], Any] | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __iter__(self) -> Iterator[Generation]:
        return iter(self.rows)

    @property
    def images(self) -> tuple[GeneratedImage, ...]:
        """The results of all rows, in order."""
        return tuple(image for row in self.rows for image in row.images)

    @property
    def failures(self) -> tuple[Generation, ...]:
        """The rows without a result."""
        return tuple(row for row in self.rows if not row.has_result)

    @property
    def letters(self) -> dict[str, int]:
        """What the rows with a picture are called while labels are hidden: their numbers by letter, A to Z, then AA."""
        drawn = [number for number, row in enumerate(self) if row.images]
        return {_letter(place): number for place, number in enumerate(drawn)}

    def diff(self, old: int, new: int) -> Any:
        """How two rows differ, by their numbers from 0: the prompts marked, and whatever else is not the same.

        Raises:
            IndexError: there is no such row.
        """
        return self.differ(self[old], self[new]) if self.differ else None

    def dataframe(self) -> Any:
        """The rows as a pandas DataFrame, one line each; the labels of a comparison are columns of their own.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        import pandas as pd  # noqa: PLC0415  a door: for those who have it

        labels = self.labels or ((),) * len(self)
        return pd.DataFrame([{**dict(label), **_line(row)} for label, row in zip(labels, self, strict=True)])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.render(self) if self.render else {"text/plain": repr(self)}


def _letter(place: int) -> str:
    return (_letter(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)  # noqa: PLR2004


def _line(row: Generation) -> dict[str, Any]:
    """A generation as one line of a table."""
    image = row.images[0] if row.images else None
    asked = {name: getattr(row.request, name) for name in ("prompt", "model", "orientation")}
    told = (
        "id",
        "state",
        "created",
        "charged",
        "price",
        "elapsed",
        "take",
        "star",
        "prompt_sent",
        "model_reported",
        "text",
    )
    found = {"path": str(image.path), "width": image.width, "height": image.height} if image else {}
    return {**asked, **{name: getattr(row, name) for name in told}, **found, "error": (row.error or {}).get("what", "")}
