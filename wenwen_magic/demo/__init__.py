"""Serves an endpoint that speaks the relay's formats and paints by itself: ``DemoServer``."""

from wenwen_magic.demo.server import DemoServer

__all__ = ["DemoServer"]
