from __future__ import annotations

from django.urls import path

from webhooks import pages
from webhooks.views import hook, trial_hook

ENDPOINTS = "t/<slug:tenant_slug>/endpoints/"
ONE = f"{ENDPOINTS}<uuid:endpoint_id>/"
DELIVERY = "t/<slug:tenant_slug>/deliveries/<uuid:delivery_id>/"

app_name = "webhooks"
urlpatterns = [
    path("hooks/<str:token>/", hook, name="hook"),
    path("hooks/test/<str:token>/", trial_hook, name="trial_hook"),
    path(ENDPOINTS, pages.listing, name="list"),
    path(f"{ENDPOINTS}new/", pages.create, name="new"),
    path(ONE, pages.endpoint, name="endpoint"),
    path(f"{ONE}change/", pages.change, name="change"),
    path(f"{ONE}rotate/", pages.rotate, name="rotate"),
    path(f"{ONE}delete/", pages.delete, name="delete"),
    path(
        "t/<slug:tenant_slug>/executions/<uuid:execution_id>/delivery/",
        pages.of_execution,
        name="of_execution",
    ),
    path(DELIVERY, pages.delivery, name="delivery"),
    path(f"{DELIVERY}resend/", pages.resend, name="resend"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/deliveries/", pages.waiting, name="waiting"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/draft/test/", pages.test, name="test"),
]
