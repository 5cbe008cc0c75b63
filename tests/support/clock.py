"""Time that tests set."""

from wenwen_magic.endpoint.transport import Clock

HASTE = Clock(sleep=lambda _: None)
"""Waits for nothing."""


class Ticks(Clock):
    """Time that passes only when someone waits or says so."""

    def __init__(self):
        self.passed, self.waits = 0.0, []
        super().__init__(now=lambda: self.passed, sleep=self.sleep_for)

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)

    def sleep_for(self, seconds):
        self.waits.append(round(seconds, 3))
        self.passed += seconds

    def during(self, seconds, said):
        """A script that answers after a while."""

        def script(connection):
            self.passed += seconds
            connection.sendall(said)

        return script
