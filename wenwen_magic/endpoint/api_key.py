"""Finds the key: environment, then keyring, then Colab's secrets; it is never an option and never shown."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import _


class Secret:
    """A key that prints as ``***``, cannot be pickled, and gives itself only when asked by name; equal ones are one.

    Args:
        value: the key; white space around it is dropped.

    Raises:
        ConfigError: it holds spaces, line breaks or letters that an HTTP header cannot hold; the text does not
            repeat the key.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        value = value.strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            del value  # the frame of an error may be shown
            raise ConfigError(
                _("The key cannot be used as it is."),
                why=_("It is empty, or holds spaces, line breaks or letters outside ASCII."),
                do=_("Copy it again from the relay's site, then: %wenwen key"),
            )
        self._value = value

    def reveal(self) -> str:
        """Give the key itself; only for the header of a request to the endpoint, and for masking."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a key is not written anywhere")


VARIABLE = "WENWEN_API_KEY"
SERVICE = "wenwen-magic"


def find(
    environ: Mapping[str, str] = os.environ, load: Callable[[str], Any] = import_module
) -> tuple[Secret | None, str]:
    """Look for the key.

    Args:
        environ: the environment.
        load: imports a module by name; keyring and Colab's module are only there for some.

    Returns:
        The key and the place it was found in; None and an empty string when there is none.

    Raises:
        ConfigError: what is there cannot be a key.
    """
    places = (
        (VARIABLE, lambda: environ.get(VARIABLE)),
        ("keyring", lambda: load("keyring").get_password(SERVICE, "api")),
        ("Colab", lambda: load("google.colab.userdata").get(VARIABLE)),
    )
    for place, look in places:
        value = None
        with suppress(Exception):  # what is not installed, or not usable here, raises errors of its own
            value = look()
        if value:
            return Secret(str(value)), place
    return None, ""


def keep(key: Secret, load: Callable[[str], Any] = import_module) -> bool:
    """Save the key in the system's keyring; returns whether that worked."""
    try:
        ring = load("keyring")
        ring.set_password(SERVICE, "api", key.reveal())
        return bool(ring.get_password(SERVICE, "api") == key.reveal())  # some rings take a key and keep nothing
    except Exception:  # noqa: BLE001  as in find
        return False
    except BaseException as interrupt:  # noqa: BLE001  it goes on, without the frames of the ring, which hold the key
        raise interrupt.with_traceback(None) from None


def not_for(where: str) -> ConfigError:
    """Make the error for a project file that would have the user's own key sent to an endpoint of its choice."""
    return ConfigError(
        _("pyproject.toml names another endpoint, {where}; your key was not sent there.", where=where),
        do=_("If you trust it, name it yourself: set WENWEN_BASE_URL, or %config WenwenMagics.base_url = '...'"),
    )


def missing() -> ConfigError:
    """Make the error for a request without a key."""
    return ConfigError(
        _("There is no key for the endpoint; nothing was sent."),
        do=_(
            "%wenwen key asks for one, or set {variable} before starting Jupyter. %wenwen demo draws without one.",
            variable=VARIABLE,
        ),
    )
