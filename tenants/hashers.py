"""How passwords are hashed."""

from __future__ import annotations

from django.contrib.auth import hashers


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    """Argon2id with the cost of OWASP's Password Storage Cheat Sheet.

    Django's own takes 100 MiB a hash: a few logins at the same time would end the container.
    """

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1
