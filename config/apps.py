"""The admin as an installed app, with our own site as its default."""

from __future__ import annotations

from django.contrib.admin import apps


class AdminConfig(apps.SimpleAdminConfig):
    """Only `config.urls` imports the admin's pages: workers and beat have no use for them."""

    default_site = "config.site.Site"
    default = False  # it is not the configuration of the app `config`
