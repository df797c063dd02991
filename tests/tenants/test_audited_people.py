"""What people do to memberships and to their own accounts is in the audit trail."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants import scope, services
from tenants.models import AuditEntry, PlatformAuditEntry
from tenants.roles import PERMISSIONS, Role
from tests import factories
from tests.factories import PASSWORD, People
from tests.tenants import authenticator, letters
from tests.tenants.browsers import VERA, log_in

pytestmark = pytest.mark.usefixtures("committed_db")

NEW = "nora@acme.example"


@pytest.fixture
def people() -> People:
    return factories.make_people()


def told() -> list[tuple[str, str, str]]:
    """Action, actor and target of what acme's trail tells, oldest first."""
    with scope.operator("a test looks"):
        rows = AuditEntry.objects.filter(tenant__slug="acme").order_by("seq")
        return list(rows.values_list("action", "actor_label", "target_label"))


def told_of_accounts() -> list[tuple[str, str]]:
    with scope.operator("a test looks"):
        rows = PlatformAuditEntry.objects.order_by("seq")
        return list(rows.values_list("action", "actor_label"))


def test_who_invited_whom_and_who_came_and_went(people: People) -> None:
    owner = log_in("alice@acme.example")
    owner.post("/t/acme/members/", {"email": NEW, "role": "viewer"})
    link = letters.link(letters.to(NEW)[-1])
    Client().post(link, {"password": PASSWORD})
    with scope.tenant(people.acme.id):
        member = services.members_of(people.acme.id).get(user__email=NEW)
    owner.post(f"/t/acme/members/{member.id}/", {"role": "editor"})
    owner.post(f"/t/acme/members/{member.id}/remove/")
    owner.post("/t/acme/members/", {"email": "other@x.example", "role": "viewer"})
    with scope.tenant(people.acme.id):
        [open_one] = services.invitations_of(people.acme.id)
    owner.post(f"/t/acme/invitations/{open_one.id}/revoke/")
    assert told() == [
        ("invitation.sent", "alice@acme.example", NEW),
        ("member.added", NEW, NEW),
        ("member.changed", "alice@acme.example", NEW),
        ("member.removed", "alice@acme.example", NEW),
        ("invitation.sent", "alice@acme.example", "other@x.example"),
        ("invitation.withdrawn", "alice@acme.example", "other@x.example"),
    ]


def test_an_old_owners_invitations_are_told_as_withdrawn(people: People) -> None:
    with scope.tenant(people.acme.id):
        ed = services.members_of(people.acme.id).get(user=people.ed)
        services.change_role(member=ed, role=Role.OWNER, by=PERMISSIONS[Role.OWNER])
    factories.make_invitation(people.acme, people.ed, NEW)
    with scope.tenant(people.acme.id):
        services.remove_member(member=ed, by=PERMISSIONS[Role.OWNER])
    actions = [action for action, _, _ in told()]
    assert actions == [
        "member.changed",
        "invitation.sent",
        "invitation.withdrawn",
        "member.removed",
    ]


def test_what_becomes_of_an_account(people: People) -> None:
    browser = log_in()
    authenticator.set_up(browser)
    browser.post("/account/app/remove/")
    other = "another quite long password"
    given = {"oldpassword": PASSWORD, "password1": other, "password2": other}
    browser.post("/account/password/", given)
    Client().post("/password/", {"email": VERA})
    client, third = Client(), "a third quite long password"
    form = client.get(letters.link(letters.to(VERA)[-1]), follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": third, "password2": third})
    added, removed = "user.factor_added", "user.factor_removed"
    actions = [added, added, removed, removed, "user.password_changed", "user.password_reset"]
    assert told_of_accounts() == [(action, VERA) for action in actions]
