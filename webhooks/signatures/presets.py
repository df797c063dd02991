"""Every scheme an endpoint can choose, one entry each."""

from __future__ import annotations

from . import generic
from .content import parse_template
from .keys import WhsecKey
from .schemes import Hmac, Scheme, Timestamp, Unsigned

SCHEMES: dict[str, Scheme] = {
    # https://www.standardwebhooks.com; Svix sends the same under its own header names.
    "standard-webhooks": Hmac(
        signature=("webhook-signature", "svix-signature"),
        encoding="base64",
        prefix="v1,",
        separator=" ",
        content=parse_template("{id}.{timestamp}.{body}"),
        delivery_id=("webhook-id", "svix-id"),
        timestamp=Timestamp(("webhook-timestamp", "svix-timestamp")),
        key=WhsecKey(),
    ),
    # https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    "github": Hmac(
        signature=("x-hub-signature-256",),
        prefix="sha256=",
        delivery_id=("x-github-delivery",),
    ),
    "generic": generic.scheme(generic.GenericOptions()),
    "none": Unsigned(),
}

DEFAULT = "standard-webhooks"
