"""For each call of the API that takes a body one that a tenant of its own could send.

The proof of isolation sends them: what stops at a body that is not valid proves nothing about who
may. A call that is missing here fails the proof, because its owner's own call would be refused.
"""

from __future__ import annotations

from collections.abc import Mapping

Bodies = Mapping[str, Mapping[str, object]]

_NEW = {"schema": 1, "steps": [{"key": "a", "type": "log", "with": {"message": "x"}}]}


def bodies(workflow: str) -> Bodies:
    """By the pattern of the route and the method; `workflow` is the slug of one there is."""
    cron = {"cron": "0 9 * * *"}
    return {
        **{f"api/v1/workflows/{path}": found for path, found in _WORKFLOWS.items()},
        **{f"api/v1/executions/{path}": found for path, found in _EXECUTIONS.items()},
        "api/v1/endpoints/": {"POST": {"workflow": workflow}},
        "api/v1/endpoints/<uuid:id>/": {"PATCH": {"enabled": False}},
        "api/v1/endpoints/<uuid:id>/rotate/": {"POST": {}},
        "api/v1/deliveries/<uuid:id>/resend/": {"POST": {}},
        "api/v1/schedules/": {"POST": {"workflow": workflow, "name": "new", **cron}},
        "api/v1/schedules/preview/": {"POST": cron},
        "api/v1/schedules/<uuid:id>/": {"PATCH": {"name": "Mine"}},
        "api/v1/schedules/<uuid:id>/pause/": {"POST": {}},
        "api/v1/schedules/<uuid:id>/resume/": {"POST": {}},
        "api/v1/api-keys/": {"POST": {"name": "new", "role": "viewer"}},
        "api/v1/api-keys/<uuid:id>/": {"PATCH": {"name": "Mine"}},
        "api/v1/members/<uuid:id>/": {"PATCH": {"role": "editor"}},
        "api/v1/invitations/": {"POST": {"email": "new@acme.example", "role": "viewer"}},
        "api/v1/subscriptions/": {"POST": {"workflow": workflow, "statuses": ["failed"]}},
        "api/v1/subscriptions/<uuid:id>/": {"PATCH": {"enabled": False}},
        "api/v1/egress/": {"PUT": {"hosts": ["shop.example"]}},
        "api/v1/secrets/": {"POST": {"name": "new", "value": "open sesame"}},
        "api/v1/secrets/<slug:name>/": {
            "PUT": {"value": "open sesame"},
            "PATCH": {"hosts": ["shop.example"]},
        },
        "api/v1/variables/": {"POST": {"name": "new", "value": "x"}},
        "api/v1/variables/<slug:name>/": {"PUT": {"value": "x"}},
    }


_WORKFLOWS: Bodies = {
    "": {"POST": {"name": "New", "definition": _NEW}},
    "validate/": {"POST": {"definition": _NEW}},
    "<slug:slug>/": {"PATCH": {"name": "Mine"}},
    "<slug:slug>/draft/": {"PUT": {"definition": _NEW}},
    "<slug:slug>/draft/run/": {"POST": {"input": {}}},
    "<slug:slug>/draft/listen/": {"POST": {}},
    "<slug:slug>/draft/listen/extend/": {"POST": {}},
    "<slug:slug>/draft/listen/stop/": {"POST": {}},
    "<slug:slug>/publish/": {"POST": {}},
    "<slug:slug>/pause/": {"POST": {}},
    "<slug:slug>/resume/": {"POST": {}},
    "<slug:slug>/deliveries/run/": {"POST": {}},
    "<slug:slug>/deliveries/discard/": {"POST": {}},
    "<slug:slug>/run/": {"POST": {"input": {}}},
    "<slug:slug>/versions/<int:number>/restore/": {"POST": {}},
}
_EXECUTIONS: Bodies = {
    "bulk/": {"POST": {"action": "cancel", "filter": {}}},
    "<uuid:id>/cancel/": {"POST": {}},
    "<uuid:id>/resume/": {"POST": {}},
    "<uuid:id>/replay/": {"POST": {}},
    "<uuid:id>/steps/<slug:key>/resolve/": {"POST": {"action": "retry"}},
    "<uuid:id>/steps/<slug:key>/decide/": {"POST": {"decision": "approved"}},
}
