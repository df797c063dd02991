"""API keys."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from tenants.rls import TenantRoot, tenant_key
from tenants.roles import Permission, Role


class ApiKey(TenantRoot):
    """A key `sw_<public_id>_<secret>`; only the SHA-256 of the secret is kept."""

    name = models.CharField(max_length=100)
    public_id = models.CharField(max_length=16, unique=True)
    digest = models.BinaryField(max_length=32)
    role = models.CharField(
        max_length=16, choices=[(role.value, role.name.title()) for role in Role]
    )
    scopes = ArrayField(
        models.CharField(
            max_length=16, choices=[(scope.value, scope.value) for scope in Permission]
        ),
        null=True,
        blank=True,
        help_text="narrows the key within its role, such as run, view; empty: not at all",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantRoot.Meta):
        verbose_name_plural = "API keys"
        verbose_name = "API key"
        constraints = [tenant_key()]
        ordering = ["-id"]

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def __str__(self) -> str:
        return f"sw_{self.public_id}_…"
