"""A workflow's start by hand, as pages and admin ask for it."""

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

    def __init__(self, workflow: Workflow, data: Any, *, as_json: bool) -> None:
        self.workflow = workflow
        current = workflow.current
        self.schema: JSON = current.definition.get("input") if current else None
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
        asked = ("run", str(self.workflow.id), body)
        wish = None if token is None else services.form_wish(token, *asked)
        start = partial(
            services.start,
            workflow=self.workflow,
            kind="manual",
            body=body,
            by=by,
            expected_version=expected_version,
        )
        made, _ = services.once(
            self.workflow.tenant_id, wish, lambda ident: start(execution_id=ident)
        )
        return made

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
                self.notices.append(problem.detail)

    def _body(self, data: Any, *, anew: bool = False) -> RunForm | SchemaForm:
        if self.as_json:
            return RunForm(data)
        more = data[MORE] if self._wants_more else ""
        return SchemaForm(self.schema, data, more=more if anew or self._wants_more else None)

    def _fresh(self) -> StartForm:
        number = self.workflow.current.number if self.workflow.current else None
        return StartForm(initial={"token": uuid4(), "expected_version": number})
