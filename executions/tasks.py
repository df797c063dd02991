"""The Celery door: thin shells around the worker and the sweeper. Arguments: none."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_shutdown, worker_shutting_down

from executions import dispatch
from executions.process import WorkerProcess
from tenants import actors

process = WorkerProcess()


# Not worker_ready, which waits for the broker: a worker works without it too.
@worker_init.connect
def _enter(**_: Any) -> None:
    actors.serve_as("worker")
    process.start()


@worker_shutting_down.connect
def _wind_down(**_: Any) -> None:
    process.wind_down()


@worker_shutdown.connect
def _leave(**_: Any) -> None:
    process.stop()


@shared_task(name=dispatch.TASK)
def work() -> None:
    """There is work: the process brings a thread of its own to it, once one is free."""
    process.wait_for_room()
    process.wake()


@shared_task(name="executions.sweep")
def sweep() -> None:
    """Beat's tick."""
    process.sweep()
