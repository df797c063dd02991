"""Outgoing calls of steps in tests: where they may go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

from django.test import override_settings

from executions import runner


@contextmanager
def loopback_allowed() -> Iterator[None]:
    """Let steps reach 127.0.0.1, as an operator does with STEPWELL_EGRESS_ALLOW."""
    with override_settings(EGRESS_ALLOW=(ip_network("127.0.0.1/32"),)):
        runner._client.cache_clear()  # it was made with the settings before
        try:
            yield
        finally:
            runner._client.cache_clear()
