"""A tenant's members: who they are, what they may, how they leave."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from tenants import scope
from tenants.actions import Action
from tenants.models import ApiKey, Invitation, Membership
from tenants.principals import Principal
from tenants.problems import Problem
from tenants.roles import Role, may_grant
from tenants.services import audit
from tenants.signals import announce_access


def members_of(tenant_id: UUID) -> QuerySet[Membership]:
    """The tenant's members with their users."""
    return Membership.objects.filter(tenant_id=tenant_id).select_related("user").order_by("id")


def change_role(*, member: Membership, role: Role, by: Role) -> Membership:
    """Give a member another role, in the open tenant scope.

    Raises Problem 403 when the role `by` may not grant the old or the new one, 409 for the last
    owner.
    """
    locked = _lock(member)
    _refuse_above(by, Role(locked.role), role)
    if role == locked.role:
        return locked
    if role != Role.OWNER:
        _keep_an_owner(locked)
        _withdraw_invitations(locked)
    before, locked.role = locked.role, role
    locked.save(update_fields=["role"])
    audit.record_member(
        Action.MEMBER_CHANGED, locked, before={"role": before}, after={"role": str(role)}
    )
    _tell(locked.user_id)
    return locked


def remove_member(*, member: Membership, by: Role | None) -> None:
    """End a membership, in the open tenant scope; with `by=None` the member leaves by themselves.

    What the person has open in the tenant closes at once. API keys are the tenant's and stay.
    Raises Problem 403 and 409 as `change_role` does.
    """
    locked = _lock(member)
    if by is not None:
        _refuse_above(by, Role(locked.role))
    _keep_an_owner(locked)
    _withdraw_invitations(locked)
    audit.record_member(Action.MEMBER_REMOVED, locked, before={"role": locked.role})
    locked.delete()
    _tell(locked.user_id)


def renewed(principal: Principal) -> Principal | None:
    """The principal as it is now, in the open scope of its tenant; None when it has no access."""
    if principal.kind == "user":
        members = Membership.objects.filter(user_id=principal.id, user__is_active=True)
        role = members.values_list("role", flat=True).first()
    else:
        unexpired = Q(expires_at=None) | Q(expires_at__gt=Now())
        keys = ApiKey.objects.filter(unexpired, id=principal.id, revoked_at=None)
        role = keys.values_list("role", flat=True).first()
    return replace(principal, role=Role(role)) if role else None


def _lock(member: Membership) -> Membership:
    """The member as they are now. Raises Problem 404 when they have left meanwhile.

    Owners are locked first, all of them and in one order: of two who remove each other, one waits
    and then finds that only one is left.
    """
    list(_owners(member.tenant_id).select_for_update(of=("self",)))
    rows = members_of(member.tenant_id).select_for_update(of=("self",))
    found = rows.filter(id=member.id).first()
    if found is None:
        raise Problem(404, "not-found", "There is no such member.")
    return found


def _owners(tenant_id: UUID) -> QuerySet[Membership]:
    return Membership.objects.filter(tenant_id=tenant_id, role=Role.OWNER).order_by("id")


def _keep_an_owner(member: Membership) -> None:
    others = _owners(member.tenant_id).exclude(id=member.id).filter(user__is_active=True)
    if member.role == Role.OWNER and not others.exists():
        detail = "This is the tenant's last owner. Make somebody else an owner first."
        raise Problem(409, "last-owner", detail)


def _refuse_above(by: Role, *roles: Role) -> None:
    for role in roles:
        if not may_grant(by, role):
            raise Problem(403, "forbidden", f"Your role may neither give nor take the role {role}.")


def _withdraw_invitations(member: Membership) -> None:
    """What somebody promised as an owner does not hold once they are none."""
    pending = Invitation.objects.filter(
        tenant_id=member.tenant_id, invited_by_id=member.user_id, accepted_at=None, revoked_at=None
    )
    for invitation in list(pending):
        audit.record(Action.INVITATION_WITHDRAWN, invitation)
    pending.update(revoked_at=Now())


def _tell(user_id: UUID) -> None:
    scope.on_commit(partial(announce_access, user_id))
