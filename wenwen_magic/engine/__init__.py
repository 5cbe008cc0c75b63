"""From a request to a saved generation."""
