"""The product's settings in the environment of a test session."""

from __future__ import annotations

from tests import environment as _environment  # noqa: F401 - sets what the next import reads

# isort: split
from config.settings import *  # noqa: F403 - all of them

# Argon2 is slow on purpose; the tests make hundreds of users.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# No test asks this process for a file, and every test client would look for all that there are.
WHITENOISE_USE_FINDERS = False
