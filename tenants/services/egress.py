"""Where a tenant's outgoing calls may go: the list that its owners keep."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tenants.actions import Action
from tenants.hosts import MAX_EGRESS_HOSTS, Hosts
from tenants.models import Tenant
from tenants.services import audit
from tenants.services.host_lists import read_hosts


def egress_of(tenant_id: UUID) -> Hosts:
    """The hosts that the tenant's calls may go to; an empty list: any that is public."""
    return Hosts(tuple(Tenant.objects.values_list("egress_hosts", flat=True).get(id=tenant_id)))


def set_egress(*, tenant_id: UUID, hosts: Sequence[str]) -> Hosts:
    """Replace the list, in the open tenant scope. Steps that begin from now on go by it.

    Raises Problem 422 for hosts that are none, or too many.
    """
    chosen = read_hosts("hosts", hosts, most=MAX_EGRESS_HOSTS)
    # Not FOR UPDATE: whoever writes a row of the tenant holds its key.
    tenant = Tenant.objects.select_for_update(no_key=True).get(id=tenant_id)
    if chosen != tenant.egress_hosts:
        before, after = {"hosts": tenant.egress_hosts}, {"hosts": chosen}
        audit.record(Action.EGRESS_CHANGED, tenant, before=before, after=after)
        tenant.egress_hosts = chosen
        tenant.save(update_fields=["egress_hosts"])
    return Hosts(tuple(chosen))
