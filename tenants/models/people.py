"""Tenants and their people."""

from __future__ import annotations

from typing import Any, ClassVar

import uuid_utils.compat
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django_rls.models import RLSModel

from tenants.hosts import MAX_RULE_LENGTH
from tenants.rls import OperatorAccess, TenantIsolation, TenantRoot, tenant_key
from tenants.roles import Role

ROLES = [(role.value, role.name.title()) for role in Role]


class UserManager(BaseUserManager["User"]):
    """Creates people by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.prepared(email, password, **fields)
        user.save(using=self._db)
        return user

    def prepared(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A person who is not saved yet, with the password hashed: that takes time and memory."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Membership says which tenants they belong to; staff also see the admin."""

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Before a form looks whether the address is taken: in lower case, as all are kept."""
        super().clean()
        self.email = self.email.lower()

    def get_short_name(self) -> str:
        return self.name or self.email


class Tenant(RLSModel):
    """One customer. Its own row is as private as the rest of its data."""

    id = models.UUIDField(primary_key=True, default=uuid_utils.compat.uuid7, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    # Where the calls of its steps may go; empty: to every public address.
    egress_hosts = ArrayField(
        models.CharField(max_length=MAX_RULE_LENGTH), default=list, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()  # type: ignore[assignment,misc]  # as in tenants/rls.py

    class Meta:
        rls_policies = [TenantIsolation("id"), OperatorAccess()]
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Membership(TenantRoot):
    """A person's role in a tenant."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=ROLES)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantRoot.Meta):
        constraints = [
            tenant_key(),
            models.UniqueConstraint(fields=["tenant", "user"], name="tenants_membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role}"


class Invitation(TenantRoot):
    """Asks whoever has an e-mail address to join. Its mail holds a token; only the hash is kept."""

    email = models.EmailField("e-mail address")
    role = models.CharField(max_length=16, choices=ROLES)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    invited_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantRoot.Meta):
        constraints = [
            tenant_key(),
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="tenants_invitation_one_open",
            ),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.email
