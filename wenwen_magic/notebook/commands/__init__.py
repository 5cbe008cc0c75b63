"""The commands of ``%wenwen``."""
