"""Says before a cell asks that the endpoint's list does not name a model; the cell runs all the same."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from wenwen_magic.client import Client
from wenwen_magic.engine.build_request import names_model
from wenwen_magic.notebook.batch_cell import LongCell
from wenwen_magic.notebook.cell import Cell
from wenwen_magic.records import ImageRequest
from wenwen_magic.render.models import doubt

_LOOKED_AT = 100
"""Requests of many prompts whose models are looked up."""


def of_cell(drawn: Cell | LongCell) -> list[str]:
    """A line on each model that a cell would ask and that the endpoint's list does not name; asks nobody."""
    if isinstance(drawn, Cell):
        return on(drawn.client, drawn.requests, **drawn.how)
    return on(drawn.cell.client, islice(drawn.requests(), _LOOKED_AT), **drawn.cell.how)


def on(client: Client, requests: Iterable[ImageRequest], **how: Any) -> list[str]:
    """A line on each model that would be asked and that is not in the list that the endpoint gave in the last day.

    Args:
        client: knows the list, if there is one.
        requests: what is wanted.
        **how: ``fresh`` and ``take``.
    """
    known = client.known_models(fresh=True)
    if known is None:
        return []
    strange = [one for one in requests if one.model not in known.names and names_model(one)]
    asked = dict.fromkeys(one.model for one in strange if client.missing([one], **how))
    return [line for line in (doubt(model, known) for model in asked) if line]
