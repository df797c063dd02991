"""A start by hand, of a workflow or of its draft, as pages and admin ask for it."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from executions import services
from executions.forms import RunForm, StartForm
from executions.models import Execution
from executions.schema_form import MORE, SchemaForm
from tenants.problems import Problem
from workflows.definition import JSON
from workflows.models import Workflow

AS_JSON = "json"  # value of `as` in the address: the body is typed in whole
_AGAIN = "This form was sent already. What it holds has changed since: send it to start a new run."


class RunAsking:
    """The form of a workflow's input: fresh, or with what was sent.

    A workflow without a schema, or whose input is not an object with named properties, is asked for
    JSON, and so is who wants to give it whole.
    """

    verb = "run"

    def __init__(
        self, workflow: Workflow, data: Any, *, as_json: bool, example: str | None = None
    ) -> None:
        """`example` is the JSON that is there to be sent or changed."""
        self.workflow = workflow
        self._example = example
        self.schema = self._schema()
        self.has_fields = bool(SchemaForm(self.schema, None).nodes)
        self.as_json = as_json or not self.has_fields
        self.notices: list[str] = []
        self._data = data
        self._wants_more = data is not None and MORE in data
        self._sent = StartForm(data) if data is not None else None
        self.body: RunForm | SchemaForm = self._body(data)
        self.hidden = self._fresh()

    @property
    def schema_text(self) -> str:
        """The schema itself, to be read."""
        return json.dumps(self.schema, indent=2) if self.schema else ""

    def start(self, *, by: str) -> Execution | None:
        """Start what was sent, once; None: it is to be shown (again), with what is wrong.

        In the open scope of the tenant.
        """
        if self._sent is None or self._wants_more:
            return None
        if not self._sent.is_valid():
            self.notices.append("This form is not one of ours. Look at it and send it again.")
            return None
        self.hidden = self._sent
        if not self.body.is_valid():
            return None
        try:
            with transaction.atomic():
                return self._start(by, **self._sent.cleaned_data)
        except Problem as problem:
            self._refuse(problem)
            return None

    def _start(self, by: str, token: UUID | None, expected_version: int | None) -> Execution:
        body = self._value()
        asked = (self.verb, str(self.workflow.id), body)
        wish = None if token is None else services.form_wish(token, *asked)
        make = partial(self._make, body, by, expected_version)
        made, _ = services.once(self.workflow.tenant_id, wish, make)
        return made

    def _make(
        self, body: JSON, by: str, expected_version: int | None, execution_id: UUID | None
    ) -> Execution:
        return services.start(
            workflow=self.workflow,
            kind="manual",
            body=body,
            by=by,
            expected_version=expected_version,
            execution_id=execution_id,
        )

    def _value(self) -> JSON:
        if isinstance(self.body, SchemaForm):
            return self.body.value()
        typed: JSON = self.body.cleaned_data["body"]
        return typed

    def _refuse(self, problem: Problem) -> None:
        match problem.code:
            case "version-changed":
                self.notices.append(f"{problem.detail} It was published meanwhile: look again.")
                self.body = self._body(self._data, anew=True)
                self.hidden = self._fresh()
            case "idempotency-key-reused":
                self.notices.append(_AGAIN)
                self.hidden = self._fresh()
            case "input-mismatch" if isinstance(self.body, SchemaForm):
                self.body.add_mismatches(problem.errors)
            case "input-mismatch":
                told = [f"{one['field'] or 'body'}: {one['message']}" for one in problem.errors]
                self.body.add_error("body", [problem.detail, *told])
            case _:
                told = [
                    f"{one.get('step') or one.get('field') or 'draft'}: {one['message']}"
                    for one in problem.errors
                ]
                self.notices += [problem.detail, *told]

    def _body(self, data: Any, *, anew: bool = False) -> RunForm | SchemaForm:
        if self.as_json:
            return RunForm(data, initial={"body": self._example} if self._example else None)
        more = data[MORE] if self._wants_more else ""
        return SchemaForm(self.schema, data, more=more if anew or self._wants_more else None)

    def _fresh(self) -> StartForm:
        return StartForm(initial={"token": uuid4(), "expected_version": self._number()})

    def _schema(self) -> JSON:
        current = self.workflow.current
        return current.definition.get("input") if current else None

    def _number(self) -> int | None:
        """Of the version that the form is made of."""
        return self.workflow.current.number if self.workflow.current else None


class DraftAsking(RunAsking):
    """The same for a test of the draft, as it is when the form is sent."""

    verb = "run-draft"

    def _schema(self) -> JSON:
        schema: JSON = self.workflow.draft.get("input")
        return schema

    def _number(self) -> None:
        return None

    def _make(
        self, body: JSON, by: str, expected_version: int | None, execution_id: UUID | None
    ) -> Execution:
        return services.run_draft(
            workflow=self.workflow,
            kind="manual",
            body=body,
            message=f"A test of the draft by {by}.",
            execution_id=execution_id,
        )
