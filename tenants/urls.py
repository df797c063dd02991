from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from tenants.forms import LoginForm
from tenants.views import coming_in

urlpatterns = [
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
