"""What the OpenAPI document says of every operation: who may call it and how it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from tenants.auth import HasPermission
from tenants.limits import DRAFT
from tenants.problems import CONTENT_TYPE

_ANYTHING_OR_NULL = [{}, {"type": "null"}]
_TEXT = {"type": "string"}
_NAME = {"type": ["string", "null"]}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {**_TEXT, "description": "urn:stepwell:problem:<code>"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "errors": {
            "type": "array",
            "description": "Every single finding, where there may be several.",
            "items": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "message": _TEXT,
                    "code": _TEXT,
                    "field": {**_NAME, "description": "a path such as with.url"},
                    "step": {**_NAME, "description": "a step's key"},
                    "severity": {"enum": ["error", "warning"]},
                },
            },
        },
    },
}

_REASONS = {
    400: "The request cannot be read.",
    401: "No valid API key was given.",
    403: "The key's role does not allow this.",
    404: "There is nothing here that you may see.",
    406: "Only the listed media types are offered.",
    415: "The body's media type is not read here.",
    422: "The request is well-formed, but not valid.",
    429: "A rate limit is used up; the problem says which, and Retry-After when to come again.",
}

_NUMBER = {"type": "integer"}
_RETRY_AFTER = {"description": "Seconds until it may be tried again.", "schema": _NUMBER}
_RATES = {
    "RateLimit-Policy": {
        "description": f"The limits that the call counts for ({DRAFT}): "
        '`"requests";q=100;w=60` are 100 in 60 seconds. Missing where there are none.',
        "schema": _TEXT,
    },
    "RateLimit": {
        "description": "What is left of each, and in how many seconds all of it will be: "
        '`"requests";r=97;t=2`.',
        "schema": _TEXT,
    },
    "RateLimit-Limit": {"description": "Of the limit with the least left.", "schema": _NUMBER},
    "RateLimit-Remaining": {"description": "What is left of it.", "schema": _NUMBER},
    "RateLimit-Reset": {"description": "Seconds until all of it is left.", "schema": _NUMBER},
}


class Schema(AutoSchema):
    """Adds the problems that any operation of its shape may answer with."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            self._register_problem()
            for status in self._refusals(operation):
                operation["responses"].setdefault(str(status), refusal(_REASONS[status]))
            for status, response in operation["responses"].items():
                headers = _RATES if status != "429" else {**_RATES, "Retry-After": _RETRY_AFTER}
                response.setdefault("headers", {}).update(headers)
        return operation

    def _get_response_for_code(self, serializer: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What `refusal` made is a response already; the library would take it for a schema."""
        if isinstance(serializer, Mapping) and CONTENT_TYPE in serializer.get("content", {}):
            return dict(serializer)
        response = super()._get_response_for_code(serializer, *args, **kwargs)  # type: ignore[no-untyped-call] # the library's gap
        return dict(response)

    def _map_serializer_field(self, *args: Any, **kwargs: Any) -> Any:
        """Anything at all is null too: of the library's two, just one of which may fit, both do."""
        schema = super()._map_serializer_field(*args, **kwargs)  # type: ignore[no-untyped-call] # the library's gap
        if schema and schema.get("oneOf") == _ANYTHING_OR_NULL:
            return {key: value for key, value in schema.items() if key != "oneOf"}
        return schema

    def _refusals(self, operation: dict[str, Any]) -> list[int]:
        parameters = operation.get("parameters", [])
        statuses = [406, 429]
        if HasPermission in self.view.permission_classes:
            statuses += [401, 403]
        if any(parameter["in"] == "path" for parameter in parameters):
            statuses.append(404)
        if any(parameter["in"] == "query" for parameter in parameters):
            statuses += [404, 422]  # 404: a cursor that leads nowhere
        if "requestBody" in operation:
            statuses += [400, 415, 422]
        return sorted(set(statuses))

    def _register_problem(self) -> None:
        component = ResolvedComponent(  # type: ignore[no-untyped-call] # the library's gap
            name="Problem", type=ResolvedComponent.SCHEMA, schema=_PROBLEM, object="Problem"
        )
        self.registry.register_on_missing(component)


def refusal(reason: str) -> dict[str, Any]:
    """A response with a problem document, as it stands in an OpenAPI operation."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": reason, "content": {CONTENT_TYPE: {"schema": schema}}}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers itself
    """`Authorization: Bearer <API key>`."""

    target_class = "tenants.auth.PrincipalAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
