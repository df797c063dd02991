"""Django's WSGI and ASGI handlers, for requests that are nonsense and clients that hang up."""

from __future__ import annotations

import asyncio
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import close_old_connections
from django.utils.http import parse_header_parameters


class _InUTF8:
    """A request that is read as UTF-8, whatever charset its Content-Type names.

    JSON has no other (RFC 8259, sections 8.1 and 11), nor have Django's forms. Django would decode
    with any codec of Python's that is named (`zlib`, `undefined`) and fail where no handler of
    errors is reached yet.
    """

    content_type: str | None
    content_params: dict[str, str] | None

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            parsed = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (LookupError, ValueError):  # a parameter in a charset of its own (RFC 2231)
            meta["CONTENT_TYPE"] = ""  # others parse it again
            parsed = "", {}
        self.content_type, self.content_params = parsed


class Wsgi(WSGIHandler):
    class request_class(_InUTF8, WSGIRequest):  # noqa: N801 - Django's name for it
        pass


class Asgi(ASGIHandler):
    """Leaves nothing open when the server gives up on a request.

    Daphne does, some seconds after the client hung up, while the view's thread may still be at
    work. Django then skips what would give the thread's connection back to the pool.
    """

    class request_class(_InUTF8, ASGIRequest):  # noqa: N801 - Django's name for it
        pass

    def create_request(self, scope: Any, body_file: IO[bytes]) -> Any:
        scope[_BODY] = body_file
        return super().create_request(scope, body_file)

    async def handle(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            await super().handle(scope, receive, send)
        except asyncio.CancelledError:
            # In the thread of this request, once it is free; however often we are cancelled.
            await asyncio.shield(sync_to_async(_tidy_up)(scope.get(_BODY)))
            raise


_BODY = "stepwell.body"


def _tidy_up(body: IO[bytes] | None) -> None:
    close_old_connections()
    if body is not None:
        body.close()
