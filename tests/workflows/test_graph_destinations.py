"""What publishing says of secrets and the hosts that they are sent to."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.hosts import Hosts
from tests.workflows.definitions import definition, step
from workflows import graph
from workflows.problems import Problem

SHOP = Hosts(("shop.example", "*.eu.shop.example"))


def found(url: str, hosts: Hosts, *, kind: str = "http", **config: Any) -> list[Problem]:
    request = {"url": url, "headers": {"X-Key": "{{ secrets.key }}"}, **config}
    given = {"request": request, "until": "{{ response.status == 200 }}"}
    checked = definition(step("a", kind=kind, config=given if kind == "poll" else request))
    problems = graph.problems(checked, secrets={"key": hosts}, variables=["shop"])
    assert {problem.severity for problem in problems} <= {"warning"}
    return [problem for problem in problems if problem.code == "secret_host"]


@pytest.mark.parametrize(("kind", "field"), [("http", "with.url"), ("poll", "with.request.url")])
def test_a_host_that_is_not_on_the_list_is_told(kind: str, field: str) -> None:
    [problem] = found("https://crm.example/{{ trigger.body.n }}", SHOP, kind=kind)
    assert (problem.step, problem.field) == ("a", field)
    assert "shop.example, *.eu.shop.example" in problem.message


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://Shop.example/orders/{{ trigger.body.n }}",
        "https://a.eu.shop.example?x={{ trigger.body.n }}",
    ],
)
def test_a_host_on_the_list_is_no_matter(url: str) -> None:
    assert found(url, SHOP) == []


@pytest.mark.parametrize(
    "url",
    [
        "{{ trigger.body.url }}",
        "https://{{ trigger.body.host }}/orders",
        "https://{{ trigger.body['a/b?c'] }}.example/orders",
        "https://shop.example{{ trigger.body.path }}",
        "{{ vars.shop }}{{ trigger.body.path }}",
    ],
)
def test_a_host_that_a_payload_may_choose_is_told_where_there_is_no_list(url: str) -> None:
    [problem] = found(url, Hosts())
    assert "list of hosts" in problem.message
    assert found(url, SHOP) == []


@pytest.mark.parametrize(
    "url", ["https://shop.example/{{ trigger.body.n }}", "https://{{ vars.shop }}.example/"]
)
def test_without_a_list_a_host_that_the_tenant_chose_is_no_matter(url: str) -> None:
    assert found(url, Hosts()) == []


def test_a_step_without_that_secret_is_no_matter() -> None:
    assert found("{{ trigger.body.url }}", Hosts(), headers={}) == []


def test_a_body_of_a_for_each_is_looked_at_too() -> None:
    inner = {"url": "https://crm.example/", "headers": {"X": "{{ secrets.key }}"}}
    each = {"items": [1], "steps": [step("inner", kind="http", config=inner)]}
    checked = definition(step("each", kind="for_each", config=each))
    problems = graph.problems(checked, secrets={"key": SHOP})
    assert [(one.code, one.step) for one in problems] == [("secret_host", "inner")]
