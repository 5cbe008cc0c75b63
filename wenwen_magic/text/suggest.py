"""Suggest the known word that is nearest to a mistyped one."""

from collections.abc import Iterable

from wenwen_magic.text.i18n import _


def did_you_mean(word: str, known: Iterable[str], named: Iterable[str] = ()) -> str:
    """Return a sentence that names the nearest known word, or, where none is near, all of them.

    Args:
        word: the mistyped word.
        known: all accepted words.
        named: the words to name where none is near; empty for all.
    """
    accepted = list(known)
    if near := nearest(word, accepted):
        return _("Did you mean {near}?", near=near)
    return _("Known: ") + ", ".join(list(named) or accepted)


def nearest(word: str, known: Iterable[str], cutoff: float = 0.55) -> str:
    """Return the nearest of the known words; empty when none is as near as the ``cutoff``, from 0 to 1."""
    import difflib  # noqa: PLC0415  only where a word is wrong

    folded = {name.casefold(): name for name in known}
    matches = difflib.get_close_matches(word[:100].casefold(), list(folded), n=1, cutoff=cutoff)
    return folded[matches[0]] if matches else ""
