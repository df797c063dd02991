"""The pages on which something is done with executions and their steps."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from executions.models import Execution
from tenants import scope
from tests import factories
from tests.executions import driving, standing
from tests.executions.browsing import browser, followed, hidden, newest, page_of, text_of
from tests.workflows.definitions import document, step

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> factories.People:
    return factories.make_people()


# --- What is offered ---------------------------------------------------------------------------


def test_what_may_be_done_is_offered_to_who_may(people: factories.People) -> None:
    failed, waits = standing.failed(people.acme), standing.approval(people.acme)
    for execution, verbs in ((failed, ("resume", "replay")), (waits, ("cancel",))):
        for user, offered in ((people.otto, True), (people.vera, False)):
            text = text_of(browser(user).get(page_of(execution)))
            for verb in verbs:
                assert (page_of(execution, f"{verb}/") in text) is offered
    assert page_of(failed, "cancel/") not in text_of(browser(people.otto).get(page_of(failed)))


def test_every_page_of_a_verb_keeps_to_the_policy(people: factories.People) -> None:
    failed, waits = standing.failed(people.acme), standing.approval(people.acme)
    unsure, client = standing.unknown(people.acme), browser(people.alice)
    for path in (
        page_of(waits, "cancel/"),
        page_of(failed, "resume/"),
        page_of(failed, "replay/"),
        page_of(unsure, "steps/pay/resolve/"),
        page_of(waits, "steps/ask/decide/"),
        "/t/acme/attention/",
        "/t/acme/executions/bulk/?action=cancel",
    ):
        response = client.get(path)
        text = text_of(response)
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert " style=" not in text
        assert "<script" not in text
        assert text.count("csrfmiddlewaretoken") == text.count('method="post"')


def test_the_page_says_why_each_step_stands_still(people: factories.People) -> None:
    vera = browser(people.vera)
    assert "Waits for an approval by owner, editor or operator until" in text_of(
        vera.get(page_of(standing.approval(people.acme)))
    )
    assert "and no answer came; somebody has to say" in text_of(
        vera.get(page_of(standing.unknown(people.acme)))
    )


# --- Cancel, replay, resume --------------------------------------------------------------------


def test_cancelling_asks_first(people: factories.People) -> None:
    execution, client = standing.approval(people.acme), browser(people.otto)
    text_of(client.get(page_of(execution, "cancel/")))
    assert driving.fresh(execution).status == "waiting"
    text = followed(client.post(page_of(execution, "cancel/"), follow=True))
    assert "The execution is cancelled." in text
    assert driving.fresh(execution).status == "cancelled"
    again = followed(client.post(page_of(execution, "cancel/"), follow=True))
    assert "The execution has ended already." in again


def test_replaying_leads_to_the_new_execution(people: factories.People) -> None:
    execution, client = standing.failed(people.acme), browser(people.otto)
    response = client.post(page_of(execution, "replay/"), {"version": "same"})
    made = newest(people.acme)
    assert response.headers["Location"] == page_of(made)
    assert (made.trigger_kind, made.origin_id) == ("replay", execution.id)
    assert "Replayed from" in text_of(client.get(page_of(made)))


def test_resuming_shows_first_what_is_reused_and_what_runs(people: factories.People) -> None:
    execution, client = standing.failed(people.acme), browser(people.otto)
    text = text_of(client.get(page_of(execution, "resume/")))
    assert "<code>take</code>" in text
    assert "It failed." in text
    whole = text_of(client.get(page_of(execution, "resume/?step=take")))
    assert "It is the step to resume from." in whole
    response = client.post(page_of(execution, "resume/"), hidden(text))
    made = newest(people.acme)
    assert response.headers["Location"] == page_of(made)
    assert (made.trigger_kind, made.origin_id) == ("resume", execution.id)
    assert driving.statuses(made) == {"take": "succeeded"}


def test_an_uncertain_step_is_to_be_ticked(people: factories.People) -> None:
    execution, client = standing.unknown(people.acme), browser(people.otto)
    client.post(page_of(execution, "cancel/"))
    text = text_of(client.get(page_of(execution, "resume/")))
    assert 'name="repeat" value="pay"' in text
    refused = followed(client.post(page_of(execution, "resume/"), hidden(text), follow=True))
    assert "pay: It may have been done already." in refused
    assert newest(people.acme) == execution
    client.post(page_of(execution, "resume/"), {**hidden(text), "repeat": "pay"})
    assert newest(people.acme).origin_id == execution.id


@pytest.mark.parametrize(
    ("query", "told"),
    [("", "Nothing failed in it"), ("?step=nowhere", "Select a valid choice")],
)
def test_what_cannot_be_resumed_is_told_why(
    people: factories.People, query: str, told: str
) -> None:
    execution = driving.drained(driving.started(people.acme, document(step("only"))))
    assert told in text_of(browser(people.otto).get(page_of(execution, f"resume/{query}")))


# --- A step whose answer is not known ----------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"action": "retry"}, "queued"),
        ({"action": "done", "output": '{"paid": 7}'}, "succeeded"),
        ({"action": "skip"}, "skipped"),
        ({"action": "fail"}, "failed"),
    ],
)
def test_a_call_without_an_answer_is_resolved(
    people: factories.People, answer: dict[str, str], status: str
) -> None:
    execution, client = standing.unknown(people.acme), browser(people.otto)
    address = page_of(execution, "steps/pay/resolve/")
    assert address in text_of(client.get(page_of(execution)))
    assert "https://bank.example/pay" in text_of(client.get(address))
    assert "pay is resolved." in followed(client.post(address, answer, follow=True))
    assert driving.statuses(execution)["pay"] == status
    assert "there is nothing to resolve" in text_of(client.get(address))


@pytest.mark.parametrize("answer", [{}, {"action": "odd"}, {"action": "done", "output": "{"}])
def test_an_answer_that_makes_no_sense_is_asked_for_again(
    people: factories.People, answer: dict[str, str]
) -> None:
    execution, client = standing.unknown(people.acme), browser(people.otto)
    assert 'role="alert"' in text_of(client.post(page_of(execution, "steps/pay/resolve/"), answer))
    assert driving.statuses(execution)["pay"] == "unknown"


# --- Approvals ---------------------------------------------------------------------------------


def test_an_approvals_form_is_made_of_its_schema(people: factories.People) -> None:
    execution, client = standing.approval(people.acme), browser(people.ed)
    address = page_of(execution, "steps/ask/decide/")
    text = text_of(client.get(address))
    for part in ("Refund order 7?", "It came broken.", ">Amount<", 'type="number"', "fast"):
        assert part in text, part
    wrong = client.post(address, {"decision": "approved", "data-amount": "0"})
    assert "amount: " in text_of(wrong)
    given = {"decision": "approved", "data-amount": "5", "data-speed": '"fast"', "comment": "Fine."}
    assert "ask is approved." in followed(client.post(address, given, follow=True))
    output: Any = driving.step_run(execution, "ask").output
    assert output["data"] == {"amount": 5, "speed": "fast", "gift": False}
    assert (output["by"], output["comment"]) == ("ed@acme.example", "Fine.")
    assert "it waits for no approval" in text_of(client.get(address))


def test_rejecting_needs_no_form(people: factories.People) -> None:
    execution = standing.approval(people.acme)
    address = page_of(execution, "steps/ask/decide/")
    followed(browser(people.otto).post(address, {"decision": "rejected"}, follow=True))
    assert driving.step_run(execution, "ask").outcome == "rejected"


def test_only_who_is_asked_can_decide(people: factories.People) -> None:
    execution = standing.approval(people.acme, people=["vera@acme.example"], form=None)
    address = page_of(execution, "steps/ask/decide/")
    alice, vera = browser(people.alice), browser(people.vera)
    assert "not yours to give" in text_of(alice.get(address))
    assert "not yours to give" in text_of(alice.post(address, {"decision": "approved"}))
    assert driving.statuses(execution)["ask"] == "waiting"
    assert address in text_of(vera.get(page_of(execution)))
    followed(vera.post(address, {"decision": "approved"}, follow=True))
    assert driving.statuses(execution)["ask"] == "succeeded"


# --- Needs attention ---------------------------------------------------------------------------


def test_what_needs_somebody_is_listed_and_counted(people: factories.People) -> None:
    unsure, asked = standing.unknown(people.acme), standing.approval(people.acme)
    text = text_of(browser(people.otto).get("/t/acme/attention/"))
    assert page_of(unsure, "steps/pay/resolve/") in text
    assert page_of(asked, "steps/ask/decide/") in text
    assert '<span class="count">2</span>' in text
    seen = text_of(browser(people.vera).get("/t/acme/attention/"))
    assert '<span class="count">1</span>' in seen
    assert "/resolve/" not in seen
    assert "Nothing needs you" in text_of(browser(people.mallory).get("/t/globex/attention/"))


# --- Items -------------------------------------------------------------------------------------


def test_items_are_shown_with_their_step_and_not_in_the_list(people: factories.People) -> None:
    execution, client = standing.items(people.acme), browser(people.otto)
    text = text_of(client.get(page_of(execution)))
    assert "0 of 3 items have ended." in text
    assert "Waits for 3 of 3 items." in text
    with scope.tenant(people.acme.id):
        first, second = Execution.objects.filter(parent=execution).order_by("item_index")
    assert page_of(first) not in text_of(client.get("/t/acme/executions/"))
    assert page_of(first) in text_of(client.get("/t/acme/executions/?items=on"))
    listed = text_of(client.get(f"/t/acme/executions/?parent={execution.id}"))
    assert page_of(first) in listed
    item = text_of(client.get(page_of(first)))
    assert "Item 0 of" in item
    assert page_of(first, "steps/check/decide/") in item
    client.post(page_of(second, "cancel/"))
    text = text_of(client.get(page_of(execution)))
    assert page_of(second) in text  # of those that ended, only what did not succeed is named
    assert page_of(first) not in text


# --- Who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["cancel/", "resume/", "replay/", "steps/ask/resolve/"])
def test_a_viewer_may_not(people: factories.People, page: str) -> None:
    execution, vera = standing.approval(people.acme), browser(people.vera)
    assert vera.get(page_of(execution, page)).status_code == 403
    assert vera.post(page_of(execution, page), {"action": "retry"}).status_code == 403
    assert vera.get("/t/acme/executions/bulk/?action=cancel").status_code == 403


def test_a_form_from_elsewhere_is_refused(people: factories.People) -> None:
    execution = standing.approval(people.acme)
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.alice)
    assert client.post(page_of(execution, "cancel/")).status_code == 403
    assert driving.fresh(execution).status == "waiting"
