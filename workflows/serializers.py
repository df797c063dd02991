"""Workflows in the API's JSON: what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from tenants.serializers import Strict
from workflows import canonical
from workflows.documents import unstorable
from workflows.models import Workflow, WorkflowVersion, slug_validator


class StorableJSON(serializers.JSONField):
    """Any JSON value that Postgres can keep."""

    def to_internal_value(self, data: Any) -> Any:
        found = list(unstorable(data))
        if found:
            raise ValidationError([problem.message for problem in found[:20]])
        return data


# --- In ----------------------------------------------------------------------------------------


class NewWorkflow(Strict):
    name = serializers.CharField(max_length=200)
    slug = serializers.CharField(max_length=63, validators=[slug_validator], required=False)
    definition = StorableJSON(help_text="The first draft. It may still have problems.")


class WorkflowPatch(Strict):
    name = serializers.CharField(max_length=200)


class DefinitionBody(Strict):
    definition = StorableJSON(allow_null=True, help_text="A workflow definition.")


class PublishBody(Strict):
    note = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, help_text="Why it changed."
    )


# --- Out ---------------------------------------------------------------------------------------


class WorkflowItem(serializers.ModelSerializer[Workflow]):
    current_version = serializers.IntegerField(
        source="current.number", default=None, allow_null=True, help_text="null: never published"
    )

    class Meta:
        model = Workflow
        fields = [
            "id",
            "slug",
            "name",
            "current_version",
            "draft_revision",
            "paused_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields
        extra_kwargs = {"paused_at": {"help_text": "Since then it begins no runs."}}


class _Arranged(serializers.JSONField):
    """A definition with its keys in the order in which people write them."""

    def to_representation(self, value: Any) -> Any:
        return canonical.arranged(value)


class WorkflowDetail(WorkflowItem):
    definition = _Arranged(source="draft", read_only=True, help_text="The draft.")

    class Meta(WorkflowItem.Meta):
        fields = [*WorkflowItem.Meta.fields, "definition"]
        read_only_fields = fields


class Finding(serializers.Serializer[Any]):
    severity = serializers.ChoiceField(["error", "warning"])
    code = serializers.CharField()
    message = serializers.CharField()
    step = serializers.CharField(allow_null=True, help_text="A step's key.")
    field = serializers.CharField(allow_null=True, help_text="A path such as with.url.")


class Findings(serializers.Serializer[Any]):
    problems = Finding(many=True)


class Draft(serializers.Serializer[Any]):
    definition = serializers.JSONField()
    revision = serializers.IntegerField(help_text="Grows with every change; also the ETag.")
    problems = Finding(many=True)


class VersionItem(serializers.ModelSerializer[WorkflowVersion]):
    published_by = serializers.EmailField(
        source="published_by.email", default=None, allow_null=True, read_only=True
    )

    class Meta:
        model = WorkflowVersion
        fields = ["number", "digest", "note", "published_by", "published_at"]
        read_only_fields = fields


class VersionDetail(VersionItem):
    definition = _Arranged(read_only=True)
    pins = serializers.DictField(
        child=serializers.UUIDField(),
        read_only=True,
        help_text="The versions of other workflows that it runs, by their slugs.",
    )

    class Meta(VersionItem.Meta):
        fields = [*VersionItem.Meta.fields, "pins", "definition"]
        read_only_fields = fields


class _Change(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["added", "removed", "changed"])
    field = serializers.CharField(help_text="A path such as with.url.")
    old = serializers.JSONField()
    new = serializers.JSONField()


class _StepChange(serializers.Serializer[Any]):
    step = serializers.CharField()
    changes = _Change(many=True)


class _Edge(serializers.Serializer[Any]):
    step = serializers.CharField()
    need = serializers.CharField(help_text="Such as found.true.")


class DefinitionDiff(serializers.Serializer[Any]):
    settings = _Change(many=True, help_text="Differences outside the steps.")
    added = serializers.ListField(child=serializers.CharField(), help_text="Keys of steps.")
    removed = serializers.ListField(child=serializers.CharField(), help_text="Keys of steps.")
    changed = _StepChange(many=True)
    edges_added = _Edge(many=True)
    edges_removed = _Edge(many=True)
    reordered = serializers.BooleanField()
