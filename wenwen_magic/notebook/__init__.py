"""Magics, cells and controls in a notebook."""
