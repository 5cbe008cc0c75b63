"""A prompt in a Jupyter cell becomes a picture under it: ``%load_ext wenwen_magic``, then ``%%wenwen_image``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wenwen_magic.client import Client as Client
    from wenwen_magic.errors import WenwenError as WenwenError
    from wenwen_magic.records import Gallery as Gallery
    from wenwen_magic.records import Generation as Generation
    from wenwen_magic.records import ImageRequest as ImageRequest

__version__ = "0.1.0"
__all__ = ["Client", "Gallery", "Generation", "ImageRequest", "WenwenError", "__version__"]

# Names are looked up when they are first used, so that `import wenwen_magic` costs nothing
# and loads neither IPython nor requests nor Pillow.
_HOMES = {
    "Client": "client",
    "WenwenError": "errors",
    "Gallery": "records",
    "Generation": "records",
    "ImageRequest": "records",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


def load_ipython_extension(shell: Any) -> None:
    """Register the magics; called by ``%load_ext wenwen_magic``. Opens no socket.

    Args:
        shell: the running ``InteractiveShell``.
    """
    import_module(f"{__name__}.notebook.magics").register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics' hooks away again; called by ``%unload_ext wenwen_magic``."""
    import_module(f"{__name__}.notebook.magics").unregister(shell)
