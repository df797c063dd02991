from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from tenants import views
from tenants.forms import LoginForm

urlpatterns = [
    path("", views.home, name="home"),
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
    path("t/<slug:tenant_slug>/", views.tenant, name="tenant"),
    path("t/<slug:tenant_slug>/audit/", views.audit, name="audit"),
    path("t/<slug:tenant_slug>/audit/export/", views.audit_export, name="audit-export"),
]
