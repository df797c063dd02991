"""`manage.py verify_audit`: whoever tampers, even above all grants and triggers, is found."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants import scope
from tenants.actions import Action
from tenants.chain import Entry, Flaw, Walk
from tenants.models import Tenant
from tenants.services import audit, trail
from tenants.services.audit import Target
from tests import environment, factories, servers

pytestmark = pytest.mark.usefixtures("committed_db")

FIVE = 5


def verified(*arguments: str) -> tuple[int, str]:
    """The exit status and what was printed."""
    out = io.StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def acme() -> Tenant:
    """A tenant with five entries; the deployment has two."""
    tenant = factories.make_tenant("acme")
    for number in range(FIVE):
        with scope.tenant(tenant.id):
            target = Target("variable", str(number), f"v{number}")
            audit.record(Action.VARIABLE_WRITTEN, target, after={"n": number})
    for name in "ab":
        audit.record_platform(Action.ROW_ADDED, Target("group", name, name))
    return tenant


def tamper(statement: str) -> None:
    """As a superuser who has switched the triggers off."""
    with servers.superuser(environment.DATABASE) as superuser, superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        for one in statement.split(";"):
            superuser.execute(one.encode())


def test_chains_that_are_whole_are_said_to_be_so(acme: Tenant) -> None:
    assert verified() == (0, "whole     acme: 5 entries\nwhole     (deployment): 2 entries\n")


ENTRY = "UPDATE tenants_auditentry SET {} WHERE seq = {}"
SWAP = ";".join(ENTRY.format(f"seq = {there}", here) for here, there in ((2, 99), (3, 2), (99, 3)))
AGAIN = """
INSERT INTO tenants_auditentry
SELECT (jsonb_populate_record(e, '{"id": "01a00000-0000-7000-8000-000000000000"}')).*
FROM tenants_auditentry e WHERE seq = 2
"""


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (ENTRY.format("actor_label = 'eve'", 3), "entry 3 changed: Its content"),
        (ENTRY.format("before = NULL, after = NULL", 3), "entry 3 changed: Its content"),
        (ENTRY.format("at = at + '1 microsecond'", 3), "entry 3 changed: Its content"),
        (ENTRY.format("hash = sha256('eve')", 3), "entry 3 changed: Its content"),
        (ENTRY.format("prev_hash = sha256('eve')", 3), "entry 3 moved: It was not written"),
        ("DELETE FROM tenants_auditentry WHERE seq = 3", "entry 3 missing: Entry 3 is missing."),
        ("DELETE FROM tenants_auditentry WHERE seq IN (2, 3)", "entry 2 missing: Entries 2-3 are"),
        ("DELETE FROM tenants_auditentry WHERE seq > 3", "entry 4 cut: Entries 4-5 are missing."),
        ("DELETE FROM tenants_auditentry", "entry 1 cut: Entries 1-5 are missing."),
        (SWAP, "entry 2 moved: It was not written at this place"),
        (
            "ALTER TABLE tenants_auditentry DROP CONSTRAINT tenants_auditentry_once;" + AGAIN,
            "entry 2 doubled: There is more than one entry 2.",
        ),
        (
            "DELETE FROM tenants_auditentry WHERE seq > 3;UPDATE tenants_audithead SET seq = 3",
            "entry 3 replaced: Its hash is not the one that the head keeps.",
        ),
        ("DELETE FROM tenants_audithead", "entry 5 headless: There are entries up to 5"),
        (
            "UPDATE tenants_audithead SET seq = 3, hash = "
            "(SELECT hash FROM tenants_auditentry WHERE seq = 3)",
            "entry 4 ahead: The chain's head knows 3 entries only.",
        ),
    ],
    ids=[
        "content",
        "content-to-null",
        "time",
        "hash",
        "link",
        "deleted",
        "two-deleted",
        "tail",
        "all",
        "reordered",
        "twice",
        "tail-and-head",
        "head-gone",
        "head-back",
    ],
)
def test_a_changed_or_deleted_audit_row_is_found_and_named(
    acme: Tenant, statement: str, said: str
) -> None:
    tamper(statement)
    try:
        status, printed = verified()
    finally:
        if "DROP CONSTRAINT" in statement:
            tamper(
                "DELETE FROM tenants_auditentry;"
                "ALTER TABLE tenants_auditentry"
                " ADD CONSTRAINT tenants_auditentry_once UNIQUE (tenant_id, seq)"
            )
    first, second = printed.splitlines()
    assert first.startswith(f"broken    acme: {said}")
    assert second == "whole     (deployment): 2 entries"
    assert status == 1


def test_the_deployments_own_chain_is_verified_too(acme: Tenant) -> None:
    tamper("UPDATE tenants_platformauditentry SET action = 'x' WHERE seq = 2")
    status, printed = verified()
    assert status == 1
    assert "broken    (deployment): entry 2 changed" in printed


def test_an_entry_of_another_tenants_chain_is_out_of_place(acme: Tenant) -> None:
    globex = factories.make_tenant("globex")
    with servers.superuser(environment.DATABASE) as superuser, superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute("DELETE FROM tenants_audithead")
        superuser.execute("UPDATE tenants_auditentry SET tenant_id = %s", [globex.id])
    assert "broken    globex: entry 1 " in verified()[1]


def test_who_rewrote_a_whole_chain_is_found_by_a_head_that_was_kept_elsewhere(
    acme: Tenant,
) -> None:
    def heads() -> str:
        status, printed = verified("--heads", "--tenant", "acme")
        assert status == 0
        return printed

    kept = heads()
    tamper("DELETE FROM tenants_auditentry; DELETE FROM tenants_audithead")
    for number in range(FIVE):
        with scope.tenant(acme.id):
            audit.record(Action.VARIABLE_WRITTEN, Target("variable", str(number), "forged"))
    forged = heads()
    assert forged.startswith("whole     acme: 5 entries ")
    assert forged != kept


def test_one_tenant_can_be_asked_for(acme: Tenant) -> None:
    factories.make_tenant("globex")
    assert verified("--tenant", "globex") == (0, "whole     globex: 0 entries\n")
    with pytest.raises(CommandError, match="no tenant 'nobody'"):
        call_command("verify_audit", "--tenant", "nobody")


def test_machines_get_json(acme: Tenant) -> None:
    tamper("DELETE FROM tenants_auditentry WHERE seq = 3")
    status, printed = verified("--json", "--tenant", "acme")
    assert status == 1
    [chain] = json.loads(printed)
    assert (chain["tenant"], chain["tenant_id"]) == ("acme", str(acme.id))
    assert chain["flaw"] == {"fault": "missing", "entry": 3, "message": "Entry 3 is missing."}


def test_a_chain_is_read_in_parts(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is: a query brings so many entries, and each part is a transaction."""
    monkeypatch.setattr(trail, "BATCH", 2)
    with CaptureQueriesContext(connection) as captured:
        assert verified("--tenant", "acme")[0] == 0
    reads = [one["sql"] for one in captured if "request_id" in one["sql"]]
    assert len(reads) == 4
    assert all("LIMIT 2" in sql for sql in reads)


def test_what_is_added_meanwhile_is_no_flaw(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "BATCH", 2)
    step = Walk.step

    def step_and_add(walk: Walk, entry: Entry, kept: bytes) -> Flaw | None:
        with scope.tenant(acme.id):
            audit.record(Action.VARIABLE_WRITTEN, Target("variable", "x", "x"))
        return step(walk, entry, kept)

    monkeypatch.setattr(Walk, "step", step_and_add)
    assert verified("--tenant", "acme") == (0, "whole     acme: 5 entries\n")
