"""What a workflow is: a mutable draft and immutable, numbered versions; when it runs by itself."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from tenants.models import User
from tenants.rls import SameTenant, TenantModel, TenantRoot, tenant_key
from workflows import cron, filters
from workflows.timetable import MAX_CATCH_UP, Policy, Timetable

slug_validator = RegexValidator(
    r"\A[a-z0-9]+(?:-[a-z0-9]+)*\Z", "Use lower-case letters, digits and single hyphens."
)

MAX_JITTER = 3600  # seconds


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
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # An archived workflow takes no new runs; its executions stay until retention removes them.
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    # A paused workflow begins no runs: webhooks are stored, schedules do not fire.
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)

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
    """A published definition, or (without a number) a draft as it was when it was tried.

    Immutable, so it may be cached by id for ever.
    """

    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="versions", db_constraint=False
    )
    # None: a trial of the draft. It is in no list, never becomes current, and retention forgets it.
    number = models.PositiveIntegerField(null=True)
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
        indexes = [
            models.Index(
                fields=["tenant", "workflow", "digest"],
                condition=Q(number=None),
                name="workflows_version_trials",
            )
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return "the draft" if self.number is None else f"version {self.number}"


class Schedule(TenantModel):
    """A cron expression and time zone on a workflow (docs/SCHEDULES.md)."""

    MISFIRE = {
        "skip": "run none of them",
        "once": "run the newest",
        "all": "run the newest, up to `misfire_max`",
    }
    OVERLAP = {
        "allow": "run beside it",
        "skip": "leave the slot out",
        "queue": "wait for it; at most one slot waits",
    }

    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="schedules", db_constraint=False
    )
    name = models.CharField(max_length=200)
    cron = models.CharField(max_length=cron.MAX_LENGTH, help_text="five fields: 30 9 * * 1-5")
    zone = models.CharField(
        max_length=64, default="UTC", help_text="an IANA time zone: Europe/Paris"
    )
    input = models.JSONField(default=dict, blank=True, help_text="trigger.body of its runs")
    misfire = models.CharField(
        max_length=8, choices=MISFIRE, default="once", help_text="what to do with slots missed"
    )
    misfire_max = models.PositiveSmallIntegerField(
        default=100, validators=[MinValueValidator(1), MaxValueValidator(MAX_CATCH_UP)]
    )
    overlap = models.CharField(
        max_length=8, choices=OVERLAP, default="allow", help_text="while a run of it is open"
    )
    jitter = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(MAX_JITTER)],
        help_text="a slot fires up to so many seconds later",
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    paused = models.BooleanField(default=False, editable=False)
    # All slots up to this one are dealt with.
    handled_until = models.DateTimeField(editable=False)
    # When the first slot after those fires; null: it is paused or has ended.
    next_at = models.DateTimeField(null=True, editable=False)
    problem = models.TextField(
        blank=True, editable=False, help_text="why its last slot did not run"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints = [tenant_key(), SameTenant("workflow", "workflows.Workflow")]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=Q(next_at__isnull=False),
                name="workflows_schedule_due",
            )
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def timetable(self) -> Timetable:
        """Its slots. Raises CronError for a zone that this machine no longer knows."""
        return Timetable(cron.parse(self.cron, self.zone), self.jitter, str(self.id), self.ends_at)

    @property
    def period(self) -> dict[str, datetime]:
        """Those of `starts_at` and `ends_at` that it has, in its zone. Raises as `timetable`."""
        given = {"starts_at": self.starts_at, "ends_at": self.ends_at}
        local = self.timetable.cron.local
        return {name: local(at) for name, at in given.items() if at is not None}

    @property
    def policy(self) -> Policy:
        """What it does with slots that are late."""
        return Policy(self.misfire, self.misfire_max)  # type: ignore[arg-type] # its choices


class Subscription(TenantModel):
    """A workflow that starts when runs of another one end (docs/TRIGGERS.md)."""

    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="subscriptions", db_constraint=False
    )
    source = models.ForeignKey(
        Workflow,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="subscribers",
        db_constraint=False,
        help_text="whose runs it hears of; of all others that no run led to, if empty",
    )
    statuses = ArrayField(models.CharField(max_length=12), help_text="the ends that it hears of")
    filter = models.TextField(
        max_length=filters.MAX_LENGTH,
        blank=True,
        help_text="starts only if this is true: {{ event.output.total > 100 }}",
    )
    enabled = models.BooleanField(default=True)
    problem = models.TextField(
        blank=True, editable=False, help_text="why it last started nothing although it should have"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints = [
            tenant_key(),
            SameTenant("workflow", "workflows.Workflow"),
            SameTenant("source", "workflows.Workflow"),
        ]
        indexes = [
            # Asked at the end of each run.
            models.Index(
                fields=["tenant", "source"],
                condition=Q(enabled=True),
                name="workflows_subscription_source",
            )
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"subscription {self.id}"
