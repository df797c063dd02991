"""Secrets stay references until the call is made.

While a config is rendered `secrets.<name>` is a placeholder. It carries a random number, so that
nobody can smuggle one in with a payload. The values take the placeholders' places in the request
that leaves, spelt as its part of the request needs it, and a guard goes with it: where a secret has
a list of hosts, it goes nowhere else.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, quote_plus, urlsplit

from tenants.hosts import Hosts
from tenants.masking import Masker
from workflows.definition import JSON
from workflows.steps.world import PLACEHOLDER, HttpFailure, HttpRequest

JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json\b", re.IGNORECASE)
_ANYWHERE = Hosts()
FORM_TYPE = "application/x-www-form-urlencoded"


class Placeholders:
    """The placeholders of one try. Its `repr` holds no value.

    `hosts` says where a secret may go; one that it does not name may go anywhere.
    """

    def __init__(self, values: Mapping[str, str], hosts: Mapping[str, Hosts] | None = None) -> None:
        nonce = secrets.token_hex(8)
        self._values = dict(values)
        self._hosts = hosts or {}
        self._masker = Masker(values)
        self.names = {name: PLACEHOLDER.format(nonce=nonce, name=name) for name in values}
        self._pattern = re.compile(
            "|".join(re.escape(text) for text in self.names.values()) or r"(?!)"
        )
        self._by_text = {text: name for name, text in self.names.items()}

    def of(self, names: Iterable[str]) -> dict[str, str]:
        """`secrets` as expressions see it that may read these; names of no secret are left out."""
        return {name: self.names[name] for name in names if name in self.names}

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
            guard=_Guard(self._masker, self._hosts, frozenset(self._carried(request))),
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
        address = self._values[self._by_text[start[0]]].partition("#")[0]
        rest = self._replace(url[start.end() :], lambda value: quote(value, safe=""))
        if rest.startswith("?") and "?" in address:  # it has parameters of its own
            rest = f"&{rest[1:]}"
        return address + rest

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

    def _carried(self, request: HttpRequest) -> Iterator[str]:
        """The names of the secrets whose placeholders are anywhere in the request."""
        body = (request.body or b"").decode("utf-8", "surrogateescape")
        texts = (request.url, body, *request.headers.values(), *(request.basic_auth or ()))
        for text in texts:
            yield from (self._by_text[found] for found in self._pattern.findall(text))

    def _is_in(self, body: bytes | None) -> bool:
        return any(text.encode() in (body or b"") for text in self._by_text)

    def _headers_with_secrets(self, request: HttpRequest) -> frozenset[str]:
        return frozenset(
            name.lower() for name, value in request.headers.items() if self._pattern.search(value)
        )

    def _replace(self, text: str, spell: Callable[[str], str]) -> str:
        return self._pattern.sub(lambda m: spell(self._values[self._by_text[m[0]]]), text)


@dataclass(frozen=True)
class _Guard:
    """Knows where the secrets `carried` by a request may go, and sees others in an address.

    A secret in the address of a redirect was put there by the other side. `home` is the host that
    sent it there, and the only one where a secret without a list may follow.
    """

    masker: Masker = field(repr=False)
    hosts: Mapping[str, Hosts]
    carried: frozenset[str]
    home: str | None = None

    def check(self, url: str) -> None:
        """Raises HttpFailure that names the secret and the host."""
        found = frozenset() if self.home is None else self.masker.found_in(url)
        for name in sorted(self.carried | found):
            hosts = self.hosts.get(name, _ANYWHERE)
            if not hosts.allow(url):
                raise _blocked(name, url, "which is not on its list of hosts")
            if not hosts.rules and self.home not in (None, urlsplit(url).hostname):
                raise _blocked(name, url, "as the answer's redirect asks: it has no list of hosts")

    def redirected(self, url: str) -> _Guard:
        """As `AddressGuard.redirected`."""
        return replace(self, carried=frozenset(), home=urlsplit(url).hostname or "")


def _blocked(name: str, url: str, why: str) -> HttpFailure:
    message = f'The secret "{name}" may not go to {urlsplit(url).netloc}, {why}.'
    return HttpFailure("blocked", message, sent=False)


def _inside_json(value: str) -> str:
    return json.dumps(value)[1:-1]
