"""What a workflow is: a mutable draft and immutable, numbered versions."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from tenants.models import User
from tenants.rls import SameTenant, TenantModel, TenantRoot, tenant_key

slug_validator = RegexValidator(
    r"\A[a-z0-9]+(?:-[a-z0-9]+)*\Z", "Use lower-case letters, digits and single hyphens."
)


class Workflow(TenantRoot):
    """A named automation of a tenant."""

    slug = models.CharField(max_length=63, validators=[slug_validator])
    name = models.CharField(max_length=200)
    draft = models.JSONField(default=dict)
    # Grows with every change of the draft; the ETag of `PUT draft/`.
    draft_revision = models.PositiveIntegerField(default=1)
    current = models.ForeignKey(
        "workflows.WorkflowVersion",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        db_constraint=False,
    )
    # The current version's `limits.executions` and `limits.limit`, set together with it.
    max_executions = models.PositiveIntegerField(null=True, blank=True, editable=False)
    on_limit = models.CharField(max_length=20, default="queue", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # An archived workflow takes no new runs; its executions stay until retention removes them.
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantRoot.Meta):
        constraints = [
            tenant_key(),
            models.UniqueConstraint(
                fields=["tenant", "slug"],
                condition=Q(archived_at=None),
                name="workflows_workflow_slug",
            ),
            SameTenant("current", "workflows.WorkflowVersion", on_delete="SET NULL"),
        ]
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class WorkflowVersion(TenantModel):
    """A published definition. Immutable, so it may be cached by id for ever."""

    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="versions", db_constraint=False
    )
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the canonical definition")
    pins = models.JSONField(
        default=dict, help_text="Versions of other workflows that it runs, by their slugs"
    )
    note = models.CharField(max_length=500, blank=True)
    published_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            tenant_key(),
            models.UniqueConstraint(
                fields=["tenant", "workflow", "number"], name="workflows_version_number"
            ),
            SameTenant("workflow", "workflows.Workflow"),
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"version {self.number}"
