"""What is shown: MIME bundles of plain HTML and text."""
