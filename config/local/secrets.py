"""The keys a deployment is given by its environment; the runner makes its own, once."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path


def load(path: Path) -> dict[str, str]:
    """The variables kept in this file, made at the first call. Only its owner can read it."""
    if not path.exists():
        _write(path, _generate())
    values: dict[str, str] = json.loads(path.read_text())
    return values


def _generate() -> dict[str, str]:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {"SECRET_KEY": secrets.token_urlsafe(48), "STEPWELL_SECRETS_KEYS": f"local:{key}"}


def _write(path: Path, values: dict[str, str]) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(values, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
