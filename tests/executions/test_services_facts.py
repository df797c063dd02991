"""What a step may read: results, secrets, and nothing that is not there yet."""

from __future__ import annotations

import pytest

from executions import services
from executions.models import Execution
from executions.runs import Claim
from tenants.models import Tenant
from tests import factories
from tests.executions import invariants
from tests.executions.driving import (
    claimed,
    drained,
    finish,
    new_worker,
    started,
    step_run,
)
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.usefixtures("committed_db")


def reading(expression: str, **more: object) -> dict[str, object]:
    return step("b", "a", kind="transform", config={"value": expression}, **more)


def behind_a(tenant: Tenant, expression: str) -> tuple[Execution, Claim]:
    """A run whose step b, which reads this, was claimed apart from a."""
    definition = document(step("a", kind="transform", config={"value": 41}), reading(expression))
    execution = started(tenant, definition)
    worker_id = new_worker()
    finish_and_leave(claimed(worker_id))
    return execution, claimed(worker_id)


def finish_and_leave(claim: Claim) -> None:
    finish(claim, None)


def test_results_of_other_steps_come_from_the_database() -> None:
    _, claim = behind_a(factories.make_tenant(), "{{ steps.a.output }}")
    assert claim.run.facts == {}
    services.gather(claim)
    assert set(claim.run.facts) == {"a"}


def test_only_the_secrets_that_a_step_names_are_opened() -> None:
    tenant = factories.make_tenant()
    factories.make_secret(tenant, "mine", "of use here")
    factories.make_secret(tenant, "other", "of no use here")
    call = {"url": "https://x.example/", "headers": {"X-Key": "{{ secrets.mine }}"}}
    started(tenant, document(step("a", kind="http", config=call)))
    given = services.gather(claimed(new_worker()))
    assert given.secrets == {"mine": "of use here"}
    assert "of use here" not in repr(given)


def test_another_tenants_secret_of_the_same_name_is_not_seen() -> None:
    mine, other = factories.make_tenant(), factories.make_tenant()
    factories.make_secret(mine, "key", "the right one")
    factories.make_secret(other, "key", "the wrong one")
    call = {"url": "https://x.example/", "headers": {"X-Key": "{{ secrets.key }}"}}
    started(mine, document(step("a", kind="http", config=call)))
    assert services.gather(claimed(new_worker())).secrets == {"key": "the right one"}


def test_a_result_read_too_early_is_read_again() -> None:
    """Behind a first join a step may read one that still runs; a later step reads its result."""
    definition = document(
        step("a"),
        step("slow", kind="transform"),
        step(
            "early",
            *("a", "slow"),
            join="first",
            kind="transform",
            config={"value": "{{ steps.slow.output }}"},
        ),
        step(
            "late", "early", "slow", kind="transform", config={"value": "{{ steps.slow.output }}"}
        ),
    )
    execution = started(factories.make_tenant(), definition)
    worker_id = new_worker()
    a, slow = sorted([claimed(worker_id), claimed(worker_id)], key=lambda claim: claim.key)
    early = finish(a, worker_id)
    assert early is not None
    services.gather(early)
    assert early.run.facts.get("slow") is None
    finish(slow, worker_id)
    late = finish(early, worker_id)
    assert late is not None
    services.gather(late)
    assert late.run.facts["slow"]["outcome"] == "success"
    finish(late, worker_id)
    invariants.check_ended(execution.id)


def test_a_step_that_has_not_ended_reads_as_nothing() -> None:
    both = {"value": ["{{ steps.slow.output }}", "{{ steps.slow.outcome }}"]}
    definition = document(
        step("a"),
        step("slow"),
        step("early", "a", "slow", join="first", kind="transform", config=both),
    )
    execution = started(factories.make_tenant(), definition)
    worker_id = new_worker()
    a, slow = sorted([claimed(worker_id), claimed(worker_id)], key=lambda claim: claim.key)
    finish_and_leave(a)
    drained(execution)
    assert step_run(execution, "early").output == [None, None]
    finish(slow, worker_id)
    invariants.check_ended(execution.id)
