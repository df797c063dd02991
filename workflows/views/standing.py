"""Pausing a workflow, resuming it, and taking it out of use."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from tenants.access import MemberRequest, needs
from tenants.roles import Permission
from workflows import pausing, services


@needs(Permission.RUN)
def pause(request: MemberRequest, slug: str) -> HttpResponse:
    """Ask, then begin no more runs of it."""
    return _pausing(request, slug, pausing.pause)


@needs(Permission.RUN)
def resume(request: MemberRequest, slug: str) -> HttpResponse:
    """Ask, then begin runs of it again."""
    return _pausing(request, slug, pausing.resume)


def _pausing(request: MemberRequest, slug: str, act: Callable[..., None]) -> HttpResponse:
    workflow = services.find(slug=slug)
    if request.method == "POST":
        act(workflow=workflow)
        done = "resumed" if workflow.paused_at else "paused"
        messages.success(request, f"{workflow.name} is {done}.")
        return redirect("workflows:detail", request.principal.tenant_slug, slug)
    return render(request, "workflows/pause.html", {"workflow": workflow})


@needs(Permission.EDIT)
def archive(request: MemberRequest, slug: str) -> HttpResponse:
    """Ask, then take it out of use."""
    workflow = services.find(slug=slug)
    if request.method == "POST":
        services.archive(workflow=workflow)
        messages.success(request, f"{workflow.name} is archived.")
        return redirect("workflows:list", request.principal.tenant_slug)
    return render(request, "workflows/archive.html", {"workflow": workflow})
