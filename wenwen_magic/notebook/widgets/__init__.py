"""The ipywidgets under a picture."""
