from __future__ import annotations

from django.urls import path

from webhooks import trial_views
from webhooks.views import hook, trial_hook

app_name = "webhooks"
urlpatterns = [
    path("hooks/<str:token>/", hook, name="hook"),
    path("hooks/test/<str:token>/", trial_hook, name="trial_hook"),
    path("t/<slug:tenant_slug>/workflows/<slug:slug>/draft/test/", trial_views.test, name="test"),
]
