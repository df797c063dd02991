"""People come and go: invited, joined, promoted, removed; with a passkey; without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from config.local.home import PROJECT
from tests.acceptance import watching
from tests.acceptance.stepwell import Stepwell
from tests.acceptance.watching import Watch

pytestmark = pytest.mark.xdist_group("acceptance")

SCREENSHOTS = PROJECT / ".cache" / "screenshots"
PASSWORD = "a quite long new password"
MEMBERS = "/t/acme/members/"


@pytest.fixture
def owner(chromium: Browser, product: Stepwell) -> Iterator[BrowserContext]:
    options = {"java_script_enabled": False}
    with watching.log_in(chromium, product, "owner@acme.example", **options) as context:
        yield context


def invite(page: Page, email: str, role: str) -> None:
    page.goto(MEMBERS)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Role").select_option(role)
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_role("status")).to_have_text(f"A mail to {email} is on its way.")


def row(page: Page, email: str) -> Any:
    return page.get_by_role("row").filter(has_text=email)


def test_invited_joined_promoted_removed(
    chromium: Browser, owner: BrowserContext, product: Stepwell
) -> None:
    watch, email = Watch(), "nora@acme.example"
    page = watch.over(owner.new_page())
    invite(page, email, "viewer")
    with chromium.new_context(base_url=product.url) as theirs:
        their_page = watch.over(theirs.new_page())
        their_page.goto(product.mailed_path(email))
        expect(their_page.get_by_role("heading", level=1)).to_have_text("Join Acme Ltd")
        their_page.get_by_label("Choose a password").fill(PASSWORD)
        their_page.get_by_role("button", name="Make an account and join").click()
        expect(their_page.get_by_role("heading", level=1)).to_have_text("Workflows")
        expect(their_page.get_by_role("link", name=re.compile("^Run "))).to_have_count(0)

        page.goto(MEMBERS)
        row(page, email).get_by_role("link", name="Change").click()
        page.get_by_label("Role").select_option("operator")
        page.get_by_role("button", name="Change the role").click()
        expect(row(page, email)).to_contain_text("operator")
        their_page.reload()
        expect(their_page.get_by_role("link", name="Run Bulk orders")).to_be_visible()

        waiting = product.post("workflows/bulk-orders/run/", {"input": {"orders": ["1"]}})["id"]
        their_page.goto(f"/t/acme/executions/{waiting}/")
        expect(their_page.locator("#live-state")).to_have_text("Live")
        row(page, email).get_by_role("link", name="Remove").click()
        page.get_by_role("button", name="Remove").click()
        expect(row(page, email)).to_have_count(0)
        expect(their_page.locator("#live-state")).not_to_have_text("Live")
        assert watch.faults == []
        answer = their_page.goto("/t/acme/workflows/")
        assert answer is not None
        assert answer.status == 404


def test_a_passkey_is_added_and_logs_in_by_itself(chromium: Browser, product: Stepwell) -> None:
    """Browsers know passkeys for names only, not for addresses such as 127.0.0.1."""
    watch, email = Watch(), "editor@acme.example"
    base_url = product.url.replace("127.0.0.1", "localhost")
    with chromium.new_context(base_url=base_url) as context:
        page = watch.over(context.new_page())
        add_virtual_key(page)
        page.goto("/login/")
        page.get_by_label("E-mail address").fill(email)
        page.get_by_label("Password").fill(product.password(email))
        page.get_by_role("button", name="Log in", exact=True).click()
        page.goto("/account/passkeys/")
        page.get_by_label("Its name").fill("Key of a test")
        page.get_by_label("Log in with it alone").check()
        page.get_by_role("button", name="Add it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
        page.goto("/account/")
        expect(page.get_by_text("Key of a test, logs in by itself")).to_be_visible()
        page.get_by_role("button", name="Log out", exact=True).click()

        page.get_by_label("E-mail address").fill(email)
        page.get_by_label("Password").fill(product.password(email))
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("One more step")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Workflows")
        page.get_by_role("button", name="Log out", exact=True).click()

        page.get_by_role("button", name="Log in with a passkey").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Workflows")
        remove_passkey(page)
    assert watch.faults == []


def add_virtual_key(page: Page) -> None:
    """A security key that says yes by itself, as Chromium's DevTools offer it."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def remove_passkey(page: Page) -> None:
    page.goto("/account/")
    page.get_by_role("link", name="Remove Key of a test").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("status")).to_have_text("The passkey is removed.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_have_no_barriers(
    chromium: Browser, owner: BrowserContext, product: Stepwell, width: int, scheme: str
) -> None:
    watch = Watch()
    page = watch.over(owner.new_page())
    invite(page, "looked@acme.example", "viewer")
    with chromium.new_context(base_url=product.url) as nobody:
        doors = watch.over(nobody.new_page())
        for tab, pages in {
            doors: {
                "login": "/login/",
                "register": "/register/",
                "reset": "/password/",
                "reset-sent": "/password/sent/",
                "reset-done": "/password/done/",
                "reset-gone": "/password/1/x/",
                "invitation": product.mailed_path("looked@acme.example"),
                "verify-gone": "/account/verify/x/",
            },
            page: {
                "members": MEMBERS,
                "leave": "/t/acme/leave/",
                "api-keys": "/t/acme/api-keys/",
                "settings": "/t/acme/settings/",
                "egress": "/t/acme/settings/egress/",
                "account": "/account/",
                "password": "/account/password/",
                "app": "/account/app/",
                "again": "/account/again/?next=/account/app/",
            },
        }.items():
            tab.set_viewport_size({"width": width, "height": 800})
            tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            for name, address in pages.items():
                tab.goto(address)
                watching.save_screenshot(tab, SCREENSHOTS / f"{name}-{width}-{scheme}.png")
                assert tab.evaluate(watching.BARRIERS) == [], address
                assert tab.evaluate(watching.OVERFLOW) == 0, f"{address} scrolls sideways"
    assert watch.faults == []
