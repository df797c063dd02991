from __future__ import annotations

from django.urls import path

from workflows import views

app_name = "workflows"
urlpatterns = [
    path("t/<slug:tenant_slug>/workflows/", views.listing, name="list"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/", views.detail, name="detail"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/pause/", views.pause, name="pause"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/resume/", views.resume, name="resume"),
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
]
