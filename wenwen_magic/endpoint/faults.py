"""Turns what a connection meets into errors: whether a call cannot have arrived, or may have."""

from collections.abc import Iterator

from urllib3 import exceptions as low

from wenwen_magic.errors import EndpointError, NotSentError
from wenwen_magic.text.i18n import say


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
            say(f"The endpoint {where} could not be reached.", f"无法连接服务端 {where}。"),
            why=_plain(list(_causes(error))),
            do=say(
                "Check the connection and base_url (%wenwen status), then run the cell again.",
                "请检查网络和 base_url（%wenwen status），然后再次运行。",
            ),
        )
    return broken(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those it was made of, outermost first."""
    waiting, seen = [error], set()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            inner = [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
            waiting += [item for item in inner if isinstance(item, BaseException)]


def _plain(reasons: list[BaseException]) -> str:
    """The innermost cause in words; requests' own texts hold addresses of objects."""
    names = [reason for reason in reasons if isinstance(reason, OSError) and reason.strerror]
    inner = names[-1].strerror if names else str(reasons[-1])
    return f"{type(reasons[-1]).__name__}: {inner}"[:300]


def broken(error: Exception) -> EndpointError:
    """Make the error for a connection that broke, or stayed silent, after the call was sent."""
    reasons = list(_causes(error))
    late = any(isinstance(reason, (low.ReadTimeoutError, TimeoutError)) for reason in reasons)
    what = (
        say("The endpoint did not answer in time.", "服务端没有按时回答。")
        if late
        else say("The connection broke before the whole answer had come.", "回答传完之前连接中断了。")
    )
    return EndpointError(
        what,
        why="" if late else _plain(reasons),
        do=say(
            "The work may have been done and charged, so it was not sent again. Running the cell again asks again.",
            "服务端可能已经作图并扣费，因此没有自动重发。再次运行单元格会重新请求。",
        ),
        charged="maybe",
    )
