"""What makes two requests the same delivery: the sender's id of it, or what was signed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import uuid_utils.compat

from webhooks.signatures import GenericOptions

LONGEST_ID = 150  # characters of a provider's delivery id that is kept in clear


def key(
    scheme: str,
    options: GenericOptions | None,
    delivery_id: str | None,
    headers: Mapping[str, str],
    body: bytes,
) -> str:
    """The same for each copy of a delivery to an endpoint of this scheme."""
    if delivery_id is not None:
        return _id_key(delivery_id)
    if scheme == "none":
        return f"none:{uuid_utils.compat.uuid7()}"  # nothing tells a repeat from a second event
    digest = hashlib.sha256(body)
    for name in _signing_headers(options):
        digest.update(b"\0" + headers.get(name, "").encode("utf-8", "surrogatepass"))
    return f"sha256:{digest.hexdigest()}"


def _id_key(delivery_id: str) -> str:
    """The id itself, so that people find it; a hash of one that is too long for the column."""
    if len(delivery_id) <= LONGEST_ID:
        return f"id:{delivery_id}"
    return f"id-sha256:{hashlib.sha256(delivery_id.encode()).hexdigest()}"


def _signing_headers(options: GenericOptions | None) -> list[str]:
    if options is None:
        return []
    return [name for name in (options.header, options.timestamp_header) if name is not None]
