"""A workflow as staff edit it: its name, and its draft as YAML."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from workflows import canonical, documents
from workflows.forms import EXAMPLE, DefinitionField
from workflows.models import Workflow


class WorkflowForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """`draft_text` is read to `cleaned_data["definition"]`; problems in it do not keep it out."""

    draft_text = DefinitionField(
        label="Draft",
        widget=UnfoldAdminTextareaWidget(
            attrs={
                "rows": 28,
                "spellcheck": "false",
                "style": "font-family: monospace; white-space: pre; overflow-x: auto",
            }
        ),
        help_text="YAML. A draft may be saved with problems; only one without errors is published.",
    )
    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Workflow
        fields = ["tenant", "name", "slug"]
        widgets = {"slug": UnfoldAdminTextInputWidget()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = "Made from the name if empty. It never changes."
        if "draft_text" in self.fields:
            self.initial.setdefault("draft_text", self._text())
            self.initial.setdefault("revision", self.instance.draft_revision)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "draft_text" in cleaned:
            cleaned["definition"] = cleaned["draft_text"]
        is_new = self.instance._state.adding  # noqa: SLF001 - Django's only word for it
        if not is_new and cleaned.get("revision") != self.instance.draft_revision:
            self.add_error(
                "draft_text",
                "Somebody else changed the draft meanwhile. Copy your text, reload the page and "
                "put your changes in again.",
            )
        if cleaned.get("slug") and self._is_taken(cleaned):
            self.add_error("slug", "The tenant has another workflow with this slug.")
        return cleaned

    def _is_taken(self, cleaned: dict[str, Any]) -> bool:
        live = Workflow.objects.filter(archived_at=None).exclude(pk=self.instance.pk)
        return live.filter(tenant=cleaned.get("tenant"), slug=cleaned["slug"]).exists()

    def _text(self) -> str:
        if not self.instance.draft:
            return EXAMPLE
        return documents.dumps_yaml(canonical.arranged(self.instance.draft))
