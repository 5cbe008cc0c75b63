"""What kinds of pictures there are: their types, endings and first bytes."""

SUFFIXES = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "image/avif": (".avif",),
}
"""What a picture's file may be called by its type, the usual ending first."""
