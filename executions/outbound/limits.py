"""How much one call may take. Sizes are bytes, times are seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The bounds of one outgoing call."""

    body: int = 1_000_000
    """Of the answer, after decoding."""
    head: int = 65_536
    """Received before the body: status line, headers and any 1xx answers. (The standard library
    already stops at 100 headers.)"""
    url: int = 8_192
    sent_headers: int = 100
    sent_head: int = 32_768
    """Names and values of the headers we send."""
    redirects: int = 5
    """The most a request may ask to have followed."""
    connect: float = 5.0
    """For one address; a name with several addresses gets this for each, within the deadline."""

    @property
    def wire(self) -> int:
        """Received for one answer's body, before decoding and with its chunk framing."""
        return 2 * self.body + 65_536
