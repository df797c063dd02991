"""A run that is followed, and those who follow it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from executions import services, worker
from executions.models import Execution
from tests import factories
from tests.executions import driving
from tests.executions.sockets import application, cookie_of
from tests.workflows.definitions import document, step

T = TypeVar("T")


@dataclass
class Acme:
    """A run of three steps that nobody has worked on yet, and who may see it."""

    people: factories.People
    execution: Execution
    worker_id: uuid.UUID
    cookie: str

    def work(self) -> None:
        worker.drain(self.worker_id)

    def one_step(self) -> None:
        claim = services.claim(self.worker_id)
        assert claim is not None
        driving.finish(claim, self.worker_id)


def make_acme() -> Acme:
    """Needs `committed_db`."""
    application()  # it reads the database as it starts, which no event loop may
    people = factories.make_people()
    definition = document(step("a"), step("b", "a"), step("c", "b"))
    execution = factories.start_execution(factories.make_workflow(people.acme, definition))
    return Acme(people, execution, driving.new_worker(), cookie_of(people.vera))


def whole(acme: Acme) -> list[int]:
    """The numbers of all its events so far."""
    return [event.seq for event in driving.events(acme.execution)]


def follow(steps: Coroutine[Any, Any, T]) -> T:
    """Run to the end, in a loop of its own."""
    return asyncio.run(asyncio.wait_for(steps, 60))


def bearer(acme: Acme) -> dict[str, str]:
    return {"authorization": f"Bearer {factories.make_key(acme.people.acme)}"}
