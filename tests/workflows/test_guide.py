"""Every example of the guide can be published, without a warning, and together they show all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenants import scope
from tenants import services as tenant_services
from tests.callers import Caller, owner_of
from tests.workflows.definitions import document, step
from workflows import services
from workflows.definition import Definition, Limits, Retry, Step, loads, parse
from workflows.expressions.filters import FILTERS
from workflows.graph.scope import ITEM_ROOTS, ROOTS
from workflows.steps.registry import STEP_TYPES

GUIDE = (Path(__file__).parents[2] / "docs" / "WORKFLOWS.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


def read(text: str) -> Any:
    value, problems = loads(text, "yaml")
    assert problems == []
    return value


@pytest.fixture
def acme(db: None) -> Iterator[Caller]:
    """A tenant with the secrets and the other workflows that the examples name."""
    caller = owner_of("acme")
    with scope.tenant(caller.tenant_id):
        for name in ("shop_token", "pay_key", "render_key"):
            tenant_services.put_secret(
                tenant_id=caller.tenant_id, name=name, value="a long enough secret"
            )
        for slug in ("notify-ops", "settle-payment"):
            other = services.create(
                tenant_id=caller.tenant_id, name=slug, slug=slug, definition=document(step("a"))
            )
            services.publish(workflow=other, by=None)
        yield caller


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_is_published_without_a_problem(acme: Caller, text: str) -> None:
    definition = read(text)
    assert services.problems(tenant_id=acme.tenant_id, definition=definition) == []
    workflow = services.create(tenant_id=acme.tenant_id, name="it", definition=definition)
    assert services.publish(workflow=workflow, by=None).number == 1


def test_every_step_type_has_an_example() -> None:
    shown = set()
    for text in EXAMPLES:
        parsed, _ = parse(read(text))
        assert parsed is not None
        shown |= {each.type for each in parsed.steps}
    assert shown == STEP_TYPES.keys()


@pytest.mark.parametrize(
    "name",
    [
        *(field.alias or name for name, field in Definition.model_fields.items()),
        *(field.alias or name for name, field in Step.model_fields.items()),
        *Limits.model_fields,
        *Retry.model_fields,
        *ROOTS,
        *ITEM_ROOTS,
        *FILTERS,
    ],
)
def test_every_word_of_the_language_is_in_the_guide(name: str) -> None:
    assert re.search(rf"\b{name}\b", GUIDE)
