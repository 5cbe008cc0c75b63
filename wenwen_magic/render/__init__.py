"""Rendering: MIME bundles of plain HTML and text."""
