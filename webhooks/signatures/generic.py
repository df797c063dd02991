"""A scheme put together by the owner of an endpoint, for senders without a preset."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .content import parse_template
from .places import Header, Signatures
from .schemes import Encoding, Hmac
from .times import TOLERANCE, Timestamp

# A field name of RFC 9110 section 5.1.
HeaderName = Annotated[
    str,
    StringConstraints(
        to_lower=True, min_length=1, max_length=100, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
    ),
]
# Visible ASCII and spaces, as far as a header value can carry them.
HeaderText = Annotated[str, StringConstraints(max_length=50, pattern=r"^[\x20-\x7e]*$")]


class GenericOptions(BaseModel):
    """HMAC-SHA256 of `template`, found in `header` after `prefix`.

    The parts of the template are `{id}` (from `delivery_id_header`), `{timestamp}` (from
    `timestamp_header`, Unix seconds, at most `tolerance` seconds from now) and `{body}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    header: HeaderName = "x-signature"
    prefix: HeaderText = ""
    encoding: Encoding = "hex"
    timestamp_header: HeaderName | None = None
    tolerance: int = Field(default=TOLERANCE, ge=1, le=86400)
    template: str = Field(default="{body}", max_length=200)
    delivery_id_header: HeaderName | None = None

    @model_validator(mode="after")
    def _template_fits_headers(self) -> Self:
        parts = parse_template(self.template).parts
        if "timestamp" in parts and self.timestamp_header is None:
            raise ValueError("The template names {timestamp}, so timestamp_header must be set.")
        if "id" in parts and self.delivery_id_header is None:
            raise ValueError("The template names {id}, so delivery_id_header must be set.")
        if self.timestamp_header is not None and "timestamp" not in parts:
            raise ValueError(
                "timestamp_header is set, so the template must contain {timestamp}: "
                "a time that is not signed can be changed by anyone."
            )
        return self


@lru_cache(maxsize=256)
def scheme(options: GenericOptions) -> Hmac:
    """The scheme that these options describe."""
    sent_at = _header(options.timestamp_header)
    return Hmac(
        Signatures((options.header,), options.prefix),
        encoding=options.encoding,
        content=parse_template(options.template),
        delivery_id=_header(options.delivery_id_header),
        timestamp=Timestamp(sent_at, tolerance=options.tolerance) if sent_at else None,
    )


def _header(name: str | None) -> Header | None:
    return None if name is None else Header((name,))
