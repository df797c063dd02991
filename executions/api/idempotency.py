"""The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) of verbs that start."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from executions import services
from executions.services.idempotency import Wish

KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="1 to 255 visible ASCII characters, such as a UUID. For 24 hours the same request "
    "with the same key is answered with the execution that the first one made; another request "
    "with it is refused (422).",
)
REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    str,
    OpenApiParameter.HEADER,
    response=[200, 202],
    enum=["true"],
    description="The execution is that of an earlier request with this Idempotency-Key.",
)
PARAMETERS = [KEY, REPLAYED]


def wish_of(request: Request, *asked: Any) -> Wish | None:
    """The caller's key with what it asks for; None without the header. Raises Problem 400."""
    key = request.headers.get("Idempotency-Key")
    return None if key is None else services.wish(key, *asked)


def headers(*, replayed: bool) -> dict[str, str]:
    """What the answer says of it."""
    return {"Idempotency-Replayed": "true"} if replayed else {}
