"""Reads a form (``multipart/form-data``): its fields and its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

from wenwen_magic.protocol import FilePart


@dataclass(frozen=True)
class Form:
    """A form.

    Args:
        fields: the values of those without a file, by name.
        files: in order.
    """

    fields: Mapping[str, str]
    files: tuple[FilePart, ...]


def read(raw: bytes, content_type: str) -> Form | None:
    """Read a body as a form; None when its type says that it is none, or it cannot be read."""
    if not content_type.lower().startswith("multipart/form-data"):
        return None
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    if not message.is_multipart():
        return None
    fields: dict[str, str] = {}
    files: list[FilePart] = []
    for part in message.iter_parts():
        name, filename = str(part.get_param("name", header="content-disposition") or ""), part.get_filename()
        data = part.get_payload(decode=True) or b""
        if not isinstance(data, bytes):
            continue
        if filename is None:
            fields[name] = data.decode("utf-8", "replace")
        else:
            files.append(FilePart(name, filename, part.get_content_type(), data))
    return Form(fields, tuple(files))
