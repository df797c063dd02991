"""An operator's browser watches a run from its webhook to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from config.local.home import PROJECT
from tests.acceptance import watching
from tests.acceptance.conftest import Descent, Run
from tests.acceptance.stepwell import PATIENCE, Stepwell
from tests.acceptance.watching import Watch

pytestmark = pytest.mark.xdist_group("acceptance")

OPERATOR, STRANGER = "operator@acme.example", "mallory@globex.example"
SCREENSHOT = PROJECT / ".cache" / "screenshots" / "execution.png"
EXECUTIONS = "/t/acme/executions/"
ALL_DONE = dict.fromkeys(("prepare", "first", "second", "done"), "succeeded")

expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="module")
def operator(chromium: Browser, product: Stepwell) -> Iterator[BrowserContext]:
    with watching.log_in(chromium, product, OPERATOR) as context:
        yield context


@pytest.fixture
def ended(product: Stepwell, descent: Descent) -> Run:
    """A run that has come to its end."""
    run = descent.begin()
    run.let_through("first", "second")
    product.wait_for_end(run.id)
    return run


def expect_status(page: Page, step: str, status: str) -> None:
    expect(page.locator(f"#head-{step} .status")).to_have_text(status)


def open_from_the_list(page: Page, run: Run) -> None:
    page.goto(EXECUTIONS)
    page.locator(f"a[href='{EXECUTIONS}{run.id}/']").click()
    expect(page.locator("#live-state")).to_have_text("Live")


def test_a_run_is_watched_to_its_end(
    operator: BrowserContext,
    product: Stepwell,
    descent: Descent,
    record_property: Callable[[str, object], None],
) -> None:
    watch = Watch()
    page = watch.over(operator.new_page())
    run = descent.begin()

    open_from_the_list(page, run)
    expect_status(page, "prepare", "succeeded")
    expect_status(page, "first", "running")
    expect_status(page, "second", "pending")
    page.evaluate("window.stayed = true")
    run.let_through("first")
    expect_status(page, "first", "succeeded")
    expect_status(page, "second", "running")
    assert page.evaluate("window.stayed") is True, "the page was not loaded again"

    shown = watching.events(page)
    page.reload()
    expect(page.locator("#live-state")).to_have_text("Live")
    assert watching.events(page)[: len(shown)] == shown, "a reload loses nothing"
    assert page.evaluate("window.stayed") is None
    page.evaluate("window.stayed = true")
    run.let_through("second")
    expect(page.locator("#run-head .status")).to_have_text("succeeded")
    expect(page).to_have_title("succeeded · descent · Stepwell")
    assert page.evaluate("window.stayed") is True
    watching.save_screenshot(page, SCREENSHOT)
    record_property("screenshot", str(SCREENSHOT.relative_to(PROJECT)))

    assert watching.statuses(page) == ALL_DONE
    recorded = [event["seq"] for event in product.events(run.id)]
    assert watching.event_numbers(page) == recorded == list(range(1, len(recorded) + 1))
    assert len(watch.sockets) == 2
    assert all(map(is_news_without_gaps, watch.sockets))
    assert watch.faults == []


def is_news_without_gaps(numbers: list[int]) -> bool:
    """Whether something came over a socket, and each event once and in its order."""
    return numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else False


def test_without_javascript_a_reload_shows_the_same(
    chromium: Browser, operator: BrowserContext, product: Stepwell, descent: Descent
) -> None:
    run = descent.begin()
    address = f"{EXECUTIONS}{run.id}/"
    plain = chromium.new_context(
        base_url=product.url, java_script_enabled=False, storage_state=operator.storage_state()
    ).new_page()
    product.wait("the first call is made", lambda: run.calls("first") == 1)
    plain.goto(address)
    assert watching.statuses(plain)["first"] == "running"

    run.let_through("first", "second")
    product.wait_for_end(run.id)
    plain.get_by_role("link", name="Reload it").click()
    live = operator.new_page()
    live.goto(address)
    assert watching.statuses(plain) == watching.statuses(live) == ALL_DONE
    assert watching.events(plain) == watching.events(live)
    assert watching.event_numbers(plain)[-1] == len(product.events(run.id))


def test_a_stranger_finds_nothing_there(chromium: Browser, product: Stepwell, ended: Run) -> None:
    with watching.log_in(chromium, product, STRANGER) as context:
        page = context.new_page()
        for address in (f"{EXECUTIONS}{ended.id}/", EXECUTIONS):
            answer = page.goto(address)
            assert answer is not None
            assert answer.status == 404
            assert ended.id not in page.content()


@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_have_no_barriers(operator: BrowserContext, ended: Run, width: int) -> None:
    watch = Watch()
    page = watch.over(operator.new_page())
    page.set_viewport_size({"width": width, "height": 800})
    for address in ("/t/acme/", EXECUTIONS, f"{EXECUTIONS}{ended.id}/"):
        page.goto(address)
        assert page.evaluate(watching.BARRIERS) == [], address
        assert page.evaluate(watching.OVERFLOW) == 0, f"{address} scrolls sideways"
    assert watch.faults == []


def test_the_watch_notices_what_the_policy_forbids(operator: BrowserContext) -> None:
    watch = Watch()
    page = watch.over(operator.new_page())
    page.goto(EXECUTIONS)
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))"
    )
    assert any("Content Security Policy" in fault for fault in watch.faults)
