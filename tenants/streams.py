"""Long answers, sent while they are made: a tenant's whole trail need not fit in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

MEDIA_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
_END: Any = object()


def as_file(
    request: HttpRequest, pieces: Iterator[str], form: str, name: str
) -> StreamingHttpResponse:
    """An answer that a browser saves as `<name>.<form>`."""
    content = _awaited(pieces) if isinstance(request, ASGIRequest) else pieces
    answer = StreamingHttpResponse(content, content_type=MEDIA_TYPES[form])
    answer["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return answer


async def _awaited(pieces: Iterator[str]) -> AsyncIterator[str]:
    """For daphne, where Django would else put all pieces together first."""
    following = sync_to_async(partial(next, pieces, _END))
    while (piece := await following()) is not _END:
        yield piece
