from __future__ import annotations

from django.apps import AppConfig

from executions import failpoints as _failpoints  # noqa: F401 - a process armed by accident ends


class ExecutionsConfig(AppConfig):
    name = "executions"

    def ready(self) -> None:
        from executions import events  # its models exist only now
        from tenants.signals import access_changed

        access_changed.connect(events.publish_access)
