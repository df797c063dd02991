"""No container of the production stack has more rights than it needs, or a known secret."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DOCKER = Path(__file__).parents[2] / "docker"
TEXT = (DOCKER / "compose.yml").read_text()
STACK: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
OURS = ["web", "live", "worker", "beat", "migrate"]
ONE_SHOT = {"migrate"}


def required_variables() -> set[str]:
    return set(re.findall(r"\$\{(\w+):\?", TEXT))


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_read_only_unprivileged_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"memory", "pids"}
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT - {"web"}))
def test_every_container_that_stays_says_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["stop_grace_period"]


def test_web_uses_the_health_check_of_the_image() -> None:
    assert "healthcheck" not in SERVICES["web"]
    assert "HEALTHCHECK" in (DOCKER / "Dockerfile").read_text()


@pytest.mark.parametrize("name", sorted(set(OURS) - ONE_SHOT))
def test_nothing_runs_before_the_migrations_are_done(name: str) -> None:
    assert SERVICES[name]["depends_on"]["migrate"] == {
        "condition": "service_completed_successfully"
    }


@pytest.mark.parametrize("name", OURS)
def test_only_a_migration_knows_the_owners_password(name: str) -> None:
    assert ("DATABASE_OWNER_URL" in SERVICES[name]["environment"]) == (name == "migrate")


def test_only_the_proxy_is_reachable_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


def test_only_the_proxy_and_who_calls_or_mails_reach_outside() -> None:
    inside = {name for name, network in STACK["networks"].items() if network.get("internal")}
    reaching = {name for name, service in SERVICES.items() if set(service["networks"]) - inside}
    # `web` sends the invitations and what people have asked for to log in (tenants/mailing.py).
    assert reaching == {"proxy", "worker", "web"}


def test_no_container_gets_the_docker_socket() -> None:
    assert "docker.sock" not in TEXT


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(OURS)))
def test_foreign_images_are_pinned_to_a_release(name: str) -> None:
    assert re.search(r":v?\d+\.\d+", SERVICES[name]["image"])


def test_only_reading_of_events_goes_to_live() -> None:
    routes = (DOCKER / "traefik" / "routes.yml").read_text()
    rule = routes.partition("event-streams:")[2].partition("entryPoints")[0]
    assert "&& Method(`GET`)" in rule


def test_no_figures_leave_by_the_proxy() -> None:
    routes = yaml.safe_load((DOCKER / "traefik" / "routes.yml").read_text())["http"]["routers"]
    to_web = [route["rule"] for route in routes.values() if route["service"] == "web"]
    assert to_web
    assert all("!Path(`/metrics`)" in rule for rule in to_web)


def test_no_setting_is_offered_that_nothing_reads() -> None:
    ours = "".join(path.read_text() for path in (DOCKER.parent / "config").rglob("*.py"))
    example = (DOCKER / ".env.example").read_text()
    offered = re.findall(r"^#?(\w+)=", example, re.MULTILINE)
    given = {name for one in OURS for name in SERVICES[one]["environment"]}
    assert not [name for name in offered if f"${{{name}" not in TEXT and name not in given]
    assert not [name for name in given if name.startswith("STEPWELL_") and name not in ours]


def test_every_setting_can_be_given_and_is_offered_unless_the_stack_decides() -> None:
    decided = {
        "STEPWELL_HOSTS",
        "STEPWELL_PUBLIC_URL",
        "STEPWELL_BEHIND_PROXY",
        "STEPWELL_DATABASE_POOL",
        "STEPWELL_STATIC_ROOT",  # by the image
    }
    ours = [DOCKER.parent / "config" / name for name in ("settings.py", "limits.py")]
    read = {name for path in ours for name in re.findall(r'"(STEPWELL_[A-Z_]+)"', path.read_text())}
    offered = set(
        re.findall(r"^#?(STEPWELL_\w+)=", (DOCKER / ".env.example").read_text(), re.MULTILINE)
    )
    passed_on = {
        name for name, value in SERVICES["web"]["environment"].items() if value is None
    } | required_variables()
    assert read - decided <= offered & passed_on


def test_every_secret_must_be_given_and_the_example_names_but_does_not_set_it() -> None:
    secrets = {
        "POSTGRES_PASSWORD",
        "STEPWELL_OWNER_PASSWORD",
        "STEPWELL_APP_PASSWORD",
        "REDIS_PASSWORD",
        "SECRET_KEY",
        "STEPWELL_SECRETS_KEYS",
    }
    example = (DOCKER / ".env.example").read_text().splitlines()
    assert secrets <= required_variables()
    assert {f"{name}=" for name in required_variables()} <= set(example)
    assert not [name for name in secrets if f"${{{name}:-" in TEXT]
