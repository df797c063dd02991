from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from tenants.forms import LoginForm
from tenants.views import coming_in, settings

SETTINGS = "t/<slug:tenant_slug>/settings/"
_SETTINGS = [
    path(SETTINGS, settings.listed, name="settings"),
    path(f"{SETTINGS}secrets/", settings.add_secret, name="secret-add"),
    path(f"{SETTINGS}secrets/<slug:name>/", settings.secret, name="secret"),
    path(f"{SETTINGS}secrets/<slug:name>/delete/", settings.delete_secret, name="secret-delete"),
    path(f"{SETTINGS}variables/", settings.add_variable, name="variable-add"),
    path(f"{SETTINGS}variables/<slug:name>/", settings.variable, name="variable"),
    path(
        f"{SETTINGS}variables/<slug:name>/delete/", settings.delete_variable, name="variable-delete"
    ),
]

urlpatterns = [
    *_SETTINGS,
    path("", coming_in.home, name="home"),
    path(
        "login/",
        LoginView.as_view(
            template_name="tenants/login.html",
            authentication_form=LoginForm,
            redirect_authenticated_user=True,
        ),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("t/<slug:tenant_slug>/", coming_in.tenant, name="tenant"),
]
