"""What several tests of executions need of their surroundings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenants.models import Tenant
from tests import factories
from tests.executions.hearing import KEEP
from tests.outgoing import loopback_allowed
from workflows.models import Workflow


@pytest.fixture
def loopback() -> Iterator[None]:
    """Steps may call servers on this machine."""
    with loopback_allowed():
        yield


@pytest.fixture
def tenant() -> Tenant:
    return factories.make_tenant()


@pytest.fixture
def listener(tenant: Tenant) -> Workflow:
    """A workflow that hears of others' ends once it subscribes to them."""
    return factories.make_workflow(tenant, KEEP, slug="listener")
