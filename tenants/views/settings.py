"""A tenant's settings: secrets, which can be written and never read back, variables, and where its
calls may go.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from tenants import services
from tenants.access import MemberRequest, needs
from tenants.confirming import confirmed
from tenants.forms import (
    EgressForm,
    NewSecretForm,
    NewVariableForm,
    SecretForm,
    VariableForm,
    blame,
)
from tenants.problems import Problem
from tenants.roles import Permission

_asking = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@needs(Permission.SECRETS)
def listed(request: MemberRequest) -> HttpResponse:
    """All of them by name."""
    tenant_id = request.principal.tenant_id
    context = {
        "secrets": services.secrets_of(tenant_id),
        "variables": services.variables_of(tenant_id),
        "egress": services.egress_of(tenant_id).rules,
        "administers": request.principal.may(Permission.ADMINISTER),
    }
    return render(request, "tenants/settings/list.html", context)


@_asking
@needs(Permission.ADMINISTER)
@confirmed
def egress(request: MemberRequest) -> HttpResponse:
    """Say where the tenant's calls may go."""
    tenant_id = request.principal.tenant_id
    kept = list(services.egress_of(tenant_id).rules)
    form = EgressForm(request.POST if request.method == "POST" else None, initial={"hosts": kept})
    if form.is_valid():
        chosen = services.set_egress(tenant_id=tenant_id, hosts=form.cleaned_data["hosts"])
        reached = "the hosts of the list only" if chosen.rules else "every public host"
        return _done(request, f"Calls may go to {reached}.")
    return _form(request, "outgoing calls", form)


@sensitive_post_parameters("value")
@_asking
@needs(Permission.SECRETS)
@confirmed
def add_secret(request: MemberRequest) -> HttpResponse:
    """Give a secret."""
    form = NewSecretForm(request.POST or None)
    if form.is_valid():
        given, tenant_id = form.cleaned_data, request.principal.tenant_id
        if services.secrets_of(tenant_id).filter(name=given["name"]).exists():
            form.add_error("name", "There is one of this name; replace its value instead.")
        elif _accepted(form, services.put_secret, tenant_id=tenant_id, **given):
            return _done(request, f"The secret {given['name']} is kept.")
    return _form(request, "secret", form)


@sensitive_post_parameters("value")
@_asking
@needs(Permission.SECRETS)
@confirmed
def secret(request: MemberRequest, name: str) -> HttpResponse:
    """Replace a secret's value, or its list of hosts."""
    tenant_id = request.principal.tenant_id
    kept = services.secrets_of(tenant_id).filter(name=name).first()
    if kept is None:
        raise Http404
    form = SecretForm(request.POST or None, kept)
    if form.is_valid():
        given = {"tenant_id": tenant_id, "name": name, "hosts": form.cleaned_data["hosts"]}
        value = form.cleaned_data["value"]
        if value:
            accepted = _accepted(form, services.put_secret, **given, value=value)
        else:
            accepted = _accepted(form, services.narrow_hosts, **given)
        if accepted:
            return _done(request, f"The secret {name} is changed.")
    return _form(request, "secret", form, name=name, kept=kept)


@_asking
@needs(Permission.SECRETS)
def add_variable(request: MemberRequest) -> HttpResponse:
    """Give a variable."""
    form = NewVariableForm(request.POST or None)
    if form.is_valid():
        given, tenant_id = form.cleaned_data, request.principal.tenant_id
        if services.variables_of(tenant_id).filter(name=given["name"]).exists():
            form.add_error("name", "There is one of this name; change its value instead.")
        else:
            services.put_variable(tenant_id=tenant_id, **given)
            return _done(request, f"The variable {given['name']} is kept.")
    return _form(request, "variable", form)


@_asking
@needs(Permission.SECRETS)
def variable(request: MemberRequest, name: str) -> HttpResponse:
    """Change a variable."""
    tenant_id = request.principal.tenant_id
    kept = services.variables_of(tenant_id).filter(name=name).first()
    if kept is None:
        raise Http404
    shown = json.dumps(kept.value, indent=2, ensure_ascii=False)
    form = VariableForm(request.POST or None, initial={"value": shown})
    if form.is_valid():
        services.put_variable(tenant_id=tenant_id, name=name, value=form.cleaned_data["value"])
        return _done(request, f"The variable {name} is changed.")
    return _form(request, "variable", form, name=name, kept=kept)


@_asking
@needs(Permission.SECRETS)
@confirmed
def delete_secret(request: MemberRequest, name: str) -> HttpResponse:
    """Ask, then delete a secret."""
    return _delete(request, "secret", name)


@_asking
@needs(Permission.SECRETS)
def delete_variable(request: MemberRequest, name: str) -> HttpResponse:
    """Ask, then delete a variable."""
    return _delete(request, "variable", name)


def _delete(request: MemberRequest, kind: str, name: str) -> HttpResponse:
    tenant_id = request.principal.tenant_id
    rows = services.secrets_of if kind == "secret" else services.variables_of
    if not rows(tenant_id).filter(name=name).exists():
        raise Http404
    if request.method == "POST":
        delete = services.delete_secret if kind == "secret" else services.delete_variable
        delete(tenant_id=tenant_id, name=name)
        return _done(request, f"The {kind} {name} is deleted.")
    return render(request, "tenants/settings/delete.html", {"kind": kind, "name": name})


def _accepted(form: Form, act: Any, **given: Any) -> bool:
    """Whether the service took it; what it refuses is told at the form's fields."""
    try:
        act(**given)
    except Problem as problem:
        blame(form, problem)
        return False
    return True


def _done(request: MemberRequest, message: str) -> HttpResponse:
    messages.success(request, message)
    return redirect("settings", request.principal.tenant_slug)


def _form(request: MemberRequest, kind: str, form: Form, **context: Any) -> HttpResponse:
    status = 422 if form.errors else 200
    context |= {"kind": kind, "form": form}
    return render(request, "tenants/settings/form.html", context, status=status)
