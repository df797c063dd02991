"""Makes the demo, or completes it: what is there stays, apart from passwords and keys.

Those cannot be read back from the database, and the demo prints them at every start. So they are
kept beside it (keepsakes.py), and where the database has others it is given the kept ones again.
"""

from __future__ import annotations

from pathlib import Path

from config.demo import people, samples
from config.demo.keepsakes import Keepsakes
from config.local.demo import Endpoint as EndpointFacts
from config.local.demo import Facts, Login
from tenants import scope
from tenants import services as tenants
from tenants.models import Tenant
from tenants.roles import Role
from webhooks import services as webhooks
from webhooks import signatures
from webhooks.models import Endpoint
from webhooks.receive import secret_purpose
from workflows.models import Workflow


def seed(*, shop_url: str, kept_in: Path) -> Facts:
    """Bring the database to the demo's state. `kept_in` is the file of the keepsakes."""
    kept = Keepsakes.load(kept_in)
    key_is_good = tenants.find_key_holder(kept.api_key) is not None
    with scope.operator("the demo is made as a whole or not at all"):
        acme = people.ensure(kept.passwords, kept.hashes)
        with scope.tenant(acme.id):
            workflow = samples.ensure(acme, shop_url)
            endpoint = _endpoint(workflow, kept.endpoint_secret)
            if not key_is_good:
                kept.api_key = _new_key(acme)
            address = webhooks.url(endpoint)
    kept.save(kept_in)
    return Facts(
        tenant=acme.slug,
        workflow=workflow.slug,
        api_key=kept.api_key,
        endpoint=EndpointFacts(url=address, secret=kept.endpoint_secret),
        payload=samples.PAYLOAD,
        logins=[_login(person, kept) for person in people.PEOPLE],
    )


def _endpoint(workflow: Workflow, secret: str) -> Endpoint:
    endpoints = webhooks.listed().filter(workflow=workflow, scheme=signatures.DEFAULT, enabled=True)
    endpoint = endpoints.order_by("id").first()
    if endpoint is None:
        return webhooks.create(workflow=workflow, secret=secret).endpoint
    purpose = secret_purpose(endpoint.id)
    if tenants.unseal(endpoint.tenant_id, purpose, endpoint.sealed_secret) != secret:
        webhooks.rotate(endpoint=endpoint, secret=secret)
    return endpoint


def _new_key(tenant: Tenant) -> str:
    return tenants.issue_key(tenant_id=tenant.id, name="demo", role=Role.EDITOR).token


def _login(person: people.Person, kept: Keepsakes) -> Login:
    return Login(
        role=person.role,
        email=person.email,
        password=kept.passwords[person.email],
        url=f"/t/{person.tenant}/" if person.tenant else "/admin/",
    )
