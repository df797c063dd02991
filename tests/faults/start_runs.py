"""Start runs from a process of its own: `python -m tests.faults.start_runs <workflow> <count>`.

Prints how many were accepted. What the environment says of Redis is what they meet.
"""

from __future__ import annotations

import sys
from uuid import UUID

import django

django.setup()

from executions import services  # noqa: E402 - Django comes first
from tenants import scope  # noqa: E402
from workflows.models import Workflow  # noqa: E402


def main(tenant_id: UUID, workflow_id: UUID, count: int) -> None:
    for _ in range(count):
        with scope.tenant(tenant_id):
            workflow = Workflow.objects.get(id=workflow_id)
            services.start(workflow=workflow, kind="api", body=None)
    print(count)  # noqa: T201 - its answer


if __name__ == "__main__":
    main(UUID(sys.argv[1]), UUID(sys.argv[2]), int(sys.argv[3]))
