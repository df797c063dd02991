"""What other apps may want to know of people."""

from __future__ import annotations

from uuid import UUID

from django.dispatch import Signal

access_changed = Signal()
"""A role, a membership or a session of `user_id` has changed. Sent after the commit.

`announce_access` sends it.
"""


def announce_access(user_id: UUID) -> None:
    """Tell whoever listens that the user may have lost access."""
    access_changed.send(None, user_id=user_id)
