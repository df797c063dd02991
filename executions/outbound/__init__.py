"""The one HTTP client of the product.

`client` is the whole call, `request` checks what leaves, `redirects` decides the next hop,
`transport` puts requests over `connection`, which looks up, checks and connects; `wire` is the
socket with a deadline and a byte budget, `answer` reads what came back.
"""

from __future__ import annotations

from executions.outbound.client import OutboundClient
from executions.outbound.limits import Limits

__all__ = ["Limits", "OutboundClient"]
