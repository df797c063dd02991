"""What a page in a browser shows of an execution, and what it must never do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, WebSocket

from tests.acceptance.stepwell import Stepwell

# Rules of WCAG 2.2 level A that a page's own tree can tell.
BARRIERS = """() => {
  const named = (element) => (element.getAttribute("aria-label") || element.title ||
    element.textContent || element.labels?.[0]?.textContent || "").trim() !== "";
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const headings = [...document.querySelectorAll("h1, h2, h3, h4")];
  const levels = headings.map((heading) => Number(heading.localName[1]));
  const shown = (selector) => [...document.querySelectorAll(selector)].filter(
    (element) => element.type !== "hidden" && !element.closest("[aria-hidden=true]"));
  return [
    ...(document.documentElement.lang ? [] : ["the page names no language"]),
    ...(document.title.trim() ? [] : ["the page has no title"]),
    ...(document.querySelectorAll("main").length === 1 ? [] : ["not one main part"]),
    ...(levels.filter((level) => level === 1).length === 1 ? [] : ["not one first heading"]),
    ...levels.filter((level, i) => i && level > levels[i - 1] + 1).map((l) => `a leap to h${l}`),
    ...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `the id ${id} twice`),
    ...shown("a[href], button, input, select, textarea, summary").filter((e) => !named(e))
      .map((element) => `no name: ${element.outerHTML.slice(0, 120)}`),
    ...shown("img:not([alt])").map((element) => `no alt: ${element.outerHTML.slice(0, 120)}`),
    ...shown("[tabindex]").filter((e) => e.tabIndex > 0).map((e) => `an order of its own: ${e.id}`),
  ];
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Watch:
    """A page's faults, in words, and the numbers of the events that each of its sockets brought."""

    faults: list[str] = field(default_factory=list)
    sockets: list[list[int]] = field(default_factory=list)

    def over(self, page: Page) -> Page:
        # The browser reports a violation of the Content-Security-Policy as an error in the console.
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("response", self._receive)
        page.on("websocket", self._listen)
        return page

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.faults.append(f"console: {said.text}")

    def _receive(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")

    def _listen(self, connection: WebSocket) -> None:
        numbers: list[int] = []
        self.sockets.append(numbers)

        def take(frame: str | bytes) -> None:
            numbers.extend(event["seq"] for event in json.loads(frame).get("events", ()))

        connection.on("framereceived", take)


def log_in(browser: Browser, product: Stepwell, email: str, **options: Any) -> BrowserContext:
    """A browser of this person's own, logged in through the form."""
    context = browser.new_context(base_url=product.url, **options)
    page = context.new_page()
    page.goto("/login/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(product.password(email))
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(lambda url: "/login/" not in url)
    page.close()
    return context


def statuses(page: Page) -> dict[str, str]:
    """The status that the page shows for each step, by the step's key."""
    marks = page.locator("details.step .step-mark").all_inner_texts()
    ids = page.locator("details.step").evaluate_all("steps => steps.map((step) => step.id)")
    keys = [str(name).removeprefix("step-") for name in ids]
    return dict(zip(keys, (mark.strip() for mark in marks), strict=True))


def events(page: Page) -> list[str]:
    """The events that the page shows, as a reader sees them."""
    return [" ".join(text.split()) for text in page.locator("#events > li").all_inner_texts()]


def event_numbers(page: Page) -> list[int]:
    ids = page.locator("#events > li").evaluate_all("rows => rows.map((row) => row.id)")
    return [int(str(name).removeprefix("event-")) for name in ids]


def save_screenshot(page: Page, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True)
