"""Asks what costs nothing: for models, for what is missing of a saved picture, after a work; see the client."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wenwen_magic.endpoint import transport
from wenwen_magic.endpoint.failures import about_models, no_models_in_replay
from wenwen_magic.engine import conversation
from wenwen_magic.engine.generate import Painter, Tell
from wenwen_magic.engine.takes import is_here
from wenwen_magic.errors import ConfigError, EndpointError
from wenwen_magic.formats import FORMATS
from wenwen_magic.models import Model, ModelList
from wenwen_magic.protocol import HttpCall, HttpReply
from wenwen_magic.records import Generation
from wenwen_magic.text.i18n import say
from wenwen_magic.text.suggest import did_you_mean


class Enquirer(Painter):
    """Asks what costs nothing, beside drawing.

    Its arguments are those of :class:`wenwen_magic.engine.generate.Painter`.
    """

    def to_mask(self, value: Any, label: str = "") -> tuple[Path, tuple[int, int]]:
        """A small picture to paint a mask on, and the width and height in pixels that the mask must have.

        Args:
            value: a reference as for :meth:`edit`; web addresses are not fetched.
            label: what the user called it.

        Raises:
            ConfigError: it is no picture that can be painted on.
        """
        found = self.reference(value, label)
        seen = self._workshop.seen(found)
        if seen is None or seen.preview is None:
            raise ConfigError(
                say(f"{found.label} cannot be painted on.", f"{found.label} 无法用于绘制蒙版。"),
                do=say("Give a saved picture, a variable or a file.", "请给出已保存的图片、变量或文件。"),
            )
        return seen.preview, (seen.width, seen.height)

    def fetch(self, id: str, *, tell: Tell | None = None) -> Generation:
        """Finish a saved generation by its id: fetch what is missing, or wait for a work under way, for free.

        Args:
            id: or its first digits.
            tell: is called with the endpoint's words on progress.

        Raises:
            HistoryError: there is no such id.
            WenwenError: as :meth:`finish`.
        """
        generation = self.history.get(id)
        whole = is_here(generation) and generation.state == "complete"
        return self.ready(generation) if whole else self.finish(generation, tell)

    def models(self, *, refresh: bool = False) -> list[Model]:
        """The models that the endpoint offers to this key (``GET /v1/models``), those for pictures first.

        What it named within the last day is not asked for again; in mode ``replay`` it is never asked.

        Args:
            refresh: ask all the same.

        Raises:
            WenwenError: the endpoint cannot be reached or answers with an error; asking costs nothing.
        """
        return list(self.model_list(refresh=refresh).models)

    def model_list(self, *, refresh: bool = False) -> ModelList:
        """What :meth:`models` gives, and when it was asked for."""
        replay = self.settings.mode == "replay"
        known = None if refresh and not replay else self.known_models(fresh=not replay)
        if known:
            return known
        if replay:
            raise no_models_in_replay()
        line = transport.Transport(self.address, self._find_key(), read=30.0, clock=self._clock)
        try:
            found = transport.read_models(line.send(HttpCall("GET", "/v1/models", free=True)))
        except EndpointError as error:
            raise about_models(error) from None
        return self.session.models.keep(self.address, found, lasting=not self.is_demo)

    def known_models(self, *, fresh: bool = False) -> ModelList | None:
        """The list of models that is at hand without asking, however old; ``fresh`` for one of the last day only."""
        known = self.session.models.read(self.address)
        return None if known is None or (fresh and not self.session.models.is_fresh(known)) else known

    def ask_about(self, generations: Sequence[Generation], question: str = "query") -> Mapping[str, Any]:
        """Ask the endpoint about works that it numbers, such as Midjourney's: their state, their seed.

        Args:
            generations: of one format; most questions are about one.
            question: one that the format knows, such as ``query`` or ``seed``.

        Raises:
            ConfigError: the format has no such question, or a generation has no number there.
            WenwenError: the endpoint cannot be asked; asking costs nothing, unless the format says that it may.
        """
        wire = FORMATS[generations[0].request.format]
        if question not in wire.inquiries:
            raise ConfigError(
                say(
                    f"The format {wire.name} has no question {question!r}.",
                    f"格式 {wire.name} 没有查询 {question!r}。",
                ),
                do=did_you_mean(question, wire.inquiries) if wire.inquiries else "",
            )
        if self.settings.mode == "replay":
            raise ConfigError(say("In mode replay nobody is asked.", "replay 模式不会请求任何服务端。"))
        jobs = [one.job for one in generations if one.job]
        if len(jobs) < len(generations):
            raise ConfigError(
                say("The endpoint has no number for this picture.", "服务端没有此图片的任务编号。"),
                do=say("%wenwen fetch finishes a work that is under way.", "%wenwen fetch 可完成进行中的任务。"),
            )
        line, auth = self._line(self._find_key()), self._auth(wire)
        notes: list[str] = []
        answer = conversation.lead(
            wire.inquiries[question](",".join(jobs)),
            lambda call: _costing_nothing(call, lambda: line.send(call, auth)),
            lambda said: notes.append(said.text),
            self._patience().wait,
        )
        return {**({say("note", "说明"): " ".join(notes)} if notes else {}), **answer}


def _costing_nothing(call: HttpCall, send: Callable[[], HttpReply]) -> HttpReply:
    """Send a question; what goes wrong with a free one has cost nothing."""
    try:
        return send()
    except EndpointError as error:
        if call.free:
            error.charged, error.do = "no", say("Ask again later.", "请稍后再问。")
        raise
