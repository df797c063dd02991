"""An editor builds a workflow on its pages, sees it fail, mends it and runs it again."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from config.local.home import PROJECT
from tests.acceptance import watching
from tests.acceptance.stepwell import PATIENCE, Stepwell
from tests.acceptance.watching import Watch

pytestmark = pytest.mark.xdist_group("acceptance")
expect.set_options(timeout=PATIENCE * 1000)

SCREENSHOTS = PROJECT / ".cache" / "screenshots"
EDITOR = "editor@acme.example"
WORKFLOW = "/t/acme/workflows/built/"
FAILS = """\
schema: 1
steps:
  - {key: begin, type: log, with: {message: hello}}
  - {key: call, type: fail, needs: [begin], with: {message: "It was to fail."}}
"""
MENDED = FAILS.replace("type: fail", "type: log")


@pytest.fixture(scope="module")
def editor(chromium: Browser, product: Stepwell) -> Iterator[BrowserContext]:
    with watching.log_in(chromium, product, EDITOR) as context:
        yield context


@pytest.fixture(scope="module")
def plain(chromium: Browser, product: Stepwell) -> Iterator[BrowserContext]:
    """The same person without JavaScript."""
    with watching.log_in(chromium, product, EDITOR, java_script_enabled=False) as context:
        yield context


def publish(page: Page, note: str) -> None:
    page.get_by_role("link", name="Publish").click()
    page.get_by_label("Note").fill(note)
    page.get_by_role("button", name="Publish").click()


def test_from_a_new_workflow_to_a_run_that_was_mended(
    editor: BrowserContext, product: Stepwell
) -> None:
    watch = Watch()
    page = watch.over(editor.new_page())
    page.goto("/t/acme/workflows/")
    page.get_by_role("link", name="New workflow").click()
    page.get_by_label("Name").fill("Built")
    page.get_by_label("Draft (YAML)").fill(FAILS)
    page.get_by_role("button", name="Save the draft").click()
    publish(page, "It fails.")
    expect(page.get_by_text("Version 1 is live.")).to_be_visible()
    page.get_by_role("link", name="Run by hand").click()
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url("**/executions/*/")
    product.wait_for_end(page.url.rstrip("/").rpartition("/")[2])
    expect(page.locator("#run-head .status")).to_contain_text("failed")
    # The failed step opens by itself, whether the page saw it fail or came later.
    expect(page.locator("#step-call")).to_have_attribute("open", "")
    page.get_by_role("link", name="Edit the draft").click()
    page.get_by_label("Draft (YAML)").fill(MENDED)
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved.")).to_be_visible()
    publish(page, "Mended.")
    page.get_by_role("link", name="The failed ones").click()
    page.get_by_role("link", name="resume", exact=True).click()
    page.get_by_label("Version").select_option(label="The live version")
    page.get_by_role("button", name="Resume 1").click()

    def resumed() -> list[str]:
        runs = product.get("executions/?workflow=built")["results"]
        return [str(run["id"]) for run in runs if run["trigger_kind"] == "resume"]

    product.wait("the failed run is resumed", lambda: bool(resumed()))
    assert product.wait_for_end(resumed()[0])["status"] == "succeeded"
    assert watch.faults == []


def look(page: Page, name: str) -> None:
    watching.save_screenshot(page, SCREENSHOTS / f"{name}.png")
    # Scripts of the page are off; the test's own are not.
    assert page.evaluate(watching.BARRIERS) == [], page.url
    assert page.evaluate(watching.OVERFLOW) == 0, f"{page.url} scrolls sideways"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_have_no_barriers(
    plain: BrowserContext, product: Stepwell, width: int, scheme: str
) -> None:
    watch = Watch()
    page = watch.over(plain.new_page())
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto("/t/acme/workflows/order-to-crm/schedules/")
    page.get_by_label("Name").fill(f"Nights {width} {scheme}")
    page.get_by_label("Cron").fill("30 2 * * *")
    page.get_by_label("Input").fill('{"order_id": "1001"}')
    page.get_by_text("More: jitter, start and end").click()
    page.get_by_label("Jitter").fill("600")
    page.get_by_label("Start").fill("2031-01-06T09:00")
    page.get_by_label("End").fill("2031-01-06T09:00")
    page.get_by_role("button", name="Show when it fires").click()
    expect(page.get_by_label("End")).to_have_accessible_description(re.compile("after it starts"))
    look(page, f"schedule-wrong-{width}-{scheme}")
    page.get_by_label("End").fill("2031-01-09T02:30")
    page.get_by_role("button", name="Show when it fires").click()
    expect(page.get_by_text("It would fire at, or up to 600 seconds later")).to_be_visible()
    look(page, f"schedule-preview-{width}-{scheme}")
    page.get_by_role("button", name="Make the schedule").click()
    expect(page.locator("h1")).to_contain_text("Nights")
    flow = "/t/acme/workflows/order-to-crm/"
    for name, path in {
        "schedule": page.url,
        "schedules": f"{flow}schedules/",
        "new-workflow": "/t/acme/new-workflow/",
        "draft": f"{flow}draft/",
        "publish": f"{flow}publish/",
        "archive": f"{flow}archive/",
        "version": f"{flow}versions/1/",
        "workflows": "/t/acme/workflows/",
        "workflows-found": "/t/acme/workflows/?q=order",
        "workflows-none": f"/t/acme/workflows/?q={'nothing' * 20}",
        "workflows-wrong": f"/t/acme/workflows/?q={'x' * 201}",
    }.items():
        page.goto(path)
        look(page, f"{name}-{width}-{scheme}")
    assert watch.faults == []
