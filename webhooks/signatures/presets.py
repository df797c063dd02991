"""Every scheme an endpoint can choose, one entry each; docs/WEBHOOKS.md has the same table."""

from __future__ import annotations

from . import generic, twilio
from .content import parse_template
from .keys import TextKey, WhsecKey
from .places import Field, Header, HeaderItem, Signatures
from .schemes import BySecret, Challenge, Hmac, Scheme, Token, Unsigned
from .times import ISO_8601, UNIX_MILLISECONDS, Timestamp

# https://www.standardwebhooks.com; Svix sends the same under its own header names.
_STANDARD = Hmac(
    Signatures(("webhook-signature", "svix-signature"), prefix="v1,", separator=" "),
    encoding="base64",
    content=parse_template("{id}.{timestamp}.{body}"),
    delivery_id=Header(("webhook-id", "svix-id")),
    timestamp=Timestamp(Header(("webhook-timestamp", "svix-timestamp"))),
    key=WhsecKey(),
)

SCHEMES: dict[str, Scheme] = {
    "standard-webhooks": _STANDARD,
    # https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    "github": Hmac(
        Signatures(("x-hub-signature-256",), prefix="sha256="),
        delivery_id=Header(("x-github-delivery",)),
    ),
    # https://docs.gitlab.com/user/project/integrations/webhooks: a signing token, or the older
    # secret token. X-Gitlab-Event-UUID is no id: webhooks that trigger each other share it.
    "gitlab": BySecret(
        signed=_STANDARD,
        plain=Token(Header(("x-gitlab-token",)), Header(("idempotency-key",))),
    ),
    # https://docs.stripe.com/webhooks/signature
    "stripe": Hmac(
        Signatures(("stripe-signature",), prefix="v1=", separator=","),
        content=parse_template("{timestamp}.{body}"),
        delivery_id=Field(("id",)),
        timestamp=Timestamp(HeaderItem("stripe-signature", "t")),
        key=TextKey(chosen_by="Stripe", prefix="whsec_"),
    ),
    # https://docs.slack.dev/authentication/verifying-requests-from-slack
    "slack": Hmac(
        Signatures(("x-slack-signature",), prefix="v0="),
        content=parse_template("v0:{timestamp}:{body}"),
        delivery_id=Field(("event_id",)),
        timestamp=Timestamp(Header(("x-slack-request-timestamp",))),
        challenge=Challenge(Field(("type",)), b"url_verification", Field(("challenge",))),
        key=TextKey(chosen_by="Slack"),
    ),
    # https://shopify.dev/docs/apps/build/webhooks/verify-deliveries; newer events drop the `X-`.
    "shopify": Hmac(
        Signatures(("x-shopify-hmac-sha256", "shopify-hmac-sha256")),
        encoding="base64",
        delivery_id=Header(("x-shopify-webhook-id", "shopify-webhook-id")),
        key=TextKey(chosen_by="Shopify"),
    ),
    # https://developer.zendesk.com/documentation/webhooks/verifying
    "zendesk": Hmac(
        Signatures(("x-zendesk-webhook-signature",)),
        encoding="base64",
        content=parse_template("{timestamp}{body}"),
        delivery_id=Header(("x-zendesk-webhook-invocation-id",)),
        timestamp=Timestamp(Header(("x-zendesk-webhook-signature-timestamp",)), ISO_8601),
        key=TextKey(chosen_by="Zendesk"),
    ),
    # https://developer.pagerduty.com/docs/webhook-signatures
    "pagerduty": Hmac(
        Signatures(("x-pagerduty-signature",), prefix="v1=", separator=","),
        delivery_id=Field(("event", "id")),
        key=TextKey(chosen_by="PagerDuty"),
    ),
    # https://linear.app/developers/webhooks
    "linear": Hmac(
        Signatures(("linear-signature",)),
        delivery_id=Header(("linear-delivery",)),
        timestamp=Timestamp(Field(("webhookTimestamp",)), UNIX_MILLISECONDS, tolerance=60),
        key=TextKey(chosen_by="Linear"),
    ),
    # https://www.twilio.com/docs/usage/security
    "twilio": twilio.scheme(twilio.TwilioOptions()),
    "generic": generic.scheme(generic.GenericOptions()),
    "none": Unsigned(),
}

DEFAULT = "standard-webhooks"
