"""Serves a stand-in for the relay that paints by itself: ``DemoServer``."""

from wenwen_magic.demo.server import DemoServer

__all__ = ["DemoServer"]
