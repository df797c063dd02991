"""The scheme that an endpoint's owner puts together."""

from __future__ import annotations

import hmac

import pytest
from pydantic import ValidationError

from tests.webhooks.vendors import BODY, TEXT, Request
from webhooks.signatures import GenericOptions


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"template": "{timestamp}.{body}"}, "timestamp_header must be set"),
        ({"template": "{id}.{body}"}, "delivery_id_header must be set"),
        ({"timestamp_header": "x-time"}, "the template must contain {timestamp}"),
        ({"template": "{timestamp}", "timestamp_header": "x-time"}, "{body} exactly once"),
        ({"template": "{body}{body}"}, "{body} exactly once"),
        ({"template": "{time}{body}"}, "the parts are {id}, {timestamp} and {body}"),
        ({"header": "x sig"}, "String should match pattern"),
        ({"header": ""}, "at least 1 character"),
        ({"prefix": "v1=\n"}, "String should match pattern"),
        ({"tolerance": 0}, "greater than or equal to 1"),
        ({"encoding": "base32"}, "'hex' or 'base64'"),
        ({"algorithm": "md5"}, "Extra inputs are not permitted"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError) as error:
        GenericOptions.model_validate(options)
    assert says in str(error.value)


def test_percent_signs_in_a_template_stand_for_themselves() -> None:
    options = GenericOptions(template="100%b%%{body}%d")
    signature = hmac.digest(TEXT.encode(), b"100%b%%" + BODY + b"%d", "sha256").hex()
    assert Request("generic", TEXT, {"x-signature": signature}, options=options).judge().ok
