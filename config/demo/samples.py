"""The sample workflows: one YAML file each, named by the workflow's slug."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from django.http import Http404

from tenants import services as tenants
from tenants.hosts import Hosts
from tenants.models import Tenant
from workflows import definition as language
from workflows import services as workflows
from workflows.definition import JSON
from workflows.models import Workflow

# In this order: a workflow comes after those that it starts.
NAMES = {
    "order-to-crm": "Order to CRM",
    "morning-check": "Morning check",
    "lost-order": "Lost order",
    "tell-operators": "Tell the operators",
    "bulk-orders": "Bulk orders",
}
TRIGGERED = "order-to-crm"  # by the demo's webhook
# The shop answers every other request for an order `busy...` with 503: a retry to look at.
PAYLOAD: dict[str, JSON] = {"order_id": "busy-1001"}


def ensure(tenant: Tenant, shop_url: str) -> Workflow:
    """Make the workflows that are missing; those that people changed stay as they are.

    In the open scope of the tenant. Returns the one that the webhook triggers.
    """
    tenants.put_variable(tenant_id=tenant.id, name="shop_url", value=shop_url)
    shop = urlsplit(shop_url).netloc  # another port each time
    if tenants.secret_hosts(tenant.id).get("shop_token") != Hosts((shop,)):
        tenants.put_secret(
            tenant_id=tenant.id, name="shop_token", value="demo-shop-token", hosts=[shop]
        )
    return {slug: _workflow(tenant, slug) for slug in NAMES}[TRIGGERED]


def definition(slug: str) -> JSON:
    """A sample's definition. Raises ValueError where its file is no YAML."""
    text = Path(__file__).with_name(f"{slug}.yaml").read_text()
    document, problems = language.loads(text, "yaml")
    if problems:
        raise ValueError(f"{slug}.yaml: {problems[0].message}")
    value: JSON = document
    return value


def _workflow(tenant: Tenant, slug: str) -> Workflow:
    try:
        return workflows.find(slug=slug)
    except Http404:
        made = workflows.create(
            tenant_id=tenant.id, name=NAMES[slug], slug=slug, definition=definition(slug)
        )
        workflows.publish(workflow=made, by=None, note="The demo's own.")
        return made
