"""One Stepwell for all tests of the package, with a workflow that stands still where it is told."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.acceptance import gates, stepwell
from tests.acceptance.gates import Gates
from tests.acceptance.stepwell import Endpoint, Stepwell
from tests.workflows.definitions import document, step

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass(frozen=True)
class Descent:
    """A workflow of four steps whose two calls wait at the gates `<run>-first`, `<run>-second`."""

    endpoint: Endpoint
    gates: Gates
    numbers: Iterator[int]

    def begin(self) -> Run:
        """Send a signed webhook; the run will stand still at its first gate."""
        name = f"run{next(self.numbers)}"
        return Run(stepwell.send(self.endpoint, {"run": name}), name, self.gates)


@dataclass(frozen=True)
class Run:
    id: str
    name: str
    gates: Gates

    def calls(self, step: str) -> int:
        """How often the step has called."""
        return self.gates.calls[f"{self.name}-{step}"]

    def let_through(self, *steps: str) -> None:
        self.gates.open(*(f"{self.name}-{step}" for step in steps))


@pytest.fixture(scope="module")
def ended_threads() -> None:
    """The gates are open for the whole package."""


@pytest.fixture(scope="package")
def product(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stepwell]:
    with stepwell.running(tmp_path_factory.mktemp("stepwell")) as running:
        yield running


@pytest.fixture(scope="package")
def descent(product: Stepwell) -> Iterator[Descent]:
    with gates.serving() as served:
        call = f"{served.url}/{{{{ trigger.body.run }}}}"
        definition = document(
            step("prepare", kind="transform", config={"value": "{{ trigger.body.run }}"}),
            step("first", "prepare", kind="http", config={"url": f"{call}-first"}),
            step("second", "first", kind="http", config={"url": f"{call}-second"}),
            step("done", "second", config={"message": "Down."}),
        )
        endpoint = product.publish("descent", definition)
        yield Descent(endpoint, served, itertools.count(1))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("There is no `chromium` on this machine, so no page can be tested in a browser.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()
