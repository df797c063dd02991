"""Addresses of webhooks on the pages of their workflow."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import factories
from tests.webhooks.senders import make_address

HIDDEN = "hidden: whoever knows it can start runs"


@pytest.mark.parametrize(
    ("scheme", "who", "shown"),
    [("none", "vera", False), ("none", "otto", True), ("github", "vera", True)],
)
def test_an_address_that_is_all_it_takes_is_shown_to_those_who_may_run(
    db: None, scheme: str, who: str, shown: bool
) -> None:
    people = factories.make_people()
    workflow = factories.make_workflow(people.acme, slug="flow")
    address = make_address(scheme, workflow=workflow)
    client = Client()
    client.force_login(getattr(people, who))

    answer = client.get("/t/acme/workflows/flow/")

    page = answer.content.decode()
    assert "flow<br>" in page
    assert answer["Cache-Control"] == "no-store"
    assert (address.token in page, HIDDEN in page) == (shown, not shown)


@pytest.mark.parametrize(("answer", "shown"), [("ack", False), ("result", True)])
def test_what_is_answered_is_shown_if_it_is_not_the_usual(
    db: None, answer: str, shown: bool
) -> None:
    people = factories.make_people()
    make_address(workflow=factories.make_workflow(people.acme, slug="flow"), answer=answer)
    client = Client()
    client.force_login(people.vera)

    page = client.get("/t/acme/workflows/flow/").content.decode()

    assert ("answers with the result" in page) is shown
