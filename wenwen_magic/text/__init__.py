"""Words: languages, templates, suggestions and what is safe to show."""
