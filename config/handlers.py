"""Django's WSGI and ASGI handlers, for requests whose Content-Type is nonsense."""

from __future__ import annotations

from typing import Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
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
    class request_class(_InUTF8, ASGIRequest):  # noqa: N801 - Django's name for it
        pass
