"""Lists are cursor-paged, newest first: no counting, no page that shifts while rows come in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response


class NewestFirst(CursorPagination):
    """`{results, next, previous}` by descending id (UUIDv7, so by time)."""

    ordering = "-id"
    page_size_query_param = "limit"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The place to go on from. Raises NotFound for a cursor that was not made here."""
        cursor = super().decode_cursor(request)
        position = None if cursor is None else cursor.position
        if position is not None and not self.is_position(str(position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor

    @staticmethod
    def is_position(text: str) -> bool:
        """Whether a row could have it."""
        try:
            UUID(text)
        except ValueError:
            return False
        return True

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "results": data,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": schema,
                "next": link,
                "previous": link,
            },
        }


class LatestFirst(NewestFirst):
    """By descending number, where a row's number says its place and its id does not."""

    ordering = "-seq"

    @staticmethod
    def is_position(text: str) -> bool:
        return text.isascii() and text.isdecimal() and len(text) < 19
