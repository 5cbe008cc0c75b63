"""Define the errors: each says what happened, why, what to do, and whether it cost.

WenwenError
├── ConfigError       a setting, option or name is wrong; nothing was sent
├── LimitReached      a limit on money would be passed; nothing was sent
├── NotSentError      the request cannot have reached the endpoint
├── EndpointError     the endpoint answered with an error, or the connection broke (status)
├── AnswerError       an answer came that cannot be read
│   └── NoImageError  an answer came, readable, without a picture (text)
├── UnansweredRequest  an earlier process ended before its answer came; nothing was sent now
├── ImageError        a picture could not be fetched, or is not a valid picture
├── HistoryError      the history folder cannot be read or written
│   └── NotInHistory  replay was asked for and no such take is saved
└── WaitEnded         the wait was interrupted; the request goes on
"""

import re
from typing import Any, Literal, get_args

from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import drop_controls, one_line, replace_lone_surrogates, replace_unshown

__all__ = [
    "AnswerError",
    "Charged",
    "ConfigError",
    "EndpointError",
    "HistoryError",
    "ImageError",
    "LimitReached",
    "NoImageError",
    "NotInHistory",
    "NotSentError",
    "UnansweredRequest",
    "WaitEnded",
    "WenwenError",
]

Charged = Literal["no", "maybe", "yes"]
CHARGES: tuple[Charged, ...] = get_args(Charged)
"""All that may be said about a cost, the least first."""
_LONGEST_LINE = 600
"""Characters of each line of a message."""
_ADDRESS = re.compile(r"https?://\S{1,8192}")
"""A web address in what to do, to be opened in a browser: it is shown whole."""


class WenwenError(Exception):
    """Report a failure; the message is for the person at the notebook.

    Args:
        what: what happened, one sentence.
        why: the cause as far as it is known; may quote the endpoint.
        do: what to do next.
        charged: ``no``, ``maybe`` or ``yes``: whether money may be gone.
        status: the HTTP status, 0 when there was none.
        request_id: the endpoint's own number for the request, to quote to its support.
        text: text that was received (an answer's text, an error's body), already masked.
        record: the id of the history record that holds the rest.
    """

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        do: str = "",
        charged: Charged = "no",
        status: int = 0,
        request_id: str = "",
        text: str = "",
        record: str = "",
    ) -> None:
        # No file and no message of a kernel can hold half a character.
        what, why, do, text = map(replace_lone_surrogates, (what, why, do, text))
        super().__init__(what)
        self.what, self.why, self.do = what, why, do
        self.charged: Charged = charged
        self.status, self.request_id = status, replace_lone_surrogates(request_id)
        self.text, self.record = text, replace_lone_surrogates(record)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def as_dict(self) -> dict[str, Any]:
        """Return the fields beside ``what``, ready for JSON."""
        names = ("why", "do", "charged", "status", "request_id", "text", "record")
        values = {name: getattr(self, name) for name in names}
        return values | {name: replace_lone_surrogates(text) for name, text in values.items() if isinstance(text, str)}

    def lines(self) -> list[str]:
        """Return the message as lines: what happened, why, what to do, and whether it cost.

        A quoted text cannot add lines of its own, nor push the cost off the screen, nor steer a terminal.
        """
        longest = max(map(len, _ADDRESS.findall(self.do)), default=0)
        named = [(_("why"), _line(self.why)), (_("try"), _line(self.do, longest)), (_("charged"), _line(self._cost()))]
        return [_line(self.what), *(f"  {name}: {value}" for name, value in named if value)]

    def in_short(self) -> str:
        """Return what happened and why in one line, and whether it may have cost; for forms, where nothing is typed."""
        cost = "" if self.charged == "no" else f" · {_('charged')}: {self._cost()}"
        return " ".join(filter(None, map(_line, (self.what, self.why)))) + cost

    def _cost(self) -> str:
        costs = {
            "no": _("no"),
            "maybe": _("maybe: the endpoint may have done the work"),
            "yes": _("yes: an answer came"),
        }
        # What cost nothing need not be looked up; the numbers are for questions about money.
        marks = [f"#{self.record[:6]}" if self.record else "", self.request_id] if self.charged != "no" else []
        return " · ".join(mark for mark in (costs[self.charged], *marks) if mark)

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows instead of a stack trace."""
        first, *rest = self.lines()
        return [f"{type(self).__name__}: {first}", *rest]


def _line(text: str, more: int = 0) -> str:
    """Return a text as one line without half characters, controls and marks of direction, shortened."""
    shown = replace_unshown(drop_controls(replace_lone_surrogates(text)))
    return one_line(shown, _LONGEST_LINE + more, " …")


class ConfigError(WenwenError):
    """A setting, an option or a name is wrong; nothing was sent."""


class LimitReached(WenwenError):
    """A limit on money would be passed; nothing was sent."""


class NotSentError(WenwenError):
    """The request cannot have reached the endpoint: no name, no connection, no certificate."""


class EndpointError(WenwenError):
    """The endpoint answered with an error (``status``), or the connection broke after sending (status 0).

    ``seconds`` tells how long the answer took, ``retry_after`` how many seconds the endpoint asks to wait, if it does,
    ``lasting`` whether the same request would be refused again.
    """

    seconds: float = 0.0
    lasting: bool = False
    retry_after: float | None = None


class AnswerError(WenwenError):
    """An answer came that cannot be read; it is kept in the history as it came."""


class NoImageError(AnswerError):
    """An answer came without a picture; ``text`` holds its words."""


class UnansweredRequest(WenwenError):
    """An earlier process asked for the same picture and ended before the answer came; nothing was sent now.

    ``records`` holds the ids of the records of such requests.
    """

    records: tuple[str, ...] = ()


class ImageError(WenwenError):
    """A picture could not be fetched, or what was fetched is not a valid picture; the bytes are kept.

    ``lasting`` tells that fetching it again can never help.
    """

    lasting: bool = False


class HistoryError(WenwenError):
    """The history folder cannot be read or written."""


class NotInHistory(HistoryError):
    """Replay was asked for, and no such take is saved."""


class WaitEnded(WenwenError):
    """The wait was interrupted; the request goes on and its answer will be in the history."""
