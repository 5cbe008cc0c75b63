"""Draw a picture from a prompt in a Jupyter cell: ``%load_ext wenwen_magic``, then ``%%wenwen_image``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wenwen_magic import errors as errors
    from wenwen_magic import protocol as protocol
    from wenwen_magic.client import Client as Client
    from wenwen_magic.errors import AnswerError as AnswerError
    from wenwen_magic.errors import ConfigError as ConfigError
    from wenwen_magic.errors import EndpointError as EndpointError
    from wenwen_magic.errors import HistoryError as HistoryError
    from wenwen_magic.errors import ImageError as ImageError
    from wenwen_magic.errors import LimitReached as LimitReached
    from wenwen_magic.errors import NoImageError as NoImageError
    from wenwen_magic.errors import NotInHistory as NotInHistory
    from wenwen_magic.errors import NotSentError as NotSentError
    from wenwen_magic.errors import UnansweredRequest as UnansweredRequest
    from wenwen_magic.errors import WaitEnded as WaitEnded
    from wenwen_magic.errors import WenwenError as WenwenError
    from wenwen_magic.models import Model as Model
    from wenwen_magic.records import Button as Button
    from wenwen_magic.records import Gallery as Gallery
    from wenwen_magic.records import GeneratedImage as GeneratedImage
    from wenwen_magic.records import Generation as Generation
    from wenwen_magic.records import ImageRequest as ImageRequest
    from wenwen_magic.records import Reference as Reference

__version__ = "0.1.0"

# Public names are imported when they are first used, so that `import wenwen_magic` costs nothing
# and loads neither IPython nor requests nor Pillow.
_MODULES = {
    "client": ("Client",),
    "errors": (
        *("AnswerError", "ConfigError", "EndpointError", "HistoryError", "ImageError", "LimitReached"),
        *("NoImageError", "NotInHistory", "NotSentError", "UnansweredRequest", "WaitEnded", "WenwenError"),
    ),
    "models": ("Model",),
    "records": ("Button", "Gallery", "GeneratedImage", "Generation", "ImageRequest", "Reference"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
__all__ = [  # noqa: PLE0604  all are names: those of the table, and the two public modules
    "__version__",
    "errors",
    "protocol",
    *_HOMES,
]


def __getattr__(name: str) -> Any:
    if name in {"errors", "protocol"}:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Register the magics; called by ``%load_ext wenwen_magic``. Opens no socket.

    Args:
        shell: the running ``InteractiveShell``.
    """
    import_module(f"{__name__}.notebook.magics").register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Remove the magics; called by ``%unload_ext wenwen_magic``."""
    import_module(f"{__name__}.notebook.magics").unregister(shell)
