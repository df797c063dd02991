"""docs/AUDIT.md: its vocabulary is the code's, and its program finds what it says it finds."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import get_args

import pytest

from config.local.home import PROJECT
from tenants import chain, services
from tenants.actions import Action
from tests.callers import owner_of

TEXT = (PROJECT / "docs" / "AUDIT.md").read_text()


def test_every_word_of_the_vocabulary_is_described_in_its_order() -> None:
    described = re.findall(r"^\| `(\w+\.\w+)` \| (.*) \|$", TEXT, re.MULTILINE)
    assert described == [(action.value, action.sentence) for action in Action]


def test_every_fault_is_described() -> None:
    table = TEXT.split("| it says | somebody |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(get_args(chain.Fault))


def test_every_field_is_described() -> None:
    table = TEXT.split("| field | meaning |")[1].split("\n\n")[0]
    assert set(services.AUDIT_COLUMNS) <= set(re.findall(r"`(\w+)`", table))


@pytest.fixture
def lines(db: None) -> list[str]:
    """A tenant's export, of five entries; one of them with what JSON escapes."""
    acme = owner_of("acme")
    acme.post("variables/", {"name": "odd", "value": 'é "quoted" \\ \u2028 \t 1e22'})
    acme.post("variables/", {"name": "number", "value": [1e22, -0.0, 0.1, 10**30]})
    text = b"".join(acme.get("audit/export/").streaming_content).decode()
    return text.splitlines(keepends=True) if "\u2028" not in text else re.findall(r".*\n", text)


def verified(lines: list[str]) -> str:
    [program] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert program.count("\n") <= 20
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        input="".join(lines).encode(),
        capture_output=True,
        timeout=60,
    )
    return (done.stdout if done.returncode == 0 else done.stderr).decode()


def test_an_outsider_verifies_an_export(lines: list[str]) -> None:
    assert len(lines) == 5
    assert verified(lines).startswith("5 entries are whole; the head is ")


def test_an_outsider_finds_what_was_tampered_with(lines: list[str]) -> None:
    changed = [*lines[:2], lines[2].replace("registration", "forged"), *lines[3:]]
    assert changed != lines
    assert verified(changed) == "entry 3 was changed\n"
    assert verified([*lines[:2], *lines[3:]]) == "entry 3 is missing\n"
    assert verified([lines[1], lines[0], *lines[2:]]) == "entry 1 is missing\n"
