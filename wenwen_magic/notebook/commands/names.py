"""The names of the commands."""

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
