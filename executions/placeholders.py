"""Secrets stay references until the call is made.

While a config is rendered `secrets.<name>` is a placeholder. It carries a random number, so that
nobody can smuggle one in with a payload. The values take the placeholders' places in the request
that leaves, spelt as its part of the request needs it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote, quote_plus

from tenants.masking import Masker
from workflows.definition import JSON
from workflows.steps.world import HttpRequest

JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json\b", re.IGNORECASE)
FORM_TYPE = "application/x-www-form-urlencoded"


class Placeholders:
    """The placeholders of one try. Its `repr` holds no value."""

    def __init__(self, values: Mapping[str, str]) -> None:
        nonce = secrets.token_hex(8)
        self._values = dict(values)
        self._masker = Masker(values)
        self.names = {name: f"secret.{nonce}.{name}." for name in values}
        self._pattern = re.compile(
            "|".join(re.escape(text) for text in self.names.values()) or r"(?!)"
        )
        self._by_text = {text: name for name, text in self.names.items()}

    def reveal(self, request: HttpRequest) -> HttpRequest:
        """The request with the values in it."""
        if not self._values:
            return request
        content_type = next(
            (value for name, value in request.headers.items() if name.lower() == "content-type"), ""
        )
        return replace(
            request,
            url=self._url(request.url),
            headers={name: self._replace(value, str) for name, value in request.headers.items()},
            secret_headers=request.secret_headers | self._headers_with_secrets(request),
            body=self._body(request.body, content_type),
            secret_body=request.secret_body or self._is_in(request.body),
            basic_auth=request.basic_auth
            and (
                self._replace(request.basic_auth[0], str),
                self._replace(request.basic_auth[1], str),
            ),
        )

    def hide(self, value: JSON) -> JSON:
        """The value as it may be stored: no placeholder, and no secret that came back with it."""
        if not self._values:
            return value
        return self._masker.mask(self._name(value))

    def _name(self, value: JSON) -> JSON:
        match value:
            case str():
                return self._pattern.sub(lambda m: f"[secret {self._by_text[m[0]]}]", value)
            case list():
                return [self._name(item) for item in value]
            case dict():
                return {str(self._name(key)): self._name(item) for key, item in value.items()}
            case _:
                return value

    def _url(self, url: str) -> str:
        # A whole address may be the secret; anywhere else the value must not end its component.
        start = self._pattern.match(url)
        if start is None:
            return self._replace(url, lambda value: quote(value, safe=""))
        rest = self._replace(url[start.end() :], lambda value: quote(value, safe=""))
        return self._values[self._by_text[start[0]]] + rest

    def _body(self, body: bytes | None, content_type: str) -> bytes | None:
        if body is None or b"secret." not in body:
            return body
        if JSON_TYPE.match(content_type):
            spell: Callable[[str], str] = _inside_json
        elif content_type.startswith(FORM_TYPE):
            spell = quote_plus
        else:
            spell = str
        text = body.decode("utf-8", "surrogateescape")
        return self._replace(text, spell).encode("utf-8", "surrogateescape")

    def _is_in(self, body: bytes | None) -> bool:
        return any(text.encode() in (body or b"") for text in self._by_text)

    def _headers_with_secrets(self, request: HttpRequest) -> frozenset[str]:
        return frozenset(
            name.lower() for name, value in request.headers.items() if self._pattern.search(value)
        )

    def _replace(self, text: str, spell: Callable[[str], str]) -> str:
        return self._pattern.sub(lambda m: spell(self._values[self._by_text[m[0]]]), text)


def _inside_json(value: str) -> str:
    return json.dumps(value)[1:-1]
