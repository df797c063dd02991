"""The Celery app. A message only says "there is work"; Postgres says what work (DESIGN: 4.2)."""

from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Celery would run all system checks, for which every view, form and admin page is imported (25 MB
# in each worker). What a worker needs to be sure of it checks itself (executions/tasks.py).
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("stepwell")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Beat sends its tick by name; what the task imports it has no use for.
if "beat" not in sys.argv:
    app.autodiscover_tasks(["executions", "config"])


@beat_init.connect
@worker_init.connect
def _refuse_unsafe_database(**_: Any) -> None:
    from tenants.checks import refuse_unsafe_database  # the app registry is full only by now

    refuse_unsafe_database()
