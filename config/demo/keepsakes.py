"""What the product shows once or never and the demo must know at every start."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pydantic import BaseModel, Field

from config.demo.people import PEOPLE
from webhooks import signatures


def _passwords() -> dict[str, str]:
    return {person.email: secrets.token_urlsafe(12) for person in PEOPLE}


def _endpoint_secret() -> str:
    return signatures.new_secret(signatures.DEFAULT)


class Keepsakes(BaseModel):
    """Passwords by e-mail address, the endpoint's secret, and an API key once there is one.

    `hashes` are the passwords as the database has them: to compare these takes no time, to check
    a password takes as much of it as Argon2 can make it take.
    """

    passwords: dict[str, str] = Field(default_factory=_passwords)
    hashes: dict[str, str] = Field(default_factory=dict)
    endpoint_secret: str = Field(default_factory=_endpoint_secret)
    api_key: str = ""

    @classmethod
    def load(cls, path: Path) -> Keepsakes:
        """What the file holds; where there is none, new ones that are saved at once."""
        if path.exists():
            return cls.model_validate_json(path.read_text())
        made = cls()
        made.save(path)
        return made

    def save(self, path: Path) -> None:
        """Write the file whole or not at all; only its owner can read it."""
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.model_dump_json(indent=2))
        fresh.replace(path)
