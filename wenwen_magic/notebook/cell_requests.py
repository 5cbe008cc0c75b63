"""Makes the requests of a cell: of its line, its text and the notebook's names, before anything is sent."""

import re
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

from wenwen_magic.client import Client
from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook import grid, options
from wenwen_magic.notebook.options import Options
from wenwen_magic.records import ImageRequest, Label, Reference
from wenwen_magic.text.i18n import _
from wenwen_magic.text.suggest import did_you_mean
from wenwen_magic.text.template import interpolate, known_value, names_in, value_of

_ID = re.compile(r"#?[0-9a-fA-F]{6,8}")
_WHOLE = re.compile(r"\s*\{\{((?:(?!\}\}).)+)\}\}\s*", re.DOTALL)
_ON_THE_LINE = ("model", "orientation", "style")
_NOT_WITH_FROM = ("grid", "for", "blind", "take", "background", "raw")


class Wishes:
    """What a cell asks for.

    Args:
        client: makes requests.
        given: what stood on the cell's line.
        names: the notebook's.
    """

    def __init__(self, client: Client, given: Options, names: MutableMapping[str, Any]) -> None:
        self._client, self._given, self._names = client, given, names

    def requests(self, prompt: str) -> tuple[tuple[ImageRequest, ...], tuple[Label, ...]]:
        """The requests of all combinations, and where in the comparison each stands; no labels for a single one.

        Raises:
            ConfigError: something about them is wrong.
        """
        self._refuse_useless()
        found = self._combinations()
        self._refuse_unused(prompt, found[0].axes)
        if self._given.blind and len(found) < 2:  # noqa: PLR2004  to compare takes two
            raise ConfigError(
                _("There is nothing to compare blindly."),
                do=_("Name several models: -m a,b --blind"),
            )
        labels = tuple(one.label for one in found) if len(found) > 1 or found[0].axes else ()
        return tuple(self._request(prompt, one) for one in found), labels

    def _refuse_useless(self) -> None:
        """Refuse options that another one would make mean nothing."""
        given = self._given
        if given.take and (given.fresh or (given.count or 1) > 1):
            other = "--fresh" if given.fresh else f"-n {given.count}"
            raise ConfigError(
                _("--take does not go with {other}.", other=other),
                do=_("--take shows one saved take; leave one of them out."),
            )

    def _refuse_unused(self, prompt: str, axes: Iterable[grid.Axis]) -> None:
        """Refuse an axis that changes nothing, and an option whose values stand on an axis already."""
        given, used = self._given, set() if self._given.raw else names_in(prompt)
        for axis in axes:
            if axis.kind == "name" and axis.name not in used:
                word = "{{" + axis.name + "}}"
                raise ConfigError(
                    _("{word} does not stand in the prompt.", word=word),
                    why=_("Every picture would be asked for alike."),
                    do=did_you_mean("{{" + axis.name, ["{{" + name + "}}" for name in used])
                    if used
                    else _("Write {word} where its values belong.", word=word),
                )
            params = dict(given.param or ()) if axis.kind == "param" else {}
            if axis.name in params or (axis.kind in _ON_THE_LINE and self._stands_alone(axis.kind)):
                raise ConfigError(
                    _("{name} is given twice, as an axis too.", name=axis.name),
                    do=_("Put all its values into --grid."),
                )

    def _stands_alone(self, kind: str) -> bool:
        """Whether the line names one value of what may be an axis."""
        given = getattr(self._given, kind)
        return len(given or ()) == 1 if kind == "model" else bool(given)

    def _combinations(self) -> list[grid.Combination]:
        given = self._given
        known = grid.Names(lambda text: value_of(text, self._names), lambda text: interpolate(text, self._names))
        axes = grid.axes(given.model or (), given.grid or (), given.given.get("for", ()), known)
        return grid.combinations(axes)

    def _request(self, prompt: str, combination: Any) -> ImageRequest:
        """The request of one combination."""
        given = self._given
        text = prompt if given.raw else interpolate(prompt, {**self._names, **combination.all_of("name")})
        varied = {name: options.typed(text) for name, text in combination.all_of("param").items()}
        wishes = {kind: combination.of(kind) or getattr(given, kind) for kind in ("orientation", "style")}
        model = combination.of("model") or (given.model or [None])[0]
        return self._client.request(text, model=model, **wishes, **self._fixed({**dict(given.param or ()), **varied}))

    def _fixed(self, params: dict[str, Any]) -> dict[str, Any]:
        """What is the same for all requests of a cell."""
        given = self._given
        return {
            "count": given.count,
            "params": params or None,
            "references": [self.reference(word) for word in given.ref or ()],
            "mask": self.reference(given.mask) if given.mask else None,
            "stream": given.stream,
            "format": given.format,
            "task": given.task,
        }

    def many(self, template: str, source: str) -> Callable[[], Iterator[ImageRequest]]:
        """What makes the requests of many prompts, one at a time; the template may be empty.

        Raises:
            ConfigError: an option does not go with many prompts.
        """
        given, names = self._given, self._names
        if useless := next((name for name in _NOT_WITH_FROM if given.given.get(name)), ""):
            raise ConfigError(
                _("--{useless} does not go with --from.", useless=useless),
                do=_("Put it into a column, or use --grid without --from."),
            )
        whole = _WHOLE.fullmatch(source)
        things = None if Path(source).is_file() else value_of(whole[1], names) if whole else known_value(source, names)
        things = source if things is None else list(things) if isinstance(things, Iterator) else things
        fixed = {
            "model": one_model(given),
            "orientation": given.orientation,
            "style": given.style,
            **self._fixed(dict(given.param or ())),
        }
        return lambda: self._client.requests_from(things, template=template, names=names, **fixed)

    def reference(self, word: str) -> Reference:
        """What a word after ``--ref`` means: a variable or a part of one, a saved id, else a path or an address.

        Raises:
            ConfigError: it is no picture.
            HistoryError: there is no such id.
        """
        make = self._client.reference
        value = None if Path(word).is_file() else known_value(word, self._names)
        if value is not None:
            return make(value, word)
        if _ID.fullmatch(word):
            return make(self._client.history.get(word), word)
        return make(word, word)


def one_model(given: Options) -> str | None:
    """The model of ``-m``, None for none.

    Raises:
        ConfigError: there are several where only one can be.
    """
    if len(given.model or ()) > 1:
        raise ConfigError(
            _("Several models do not go with --from."),
            do=_("Put a column called model into it."),
        )
    return given.model[0] if given.model else None
