"""Browsers at the pages of executions."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from executions.models import Execution
from tenants import scope
from tenants.models import Tenant, User


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(execution: Execution, page: str = "") -> str:
    return f"/t/acme/executions/{execution.id}/{page}"


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return str(response.content.decode())


def followed(response: Any) -> str:
    """The page to which a POST led."""
    assert response.redirect_chain, response.status_code
    return text_of(response)


def newest(tenant: Tenant) -> Execution:
    with scope.tenant(tenant.id):
        return Execution.objects.order_by("-id")[0]


def hidden(text: str) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)
    return {name: value for name, value in found if not name.startswith("csrf")}
