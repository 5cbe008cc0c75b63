"""The fixed words of requests and settings."""

ORIENTATIONS = ("auto", "square", "landscape", "portrait")
ORIENTATION_WORDS = {
    **dict.fromkeys(("auto", "自动", "随意"), "auto"),
    **dict.fromkeys(("square", "方", "方形", "方图", "正方形"), "square"),
    **dict.fromkeys(("landscape", "横", "横屏", "横版", "横图"), "landscape"),
    **dict.fromkeys(("portrait", "竖", "竖屏", "竖版", "竖图"), "portrait"),
}
"""What a person may call an orientation, and what it is called inside."""
DRAW, DESCRIBE = "draw", "describe"
"""What is asked for: a picture, or words on pictures. A format may know further tasks."""
WORD_TASKS = (DESCRIBE, "upload")
"""The tasks whose result is words and not a picture."""
MODES = ("cache", "live", "replay")
PICTURE_MODELS = ("gpt-4o-image", "gemini-2.5-flash-image-preview", "gemini-3-pro-image-preview", "jimeng-3.0")
"""Suggested before the endpoint has named its own; the first three are on wenwen's page 生成图片(chat)."""
SUFFIXES = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "image/avif": (".avif",),
}
"""What a picture's file may be called by its type, the usual ending first."""
COMMAND_WORDS = dict(
    pair.split()
    for pair in (
        *(
            "状态 status",
            "模型 models",
            "历史 history",
            "查看 show",
            "星标 star",
            "使用 use",
            "比较 compare",
            "取回 fetch",
        ),
        *(
            "风格 styles",
            "预算 budget",
            "投票 vote",
            "统计 votes",
            "任务 task",
            "蒙版 mask",
            "导出 export",
            "导入 import",
        ),
        *("演示 demo", "密钥 key", "帮助 help"),
    )
)
"""What a command may be called in Chinese."""
COMMANDS = (
    *("status", "models", "history", "show", "star", "use", "compare", "fetch", "styles", "budget", "vote", "votes"),
    *("mask", "task", "export", "import", "demo", "key", "help"),
)
