"""requests over our own connections, one connection a hop.

Sessions are not used: cookies, redirects, proxies and credentials from the environment are all
theirs. Connections are not kept: a kept one may break unseen, and whether a POST that met a broken
connection was done nobody can tell.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import create_urllib3_context

from executions.outbound.connection import GuardedHTTPPool, GuardedHTTPSPool, Route


def public_trust() -> ssl.SSLContext:
    """TLS with verification against the public certificate authorities; costly, so made once."""
    context = create_urllib3_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class GuardedAdapter(HTTPAdapter):
    """Sends one prepared request along one route."""

    def __init__(self, route: Route, trust: ssl.SSLContext) -> None:
        super().__init__(max_retries=0)
        self._route = route
        self._trust = trust
        self._pool: HTTPConnectionPool | None = None

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> HTTPConnectionPool:
        """The pool for this request, whatever proxies or trust the caller names."""
        parts = urlsplit(str(request.url))
        host, route = str(parts.hostname), self._route
        # The port is always named: http.client would look for one inside an IPv6 address.
        if parts.scheme == "https":
            port = parts.port or 443
            self._pool = GuardedHTTPSPool(host, port, route=route, ssl_context=self._trust)
        else:
            self._pool = GuardedHTTPPool(host, parts.port or 80, route=route)
        return self._pool

    def close(self) -> None:
        """Close the connection, also if the other side would keep it."""
        super().close()
        if self._pool is not None:
            self._pool.close()

    def cert_verify(self, *args: object) -> None:
        """Leave the pool alone: its TLS context verifies, and loads no file for each call."""
