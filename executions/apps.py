from __future__ import annotations

from django.apps import AppConfig

from executions import failpoints as _failpoints  # noqa: F401 - a process armed by accident ends


class ExecutionsConfig(AppConfig):
    name = "executions"
