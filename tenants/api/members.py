"""Members and invitations over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tenants import scope, services
from tenants.auth import caller_of
from tenants.models import ROLES, Invitation, Membership
from tenants.openapi import refusal
from tenants.roles import Permission, Role
from tenants.serializers import Strict, read

_LAST = refusal("This is the tenant's last owner.")


class RoleChange(Strict):
    """A member's new role."""

    role = serializers.ChoiceField(choices=ROLES)


class NewInvitation(RoleChange):
    """Who is asked to join, and as what."""

    email = serializers.EmailField(max_length=254)


class MemberItem(serializers.ModelSerializer[Membership]):
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    joined_at = serializers.DateTimeField(source="created_at")

    class Meta:
        model = Membership
        fields = ["id", "email", "name", "role", "joined_at"]
        read_only_fields = fields


class InvitationItem(serializers.ModelSerializer[Invitation]):
    invited_by = serializers.EmailField(source="invited_by.email", allow_null=True, default=None)

    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "invited_by", "created_at", "expires_at"]
        read_only_fields = fields


@extend_schema(tags=["members"])
class MemberViews(GenericViewSet[Membership]):
    """Who belongs to the tenant. API keys are not people: they are at `api-keys/`."""

    permissions = {
        "partial_update": Permission.ADMINISTER,
        "destroy": Permission.ADMINISTER,
    }
    queryset = Membership.objects.none()
    serializer_class = MemberItem
    lookup_field = "id"

    @extend_schema(summary="List members")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(services.members_of(scope.tenant_id())) or []
        return self.get_paginated_response(MemberItem(page, many=True).data)

    @extend_schema(summary="Get a member")
    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the URL's name
        return Response(MemberItem(self._member(id)).data)

    @extend_schema(
        summary="Change a member's role",
        request=RoleChange,
        responses={200: MemberItem, 409: _LAST},
    )
    def partial_update(self, request: Request, id: UUID) -> Response:  # noqa: A002 - as above
        role = Role(read(RoleChange, request.data)["role"])
        member = self._member(id)
        changed = services.change_role(member=member, role=role, by=caller_of(request).role)
        return Response(MemberItem(changed).data)

    @extend_schema(summary="Remove a member", responses={204: None, 409: _LAST})
    def destroy(self, request: Request, id: UUID) -> Response:  # noqa: A002 - as above
        services.remove_member(member=self._member(id), by=caller_of(request).role)
        return Response(status=204)

    def _member(self, ident: UUID) -> Membership:
        found = services.members_of(scope.tenant_id()).filter(id=ident).first()
        if found is None:
            raise Http404
        return found


@extend_schema(tags=["members"])
class InvitationViews(GenericViewSet[Invitation]):
    """Who is asked to join by mail and has not answered yet."""

    permissions = {
        "list": Permission.ADMINISTER,
        "retrieve": Permission.ADMINISTER,
        "create": Permission.ADMINISTER,
        "destroy": Permission.ADMINISTER,
    }
    queryset = Invitation.objects.none()
    serializer_class = InvitationItem
    lookup_field = "id"

    @extend_schema(summary="List open invitations")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(services.invitations_of(scope.tenant_id())) or []
        return self.get_paginated_response(InvitationItem(page, many=True).data)

    @extend_schema(summary="Get an open invitation")
    def retrieve(self, request: Request, id: UUID) -> Response:  # noqa: A002 - the URL's name
        return Response(InvitationItem(self._invitation(id)).data)

    @extend_schema(
        summary="Invite somebody by mail",
        description="The mail's link is good once, for 7 days. Inviting the same address again "
        "replaces the link.",
        request=NewInvitation,
        responses={201: InvitationItem, 409: refusal("A member already, or too many are open.")},
    )
    def create(self, request: Request) -> Response:
        values: dict[str, Any] = read(NewInvitation, request.data)
        made = services.invite(
            by=caller_of(request), email=values["email"], role=Role(values["role"])
        )
        return Response(InvitationItem(made).data, status=201)

    @extend_schema(summary="Withdraw an invitation", responses={204: None})
    def destroy(self, request: Request, id: UUID) -> Response:  # noqa: A002 - as above
        services.revoke_invitation(invitation=self._invitation(id))
        return Response(status=204)

    def _invitation(self, ident: UUID) -> Invitation:
        found = services.invitations_of(scope.tenant_id()).filter(id=ident).first()
        if found is None:
            raise Http404
        return found
