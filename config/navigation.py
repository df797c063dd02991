"""The admin's sidebar: what staff look for, in the order in which they look for it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse, reverse_lazy

# Title of the group: app and model, title, Material symbol.
_GROUPS = {
    "Automation": (
        ("workflows_workflow", "Workflows", "account_tree"),
        ("workflows_workflowversion", "Versions", "history"),
        ("workflows_schedule", "Schedules", "event_repeat"),
        ("workflows_subscription", "Subscriptions", "call_split"),
        ("executions_execution", "Executions", "play_circle"),
    ),
    "Webhooks": (
        ("webhooks_endpoint", "Endpoints", "webhook"),
        ("webhooks_delivery", "Deliveries", "move_to_inbox"),
        ("webhooks_trialaddress", "Test addresses", "science"),
    ),
    "Tenants": (
        ("tenants_tenant", "Tenants", "domain"),
        ("tenants_membership", "Memberships", "badge"),
        ("tenants_invitation", "Invitations", "mail"),
        ("tenants_apikey", "API keys", "key"),
        ("tenants_secret", "Secrets", "lock"),
        ("tenants_variable", "Variables", "tune"),
        ("tenants_tenantlimits", "Limits", "speed"),
        ("tenants_tenantusage", "Stored", "database"),
    ),
    "Operation": (
        ("executions_worker", "Workers", "memory"),
        ("django_celery_beat_periodictask", "Periodic tasks", "schedule"),
        ("tenants_user", "Users", "person"),
        ("auth_group", "Groups", "group"),
        ("tenants_auditentry", "Audit trail", "receipt_long"),
        ("tenants_platformauditentry", "Platform audit trail", "verified_user"),
    ),
}

_ISOLATION = {
    "title": "Isolation of tenants",
    "icon": "shield_lock",
    "link": reverse_lazy("admin:isolation"),
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups with those items that the signed-in person may see."""
    groups: list[dict[str, Any]] = [
        {"title": title, "items": [_item(*item) for item in items if _may_see(request, item[0])]}
        for title, items in _GROUPS.items()
    ]
    groups[-1]["items"].append(_ISOLATION)
    return groups


def _item(name: str, title: str, icon: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(f"admin:{name}_changelist")}


def _may_see(request: HttpRequest, name: str) -> bool:
    app, _, model = name.rpartition("_")
    return request.user.has_perm(f"{app}.view_{model}")
