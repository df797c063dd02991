from __future__ import annotations

from django.urls import path

from executions import views

app_name = "executions"
urlpatterns = [
    path("t/<slug:tenant_slug>/executions/", views.listing, name="list"),
    path("t/<slug:tenant_slug>/executions/<uuid:execution_id>/", views.detail, name="detail"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/run/", views.run, name="run"),
    path("callbacks/<str:token>/", views.callback, name="callback"),
]
