"""An editor lets a draft listen, and sees a real request run it beside production."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect

from config.local.home import PROJECT
from tests.acceptance import stepwell, watching
from tests.acceptance.stepwell import PATIENCE, Endpoint, Stepwell
from tests.acceptance.watching import Watch

pytestmark = pytest.mark.xdist_group("acceptance")

SCREENSHOTS = PROJECT / ".cache" / "screenshots"
EDITOR = "editor@acme.example"
WORKFLOW = "/t/acme/workflows/order-to-crm/"
PAGE = f"{WORKFLOW}draft/test/"


@pytest.fixture(scope="module")
def editor(chromium: Browser, product: Stepwell) -> Iterator[BrowserContext]:
    with watching.log_in(chromium, product, EDITOR) as context:
        yield context


@pytest.fixture(scope="module")
def plain(chromium: Browser, product: Stepwell) -> Iterator[BrowserContext]:
    """The same person without JavaScript."""
    with watching.log_in(chromium, product, EDITOR, java_script_enabled=False) as context:
        yield context


def listening(page: Page) -> Endpoint:
    """Press the button on the workflow's page; what it answers with."""
    page.goto(WORKFLOW)
    page.get_by_role("button", name="Listen", exact=True).click()
    address, secret = page.locator("#h-listen ~ code.address").all_inner_texts()
    return Endpoint(address, secret)


def production(product: Stepwell) -> list[Any]:
    return list(product.get("executions/?limit=200")["results"])


def test_a_signed_request_is_seen_to_run_the_draft_and_production_stays_as_it_was(
    editor: BrowserContext, product: Stepwell
) -> None:
    watch = Watch()
    page = watch.over(editor.new_page())
    before = production(product)
    address = listening(page)
    expect(page.locator("#live-state")).to_have_text("Listening")
    ident = stepwell.send(address, {"order_id": "1001"})
    came = page.locator("#requests > details")
    expect(came).to_have_count(1)
    product.wait_for_end(ident)
    expect(came.locator(".status")).to_contain_text("succeeded")
    expect(came.locator("pre")).to_have_text('{"order_id": "1001"}')
    came.get_by_role("link", name="Its run").click()
    expect(page.get_by_text("Test of a draft.")).to_be_visible()
    assert production(product) == before
    assert product.get("executions/?test=true")["results"][0]["id"] == ident
    assert watch.faults == []


def test_without_scripts_a_bad_signature_is_told_to_the_listener_only(
    plain: BrowserContext, product: Stepwell
) -> None:
    watch = Watch()
    page = watch.over(plain.new_page())
    address = listening(page)
    answer = requests.post(address.url, data="{}", timeout=PATIENCE)
    assert answer.status_code == 401
    assert "webhook-signature" not in answer.text
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("#requests")).to_contain_text("refused with 401")
    expect(page.locator("#requests")).to_contain_text("webhook-signature with the signature is")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("main")).to_contain_text("The last one listens no more.")
    assert requests.post(address.url, data="{}", timeout=PATIENCE).status_code == 404
    assert watch.faults == []


def test_a_draft_is_run_by_hand(plain: BrowserContext, product: Stepwell) -> None:
    watch = Watch()
    page = watch.over(plain.new_page())
    before = production(product)
    page.goto(WORKFLOW)
    page.get_by_role("link", name="Run the draft").click()
    page.get_by_label("order_id").fill("1002")
    page.get_by_role("button", name="Run the draft").click()
    expect(page.get_by_text("Test of a draft.")).to_be_visible()
    product.wait_for_end(page.url.rstrip("/").rpartition("/")[2])
    page.reload()
    expect(page.locator("#run-head .status")).to_contain_text("succeeded")
    assert production(product) == before
    assert watch.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_have_no_barriers(
    plain: BrowserContext, product: Stepwell, width: int, scheme: str
) -> None:
    watch = Watch()
    page = watch.over(plain.new_page())
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    address = listening(page)
    stepwell.send(address, {"order_id": "1001"})
    requests.post(address.url, data="{}", timeout=PATIENCE)
    for name, path in {
        "trial": PAGE,
        "trial-run": f"{WORKFLOW}draft/run/",
        "flow": WORKFLOW,
    }.items():
        page.goto(path)
        watching.save_screenshot(page, SCREENSHOTS / f"{name}-{width}-{scheme}.png")
        # Scripts of the page are off; the test's own are not.
        assert page.evaluate(watching.BARRIERS) == [], path
        assert page.evaluate(watching.OVERFLOW) == 0, f"{path} scrolls sideways"
    assert watch.faults == []
