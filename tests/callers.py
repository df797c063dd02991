"""Callers of the API: a tenant's keys, and requests made with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.test import Client

from tenants import scope, services
from tenants.roles import Role

NOBODY = UUID(int=0)
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Caller:
    """Somebody with an API key, or with none."""

    token: str | None = None
    tenant_id: UUID = NOBODY

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: object = None, **headers: str) -> Any:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: object = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        """A body that is neither bytes nor text is sent as JSON; `if_match=` is If-Match."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        return Client().generic(
            method,
            path if path.startswith(("/", "http")) else f"/api/v1/{path}",
            "" if body is None else data,
            content_type=content_type,
            headers=sent,
        )

    def with_role(self, role: Role) -> Caller:
        """A key of the same tenant with this role."""
        with scope.tenant(self.tenant_id):
            issued = services.issue_key(tenant_id=self.tenant_id, name=role, role=role)
        return Caller(issued.token, self.tenant_id)


def owner_of(tenant: str) -> Caller:
    """Register a tenant; the answer is its owner."""
    made = services.register(tenant=tenant, email=f"owner@{tenant}.example", password=PASSWORD)
    services.set_address(made.user, verified=True)
    return Caller(made.key.token, made.tenant.id)
