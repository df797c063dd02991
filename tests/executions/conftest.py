"""What several tests of executions need of their surroundings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.outgoing import loopback_allowed


@pytest.fixture
def loopback() -> Iterator[None]:
    """Steps may call servers on this machine."""
    with loopback_allowed():
        yield
