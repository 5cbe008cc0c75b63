"""The formats that the demo speaks; a new one is one module and one line here."""

from wenwen_magic.demo import chat, gemini, images, midjourney, models
from wenwen_magic.demo.asks import Speaker

SPEAKERS: tuple[Speaker, ...] = (chat, gemini, images, midjourney, models)
