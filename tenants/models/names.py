"""Secrets and variables: what expressions call by its name."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models

from tenants.hosts import MAX_HOSTS, MAX_RULE_LENGTH
from tenants.rls import TenantRoot, tenant_key

name_validator = RegexValidator(
    r"\A[a-z][a-z0-9_]{0,62}\Z",
    "Use lower-case letters, digits and underscores, starting with a letter (63 at most).",
)


class Secret(TenantRoot):
    """A named value that can be written and used, never read back. Sealed with AES-GCM."""

    name = models.CharField(max_length=63, validators=[name_validator])
    sealed = models.BinaryField()
    # As tenants.hosts.read spells them; none means that it may go anywhere.
    hosts = ArrayField(
        models.CharField(max_length=MAX_RULE_LENGTH), size=MAX_HOSTS, default=list, db_default=[]
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantRoot.Meta):
        constraints = [
            tenant_key(),
            models.UniqueConstraint(fields=["tenant", "name"], name="tenants_secret_name"),
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Variable(TenantRoot):
    """A plain setting of a tenant, `vars.<name>` in expressions."""

    name = models.CharField(max_length=63, validators=[name_validator])
    value = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantRoot.Meta):
        constraints = [
            tenant_key(),
            models.UniqueConstraint(fields=["tenant", "name"], name="tenants_variable_name"),
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
