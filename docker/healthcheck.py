"""Health of one container: exits 0 when its process does its job, 1 with a sentence when not.

healthcheck.py http <port>   web and live: the process answers
healthcheck.py worker        the worker is connected to the broker and takes messages from it
healthcheck.py beat          the scheduler has sent something of late
"""

from __future__ import annotations

import os
import socket
import sys
import urllib.request
from collections.abc import Callable, Mapping

import psycopg
import redis

# Beat writes down when it sent a task every three minutes; twice that and a margin.
BEAT_SILENCE = "10 minutes"
TIMEOUT = 4  # seconds, below Docker's own

BEAT_QUERY = """
    SELECT coalesce(max(last_run_at) > now() - %s::interval, true)
    FROM django_celery_beat_periodictask WHERE enabled
"""


def http(port: str) -> bool:
    """Whether /healthz answers 200 to a request as the proxy would forward it."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/healthz",
        headers={
            "Host": os.environ["STEPWELL_HOSTS"].split(",")[0].strip(),
            "X-Forwarded-Proto": "https",
        },
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310  # our own port
        return int(response.status) == 200


def worker() -> bool:
    """Whether the broker holds a connection of this container that waits for messages."""
    broker = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=TIMEOUT)
    own = _host(broker.client_info())
    clients = broker.client_list()
    return any(client["cmd"] == "brpop" and _host(client) == own for client in clients)


def beat() -> bool:
    """Whether any periodic task was sent of late; true before the first one is due."""
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=TIMEOUT) as connection:
        row = connection.execute(BEAT_QUERY, [BEAT_SILENCE]).fetchone()
    return bool(row and row[0])


def _host(client: Mapping[str, object]) -> str:
    """The address of a container as the broker sees it, without the port."""
    return str(client["addr"]).rpartition(":")[0]


CHECKS: Mapping[str, Callable[..., bool]] = {"http": http, "worker": worker, "beat": beat}


def main(check: str, *arguments: str) -> int:
    """Run one check; what it raises becomes a sentence for `docker inspect`."""
    try:
        healthy = CHECKS[check](*arguments)
    except (OSError, KeyError, redis.RedisError, psycopg.Error) as error:
        sys.stderr.write(f"{check}: {error}\n")
        return 1
    if not healthy:
        sys.stderr.write(f"{check}: not working on {socket.gethostname()}\n")
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
