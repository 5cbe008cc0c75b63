"""Compile the message catalogues before a wheel, an sdist or an editable install is made."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """Writes a ``.mo`` file beside each ``.po`` file of the package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  hatchling passes it
        """Compile every catalogue and include the result; called by hatchling before each build."""
        for source in sorted(Path(self.root, "wenwen_magic").rglob("*.po")):
            compiled = compile_catalogue(source)
            build_data["artifacts"].append(f"/{compiled.relative_to(self.root).as_posix()}")


def compile_catalogue(source: Path) -> Path:
    """Compile one catalogue; returns the path of the ``.mo`` file."""
    from babel.messages.mofile import write_mo  # noqa: PLC0415  a requirement of the build alone
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled = source.with_suffix(".mo")
    with source.open("rb") as text, compiled.open("wb") as binary:
        write_mo(binary, read_po(text))
    return compiled
