"""The web process reads tenants' expressions and evaluates none of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.callers import owner_of
from tests.workflows.definitions import document, step
from workflows.expressions import Template

HUNGRY = "{{ range(9999)|map('string')|join }}"


def test_what_is_saved_checked_published_started_and_shown_is_only_parsed(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[object] = []
    real = Template.evaluate

    def noticed(self: Template, *given: Any, **named: Any) -> Any:
        evaluated.append(self)
        return real(self, *given, **named)

    monkeypatch.setattr(Template, "evaluate", noticed)
    acme = owner_of("acme")
    definition = document(step("a", config={"message": HUNGRY}, when="{{ 1 == 1 }}"))
    definition["output"] = {"all": HUNGRY}
    subscription = {"workflow": "flow", "statuses": ["failed"], "filter": "{{ 1 == 1 }}"}
    answers = [
        acme.post("workflows/validate/", {"definition": definition}),
        acme.post("workflows/", {"name": "flow", "definition": definition}),
        acme.post("workflows/flow/publish/"),
        acme.post("subscriptions/", subscription),
        acme.post("workflows/flow/run/", {}),
    ]
    started = answers[-1].json()["id"]
    answers += [
        acme.get("workflows/flow/versions/1/"),
        acme.get(f"executions/{started}/"),
        acme.get(f"executions/{started}/events/"),
        acme.post(f"executions/{started}/cancel/"),
    ]
    assert [answer.status_code for answer in answers if answer.status_code >= 400] == []
    assert evaluated == []
