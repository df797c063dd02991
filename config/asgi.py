"""`live`: sockets and event streams; locally also everything else."""

from __future__ import annotations

import os

import django

from config.handlers import Asgi

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)  # before the imports below, which need the app registry

from channels.routing import ProtocolTypeRouter  # noqa: E402

from config.routing import guarded_sockets  # noqa: E402
from executions.routing import Streams  # noqa: E402
from tenants.checks import refuse_unsafe_database  # noqa: E402

refuse_unsafe_database()
application = ProtocolTypeRouter({"http": Streams(otherwise=Asgi()), "websocket": guarded_sockets})
