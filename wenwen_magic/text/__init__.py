"""Text: its language, templates, suggestions, and what is safe to show."""
