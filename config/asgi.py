"""`live`: sockets and event streams; locally also everything else."""

from __future__ import annotations

import os

import django

from config.handlers import Asgi

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)  # before the imports below, which need the app registry

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from executions import routing  # noqa: E402
from tenants.checks import refuse_unsafe_database  # noqa: E402

refuse_unsafe_database()
sockets = AllowedHostsOriginValidator(AuthMiddlewareStack(routing.sockets))

application = ProtocolTypeRouter({"http": routing.Streams(otherwise=Asgi()), "websocket": sockets})
