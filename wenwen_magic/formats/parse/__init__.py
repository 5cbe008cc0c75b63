"""Readers of what endpoints answer, shared by all wire formats."""
