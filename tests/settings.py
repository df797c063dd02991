"""The product's settings in the environment of a test session."""

from __future__ import annotations

from tests import environment  # noqa: F401 - sets the variables that the next line reads
from config.settings import *  # noqa: E402, F403, I001

# Argon2 is slow on purpose; the tests make hundreds of users.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
