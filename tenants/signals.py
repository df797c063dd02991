"""What other apps may want to know of people."""

from __future__ import annotations

from uuid import UUID

from django.dispatch import Signal

access_changed = Signal()
"""What a person or an API key may do has changed, or a session has ended. Sent after the commit.

`announce_access` sends it.
"""


def announce_access(principal_id: UUID) -> None:
    """Tell whoever listens that the person, or the key, may have lost access."""
    access_changed.send(None, principal_id=principal_id)
