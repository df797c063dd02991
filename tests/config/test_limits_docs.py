"""docs/LIMITS.md says what the settings say."""

from __future__ import annotations

import re

import pytest

from config.local.home import PROJECT

SETTINGS = (PROJECT / "config" / "settings.py").read_text()
TEXT = (PROJECT / "docs" / "LIMITS.md").read_text()
ROWS = re.findall(r"^\|.*\| ([^|]+) \| `(STEPWELL_\w+)` \|$", TEXT, re.MULTILINE)


def default(name: str) -> str:
    found = re.search(rf'"{name}",\s*default="?([\w/]+)"?', SETTINGS)
    assert found is not None, f"no setting {name}"
    return found[1].replace("10_737_418_240", "10 GB")


@pytest.mark.parametrize(("said", "name"), ROWS)
def test_a_default_is_as_described(said: str, name: str) -> None:
    assert said == default(name)


def test_every_rate_and_quota_is_described() -> None:
    ours = re.findall(r'"(STEPWELL_(?:RATE|MAX_TENANT)_\w+)"', SETTINGS)
    assert sorted(ours) == sorted({name for _, name in ROWS} - {"STEPWELL_MAX_RUNNING_EXECUTIONS"})
