"""Where a request carries a value, such as the time of sending or the id of the delivery."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from .message import MalformedError, Message

# What is stored, shown or sent back is printable ASCII of a bounded length.
_PLAIN = re.compile(rb"[\x21-\x7e]{1,255}")


class Place(ABC):
    """Somewhere in a request."""

    @abstractmethod
    def read(self, message: Message) -> bytes | None:
        """The value's bytes, None when there is none; raises `MalformedError`."""

    @abstractmethod
    def write(self, headers: dict[str, str], value: str) -> None:
        """Put the value where `read` finds it, if that is a header."""

    def read_plain(self, message: Message) -> str | None:
        """The value as printable ASCII of at most 255 characters; raises `MalformedError`."""
        value = self.read(message)
        if value is None:
            return None
        if not _PLAIN.fullmatch(value):
            raise MalformedError
        return value.decode("ascii")


@dataclass(frozen=True)
class Header(Place):
    """A header. Of several names the first that is present is read, and the first is written."""

    names: tuple[str, ...]

    def read(self, message: Message) -> bytes | None:
        for name in self.names:
            value = message.header(name)
            if value is not None:
                return value
        return None

    def write(self, headers: dict[str, str], value: str) -> None:
        headers[self.names[0]] = value


@dataclass(frozen=True)
class HeaderItem(Place):
    """The one item `<key>=<value>` of a header that lists several, separated by commas."""

    name: str
    key: str

    def read(self, message: Message) -> bytes | None:
        header = message.header(self.name)
        if header is None:
            return None
        start = f"{self.key}=".encode()
        found = [item for item in header.split(b",") if item.startswith(start)]
        if len(found) != 1:
            raise MalformedError
        return found[0].removeprefix(start)

    def write(self, headers: dict[str, str], value: str) -> None:
        headers[self.name] = f"{self.key}={value}"


@dataclass(frozen=True)
class Field(Place):
    """A text or an integer inside a JSON body, by the names that lead to it: signed with it."""

    path: tuple[str, ...]

    def read(self, message: Message) -> bytes | None:
        value = message.document
        for name in self.path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        return str(value).encode("utf-8", "surrogatepass")

    def write(self, headers: dict[str, str], value: str) -> None:
        """The body is the sender's to write."""


@dataclass(frozen=True)
class Signatures:
    """The header with the signature. Of several names the first that is present is read.

    A `separator` splits a header that may carry several; those without the `prefix` are of
    another version and are passed over.
    """

    names: tuple[str, ...]
    prefix: str = ""
    separator: str | None = None

    def read(self, message: Message) -> list[bytes]:
        """The signatures as they are encoded; raises `MalformedError` without the header."""
        header = Header(self.names).read(message)
        if header is None:
            raise MalformedError
        candidates = header.split(self.separator.encode()) if self.separator else [header]
        prefix = self.prefix.encode()
        return [one.removeprefix(prefix) for one in candidates if one.startswith(prefix)]

    def write(self, headers: dict[str, str], signature: str) -> None:
        """Set the header, or add to what a list already holds."""
        name, signature = self.names[0], self.prefix + signature
        if self.separator and name in headers:
            signature = f"{headers[name]}{self.separator}{signature}"
        headers[name] = signature
