"""All sockets of the live process."""

from __future__ import annotations

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator

from executions.routing import paths as of_executions
from webhooks.routing import paths as of_webhooks

sockets = URLRouter([*of_executions, *of_webhooks])
# A browser sends its cookie along from any page; the origin says whose page it was.
guarded_sockets = AllowedHostsOriginValidator(AuthMiddlewareStack(sockets))
