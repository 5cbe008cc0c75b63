"""Lists the models of the demo, as the relay would."""

from typing import Any

from wenwen_magic.demo.asks import DESCRIBES, REFUSES, SLOW, Exchange
from wenwen_magic.demo.replies import Reply, json_reply, wrong_path

PATH = "/v1/models"
_CHAT, _IMAGES, _GEMINI, _MJ = ("openai",), ("image-generation", "openai"), ("gemini", "openai"), ("mj-imagine",)
MODELS = {
    "gpt-4o-image": ("custom", _CHAT),
    "gpt-image-1": ("openai", _IMAGES),
    "dall-e-3": ("openai", _IMAGES),
    "gemini-2.5-flash-image-preview": ("vertex-ai", _GEMINI),
    "gemini-3-pro-image-preview": ("vertex-ai", _GEMINI),
    "nano-banana": ("vertex-ai", _GEMINI),
    "jimeng-3.0": ("custom", _CHAT),
    "mj_imagine": ("midjourney", _MJ),
    "gpt-4o": ("openai", _CHAT),
    SLOW: ("custom", _CHAT),
    REFUSES: ("custom", _CHAT),
    DESCRIBES: ("custom", _CHAT),
}
"""Owner and endpoint types of each, by name."""


def takes(path: str) -> bool:
    """Whether a path asks for models."""
    return path == PATH or path.startswith(f"{PATH}/")


def serve(exchange: Exchange) -> None:
    """Answer a question for models."""
    name = exchange.path.removeprefix(PATH).removeprefix("/")
    exchange.line.say(wrong_path("POST", exchange.path) if exchange.method == "POST" else _about(name))


def _about(name: str) -> Reply:
    """One model or all; an unknown one is an error object with status 200, as at the relay."""
    if not name:
        return json_reply({"success": True, "object": "list", "data": [_model(name) for name in MODELS]})
    if name in MODELS:
        return json_reply(_model(name))
    words = f"The model '{name}' does not exist"
    return json_reply(
        {"error": {"message": words, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}}
    )


def _model(name: str) -> dict[str, Any]:
    owner, types = MODELS[name]
    head = {"id": name, "object": "model", "created": 1626777600, "owned_by": owner}
    return {**head, "supported_endpoint_types": list(types)}
