"""The Celery app. A message only says "there is work"; Postgres says what work (DESIGN: 4.2)."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Celery would run all system checks, for which every view, form and admin page is imported (25 MB
# in each worker). What a worker needs to be sure of it checks itself (executions/tasks.py).
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("stepwell")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["tenants", "executions"])
