"""Masking of secret values, by value: in everything stored, logged, streamed or shown.

A value is found as it is, in lower or upper case (a host's name is), inside base64 (at any
position, so also as the password of basic authentication), in hexadecimal, percent-encoded in the
ways of the usual clients, and escaped as in JSON, HTML and XML; also escaped twice, as where an
answer quotes a request. Mask before any truncation: half a secret is not found, but still tells.
What reverses, cuts up or encrypts a value hides it from this.

Values shorter than MIN_LENGTH are ignored: they occur by chance (a `1`, a `yes`), and masking
them would garble everything else. Such a secret is none.
"""

from __future__ import annotations

import base64
import html
import json
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]

MIN_LENGTH = 4  # characters

# Headers of incoming requests that are never stored: a reader could act as their sender, or send a
# signed request once more. Keys of other things, such as idempotency-key, are none of them.
_CREDENTIAL = re.compile(
    r"(?:.*-)?(?:authorization|authentication|cookie|password|passwd|credentials?|secret|token|jwt"
    r"|(?:api|auth|access|secret|private|subscription|functions)-?key|apikey|api-?token"
    r"|signature|hmac)(?:-(?:v?\d+|sha-?\d+|ed25519|rsa))*"
)
MASKED = "[masked]"

_BASE64 = frozenset(string.ascii_letters + string.digits + "+/-_")
_URL_SAFE = str.maketrans("+/", "-_")
_ESCAPE = re.compile("%[0-9A-F]{2}")
_SCRIPT_SAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&'"}
_NUMBER = re.compile("[0-9.eE+-]+")

# What clients leave as it is: nothing; paths; JavaScript's encodeURIComponent; and whole
# addresses, as requests quotes them before sending.
_LEFT_UNQUOTED = ("", "/", "!'()*~", "!#$%&'()*+,/:;=?@[]~")


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request (lower-case names) as they may be stored."""
    return {
        name: MASKED if _CREDENTIAL.fullmatch(name) else value for name, value in headers.items()
    }


@dataclass(frozen=True)
class _Form:
    """One spelling of a secret value.

    In base64 a character at either end may hold bits of the value and of its neighbour;
    `head` and `tail` say whether it does, and it is masked too.
    """

    text: str
    name: str
    head: bool = False
    tail: bool = False

    def spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where it occurs, occurrences that overlap included: start, end, name."""
        start = text.find(self.text)
        while start >= 0:
            end = start + len(self.text)
            first = start - (self.head and text[start - 1 : start] in _BASE64)
            yield first, _past_tail(text, end) if self.tail else end, self.name
            start = text.find(self.text, start + 1)


class Masker:
    """Replaces the values of secrets (name -> value) by `[secret <name>]`. Immutable, thread-safe.

    What it has masked, it leaves alone when it sees it again.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        used = {name: value for name, value in values.items() if len(value) >= MIN_LENGTH}
        self._forms = tuple({f.text: f for n, v in used.items() for f in _forms(n, v)}.values())
        self._numbers = {value: name for name, value in used.items() if _NUMBER.fullmatch(value)}
        self._marks = re.compile(f"({'|'.join(re.escape(_mark(name)) for name in used)})")

    def text(self, text: str) -> str:
        """The text with every occurrence of every value replaced; overlapping ones as one."""
        found = [form for form in self._forms if form.text in text]
        if not found:
            return text
        pieces = self._marks.split(text)  # marks of an earlier run stand at the odd places
        pieces[::2] = [_replace(piece, found) for piece in pieces[::2]]
        return "".join(pieces)

    def found_in(self, text: str) -> frozenset[str]:
        """The names of the secrets whose values are in the text."""
        return frozenset(form.name for form in self._forms if form.text in text)

    def mask(self, value: JSON) -> JSON:
        """A copy of the value with every text in it masked, keys and numbers included.

        Keys that become equal are one key afterwards, the last one. Works without recursion:
        a hostile response may be nested deeper than Python's stack.
        """
        root = self._shallow(value)
        pending = [root]
        while pending:
            box = pending.pop()
            if isinstance(box, list):
                box[:] = [self._shallow(child) for child in box]
                pending.extend(box)
            elif isinstance(box, dict):
                box.update({key: self._shallow(child) for key, child in box.items()})
                pending.extend(box.values())
        return root

    def _shallow(self, value: JSON) -> JSON:
        """Mask a scalar; copy a container, with its keys masked and its values as they were."""
        match value:
            case str():
                return self.text(value)
            case list():
                return list(value)
            case dict():
                return {self.text(key): child for key, child in value.items()}
            case int() | float() if self._numbers:
                name = self._numbers.get(json.dumps(value))
                return value if name is None else _mark(name)
        return value


def _mark(name: str) -> str:
    return f"[secret {name}]"


def _past_tail(text: str, end: int) -> int:
    """The end of base64 text once its last, shared character and the padding are passed."""
    end += text[end : end + 1] in _BASE64
    while text[end : end + 1] == "=":
        end += 1
    return end


def _replace(text: str, forms: Iterable[_Form]) -> str:
    """Put a mark in place of each run of overlapping occurrences."""
    result, end = [], 0
    for start, stop, name in sorted(span for form in forms for span in form.spans(text)):
        if start >= end:
            result += [text[end:start], _mark(name)]
        end = max(end, stop)
    return "".join([*result, text[end:]])


def _forms(name: str, value: str) -> Iterator[_Form]:
    plain = {value, *_misread(value)}
    once = {text for known in plain for text in _escaped(known)}
    twice = {text for known in _escaped(value) for text in _escaped(known)}
    for text in plain | {value.lower(), value.upper()} | once | twice:
        yield _Form(text, name)
    for data in _encoded(value):
        yield from (_Form(text, name) for text in (data.hex(), data.hex().upper()))
        for offset in range(3):
            yield from _base64(name, data, offset)


def _escaped(value: str) -> Iterator[str]:
    yield from _percent_encoded(value)
    yield from _json_escaped(value)
    yield from _marked_up(value)


def _encoded(value: str) -> Iterator[bytes]:
    """The value's bytes; in Latin-1 too, which basic authentication uses in many clients."""
    yield value.encode("utf-8", "surrogatepass")
    with suppress(UnicodeEncodeError):
        yield value.encode("latin-1")


def _misread(value: str) -> Iterator[str]:
    """As it comes back where one side writes UTF-8 and the other Latin-1, as in HTTP headers."""
    if not value.isascii():
        yield value.encode("utf-8", "surrogatepass").decode("latin-1")
        with suppress(UnicodeEncodeError):
            yield value.encode("latin-1").decode("utf-8", "replace")


def _percent_encoded(value: str) -> Iterator[str]:
    quoted = [quote(value, safe=safe, errors="surrogatepass") for safe in _LEFT_UNQUOTED]
    for text in (*quoted, quote_plus(value, errors="surrogatepass")):
        yield text
        yield _ESCAPE.sub(lambda match: match[0].lower(), text)


def _json_escaped(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield text
        yield text.replace("/", "\\/")  # as PHP writes it
        yield text.translate(_SCRIPT_SAFE)  # as Go and Django write it


def _marked_up(value: str) -> Iterator[str]:
    for quotes in (True, False):
        escaped = html.escape(value, quote=quotes)
        for text in (escaped, escaped.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")):
            yield text
            yield text.replace("&#x27;", "&apos;").replace("&#39;", "&apos;")
            yield text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _base64(name: str, data: bytes, offset: int) -> Iterator[_Form]:
    """The characters that hold bits of `data` only, when it begins `offset` bytes after a
    multiple of three: 3 bytes become 4 characters of 6 bits."""
    encoded = base64.b64encode(bytes(offset) + data).decode("ascii")
    end = offset + len(data)
    core = encoded[-(-offset * 8 // 6) : end * 8 // 6]
    for text in (core, core.translate(_URL_SAFE), *_percent_encoded(core)):
        yield _Form(text, name, head=offset > 0, tail=end % 3 > 0)
