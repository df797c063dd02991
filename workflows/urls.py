from __future__ import annotations

from django.urls import path

from workflows import views

app_name = "workflows"
urlpatterns = [
    path("t/<slug:tenant_slug>/workflows/", views.listing, name="list"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/", views.detail, name="detail"),
    # Not below workflows/, where it would stand in the way of a workflow with that slug.
    path("t/<slug:tenant_slug>/new-workflow/", views.new, name="new"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/draft/", views.draft, name="draft"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/publish/", views.publish, name="publish"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/archive/", views.archive, name="archive"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/pause/", views.pause, name="pause"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/resume/", views.resume, name="resume"),
    path(
        "t/<slug:tenant_slug>/workflows/<slug:slug>/schedules/", views.schedules, name="schedules"
    ),
    path(
        "t/<slug:tenant_slug>/workflows/<slug:slug>/schedules/<uuid:schedule_id>/",
        views.schedule,
        name="schedule",
    ),
    path(
        "t/<slug:tenant_slug>/workflows/<slug:slug>/subscriptions/",
        views.subscriptions,
        name="subscriptions",
    ),
    path(
        "t/<slug:tenant_slug>/workflows/<slug:slug>/subscriptions/<uuid:subscription_id>/",
        views.subscription,
        name="subscription",
    ),
    path(
        "t/<slug:tenant_slug>/workflows/<slug:slug>/versions/<int:number>/",
        views.version,
        name="version",
    ),
    path(
        "t/<slug:tenant_slug>/workflows/<slug:slug>/versions/<int:number>/restore/",
        views.restore,
        name="restore",
    ),
]
