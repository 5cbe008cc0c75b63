"""Orders for the process that draws: what they show, and what cannot be handed over."""

import io
import pickle
from pathlib import Path

import pytest

from wenwen_magic.engine.processes.detached import Detached, Order
from wenwen_magic.engine.processes.detached_worker import main
from wenwen_magic.engine.takes import Given
from wenwen_magic.errors import ConfigError, EndpointError
from wenwen_magic.records import ImageRequest
from wenwen_magic.settings import Settings

KEY = "MARKER7f3a9c-not-like-a-key"


def order(**params):
    request = ImageRequest("fox", params=params)
    return Order(Settings(), Path("w"), request, KEY, False, Given(), "en", {"TOKEN": "another secret"})


def test_an_order_shows_neither_the_key_nor_the_variables_of_the_kernel():
    assert KEY not in repr(order())
    assert "another secret" not in repr(order())


def test_a_parameter_that_cannot_be_handed_over_is_refused_before_anything_is_sent():
    with pytest.raises(ConfigError, match="cannot be sent as JSON") as caught:
        Detached()._send(None, 1, order(seed=lambda: 3))
    assert caught.value.charged == "no"


def test_bug_the_key_stood_in_a_variable_of_a_traceback_where_the_process_had_ended():
    with pytest.raises(EndpointError) as caught:
        Detached()._send(None, 1, order())
    frames = [entry.frame.f_locals for entry in caught.traceback if entry.name == "_send"]
    assert caught.value.charged == "no"
    assert frames
    assert KEY not in str(frames)


@pytest.mark.parametrize("kept", [0, 1, 9, 100, -1])
def test_bug_an_order_that_the_end_of_the_kernel_broke_off_ended_the_process_before_its_threads(kept):
    replies = io.BytesIO()
    main(io.BytesIO(pickle.dumps((1, order()))[:kept]), replies)
    assert replies.getvalue() == b'{"order": 0}\n'
