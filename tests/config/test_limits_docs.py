"""The guide, the table of limits and the example of an environment say what the settings say."""

from __future__ import annotations

import re

import pytest

from config.local.home import PROJECT

GUIDE = (PROJECT / "docs" / "LIMITS.md").read_text()
TABLE = (PROJECT / "docs" / "ARCHITECTURE.md").read_text().partition("\n## Limits\n")[2]
EXAMPLE = (PROJECT / "docker" / ".env.example").read_text()
ROWS = re.findall(r"^\|.*\| ([^|]+) \| `STEPWELL_(\w+)` \|$", GUIDE, re.MULTILINE)
DEFAULTS = dict(
    re.findall(
        r'"STEPWELL_(\w+)", default="?([\w/]+)"?',
        (PROJECT / "config" / "limits.py").read_text().replace("=KEEP_EVENTS_DAYS", "=30"),
    )
)


@pytest.mark.parametrize(("said", "name"), ROWS)
def test_a_default_is_as_described(said: str, name: str) -> None:
    assert said == DEFAULTS[name].replace("10737418240", "10 GB")


def test_every_rate_and_quota_is_described() -> None:
    ours = [name for name in DEFAULTS if name.startswith(("RATE_", "MAX_TENANT_"))]
    assert sorted(ours) == sorted({name for _, name in ROWS} - {"MAX_RUNNING_EXECUTIONS"})


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_limit_is_in_the_table_and_offered_with_its_default(name: str) -> None:
    known = "MAX_TENANT_*" if name.startswith("MAX_TENANT_") else name
    assert f"`{known}`" in TABLE
    assert f"\n#STEPWELL_{name}={DEFAULTS[name]}\n" in EXAMPLE
