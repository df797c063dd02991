"""What every page tells the browser: our scripts, nothing inline; in production, TLS only."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client

from config.local.home import PROJECT
from tests import routes
from tests.site import MAILED, Site, ask, make_site, session

# Swagger's page has a style sheet of its own in it; its scripts keep to the policy.
STYLED = {"api/docs/"}
_INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*application/(?:ld\+)?json)|\son[a-z]+=|javascript:",
    re.IGNORECASE,
)

_SCRIPT = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
answer = Client(enforce_csrf_checks=True).get(
    "/login/", secure=True, headers={"host": "stepwell.example"}
)
plain = Client().get("/login/", headers={"host": "stepwell.example"})
print(json.dumps({
    "status": answer.status_code,
    "headers": dict(answer.headers),
    "cookies": {name: dict(morsel) for name, morsel in answer.cookies.items()},
    "session": [settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE,
                settings.SESSION_COOKIE_DOMAIN, settings.SESSION_COOKIE_PATH],
    "plain": [plain.status_code, plain.headers.get("Location")],
}))
"""


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def test_no_page_outside_the_admin_allows_what_is_inline_or_made_at_run_time(site: Site) -> None:
    client = session(site.people.alice)
    wrong, seen = [], 0
    for route in routes.walk():
        if route.pattern.startswith(routes.ADMIN) or route.pattern.startswith("api/v1/"):
            continue
        public = route.pattern in routes.PUBLIC
        answer: Any = ask(client, "GET", route.path(MAILED) if public else site.path(route))
        if not answer.headers.get("Content-Type", "").startswith("text/html"):
            continue
        seen += 1
        policy = answer.headers.get("Content-Security-Policy", "")
        if route.pattern in STYLED:
            policy = policy.replace("style-src 'self' 'unsafe-inline'", "")
        if "default-src 'none'" not in policy or ("unsafe" not in policy and "*" in policy):
            wrong.append(f"{route.pattern}: {policy}")
        if "unsafe" in policy:
            wrong.append(f"{route.pattern}: {policy}")
        if found := _INLINE.search(answer.content.decode()):
            wrong.append(f"{route.pattern}: {found[0]}")
    assert wrong == []
    assert seen > 30, "most pages were not shown, so nothing was proved"


def production() -> dict[str, str]:
    """The environment of a deployment behind its own proxy."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "STEPWELL_PUBLIC_URL": "https://stepwell.example",
        "STEPWELL_HOSTS": "stepwell.example",
        "STEPWELL_BEHIND_PROXY": "1",
        "SECRET_KEY": "k7!" + "aZ3x9Qw1" * 8,
    }


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=production(), capture_output=True, text=True, check=False
    )


def test_djangos_deployment_check_finds_nothing() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.fixture(scope="module")
def told(django_db_setup: None) -> dict[str, Any]:
    """What the log-in page tells a browser in production."""
    done = run("-c", _SCRIPT)
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return read


def test_the_browser_is_told_to_use_tls_only(told: dict[str, Any]) -> None:
    assert told["status"] == 200
    value = told["headers"]["Strict-Transport-Security"]
    assert value == "max-age=31536000; includeSubDomains; preload"
    assert told["plain"] == [301, "https://stepwell.example/login/"]


def test_cookies_belong_to_this_host_alone(told: dict[str, Any]) -> None:
    """`__Host-` makes browsers refuse one that is not Secure, has a Domain or another path."""
    assert told["session"] == ["__Host-session", True, None, "/"]
    cookie = told["cookies"]["__Host-csrf"]
    assert (cookie["secure"], cookie["domain"], cookie["path"]) == (True, "", "/")
    assert cookie["samesite"] == "Lax"


def test_other_headers_keep_pages_out_of_frames_and_types_as_they_are(
    told: dict[str, Any],
) -> None:
    headers = told["headers"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_an_unknown_visitor_gets_no_session_cookie(db: None) -> None:
    assert "session" not in Client().get("/login/").cookies
