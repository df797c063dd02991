from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Tenants and people"

    def ready(self) -> None:
        from tenants import checks, receivers  # their models exist only now

        register(checks.every_model_has_a_tenant, Tags.models)
        register(checks.database_keeps_tenants_apart, Tags.database)
        receivers.listen()
