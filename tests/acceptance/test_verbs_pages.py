"""An operator approves, and looks at what resuming would do: without JavaScript, and live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from config.local.home import PROJECT
from tests.acceptance import watching
from tests.acceptance.stepwell import Stepwell
from tests.acceptance.watching import Watch

pytestmark = pytest.mark.xdist_group("acceptance")

SCREENSHOTS = PROJECT / ".cache" / "screenshots"
OPERATOR = "operator@acme.example"
EXECUTIONS = "/t/acme/executions/"
ATTENTION = "/t/acme/attention/"
OUTCOMES = {"Approve": "approved", "Reject": "rejected"}


@pytest.fixture(scope="module")
def operator(chromium: Browser, product: Stepwell) -> Iterator[BrowserContext]:
    with watching.log_in(chromium, product, OPERATOR, java_script_enabled=False) as context:
        yield context


def waiting_run(product: Stepwell, *orders: str) -> str:
    """A run of the demo's `bulk-orders` that waits for its approval."""
    ident: str = product.post("workflows/bulk-orders/run/", {"input": {"orders": orders}})["id"]
    product.wait("it waits", lambda: product.execution(ident)["status"] == "waiting")
    return ident


def decide(page: Page, ident: str, button: str) -> None:
    page.goto(ATTENTION)
    page.locator(f"a[href='{EXECUTIONS}{ident}/steps/approve/decide/']").click()
    if button == "Approve":
        page.get_by_label("Reason").fill("They are all paid.")
    page.get_by_role("button", name=button).click()
    expect(page.locator("#head-approve .outcome")).to_have_text(OUTCOMES[button])


def test_orders_are_approved_and_sent(operator: BrowserContext, product: Stepwell) -> None:
    watch = Watch()
    page = watch.over(operator.new_page())
    ident = waiting_run(product, "1001", "1002")
    decide(page, ident, "Approve")
    ended = product.wait_for_end(ident)
    assert (ended["status"], [one["order"] for one in ended["output"]]) == (
        "succeeded",
        ["1001", "1002"],
    )
    page.reload()
    expect(page.locator("#doing-send")).to_contain_text("2 of 2 items have ended.")
    assert watch.faults == []


def test_a_failed_run_is_resumed_after_a_preview(
    operator: BrowserContext, product: Stepwell
) -> None:
    watch = Watch()
    page = watch.over(operator.new_page())
    ident = waiting_run(product, "1001")
    decide(page, ident, "Reject")
    assert product.wait_for_end(ident)["status"] == "failed"
    page.reload()
    page.get_by_role("link", name="Resume").click()
    page.get_by_label("From the step").select_option("approve")
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_text("It is the step to resume from.")).to_be_visible()
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_text("Resumed from")).to_be_visible()
    assert watch.faults == []


def test_what_can_be_done_changes_with_the_run(chromium: Browser, product: Stepwell) -> None:
    watch = Watch()
    ident = waiting_run(product, "1001")
    with watching.log_in(chromium, product, OPERATOR) as context:
        page = watch.over(context.new_page())
        page.goto(f"{EXECUTIONS}{ident}/")
        expect(page.locator("#live-state")).to_have_text("Live")
        expect(page.locator("#doing-approve a")).to_have_text("Approve or reject")
        expect(page.locator("#run-verbs a")).to_have_text(["Cancel"])
        answer = {"decision": "approved", "data": {"reason": "It is paid."}}
        product.post(f"executions/{ident}/steps/approve/decide/", answer)
        expect(page.locator("#run-head .status")).to_have_text("succeeded")
        expect(page.locator("#doing-approve a")).to_have_count(0)
        expect(page.locator("#run-verbs a")).to_have_text(["Resume", "Replay"])
        expect(page.locator("#doing-send")).to_contain_text("1 of 1 items have ended.")
    assert watch.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_have_no_barriers(
    operator: BrowserContext, product: Stepwell, width: int, scheme: str
) -> None:
    watch = Watch()
    page = watch.over(operator.new_page())
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    waits, failed = waiting_run(product, "1001", "1002"), waiting_run(product, "1001")
    decide(page, failed, "Reject")
    product.wait_for_end(failed)
    for name, address in {
        "attention": ATTENTION,
        "waiting": f"{EXECUTIONS}{waits}/",
        "decide": f"{EXECUTIONS}{waits}/steps/approve/decide/",
        "cancel": f"{EXECUTIONS}{waits}/cancel/",
        "failed": f"{EXECUTIONS}{failed}/",
        "resume": f"{EXECUTIONS}{failed}/resume/",
        "replay": f"{EXECUTIONS}{failed}/replay/",
        "list": EXECUTIONS,
        "bulk": f"{EXECUTIONS}bulk/?action=resume&workflow=bulk-orders",
    }.items():
        page.goto(address)
        watching.save_screenshot(page, SCREENSHOTS / f"{name}-{width}-{scheme}.png")
        # Scripts of the page are off; the test's own are not.
        assert page.evaluate(watching.BARRIERS) == [], address
        assert page.evaluate(watching.OVERFLOW) == 0, f"{address} scrolls sideways"
    assert watch.faults == []
