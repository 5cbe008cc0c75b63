"""The wire formats, by name; a new one is one file here, its place below, and its side in the demo."""

from wenwen_magic.formats import chat, gemini, images, midjourney, videos
from wenwen_magic.protocol import WireFormat

FORMATS: dict[str, WireFormat] = {
    wire.name: wire for wire in (chat.FORMAT, gemini.FORMAT, images.FORMAT, midjourney.FORMAT, videos.FORMAT)
}
