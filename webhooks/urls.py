from __future__ import annotations

from django.urls import path

from webhooks.views import hook

urlpatterns = [path("hooks/<str:token>/", hook, name="hook")]
