"""Compile the message catalogues for every build, and lead the README's links to the repository."""

import io
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


class CustomBuildHook(BuildHookInterface):
    """Writes a ``.mo`` file beside each ``.po`` file of the package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  hatchling passes it
        """Compile every catalogue and include the result; called by hatchling before each build."""
        for source in sorted(Path(self.root, "wenwen_magic").rglob("*.po")):
            compiled = compile_catalogue(source)
            build_data["artifacts"].append(f"/{compiled.relative_to(self.root).as_posix()}")


class CustomMetadataHook(MetadataHookInterface):
    """Gives the package the addresses of its repository, and a README whose links work on an index's page."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``urls`` and ``readme``; called by hatchling before each build."""
        home = repository(Path(self.root))
        pages = {"Repository": "", "Documentation": "/blob/HEAD/docs/index.md", "Changelog": "/blob/HEAD/CHANGELOG.md"}
        metadata["urls"] = {name: home + page for name, page in pages.items() if home}
        text = with_addresses(Path(self.root, "README.md").read_text("utf-8"), home)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def compile_catalogue(source: Path) -> Path:
    """Compile one catalogue; returns the path of the ``.mo`` file."""
    from babel.messages.mofile import write_mo  # noqa: PLC0415  a requirement of the build alone
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled, binary = source.with_suffix(".mo"), io.BytesIO()
    with source.open("rb") as text:
        write_mo(binary, read_po(text))
    written = compiled.with_suffix(f".{os.getpid()}.mo")
    written.write_bytes(binary.getvalue())
    written.replace(compiled)  # whole at once: other processes may read it
    return compiled


def repository(root: Path) -> str:
    """Return the address of the web page of the repository that a folder was cloned from; empty where none is known.

    Args:
        root: the clone, or an sdist made from one: its metadata name the address.
    """
    if (info := root / "PKG-INFO").is_file():
        named = re.search(r"(?m)^Project-URL: Repository, (\S+)$", info.read_text("utf-8"))
        return named[1] if named else ""
    if not (root / ".git").exists():  # a folder above may be a clone of something else
        return ""
    try:
        asked = ["git", "-C", str(root), "remote", "get-url", "origin"]
        origin = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  no shell
    except (OSError, subprocess.CalledProcessError):
        return ""
    # Whatever stands before the @ is a name or a token, and no part of the page's address.
    host = re.fullmatch(r"(?:(?:https|ssh|git)://)?(?:[^/@]*@)?([\w.-]+\.\w+)(?::\d+)?[:/](.+?)(?:\.git)?/?", origin)
    return f"https://{host[1]}/{host[2]}" if host else ""


def with_addresses(text: str, home: str) -> str:
    """Return Markdown whose links and pictures beside the file lead to the repository's page; unchanged without one."""

    def whole(link: re.Match[str]) -> str:
        kind = "raw" if link[1].startswith("!") else "blob"
        return f"{link[1]}({home}/{kind}/HEAD/{link[2]})"

    return re.sub(r"(!?\[[^\]]*\])\((?!https?:|mailto:|#)([^)\s]+)\)", whole, text) if home else text
