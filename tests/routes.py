"""The URL table as Django resolves it, and what the tests know of each route.

A route that is not named here fails tests/test_routes.py: whoever adds one says who may use it.
"""

from __future__ import annotations

from collections.abc import Mapping

from config import bodies
from config.doors import PUBLIC, Route, walk

__all__ = ["ADMIN", "API", "METHODS", "PAGES", "PUBLIC", "Route", "walk"]

# PUT may make a row of the caller's own, which PATCH would then find: so it comes later.
METHODS = ("GET", "HEAD", "DELETE", "POST", "PATCH", "PUT", "OPTIONS")
ADMIN = "admin/"

# Pages, for people with a session.
PAGES = frozenset(
    {
        "",
        "t/<slug:tenant_slug>/",
        "t/<slug:tenant_slug>/usage/",
        "login/confirm/",
        "account/",
        "account/verify/",
        "account/sessions/end/",
        "account/sessions/<int:session_id>/end/",
        "account/again/",
        "account/again/code/",
        "account/again/passkey/",
        "account/password/",
        "account/password/set/",
        "account/app/",
        "account/app/remove/",
        "account/passkeys/",
        "account/passkeys/<int:pk>/remove/",
        "account/codes/",
        "account/codes/new/",
        "t/<slug:tenant_slug>/members/",
        "t/<slug:tenant_slug>/members/<uuid:member_id>/",
        "t/<slug:tenant_slug>/members/<uuid:member_id>/remove/",
        "t/<slug:tenant_slug>/invitations/<uuid:invitation_id>/revoke/",
        "t/<slug:tenant_slug>/api-keys/",
        "t/<slug:tenant_slug>/api-keys/<uuid:key_id>/revoke/",
        "t/<slug:tenant_slug>/leave/",
        "t/<slug:tenant_slug>/workflows/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/versions/<int:number>/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/versions/<int:number>/restore/",
        "t/<slug:tenant_slug>/new-workflow/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/draft/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/publish/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/archive/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/run/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/draft/run/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/draft/test/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/schedules/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/schedules/<uuid:schedule_id>/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/subscriptions/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/subscriptions/<uuid:subscription_id>/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/pause/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/resume/",
        "t/<slug:tenant_slug>/workflows/<slug:slug>/deliveries/",
        "t/<slug:tenant_slug>/endpoints/",
        "t/<slug:tenant_slug>/endpoints/new/",
        "t/<slug:tenant_slug>/endpoints/<uuid:endpoint_id>/",
        "t/<slug:tenant_slug>/endpoints/<uuid:endpoint_id>/change/",
        "t/<slug:tenant_slug>/endpoints/<uuid:endpoint_id>/rotate/",
        "t/<slug:tenant_slug>/endpoints/<uuid:endpoint_id>/delete/",
        "t/<slug:tenant_slug>/deliveries/<uuid:delivery_id>/",
        "t/<slug:tenant_slug>/deliveries/<uuid:delivery_id>/resend/",
        "t/<slug:tenant_slug>/executions/",
        "t/<slug:tenant_slug>/executions/bulk/",
        "t/<slug:tenant_slug>/attention/",
        "t/<slug:tenant_slug>/audit/",
        "t/<slug:tenant_slug>/audit/export/",
        "t/<slug:tenant_slug>/settings/",
        "t/<slug:tenant_slug>/settings/egress/",
        "t/<slug:tenant_slug>/settings/secrets/",
        "t/<slug:tenant_slug>/settings/secrets/<slug:name>/",
        "t/<slug:tenant_slug>/settings/secrets/<slug:name>/delete/",
        "t/<slug:tenant_slug>/settings/variables/",
        "t/<slug:tenant_slug>/settings/variables/<slug:name>/",
        "t/<slug:tenant_slug>/settings/variables/<slug:name>/delete/",
        "t/<slug:tenant_slug>/executions/<uuid:execution_id>/",
        "t/<slug:tenant_slug>/executions/<uuid:execution_id>/delivery/",
        "t/<slug:tenant_slug>/executions/<uuid:execution_id>/cancel/",
        "t/<slug:tenant_slug>/executions/<uuid:execution_id>/resume/",
        "t/<slug:tenant_slug>/executions/<uuid:execution_id>/replay/",
        "t/<slug:tenant_slug>/executions/<uuid:execution_id>/steps/<slug:key>/resolve/",
        "t/<slug:tenant_slug>/executions/<uuid:execution_id>/steps/<slug:key>/decide/",
    }
)

# The API, for keys: by method a body that the route would take; the last ones take none.
API: dict[str, Mapping[str, object]] = {
    **bodies.bodies("classified"),
    "api/v1/workflows/<slug:slug>/versions/": {},
    "api/v1/workflows/<slug:slug>/versions/diff/": {},
    "api/v1/workflows/<slug:slug>/versions/<int:number>/": {},
    "api/v1/executions/": {},
    "api/v1/executions/<uuid:id>/": {},
    "api/v1/executions/<uuid:id>/children/": {},
    "api/v1/executions/<uuid:id>/events/": {},
    "api/v1/endpoints/<uuid:id>/deliveries/": {},
    "api/v1/endpoints/<uuid:id>/deliveries/counts/": {},
    "api/v1/deliveries/<uuid:id>/": {},
    "api/v1/members/": {},
    "api/v1/invitations/<uuid:id>/": {},
    "api/v1/usage/": {},
    "api/v1/audit/": {},
    "api/v1/audit/export/": {},
}
