"""The children that check pictures, once for a file of tests."""

import pytest

from wenwen_magic.media.sandbox import SandboxPool


@pytest.fixture(scope="module")
def pool():
    one = SandboxPool()
    yield one
    one.close()
