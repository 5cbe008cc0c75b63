"""Cuts long base64 runs out of a body, so that what is parsed afterwards stays small."""

import re
import secrets
from typing import Any

SHORTEST = 1024
"""A run of fewer bytes than this is left where it stands."""

# Possessive: one pass, no going back. `\/` is how some servers write a slash in JSON; the letters of another escape,
# such as the n of `\n`, belong to the escape and not to the run behind it.
_RUN = re.compile(rb"(?<!\\)(?<!\\u)(?<!\\u.)(?<!\\u..)(?<!\\u...)(?:[A-Za-z0-9+/_-]++|\\/)++={0,2}")


class Payloads:
    """Runs cut out of one answer, each replaced by a token that is itself made of base64 letters.

    A token may so stand in the middle of a run: a picture that comes in several pieces is joined by joining the text.
    Tokens hold 64 random bits, so an answer cannot name one by itself.
    """

    def __init__(self) -> None:
        self._nonce = secrets.token_hex(8)
        self._runs: list[bytes] = []
        self._token = re.compile(f"wwcut{self._nonce}n(\\d+)n")

    def cut(self, body: bytes | bytearray) -> bytes | bytearray:
        """Give the body with every run of at least :data:`SHORTEST` bytes replaced by its token.

        Takes time in proportion to the body, and the memory of the runs themselves.
        """
        return _RUN.sub(self._keep, body) if len(body) >= SHORTEST else body

    def _keep(self, match: re.Match[Any]) -> bytes:
        if match.end() - match.start() < SHORTEST:
            return bytes(match.group())
        run = bytes(match.group())
        self._runs.append(run.replace(b"\\/", b"/") if b"\\" in run else run)
        return f"wwcut{self._nonce}n{len(self._runs) - 1}n".encode()

    def restore(self, text: str) -> bytes:
        """Give a piece of text as bytes, every token in it replaced by the run it stands for."""
        if not self._runs:
            return text.encode("utf-8", "replace")
        pieces = self._token.split(text)
        if len(pieces) == 3 and not pieces[0] and not pieces[2]:  # noqa: PLR2004  a token alone: no copy is made
            return self._runs[int(pieces[1])]
        return b"".join(
            self._runs[int(piece)] if odd else piece.encode("utf-8", "replace")
            for odd, piece in ((index % 2, piece) for index, piece in enumerate(pieces))
        )

    def restore_text(self, text: str) -> str:
        """Give a piece of text with every token in it replaced by the run it stands for."""
        return self.restore(text).decode("utf-8", "replace") if self._token.search(text) else text

    def hide(self, text: str) -> str:
        """Give a piece of text for reading: every run is an ellipsis."""
        return self._token.sub("…", text)
