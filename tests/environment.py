"""The environment of a test session, set before Django reads it; servers start only if needed.

The process that a person starts picks the directory. The workers of pytest-xdist inherit it, share
its servers, and have a database and a Valkey number of their own.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import tempfile
from pathlib import Path

HOME_VARIABLE = "STEPWELL_TEST_HOME"
HOME = Path(
    os.environ.setdefault(
        HOME_VARIABLE, f"{tempfile.gettempdir()}/stepwell-test-{secrets.token_hex(4)}"
    )
)
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
DATABASE = f"test_stepwell_{WORKER}"
TEMPLATE = "test_stepwell_template"
VALKEY_NUMBER = int(re.sub(r"\D", "", WORKER) or 0) % 16
APP, OWNER = "stepwell_app", "stepwell_owner"


def database_url(role: str, database: str) -> str:
    return f"postgres://{role}@/{database}?host={HOME}/run/postgres"


def variables() -> dict[str, str]:
    """What a process of this test session needs of the environment."""
    return {
        "DATABASE_URL": database_url(APP, DATABASE),
        "DATABASE_OWNER_URL": database_url(OWNER, DATABASE),
        "REDIS_URL": f"unix://{HOME}/run/valkey.sock?db={VALKEY_NUMBER}",
        "SECRET_KEY": "only-for-tests-" + "x" * 40,
        "STEPWELL_SECRETS_KEYS": "test:" + "A" * 43 + "=",
        "STEPWELL_DATABASE_POOL": "0",
        # A test that is about limits sets them; the others may ask as fast as they can.
        "STEPWELL_RATE_REQUESTS": "0",
        "STEPWELL_RATE_WRITES": "0",
        "STEPWELL_RATE_REGISTRATIONS": "0",
        "STEPWELL_RATE_WEBHOOKS": "0",
        "STEPWELL_RATE_UNSIGNED": "0",
        "STEPWELL_RATE_UNKNOWN_KEYS": "0",
    }


os.environ.update(variables())
# A session starts dozens of processes: each would compile all of the product anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
