"""The OpenAPI document against what is served: schemathesis calls every operation that it names.

Two tenants have one of everything. globex's owner calls; what stands for a name or an id is its
own, acme's, or made up. What comes is what the document says, and nothing of acme's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import requests
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode, Response, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tenants.models import Tenant
from tenants.roles import Role
from tests import factories, routes, site
from tests.executions import standing
from tests.factories import People
from tests.webhooks import gunicorn
from tests.webhooks.gunicorn import Web

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = {GenerationMode.POSITIVE: 6, GenerationMode.NEGATIVE: 3}
SHORT = 6  # characters; a shorter text of a row is no sign of whose it is
# What ends or deletes comes last, so that the others find something.
ORDER = ("get", "patch", "put", "post", "delete")

Values = Mapping[str, Mapping[str, object]]
Operation: TypeAlias = APIOperation[Any, Any, Any, Any]
Call: TypeAlias = Case[Operation]


@dataclass(frozen=True)
class Trial:
    """Who calls where, with whose names, and what must not come back."""

    web: Web
    token: str
    sides: Mapping[str, Values]
    foreign: frozenset[str]
    wrong: list[str] = field(default_factory=list)

    def call_well(self, operation: Operation) -> None:
        """The owner does what the operation is for, which must work."""
        body = BODIES.get(operation.path, {}).get(operation.method.upper())
        body = named(body, self.sides["ours"])
        case = operation.Case(
            path_parameters=parameters(operation.path, self.sides["ours"]),
            headers={"If-Match": "*"},
            query=QUERIES.get(operation.label, {}),
            **({"body": body, "media_type": "application/json"} if body is not None else {}),
        )
        answer = self._call(case)
        if not 200 <= answer.status_code < 300:
            told = answer.content.decode()
            self.wrong.append(f"{operation.label}: {answer.status_code} to a good call: {told}")

    def call_badly(self, case: Call, side: str) -> None:
        """Call with a side's names for what the document calls by name."""
        values = self.sides.get(side, {})
        known = parameters(case.operation.path, values)
        case.path_parameters = {
            name: known.get(name, made_up) for name, made_up in case.path_parameters.items()
        }
        case.body = named(case.body, values)
        if "wait" in case.query:  # nobody works
            case.query = {**case.query, "wait": 0}
        self._call(case)

    def _call(self, case: Call) -> Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = case.call(base_url=self.web.url, headers=headers, timeout=gunicorn.PATIENCE)
        if answer.status_code != 414:  # gunicorn's own, to addresses beyond 4,094 characters
            self._judge(case, answer)
        return answer

    def _judge(self, case: Call, answer: Response) -> None:
        request = answer.request
        sent = f"{request.url} {request.body!r} {request.headers}"
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            found = [str(one) for one in group.exceptions]
            self.wrong.extend(f"{case.operation.label}: {one}\n{sent}" for one in found)
        came = f"{answer.content.decode(errors='replace')} {answer.headers}"
        told = [text for text in self.foreign if text in came and text not in sent]
        self.wrong.extend(f"{case.operation.label}: tells {text!r}\n{sent}" for text in told)


# By operation as the document spells it a body, or a query, that it takes.
BODIES: dict[str, Mapping[str, object]] = {
    **{re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/{name}"): of for name, of in routes.API.items()},
    "/api/v1/register/": {
        "POST": {
            "tenant": "initech",
            "email": "new@initech.example",
            "password": factories.PASSWORD,
        }
    },
}
QUERIES = {"GET /api/v1/workflows/{slug}/versions/diff/": {"from": "1", "to": "draft"}}


def parameters(path: str, values: Values) -> dict[str, str]:
    """The side's names and ids for the parameters of an operation's path."""
    known: dict[str, object] = {}
    for part, ones in values.items():
        known |= ones if part in path else {}
    return {name: str(known[name]) for name in re.findall(r"{(\w+)}", path) if known}


def named(body: Any, values: Values) -> Any:
    """The body with the side's own workflow, source and endpoint, if it names such."""
    if not values or not isinstance(body, dict):
        return body
    slug, endpoint = str(values[""]["slug"]), str(values["endpoints/"]["id"])
    own = {"workflow": slug, "source": slug, "endpoint": endpoint}
    return {**body, **{name: own[name] for name in own if name in body}}


def texts(value: object) -> Iterator[str]:
    """Every text in rows of the database that is long enough to be known again."""
    if isinstance(value, Mapping):
        yield from texts([*value.items()])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)
    elif len(str(value)) >= SHORT and not isinstance(value, int | float):
        yield str(value)


@pytest.fixture
def people(committed_db: None) -> People:
    return factories.make_people()


@pytest.fixture
def trial(people: People, tmp_path: Path) -> Iterator[Trial]:
    ours, theirs = people.globex, people.acme
    colleague = factories.make_member(ours, Role.EDITOR, "edna@globex.example")
    waiting = {tenant: stand_still(tenant) for tenant in (ours, theirs)}
    sides = {
        "ours": site.fill(ours, by=people.mallory, member=colleague, word="ordinary"),
        "theirs": site.fill(theirs, by=people.alice, member=people.vera, word=site.SENTINEL),
    }
    known = {
        name: {**sides[name], **waiting[of]} for name, of in (("ours", ours), ("theirs", theirs))
    }
    token = factories.make_key(ours)
    common = set(texts(site.rows_of(ours)))
    foreign = frozenset(set(texts(site.rows_of(theirs))) - common)
    with gunicorn.serving(tmp_path) as web:
        yield Trial(web, token, known, foreign)


def stand_still(tenant: Tenant) -> dict[str, dict[str, object]]:
    """Runs that wait for a person's word, before there are others that a worker would take."""
    unknown = standing.unknown(tenant)
    approval = standing.approval(tenant, form=None)
    return {
        "/resolve/": {"id": unknown.id, "key": "pay"},
        "/decide/": {"id": approval.id, "key": "ask"},
    }


def operations() -> list[Operation]:
    document = Client().get("/api/schema/", headers={"accept": "application/json"}).json()
    found: Any = openapi.from_dict(document).get_all_operations()
    return sorted((one.ok() for one in found), key=lambda one: ORDER.index(one.method.lower()))


def calling(trial: Trial, operation: Operation, mode: GenerationMode) -> Callable[[], None]:
    """The same made-up requests each time; what is wrong is noted down, and it goes on."""

    @settings(
        max_examples=EXAMPLES[mode],
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(mode),
        side=st.sampled_from(["ours", "theirs", "nobody's"]),
    )
    def call(case: Call, side: str) -> None:
        trial.call_badly(case, side)

    return call


def test_every_answer_is_as_documented_and_the_callers_own(trial: Trial, people: People) -> None:
    before = site.rows_of(people.acme)
    assert {str(people.acme.id), site.SENTINEL, "acme"} - trial.foreign == {"acme"}  # too short
    for operation in operations():
        trial.call_well(operation)
        for mode in EXAMPLES:
            calling(trial, operation, mode)()
    assert trial.wrong == []
    assert site.rows_of(people.acme) == before
    # And the search would have found it: acme's own lists are full of it.
    headers = {"Authorization": f"Bearer {factories.make_key(people.acme)}"}
    shown = requests.get(f"{trial.web.url}/api/v1/endpoints/", headers=headers, timeout=60).text
    assert [text for text in trial.foreign if text in shown]
