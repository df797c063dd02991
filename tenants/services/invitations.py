"""Invitations: asking people to join by mail, and their joining."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from functools import partial
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from tenants import actors, mailing, scope
from tenants.actions import Action
from tenants.limits import Quota
from tenants.models import Invitation, Membership, Tenant, User
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import PERMISSIONS, Role, may_grant
from tenants.services import audit
from tenants.services.people import set_address
from tenants.services.quotas import check_quota


def invitations_of(tenant_id: UUID) -> QuerySet[Invitation]:
    """The tenant's invitations whose links are good, the newest first."""
    rows = Invitation.objects.filter(tenant_id=tenant_id, accepted_at=None, revoked_at=None)
    return rows.filter(expires_at__gt=Now()).select_related("invited_by")


def invite(*, by: Principal, email: str, role: Role) -> Invitation:
    """Ask somebody to join the open scope's tenant; the mail leaves once this is committed.

    An open invitation of the same address is replaced, and its link stops working. Raises Problem
    403 for a role above the caller's or where no owner has a verified address, 409 for a member and
    when too many are open.
    """
    if not may_grant(by.permissions, PERMISSIONS[role]):
        raise Problem(403, "forbidden", f"You may not give the role {role}.")
    email = email.lower()
    tenant = Tenant.objects.get(id=by.tenant_id)
    _refuse_unfit(tenant, email)
    token = secrets.token_urlsafe(32)
    invitation, _ = Invitation.objects.update_or_create(
        tenant=tenant,
        email=email,
        accepted_at=None,
        revoked_at=None,
        defaults={
            "role": role,
            "digest": _digest(token),
            "invited_by_id": by.id if by.kind == "user" else None,
            "expires_at": timezone.now() + timedelta(days=settings.KEEP_INVITATIONS_DAYS),
        },
    )
    audit.record(Action.INVITATION_SENT, invitation, after={"email": email, "role": str(role)})
    _mail(invitation, tenant, by, token)
    return invitation


def revoke_invitation(*, invitation: Invitation) -> None:
    """Withdraw it; its link stops working."""
    rows = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
    if rows.update(revoked_at=Now()):
        audit.record(Action.INVITATION_WITHDRAWN, invitation)


def find_invitation(token: str) -> Invitation | None:
    """The invitation of a mailed link with its tenant; None when it is unknown, used or too old."""
    with scope.operator("an invitation's link names its tenant"):
        rows = Invitation.objects.select_related("tenant", "invited_by")
        usable = rows.filter(accepted_at=None, revoked_at=None, expires_at__gt=Now())
        return usable.filter(digest=_digest(token)).first()


def accept(*, token: str, user: User) -> Invitation:
    """Make the user a member. Who is one already keeps their role.

    Raises Problem 404 when the link is no good any more, 403 when it was sent to somebody else,
    409 when the tenant has as many members as it may.
    """
    found = find_invitation(token)
    if found is None:
        raise _gone()
    if user.email != found.email:
        raise Problem(403, "forbidden", f"This invitation is for {found.email}.")
    with scope.tenant(found.tenant_id):
        used = Invitation.objects.filter(
            pk=found.pk, digest=_digest(token), accepted_at=None, revoked_at=None
        ).update(accepted_at=Now())
        if not used:  # somebody was faster, after we had looked
            raise _gone()
        members = Membership.objects.filter(tenant_id=found.tenant_id)
        if not members.filter(user=user).exists():
            check_quota(found.tenant_id, Quota.MEMBERS, members)
        member, joined = Membership.objects.get_or_create(
            tenant_id=found.tenant_id, user=user, defaults={"role": found.role}
        )
        if joined:
            with actors.acting(actors.named("user", user.pk, user.email)):
                audit.record_member(Action.MEMBER_ADDED, member, after={"role": member.role})
    set_address(user, verified=True)  # the mail was read there
    return found


def accept_as_new(*, token: str, password: str) -> User:
    """Create the account that the invitation is for, and make it a member.

    Raises Problem 404 as `accept` does, 409 when the address has an account.
    """
    found = find_invitation(token)
    if found is None:
        raise _gone()
    user = User.objects.prepared(found.email, password)
    try:
        with scope.operator("an invitation makes a person"):
            user.save(force_insert=True)
            accept(token=token, user=user)
    except IntegrityError:
        raise Problem(409, "taken", "This address has an account: log in first.") from None
    return user


def _refuse_unfit(tenant: Tenant, email: str) -> None:
    owners = Membership.objects.filter(tenant=tenant, role=Role.OWNER).values("user")
    if not EmailAddress.objects.filter(user__in=owners, verified=True).exists():
        detail = "An owner must have verified their e-mail address before others can be invited."
        raise Problem(403, "unverified", detail)
    if Membership.objects.filter(tenant=tenant, user__email=email).exists():
        raise Problem(409, "member", f"{email} is a member already.")
    check_quota(tenant.id, Quota.MEMBERS, Membership.objects.filter(tenant=tenant))
    others = invitations_of(tenant.id).exclude(email=email).count()
    if others >= settings.MAX_INVITATIONS:
        detail = f"{others} invitations are open, the most there may be. Withdraw some first."
        raise Problem(409, "too-many", detail)


def _mail(invitation: Invitation, tenant: Tenant, by: Principal, token: str) -> None:
    context = {
        "tenant": " ".join(tenant.name.split()),
        "role": invitation.role,
        "by": by.label,
        "days": settings.KEEP_INVITATIONS_DAYS,
        "url": settings.PUBLIC_URL + reverse("invitation", kwargs={"token": token}),
    }
    scope.on_commit(partial(mailing.send, "invitation", invitation.email, **context))


def _digest(token: str) -> bytes:
    # The token has 256 random bits: a slow hash would only cost the server.
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _gone() -> Problem:
    detail = "This invitation was used, withdrawn or is too old. Ask for a new one."
    return Problem(404, "not-found", detail)
