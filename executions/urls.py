from __future__ import annotations

from django.urls import path

from executions import views

app_name = "executions"
LIST = "t/<slug:tenant_slug>/executions/"
ONE = f"{LIST}<uuid:execution_id>/"
STEP = f"{ONE}steps/<slug:key>/"
urlpatterns = [
    path(LIST, views.listing, name="list"),
    path(f"{LIST}bulk/", views.bulk, name="bulk"),
    path("t/<slug:tenant_slug>/attention/", views.attention, name="attention"),
    path(ONE, views.detail, name="detail"),
    path(f"{ONE}cancel/", views.cancel, name="cancel"),
    path(f"{ONE}resume/", views.resume, name="resume"),
    path(f"{ONE}replay/", views.replay, name="replay"),
    path(f"{STEP}resolve/", views.resolve, name="resolve"),
    path(f"{STEP}decide/", views.decide, name="decide"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/run/", views.run, name="run"),
    path(
        "t/<slug:tenant_slug>/workflows/<slug:slug>/draft/run/", views.run_draft, name="run_draft"
    ),
    path("callbacks/<str:token>/", views.callback, name="callback"),
]
