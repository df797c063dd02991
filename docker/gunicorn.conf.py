"""gunicorn for `web`: threads, because a request mostly waits for Postgres.

Two processes of four threads answered three times as many writing requests as one ASGI process
on two cores. WEB_CONCURRENCY (gunicorn's own variable) sets the number of processes.
"""

from __future__ import annotations

import os
from typing import Any

from gunicorn import glogging

from config import logs


class Logger(glogging.Logger):
    """No access log: the address of a webhook is a secret. The app logs what matters."""

    def access(self, *_: Any) -> None:
        """Gunicorn's own would put each line together before it finds nowhere to write it."""


bind = "0.0.0.0:8000"  # the container's own network; only the proxy is in it
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4  # of which STEPWELL_MAX_WAITERS (2) may wait for a run's result

# The processes share the memory of the loaded code. Safe as long as loading opens no connection.
preload_app = True

graceful_timeout = 30  # seconds; who waits for a result takes at most 25
timeout = 60  # seconds of silence after which a process is killed
keepalive = 95  # seconds; longer than the proxy's 90, so that it never writes to a closed one

# Only the proxy can reach this port, and it drops what a client says of itself.
forwarded_allow_ips = "*"

# The root file system is read-only, and a heartbeat on a disk can stall.
worker_tmp_dir = "/dev/shm"  # noqa: S108  # gunicorn makes an unnamed file in it
control_socket_disable = True

logger_class = Logger
logconfig_dict = {
    **logs.settings(debug=False),
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True}},
}
